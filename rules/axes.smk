# axes: the same numbers along other axes than the sizes of a family, and a verdict on each curve.


rule axes:
    """Regroup what was measured along another axis."""
    input:
        code=code("axes"),
        metrics=rules.metrics.output.table,
        details=rules.metrics.output.details,
    output:
        table=report(
            f"{OUT}/axes/{{axis}}/metrics.csv",
            caption="../report/captions/axis.rst",
            category="Other axes",
            labels={"axis": "{axis}", "table": "numbers", "format": "CSV"},
        ),
        details=f"{OUT}/axes/{{axis}}/items.parquet",
        left_out=f"{OUT}/axes/{{axis}}/left-out.csv",
    log:
        f"{LOGS}/axes/{{axis}}/metrics.log",
    benchmark:
        f"{BENCHMARKS}/axes/{{axis}}/metrics.tsv"
    wildcard_constraints:
        axis="|".join(config["axes"]) or "none",
    conda:
        environment
    resources:
        mem_mb=memory_per_attempt(2000),
        runtime=10,
    shell:
        "python {input.code[0]:q} {wildcards.axis:q} --metrics {input.metrics:q}"
        " --items {input.details:q} --output {output.table:q}"
        " --regrouped-items {output.details:q} --left-out {output.left_out:q}"
        " 2>&1 | tee {log:q} >&2"


rule axis_shapes:
    """Name the shape of every curve along another axis."""
    input:
        code=code("shapes"),
        metrics=rules.axes.output.table,
        details=rules.axes.output.details,
        run_noise=PUBLISHED_RUN_NOISE,
    output:
        table=report(
            f"{OUT}/axes/{{axis}}/shapes.csv",
            caption="../report/captions/axis.rst",
            category="Other axes",
            labels={"axis": "{axis}", "table": "verdict on every curve", "format": "CSV"},
        ),
        evidence=f"{OUT}/axes/{{axis}}/evidence.json",
    log:
        f"{LOGS}/axes/{{axis}}/shapes.log",
    benchmark:
        f"{BENCHMARKS}/axes/{{axis}}/shapes.tsv"
    wildcard_constraints:
        axis="|".join(config["axes"]) or "none",
    conda:
        environment
    threads: 2
    resources:
        mem_mb=memory_per_attempt(2000),
        runtime=20,
    params:
        recovery=config["shapes"]["recovery"],
        equivalence=config["shapes"]["equivalence"],
        draws=config["shapes"]["draws"],
        run_noise=config["shapes"]["run_noise"],
        seed=config["shapes"]["seed"],
    shell:
        "python {input.code[0]:q} --axis {wildcards.axis:q}"
        " --metrics {input.metrics:q} --items {input.details:q}"
        " --recovery {params.recovery:q} --equivalence {params.equivalence:q}"
        " --draws {params.draws:q} --seed {params.seed:q} --threads {threads}"
        " --run-noise {params.run_noise:q} --run-noise-table {input.run_noise:q}"
        " --output {output.table:q} --evidence {output.evidence:q} 2>&1 | tee {log:q} >&2"


# Of every axis that is asked for.
AXIS_FILES = [
    f"{OUT}/axes/{axis}/{file}"
    for axis in config["axes"]
    for file in ("metrics.csv", "left-out.csv", "shapes.csv", "evidence.json")
]

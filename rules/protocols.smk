# protocols: every prompt variant against its baseline.


rule protocols:
    """Compare the prompt variants."""
    input:
        code=code("protocols"),
        metrics=rules.metrics.output.table,
        details=rules.metrics.output.details,
    output:
        report(
            f"{OUT}/protocols.csv",
            caption="../report/captions/protocols.rst",
            category="Tables",
            labels={"table": "prompt variants against baselines", "format": "CSV"},
        ),
    log:
        f"{LOGS}/protocols.log",
    benchmark:
        f"{BENCHMARKS}/protocols.tsv"
    conda:
        environment
    resources:
        mem_mb=memory_per_attempt(2000),
        runtime=10,
    params:
        recovery=config["shapes"]["recovery"],
        equivalence=config["shapes"]["equivalence"],
        draws=config["shapes"]["draws"],
        seed=config["shapes"]["seed"],
    shell:
        "python {input.code[0]:q} --metrics {input.metrics:q} --items {input.details:q}"
        " --recovery {params.recovery:q} --equivalence {params.equivalence:q}"
        " --draws {params.draws:q} --seed {params.seed:q} --output {output:q} 2>&1 | tee {log:q} >&2"

# shapes: one verdict per curve, measured and published, with its evidence.


rule shapes:
    """Name the shape of every curve."""
    input:
        code=code("judge"),
        metrics=rules.metrics.output.table,
        details=rules.metrics.output.details,
        published=PUBLISHED,
        labels=PUBLISHED_LABELS,
    output:
        report(
            f"{OUT}/shapes.csv",
            caption="../report/captions/shapes.rst",
            category="Tables",
            labels={"table": "shapes", "format": "CSV"},
        ),
    log:
        f"{LOGS}/shapes.log",
    benchmark:
        f"{BENCHMARKS}/shapes.tsv"
    conda:
        environment
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        recovery=config["shapes"]["recovery"],
        equivalence=config["shapes"]["equivalence"],
        draws=config["shapes"]["draws"],
        seed=config["shapes"]["seed"],
    shell:
        "python {input.code[0]} --metrics {input.metrics} --items {input.details}"
        " --published {input.published} --labels {input.labels}"
        " --recovery {params.recovery} --equivalence {params.equivalence}"
        " --draws {params.draws} --seed {params.seed} --output {output} 2>&1 | tee {log} >&2"

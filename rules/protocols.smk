# protocols: every way of asking against zero-shot, and the matrix that shows it.


rule protocols:
    """Compare the ways of asking."""
    input:
        code=code("protocols"),
        metrics=rules.metrics.output.table,
        details=rules.metrics.output.details,
    output:
        report(
            f"{OUT}/protocols.csv",
            caption="../report/captions/protocols.rst",
            category="Tables",
            labels={"table": "ways of asking against zero-shot", "format": "CSV"},
        ),
    log:
        f"{LOGS}/protocols.log",
    benchmark:
        f"{BENCHMARKS}/protocols.tsv"
    conda:
        environment
    resources:
        mem_mb=growing(2000),
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


rule protocols_figure:
    """Draw the verdicts by way of asking."""
    input:
        code=code("plot"),
        modules=FIGURE_CODE,
        table=rules.protocols.output,
    output:
        report(
            f"{OUT}/figures/protocols.svg",
            caption="../report/captions/answer.rst",
            category="Overview",
            labels={"figure": "whether the way of asking matters", "format": "SVG"},
        ),
        multiext(f"{OUT}/figures/protocols", ".png", ".csv"),
    log:
        f"{LOGS}/figures/protocols.log",
    benchmark:
        f"{BENCHMARKS}/figures/protocols.tsv"
    localrule: True
    conda:
        environment
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        target=target,
        # Read by the caption.
        figure="protocols",
    shell:
        "python {input.code[0]:q} protocols --table {input.table:q}"
        " --output {params.target:q}/protocols 2>&1 | tee {log:q} >&2"

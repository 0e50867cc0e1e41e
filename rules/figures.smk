# figures: each as SVG, PNG and the CSV of the very numbers that it draws.

FIGURES = ["scaling", "verdicts", "overview", "seeds", "beside"]
ENDINGS = ["svg", "png", "csv"]
# A figure's module is chosen by name when it is drawn, so all of them count as its code.
FIGURE_CODE = sorted(map(str, (ROOT / "scripts/ushaped/figures").rglob("*.py")))


rule figure:
    """Draw one figure of the whole family."""
    input:
        code=code("figures"),
        modules=FIGURE_CODE,
        metrics=rules.metrics.output.table,
        shapes=rules.shapes.output.table,
        published=PUBLISHED,
    output:
        report(
            f"{OUT}/figures/{{figure}}.svg",
            caption="../report/captions/figure.rst",
            category="Overview",
            labels=figure_labels,
        ),
        multiext(f"{OUT}/figures/{{figure}}", ".png", ".csv"),
    log:
        f"{LOGS}/figures/{{figure}}.log",
    benchmark:
        f"{BENCHMARKS}/figures/{{figure}}.tsv"
    wildcard_constraints:
        figure="|".join(FIGURES),
    localrule: True
    conda:
        environment
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        target=f"{PLACE}/figures/{{figure}}",
        # Read by the caption.
        sources=describe_sources(EDITIONS),
    shell:
        "python {input.code[0]:q} {wildcards.figure:q} --metrics {input.metrics:q}"
        " --shapes {input.shapes:q} --published {input.published:q}"
        " --output {params.target:q} 2>&1 | tee {log:q} >&2"


rule task_figure:
    """Draw the figure of one task on the items of one source."""
    input:
        code=code("figures"),
        modules=FIGURE_CODE,
        metrics=rules.metrics.output.table,
        shapes=rules.shapes.output.table,
        published=PUBLISHED,
    output:
        report(
            f"{OUT}/figures/tasks/{{source}}/{{task}}.svg",
            caption="../report/captions/task.rst",
            category="Tasks",
            labels={"task": "{task}, {source} items", "format": "SVG"},
        ),
        multiext(f"{OUT}/figures/tasks/{{source}}/{{task}}", ".png", ".csv"),
    log:
        f"{LOGS}/figures/tasks/{{source}}/{{task}}.log",
    benchmark:
        f"{BENCHMARKS}/figures/tasks/{{source}}/{{task}}.tsv"
    localrule: True
    conda:
        environment
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        target=f"{PLACE}/figures/tasks/{{source}}/{{task}}",
    shell:
        "python {input.code[0]:q} task --task {wildcards.task:q} --source {wildcards.source:q}"
        " --metrics {input.metrics:q} --shapes {input.shapes:q} --published {input.published:q}"
        " --output {params.target:q} 2>&1 | tee {log:q} >&2"


rule power_figure:
    """Draw how large a dip must be."""
    input:
        code=code("plot"),
        modules=FIGURE_CODE,
        table=rules.power.output,
    output:
        report(
            f"{OUT}/figures/power.svg",
            caption="../report/captions/answer.rst",
            category="Overview",
            labels={"figure": "how large a dip must be", "format": "SVG"},
        ),
        multiext(f"{OUT}/figures/power", ".png", ".csv"),
    log:
        f"{LOGS}/figures/power.log",
    benchmark:
        f"{BENCHMARKS}/figures/power.tsv"
    localrule: True
    conda:
        environment
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        target=target,
        # Read by the caption.
        figure="power",
    shell:
        "python {input.code[0]:q} power --table {input.table:q}"
        " --output {params.target:q}/power 2>&1 | tee {log:q} >&2"

# published: verdicts, tables and figures of the literature, without any model, prompt or item.

LITERATURE = f"{OUT}/published"
PUBLISHED_MARKERS = str(ROOT / "tasks/published/markers.csv")
PUBLISHED_HUMANS = str(ROOT / "tasks/published/humans.csv")
PUBLISHED_FACTS = sorted(map(str, (ROOT / "tasks").glob("*/task.yaml")))

PUBLISHED_FIGURES = ["average", "tasks", "injection", "compute", "answers", "ordering"]
PUBLISHED_TABLES = [
    "tasks",
    "series",
    "palm",
    "averages",
    "verdicts",
    "verdict-counts",
    "ordering",
]
PUBLISHED_FIGURE_FILES = expand(
    f"{LITERATURE}/figures/{{figure}}.{{ending}}", figure=PUBLISHED_FIGURES, ending=ENDINGS
)
PUBLISHED_TABLE_FILES = expand(f"{LITERATURE}/tables/{{table}}.csv", table=PUBLISHED_TABLES)


rule published_shapes:
    """Name the shape of every published curve."""
    input:
        code=code("judge"),
        published=PUBLISHED,
        labels=PUBLISHED_LABELS,
    output:
        table=report(
            f"{LITERATURE}/shapes.csv",
            caption="../report/captions/shapes.rst",
            category="Published",
            labels={"figure": "verdict on every curve (table)", "format": "CSV"},
        ),
        evidence=f"{LITERATURE}/evidence.json",
    log:
        f"{LOGS}/published/shapes.log",
    benchmark:
        f"{BENCHMARKS}/published/shapes.tsv"
    conda:
        environment
    threads: 2
    resources:
        mem_mb=growing(1000),
        runtime=10,
    params:
        recovery=config["shapes"]["recovery"],
        equivalence=config["shapes"]["equivalence"],
        draws=config["shapes"]["draws"],
        seed=config["shapes"]["seed"],
    shell:
        "python {input.code[0]} --published {input.published} --labels {input.labels}"
        " --recovery {params.recovery} --equivalence {params.equivalence}"
        " --draws {params.draws} --seed {params.seed} --threads {threads}"
        " --output {output.table} --evidence {output.evidence} 2>&1 | tee {log} >&2"


rule published_tables:
    """Write the tables of the literature."""
    input:
        code=code("collate"),
        series=PUBLISHED,
        humans=PUBLISHED_HUMANS,
        shapes=rules.published_shapes.output.table,
        facts=PUBLISHED_FACTS,
    output:
        PUBLISHED_TABLE_FILES,
    log:
        f"{LOGS}/published/tables.log",
    benchmark:
        f"{BENCHMARKS}/published/tables.tsv"
    localrule: True
    conda:
        environment
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        target=target,
    shell:
        "python {input.code[0]} --series {input.series} --humans {input.humans}"
        " --shapes {input.shapes} --tasks {input.facts} --output {params.target:q}"
        " 2>&1 | tee {log} >&2"


rule published_figure:
    """Draw one figure of the literature."""
    input:
        code=code("draw_published"),
        published=PUBLISHED,
        markers=PUBLISHED_MARKERS,
    output:
        report(
            f"{LITERATURE}/figures/{{figure}}.svg",
            caption="../report/captions/published.rst",
            category="Published",
            labels=figure_labels,
        ),
        multiext(f"{LITERATURE}/figures/{{figure}}", ".png", ".csv"),
    log:
        f"{LOGS}/published/figures/{{figure}}.log",
    benchmark:
        f"{BENCHMARKS}/published/figures/{{figure}}.tsv"
    wildcard_constraints:
        figure="|".join(PUBLISHED_FIGURES),
    localrule: True
    conda:
        environment
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        target=f"{PLACE}/published/figures/{{figure}}",
    shell:
        "python {input.code[0]} {wildcards.figure} --published {input.published}"
        " --markers {input.markers} --output {params.target} 2>&1 | tee {log} >&2"


rule figures:
    """All figures and tables of the literature: no model, no prompt, no item."""
    input:
        rules.published_shapes.output,
        PUBLISHED_TABLE_FILES,
        PUBLISHED_FIGURE_FILES,
        OPEN_QUESTION_FILES,

# published: verdicts, tables and figures of the literature, without any model, prompt or item.

LITERATURE = f"{OUT}/published"
PUBLISHED_HUMANS = str(ROOT / "literature/humans.csv")
PUBLISHED_FACTS = [str(ROOT / f"tasks/{task}/task.yaml") for task in sorted(PRIZE_TASKS)]

PUBLISHED_TABLES = [
    "tasks",
    "series",
    "palm",
    "averages",
    "verdicts",
    "verdict-counts",
    "ordering",
]
PUBLISHED_TABLE_FILES = expand(f"{LITERATURE}/tables/{{table}}.csv", table=PUBLISHED_TABLES)


rule published_shapes:
    """Name the shape of every published curve."""
    input:
        code=code("shapes"),
        published=PUBLISHED,
        labels=PUBLISHED_LABELS,
        run_noise=PUBLISHED_RUN_NOISE,
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
        mem_mb=memory_per_attempt(1000),
        runtime=10,
    params:
        recovery=config["shapes"]["recovery"],
        equivalence=config["shapes"]["equivalence"],
        draws=config["shapes"]["draws"],
        run_noise=config["shapes"]["run_noise"],
        seed=config["shapes"]["seed"],
    shell:
        "python {input.code[0]:q} --published {input.published:q} --labels {input.labels:q}"
        " --recovery {params.recovery:q} --equivalence {params.equivalence:q}"
        " --draws {params.draws:q} --seed {params.seed:q} --threads {threads}"
        " --run-noise {params.run_noise:q} --run-noise-table {input.run_noise:q}"
        " --output {output.table:q} --evidence {output.evidence:q} 2>&1 | tee {log:q} >&2"


rule published_tables:
    """Write the tables of the literature."""
    input:
        code=code("published_tables"),
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
        "python {input.code[0]:q} --series {input.series:q} --humans {input.humans:q}"
        " --shapes {input.shapes:q} --tasks {input.facts:q} --output {params.target:q}"
        " 2>&1 | tee {log:q} >&2"


rule figures:
    """All figures and tables of the literature: no model, no prompt, no item."""
    input:
        rules.published_shapes.output,
        PUBLISHED_TABLE_FILES,
        figure_files(LITERATURE_FIGURES),
        PUBLISHED_ANSWER_FILES,

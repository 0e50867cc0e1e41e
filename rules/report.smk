# report: one self-contained page.


# What was read of given items.
ORIGINS = [
    f"{OUT}/tasks/{source}/{task}.origin.json"
    for source, task in dict.fromkeys((base_of(source), task) for source, task in EDITIONS)
    if source != REPLICA
]


rule provenance:
    """Write down what made these results."""
    input:
        code=code("provenance"),
        origins=ORIGINS,
        # Not read: a new provenance belongs to new results.
        results=[rules.metrics.output.table, rules.shapes.output.table],
    output:
        provenance=f"{OUT}/provenance.json",
        config=f"{OUT}/config.json",
    log:
        f"{LOGS}/provenance.log",
    benchmark:
        f"{BENCHMARKS}/provenance.tsv"
    localrule: True
    conda:
        environment
    resources:
        mem_mb=500,
        runtime=5,
    params:
        config=as_json(settings_for_provenance(config)),
        root=ROOT,
    shell:
        "python {input.code[0]:q} --config {params.config:q} --root {params.root:q}"
        " --origins {input.origins:q}"
        " --output {output.provenance:q} --resolved {output.config:q} 2>&1 | tee {log:q} >&2"


rule report:
    """Render the page."""
    input:
        code=code("report"),
        questions_code=QUESTION_CODE,
        metrics=rules.metrics.output.table,
        shapes=rules.shapes.output.table,
        figures=figure_files(MEASURED_FIGURES),
        prompts=expand(f"{OUT}/prompts/{{file}}", file=PROMPT_FILES),
        facts=TASK_FILES,
        models=MODEL_FILES,
        scores=SCORE_FILES,
        benchmarks=expand(f"{BENCHMARKS}/scores/{{model}}.tsv", model=MODELS),
        evidence=rules.shapes.output.evidence,
        published=PUBLISHED,
        verdicts=str(ROOT / "literature/verdicts.csv"),
        power=rules.power.output,
        parts_table=rules.metrics.output.parts,
        flips=rules.flips.output.table,
        flip_items=rules.flips.output.details,
        protocols=rules.protocols.output,
        questions=ANSWER_FILES,
        axes=AXIS_FILES,
        elsewhere=ELSEWHERE,
        published_tables=PUBLISHED_TABLE_FILES,
        published_figures=figure_files(LITERATURE_FIGURES),
        config=rules.provenance.output.config,
        provenance=rules.provenance.output.provenance,
        # Not read: the same numbers as plain files.
        plain=[f"{OUT}/report.json", EVERY_EVAL_EVER],
        template=str(ROOT / "report/report.html.j2"),
        parts=sorted(str(path) for path in (ROOT / "report").rglob("*.*") if path.is_file()),
    output:
        report(
            f"{OUT}/report.html",
            caption="../report/captions/report.rst",
            category="Report",
            labels={"file": "the whole report, one page", "format": "HTML"},
        ),
    log:
        f"{LOGS}/report.log",
    benchmark:
        f"{BENCHMARKS}/report.tsv"
    localrule: True
    conda:
        environment
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        results=results_folder,
        tasks=TASK_FOLDERS,
        literature=literature_tables,
    shell:
        "python {input.code[0]:q} --results {params.results:q} --tasks {params.tasks:q}"
        " --literature {params.literature:q} --template {input.template:q}"
        " --output {output:q} 2>&1 | tee {log:q} >&2"

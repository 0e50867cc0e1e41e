# export: the results as plain files, for programs and for papers.


rule export:
    """Write every verdict and number as JSON, and tables for papers in LaTeX and Markdown."""
    input:
        code=code("export"),
        questions_code=QUESTION_CODE,
        metrics=rules.metrics.output.table,
        parts=rules.metrics.output.parts,
        flips=rules.flips.output.table,
        shapes=rules.shapes.output.table,
        evidence=rules.shapes.output.evidence,
        protocols=rules.protocols.output,
        power=rules.power.output,
        published=PUBLISHED,
        labels=str(ROOT / "literature/verdicts.csv"),
        questions=ANSWER_FILES,
        axes=AXIS_FILES,
        elsewhere=ELSEWHERE,
        facts=TASK_FILES,
        models=MODEL_FILES,
        prompts=expand(f"{OUT}/prompts/{{file}}", file=PROMPT_FILES),
        scores=SCORE_FILES,
        config=rules.provenance.output.config,
        provenance=rules.provenance.output.provenance,
        schema=str(ROOT / "report/schema/report.schema.json"),
    output:
        tables=[
            paper_table(kind, source)
            for source in sorted({source for source, _ in EDITIONS})
            for kind in ("verdicts", "numbers", "protocols")
        ],
        published=paper_table("published", "official"),
        json=report(
            f"{OUT}/report.json",
            caption="../report/captions/json.rst",
            category="Tables",
            labels={"table": "all verdicts and numbers, for programs", "format": "JSON"},
        ),
    log:
        f"{LOGS}/export.log",
    benchmark:
        f"{BENCHMARKS}/export.tsv"
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
        tables=target,
    shell:
        "python {input.code[0]:q} --results {params.results:q} --tasks {params.tasks:q}"
        " --literature {params.literature:q} --schema {input.schema:q}"
        " --output {output.json:q} --tables {params.tables:q} 2>&1 | tee {log:q} >&2"


rule exchange:
    """Write what every model answered in the format of Every Eval Ever."""
    input:
        code=code("exchange"),
        metrics=rules.metrics.output.table,
        details=rules.metrics.output.details,
        models=MODEL_FILES,
        prompts=expand(f"{OUT}/prompts/{{file}}", file=PROMPT_FILES),
        scores=SCORE_FILES,
    output:
        directory(EVERY_EVAL_EVER),
    log:
        f"{LOGS}/exchange.log",
    benchmark:
        f"{BENCHMARKS}/exchange.tsv"
    conda:
        environment
    resources:
        mem_mb=memory_per_attempt(2000),
        runtime=30,
    params:
        results=results_folder,
    shell:
        "python {input.code[0]:q} --results {params.results:q} --output {output:q}"
        " 2>&1 | tee {log:q} >&2"

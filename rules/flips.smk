# flips: the items that are right at one size and wrong at another.

MAIN_FILES = [main_file(source, task) for source, task in EDITIONS]


rule flips:
    """Find the items that flip between sizes."""
    input:
        code=code("flips"),
        models=MODEL_FILES,
        prompts=expand(f"{OUT}/prompts/{{file}}", file=MAIN_FILES),
        scores=[file for file in SCORE_FILES if file.endswith(tuple(MAIN_FILES))],
    output:
        table=report(
            f"{OUT}/flips.csv",
            caption="../report/captions/flips.rst",
            category="Tables",
            labels={"table": "items that flip between sizes", "format": "CSV"},
        ),
        details=f"{OUT}/flips.json",
    log:
        f"{LOGS}/flips.log",
    benchmark:
        f"{BENCHMARKS}/flips.tsv"
    conda:
        environment
    resources:
        mem_mb=memory_per_attempt(2000),
        runtime=10,
    params:
        scores=score_folder,
    shell:
        "python {input.code[0]:q} --prompts {input.prompts:q} --scores {params.scores:q}"
        " --models {input.models:q} --output {output.table:q} --items {output.details:q}"
        " 2>&1 | tee {log:q} >&2"

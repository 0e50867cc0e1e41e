# metrics: accuracy, loss, label mass, answer rates and their intervals; and scores by part.

MODEL_FILES = expand(f"{OUT}/models/{{model}}/model.json", model=MODELS)
# What each model answered, for other programs.
EVERY_EVAL_EVER = f"{OUT}/every_eval_ever"


rule metrics:
    """Measure every score file."""
    input:
        code=code("metrics"),
        models=MODEL_FILES,
        prompts=expand(f"{OUT}/prompts/{{file}}", file=PROMPT_FILES),
        scores=SCORE_FILES,
        published=PUBLISHED,
    output:
        table=report(
            f"{OUT}/metrics.csv",
            caption="../report/captions/metrics.rst",
            category="Tables",
            labels={"table": "every measured number", "format": "CSV"},
        ),
        details=f"{OUT}/items.parquet",
        parts=report(
            f"{OUT}/parts.csv",
            caption="../report/captions/parts.rst",
            category="Tables",
            labels={"table": "scores by part of a task", "format": "CSV"},
        ),
    log:
        f"{LOGS}/metrics.log",
    benchmark:
        f"{BENCHMARKS}/metrics.tsv"
    conda:
        environment
    resources:
        mem_mb=memory_per_attempt(2000),
        runtime=10,
    params:
        # Not file by file: there are too many for a command line with some dozens of models.
        scores=score_folder,
        draws=config["shapes"]["draws"],
        seed=config["shapes"]["seed"],
        points=as_json(points(config["families"], REGISTRY)),
    shell:
        "python {input.code[0]:q} --prompts {input.prompts:q} --scores {params.scores:q}"
        " --models {input.models:q} --published {input.published:q} --points {params.points:q}"
        " --draws {params.draws:q} --seed {params.seed:q}"
        " --output {output.table:q} --items {output.details:q} --parts {output.parts:q}"
        " 2>&1 | tee {log:q} >&2"

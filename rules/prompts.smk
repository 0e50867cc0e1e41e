# prompts: what exactly is sent to a model, one file per task and variant.

WHOLE_VARIANTS = [variant for variant in VARIANTS if keeps_inside(variant) is None]


rule prompts:
    """Build the prompts of one task, each with its protocol, of all variants that any task has."""
    input:
        code=code("prompts"),
        table=f"{OUT}/tasks/{{source}}/{{task}}.jsonl",
        facts=str(ROOT / "tasks/{task}/task.yaml"),
        demonstrations=demonstrations,
    output:
        expand(
            f"{OUT}/prompts/{{{{source}}}}/{{{{task}}}}/{{variant}}.parquet",
            variant=WHOLE_VARIANTS,
        ),
    log:
        f"{LOGS}/prompts/{{source}}/{{task}}.log",
    benchmark:
        f"{BENCHMARKS}/prompts/{{source}}/{{task}}.tsv"
    localrule: True
    conda:
        environment
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        variants=WHOLE_VARIANTS,
        seed=config["prompts"]["seed"],
        folder=task_folder,
        target=target,
    shell:
        "python {input.code[0]:q} --task {params.folder:q} --items {input.table:q}"
        " --source {wildcards.source:q}"
        " --variants {params.variants:q} --seed {params.seed:q} --output {params.target:q} 2>&1 | tee {log:q} >&2"


rule shortened_prompts:
    """Build the prompts of a variant that takes away solved questions inside the items."""
    input:
        code=code("prompts"),
        table=f"{OUT}/tasks/{{source}}/{{task}}.jsonl",
        facts=str(ROOT / "tasks/{task}/task.yaml"),
    output:
        f"{OUT}/prompts/{{source}}/{{task}}/{{variant}}.parquet",
    log:
        f"{LOGS}/prompts/{{source}}/{{task}}/{{variant}}.log",
    benchmark:
        f"{BENCHMARKS}/prompts/{{source}}/{{task}}/{{variant}}.tsv"
    wildcard_constraints:
        variant=r"inside-\d+",
    localrule: True
    conda:
        environment
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        seed=config["prompts"]["seed"],
        folder=task_folder,
        target=target,
    shell:
        "python {input.code[0]:q} --task {params.folder:q} --items {input.table:q}"
        " --source {wildcards.source:q}"
        " --variants {wildcards.variant:q} --seed {params.seed:q} --output {params.target:q}"
        " 2>&1 | tee {log:q} >&2"

# prompts: what exactly is sent to a model, one file per task and variant.

# One job builds those that every task has; the others apply to some tasks and have a job each.
COMMON_VARIANTS = [variant for variant in VARIANTS if not parse_variant(variant).task_specific]
TASK_VARIANTS = [variant for variant in VARIANTS if parse_variant(variant).task_specific]


rule prompts:
    """Build the prompts of one task, each with its protocol, of all variants that any task has."""
    input:
        code=code("prompts"),
        table=items_table,
        facts=task_file,
        demonstrations=demonstrations,
    output:
        expand(
            f"{OUT}/prompts/{{{{source}}}}/{{{{task}}}}/{{variant}}.parquet",
            variant=COMMON_VARIANTS,
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
        variants=COMMON_VARIANTS,
        seed=config["prompts"]["seed"],
        folder=task_folder,
        target=target,
    shell:
        "python {input.code[0]:q} --task {params.folder:q} --items {input.table:q}"
        " --source {wildcards.source:q}"
        " --variants {params.variants:q} --seed {params.seed:q} --output {params.target:q} 2>&1 | tee {log:q} >&2"


rule task_prompts:
    """Build the prompts of a variant that only some tasks have."""
    input:
        code=code("prompts"),
        table=items_table,
        facts=task_file,
    output:
        f"{OUT}/prompts/{{source}}/{{task}}/{{variant}}.parquet",
    log:
        f"{LOGS}/prompts/{{source}}/{{task}}/{{variant}}.log",
    benchmark:
        f"{BENCHMARKS}/prompts/{{source}}/{{task}}/{{variant}}.tsv"
    wildcard_constraints:
        variant="|".join(map(re.escape, TASK_VARIANTS)) or "none",
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

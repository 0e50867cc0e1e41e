# tasks: one file of items per source and task, in the prize's schema.


rule replica:
    """Draw the test items of a task's replica."""
    input:
        code=code("replica"),
        generator=lambda wildcards: task_code(wildcards.task),
        facts=task_file,
    output:
        f"{OUT}/tasks/replica/{{task}}.jsonl",
    log:
        f"{LOGS}/tasks/replica/{{task}}.log",
    benchmark:
        f"{BENCHMARKS}/tasks/replica/{{task}}.tsv"
    localrule: True
    conda:
        environment
    resources:
        mem_mb=500,
        runtime=5,
    params:
        amount=config["replica"]["items"],
        seed=config["replica"]["seed"],
        folder=task_folder,
    shell:
        "python {input.code[0]:q} --task {params.folder:q} --items {params.amount:q}"
        " --seed {params.seed:q} --output {output:q} 2>&1 | tee {log:q} >&2"


rule acquire:
    """Take given items: a released file, verified, or a user's own."""
    input:
        code=code("acquire"),
        facts=task_file,
        own=own_items,
        # Where a verified file was taken from changes no item.
        mirrors=ancient(str(ROOT / "tasks/mirrors.yaml")),
    output:
        table=f"{OUT}/tasks/{{source}}/{{task}}.jsonl",
        origin=f"{OUT}/tasks/{{source}}/{{task}}.origin.json",
    log:
        f"{LOGS}/tasks/{{source}}/{{task}}.log",
    benchmark:
        f"{BENCHMARKS}/tasks/{{source}}/{{task}}.tsv"
    wildcard_constraints:
        source="|".join([*BLOCKS, OWN]),
    localrule: True
    conda:
        environment
    resources:
        mem_mb=500,
        runtime=30,
        # Neither input nor parameter: a mirror that was moved or is gone must not cause a rerun.
        mirror=mirror(config),
    params:
        folder=task_folder,
        lock=LOCK,
    shell:
        "python {input.code[0]:q} --task {params.folder:q} --source {wildcards.source:q}"
        " --mirror={resources.mirror:q} --mirrors {input.mirrors:q} --lock {params.lock:q}"
        " --output {output.table:q} --origin {output.origin:q} 2>&1 | tee {log:q} >&2"

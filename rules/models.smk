# models: weights, tokenizer and model.json of each, trained here or fetched.


# Gated models fail only when they are downloaded, perhaps hours from now: told at the start.
onstart:
    if note := gated_note(MODELS, Path(OUTPUT_ROOT) / "models"):
        print(note, file=sys.stderr)


rule corpus:
    """Write a ladder's training text, tokenizer and token rows."""
    input:
        code=code("corpus"),
        generators=sorted({path for task in TASKS_WITH_GENERATOR for path in task_code(task)}),
        facts=[str(TASK_PATHS[task] / "task.yaml") for task in TASKS_WITH_GENERATOR],
    output:
        summary=f"{OUT}/corpora/{{ladder}}/corpus.json",
        text=f"{OUT}/corpora/{{ladder}}/corpus.jsonl",
        rows=f"{OUT}/corpora/{{ladder}}/rows.npz",
        tokenizer=f"{OUT}/corpora/{{ladder}}/tokenizer.json",
        tokenizer_config=f"{OUT}/corpora/{{ladder}}/tokenizer_config.json",
    log:
        f"{LOGS}/corpora/{{ladder}}.log",
    benchmark:
        f"{BENCHMARKS}/corpora/{{ladder}}.tsv"
    wildcard_constraints:
        ladder="|".join(map(re.escape, LADDERS)) or "none",
    conda:
        environment
    resources:
        mem_mb=memory_per_attempt(2000),
        runtime=10,
    params:
        settings=corpus_settings,
        vocabulary=vocabulary,
        row_lengths=row_lengths,
        folders=[str(TASK_PATHS[task]) for task in TASKS_WITH_GENERATOR],
        target=target,
    shell:
        "python {input.code[0]:q} --tasks {params.folders:q} --settings {params.settings:q}"
        " --vocabulary {params.vocabulary:q} --row-lengths {params.row_lengths:q}"
        " --output {params.target:q} 2>&1 | tee {log:q} >&2"


rule train:
    """Train one rung of a ladder with one seed."""
    input:
        code=code("train"),
        trainer=[str(ROOT / f"scripts/ushaped/ladder/{name}.py") for name in ("network", "train")],
        summary=corpus_summary,
        data=training_data,
    output:
        about=f"{OUT}/models/{{model}}/model.json",
        weights=f"{OUT}/models/{{model}}/model.safetensors",
        config=f"{OUT}/models/{{model}}/config.json",
        tokenizer=f"{OUT}/models/{{model}}/tokenizer.json",
        tokenizer_config=f"{OUT}/models/{{model}}/tokenizer_config.json",
        # Not `benchmark:`, which `snakemake --cache train` does not allow.
        benchmark=f"{BENCHMARKS}/models/{{model}}.tsv",
    log:
        f"{LOGS}/models/{{model}}.log",
    wildcard_constraints:
        model="|".join(re.escape(name) for sizes in WEIGHT_BYTES.values() for name in sizes)
        or "none",
    # Longest first, so that no large rung is left alone at the end.
    priority: rung_priority
    conda:
        environment
    # Two trainings of one thread each beat one of two threads at these sizes.
    threads: 1
    resources:
        mem_mb=memory_per_attempt(2000),
        runtime=60,
    params:
        family=family,
        size=size,
        seed=seed,
        rung=rung,
        recipe=recipe,
        corpus=corpus_folder,
        store=f"{OUTPUT_ROOT}/store/weights",
        target=target,
    shell:
        "python {input.code[0]:q} --corpus {params.corpus:q} --rung {params.rung:q}"
        " --settings {params.recipe:q} --family {params.family:q} --size {params.size:q}"
        " --seed {params.seed:q} --code {input.trainer:q} --store {params.store:q}"
        " --output {params.target:q} --benchmark {output.benchmark:q} 2>&1 | tee {log:q} >&2"


rule fetch:
    """Bring a released model here."""
    input:
        code=code("fetch"),
    output:
        about=f"{OUT}/models/{{model}}/model.json",
        weights=directory(f"{OUT}/models/{{model}}/snapshot"),
        # Not `benchmark:`, which `snakemake --cache fetch` does not allow.
        benchmark=f"{BENCHMARKS}/models/{{model}}.tsv",
    log:
        f"{LOGS}/models/{{model}}.log",
    wildcard_constraints:
        model="|".join(map(re.escape, DOWNLOADED_MODELS)) or "none",
    priority: size_priority
    conda:
        environment
    resources:
        mem_mb=fetching_memory,
        runtime=240,
    params:
        entry=entry,
        family=family,
        # A name only: what the file holds is read by the step, so one more line reruns nothing.
        lock=LOCK,
        commit=commit,
        store=f"{OUTPUT_ROOT}/store/fetched",
        target=target,
    shell:
        "python {input.code[0]:q} --entry {params.entry:q} --name {wildcards.model:q}"
        " --family {params.family:q} --lock {params.lock:q} --store {params.store:q}"
        " --output {params.target:q} --benchmark {output.benchmark:q} 2>&1 | tee {log:q} >&2"


# A model on a server or in a local folder. It may change in place, so it must not be cached.
use rule fetch as describe with:
    output:
        about=f"{OUT}/models/{{model}}/model.json",
        benchmark=f"{BENCHMARKS}/models/{{model}}.tsv",
    wildcard_constraints:
        model="|".join(re.escape(name) for name in FETCHED if name not in DOWNLOADED_MODELS)
        or "none",


rule lock:
    """Write down which commits the branches and tags on the hub are now."""

    # No output: the file is not made anew but added to, also by `fetch`.
    input:
        code=code("lock"),
    log:
        f"{LOGS}/lock.log",
    localrule: True
    conda:
        environment
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        revisions=[
            *(
                f"{entry['hub']}@{entry['revision']}"
                for entry in (MODELS[name]["entry"] for name in DOWNLOADED_MODELS)
                if "hub" in entry
            ),
            *(
                f"{DATASETS}{own.hub}@{own.revision}"
                for own in (
                    FACTS[task].facts.own for source, task in EDITIONS if base_of(source) == OWN
                )
                if own.hub
            ),
        ],
        lock=LOCK,
    shell:
        "python {input.code[0]:q} --revisions {params.revisions:q} --lock {params.lock:q}"
        " 2>&1 | tee {log:q} >&2"

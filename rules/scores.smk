# scores: log-likelihood of every class of every prompt; one file for each model and prompt file. One job
# per model, or before it several that have a part of the prompts each (`shards`); small models trained
# here share a job.

SCORE = (
    "python {input.code[0]:q} --model {input.about:q} --prompts {input.prompts:q}"
    " --batch-tokens {resources.batch_tokens} --chain-tokens {params.chain_tokens:q}"
    " --too-long {params.too_long:q} --dtype {params.dtype:q} {params.model_settings:q}"
    " --audit {resources.audit} --device {resources.device} --gpus {resources.gpu}"
    " --threads {threads} --price {resources.price:q} --store {params.store:q}"
    " --output {params.target:q} --benchmark {output.benchmark:q} {params.shards:q} 2>&1 | tee {log:q} >&2"
)


rule scores:
    """Score all prompts with one model."""
    input:
        code=code("scores"),
        about=f"{OUT}/models/{{model}}/model.json",
        # Compared by the fingerprint in model.json, not by time.
        weights=weights,
        prompts=expand(f"{OUT}/prompts/{{file}}", file=PROMPT_FILES),
        shards=shards_before,
    output:
        files=expand(f"{OUT}/scores/{{{{model}}}}/{{file}}", file=PROMPT_FILES),
        # Not `benchmark:`, which could not hold what the scorer alone knows.
        benchmark=f"{BENCHMARKS}/scores/{{model}}.tsv",
    log:
        f"{LOGS}/scores/{{model}}.log",
    wildcard_constraints:
        model="|".join(re.escape(name) for name in MODELS if name not in sum(SHARED_JOBS, CHATS))
        or "none",
    # Longest first, so that no large model is left alone at the end.
    priority: size_priority
    conda:
        environment
    threads: scoring_threads
    resources:
        mem_mb=scoring_memory,
        runtime=scoring_runtime,
        gpu=scoring_gpus,
        gpu_mem_mb=scoring_gpu_memory,
        # Resources, not parameters: they change no score, so they must not cause a rerun.
        batch_tokens=SCORING["batch_tokens"],
        device=SCORING["device"],
        audit=SCORING["audit"],
        price=price,
    params:
        chain_tokens=chain_tokens,
        too_long=SCORING["too_long"],
        dtype=scoring_dtype(),
        model_settings=scoring_settings,
        store=f"{OUTPUT_ROOT}/store/scores",
        target=f"{OUTPUT_ROOT}/scores/{{model}}",
        shards=shard_options,
    shell:
        SCORE


# A model that is asked by chat writes answers alone.
use rule scores as scores_chat with:
    input:
        code=code("scores"),
        about=f"{OUT}/models/{{model}}/model.json",
        prompts=expand(f"{OUT}/prompts/{{file}}", file=WRITTEN_FILES),
        shards=[],
    output:
        files=expand(f"{OUT}/scores/{{{{model}}}}/{{file}}", file=WRITTEN_FILES),
        benchmark=f"{BENCHMARKS}/scores/{{model}}.tsv",
    log:
        f"{LOGS}/scores/{{model}}.log",
    wildcard_constraints:
        model="|".join(map(re.escape, CHATS)) or "none",


# A part of a model's prompts, scored into the store.
use rule scores as score_shard with:
    output:
        benchmark=f"{BENCHMARKS}/scores/{{model}}/{{shard}}.tsv",
    log:
        f"{LOGS}/scores/{{model}}/{{shard}}.log",
    wildcard_constraints:
        shard=r"(chains|scores)-\d+-of-\d+",


for number, job in enumerate(SHARED_JOBS, start=1):

    rule:
        """Score all prompts with several small models."""
        name:
            f"scores_small_{number}"
        input:
            code=code("scores"),
            about=expand(f"{OUT}/models/{{model}}/model.json", model=job),
            weights=ancient(expand(f"{OUT}/models/{{model}}/model.safetensors", model=job)),
            prompts=expand(f"{OUT}/prompts/{{file}}", file=PROMPT_FILES),
        output:
            files=expand(f"{OUT}/scores/{{model}}/{{file}}", model=job, file=PROMPT_FILES),
            benchmark=expand(f"{BENCHMARKS}/scores/{{model}}.tsv", model=job),
        log:
            f"{LOGS}/scores/small-{number}.log",
        conda:
            environment
        resources:
            # What the models share takes up to some 700 MB.
            mem_mb=memory_per_attempt(3000),
            runtime=120,
            gpu=int(SCORING["device"] != "cpu"),
            gpu_mem_mb=2000 * (SCORING["device"] != "cpu"),
            batch_tokens=SCORING["batch_tokens"],
            device=SCORING["device"],
            audit=SCORING["audit"],
            price="null",
        params:
            chain_tokens=SCORING["chain_tokens"],
            too_long=SCORING["too_long"],
            dtype=scoring_dtype(),
            model_settings=scoring_options(job[0]),
            store=f"{OUTPUT_ROOT}/store/scores",
            target=expand(f"{OUTPUT_ROOT}/scores/{{model}}", model=job),
            shards=[],
        shell:
            SCORE

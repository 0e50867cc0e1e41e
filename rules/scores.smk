# scores: log-likelihood of every class of every prompt; one job per model, one file per prompt file.


rule scores:
    """Score all prompts with one model."""
    input:
        code=code("scores"),
        about=f"{OUT}/models/{{model}}/model.json",
        # Compared by the fingerprint in model.json, not by time.
        weights=weights,
        prompts=expand(f"{OUT}/prompts/{{file}}", file=PROMPT_FILES),
    output:
        files=expand(f"{OUT}/scores/{{{{model}}}}/{{file}}", file=PROMPT_FILES),
        # Not `benchmark:`, which could not hold what the scorer alone knows.
        benchmark=f"{BENCHMARKS}/scores/{{model}}.tsv",
    log:
        f"{LOGS}/scores/{{model}}.log",
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
    params:
        chain_tokens=chain_tokens,
        too_long=SCORING["too_long"],
        dtype=scoring_dtype(),
        model_settings=scoring_settings,
        store=f"{OUTPUT_ROOT}/store/scores",
        target=f"{OUTPUT_ROOT}/scores/{{model}}",
    shell:
        "python {input.code[0]:q} --model {input.about:q} --prompts {input.prompts:q}"
        " --batch-tokens {resources.batch_tokens} --chain-tokens {params.chain_tokens:q}"
        " --too-long {params.too_long:q} --dtype {params.dtype:q} {params.model_settings:q}"
        " --audit {resources.audit} --device {resources.device} --gpus {resources.gpu} --threads {threads}"
        " --store {params.store:q} --output {params.target:q} --benchmark {output.benchmark:q}"
        " 2>&1 | tee {log:q} >&2"

# plan: what the run will cost, before any model is fetched, trained or run.


rule plan:
    """Print and write tokens, operations, GPU hours, memory and download of every model."""

    # No output, so it is made anew whenever it is asked for: it also depends on what is at hand.
    input:
        code=code("plan"),
        registry=[str(ROOT / "config/models.yaml"), *config["registry"]],
        facts=TASK_FILES,
        prompts=[f"{OUT}/prompts/{file}" for file in PROMPT_FILES if is_available_offline(file)],
    log:
        f"{LOGS}/plan.log",
    localrule: True
    conda:
        environment
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        absent=[file for file in PROMPT_FILES if not is_available_offline(file)],
        families=config["families"],
        ladders=as_json({key: config[key] for key in ("ladder", "ladders") if key in config}),
        corpora=f"{OUTPUT_ROOT}/corpora",
        models=f"{OUTPUT_ROOT}/models",
        tasks=TASK_FOLDERS,
        batch_tokens=SCORING["batch_tokens"],
        chain_tokens=SCORING["chain_tokens"],
        shards=SCORING["shards"],
        generation=as_json(config["generation"]),
        prices=as_json(config.get("prices", {})),
        device=SCORING["device"],
        # A plan is for a GPU, wherever the scoring is.
        dtype="bfloat16" if SCORING["dtype"] == "auto" else SCORING["dtype"],
        processor_dtype=scoring_dtype(),
        benchmarks=f"{OUTPUT_ROOT}/benchmarks/scores",
        gpu=config["plan"]["gpu"],
        utilisation=config["plan"]["utilisation"],
        output=f"{OUTPUT_ROOT}/plan.csv",
    shell:
        "python {input.code[0]:q} --registry {input.registry:q} --families {params.families:q}"
        " --ladders {params.ladders:q} --corpora {params.corpora:q}"
        " --models {params.models:q} --tasks {params.tasks:q} --prompts {input.prompts:q}"
        " --absent {params.absent:q} --batch-tokens {params.batch_tokens:q}"
        " --chain-tokens {params.chain_tokens:q} --shards {params.shards:q} --dtype {params.dtype:q}"
        " --generation {params.generation:q} --prices {params.prices:q}"
        " --device {params.device:q} --gpu {params.gpu:q} --benchmarks {params.benchmarks:q}"
        " --processor-dtype {params.processor_dtype:q}"
        " --utilisation {params.utilisation:q} --output {params.output:q} 2>&1 | tee {log:q}"

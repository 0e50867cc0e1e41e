# scores: log-likelihood of every class of every prompt; one job per model, one file per prompt file.


rule scores:
    """Score all prompts with one model."""
    input:
        code=code("score"),
        about=f"{OUT}/models/{{model}}/model.json",
        # Compared by the fingerprint in model.json, not by time.
        weights=weights,
        prompts=expand(f"{OUT}/prompts/{{file}}", file=PROMPT_FILES),
    output:
        expand(f"{OUT}/scores/{{{{model}}}}/{{file}}", file=PROMPT_FILES),
    log:
        f"{LOGS}/scores/{{model}}.log",
    benchmark:
        f"{BENCHMARKS}/scores/{{model}}.tsv"
    conda:
        environment
    threads: 1
    resources:
        mem_mb=4000,
        runtime=120,
        # A resource, not a parameter: it changes no score, so it must not cause a rerun.
        batch_tokens=config["scoring"]["batch_tokens"],
    params:
        chain_tokens=config["scoring"]["chain_tokens"],
        store=f"{OUT}/store/scores",
        target=f"{OUT}/scores/{{model}}",
    shell:
        "python {input.code[0]} --model {input.about} --prompts {input.prompts}"
        " --batch-tokens {resources.batch_tokens} --chain-tokens {params.chain_tokens}"
        " --store {params.store} --output {params.target} 2>&1 | tee {log} >&2"

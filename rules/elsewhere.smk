# elsewhere: curves that others measured, judged by the same tests and never mixed with ours.

ELSEWHERE = [f"{OUT}/elsewhere.json"] if config.get("elsewhere") else []


rule elsewhere:
    """Read and judge the curves that were measured elsewhere."""
    input:
        code=code("elsewhere"),
        # Read through the setting: files of a folder find each other.
        files=elsewhere_files(),
        run_noise=PUBLISHED_RUN_NOISE,
    output:
        f"{OUT}/elsewhere.json",
    log:
        f"{LOGS}/elsewhere.log",
    benchmark:
        f"{BENCHMARKS}/elsewhere.tsv"
    conda:
        environment
    resources:
        mem_mb=memory_per_attempt(2000),
        runtime=20,
    params:
        elsewhere=as_json(config.get("elsewhere", [])),
        recovery=config["shapes"]["recovery"],
        equivalence=config["shapes"]["equivalence"],
        draws=config["shapes"]["draws"],
        run_noise=config["shapes"]["run_noise"],
        seed=config["shapes"]["seed"],
    shell:
        "python {input.code[0]:q} --elsewhere {params.elsewhere:q}"
        " --recovery {params.recovery:q} --equivalence {params.equivalence:q}"
        " --draws {params.draws:q} --seed {params.seed:q}"
        " --run-noise {params.run_noise:q} --run-noise-table {input.run_noise:q}"
        " --output {output:q} 2>&1 | tee {log:q} >&2"

# shapes: one verdict per curve, measured and published, with its evidence.


rule shapes:
    """Name the shape of every curve."""
    input:
        code=code("shapes"),
        metrics=rules.metrics.output.table,
        details=rules.metrics.output.details,
        published=f"{OUT}/published/evidence.json",
        run_noise=PUBLISHED_RUN_NOISE,
    output:
        table=report(
            f"{OUT}/shapes.csv",
            caption="../report/captions/shapes.rst",
            category="Tables",
            labels={"table": "verdict on every curve", "format": "CSV"},
        ),
        evidence=report(
            f"{OUT}/evidence.json",
            caption="../report/captions/evidence.rst",
            category="Tables",
            labels={"table": "evidence on every curve", "format": "JSON"},
        ),
    log:
        f"{LOGS}/shapes.log",
    benchmark:
        f"{BENCHMARKS}/shapes.tsv"
    conda:
        environment
    threads: 2
    resources:
        mem_mb=memory_per_attempt(2000),
        runtime=10,
    params:
        recovery=config["shapes"]["recovery"],
        equivalence=config["shapes"]["equivalence"],
        draws=config["shapes"]["draws"],
        run_noise=config["shapes"]["run_noise"],
        seed=config["shapes"]["seed"],
    shell:
        "python {input.code[0]:q} --metrics {input.metrics:q} --items {input.details:q}"
        " --judged {input.published:q}"
        " --recovery {params.recovery:q} --equivalence {params.equivalence:q}"
        " --draws {params.draws:q} --seed {params.seed:q} --threads {threads}"
        " --run-noise {params.run_noise:q} --run-noise-table {input.run_noise:q}"
        " --output {output.table:q} --evidence {output.evidence:q} 2>&1 | tee {log:q} >&2"


rule power:
    """Find how large a dip must be for a curve to be called U-shaped."""
    input:
        code=code("power"),
        models=MODEL_FILES,
        published=PUBLISHED,
        registry=str(ROOT / "config/models.yaml"),
        run_noise=PUBLISHED_RUN_NOISE,
    output:
        report(
            f"{OUT}/power.csv",
            caption="../report/captions/power.rst",
            category="Tables",
            labels={"table": "how large a dip must be", "format": "CSV"},
        ),
    log:
        f"{LOGS}/power.log",
    benchmark:
        f"{BENCHMARKS}/power.tsv"
    conda:
        environment
    resources:
        mem_mb=memory_per_attempt(1000),
        runtime=10,
    params:
        recovery=config["shapes"]["recovery"],
        equivalence=config["shapes"]["equivalence"],
        simulations=config["shapes"]["simulations"],
        draws=config["shapes"]["draws"],
        run_noise=config["shapes"]["run_noise"],
        seed=config["shapes"]["seed"],
    shell:
        "python {input.code[0]:q} --models {input.models:q} --published {input.published:q}"
        " --series PaLM --registry {input.registry:q} --reference pythia"
        " --recovery {params.recovery:q} --equivalence {params.equivalence:q}"
        " --simulations {params.simulations:q} --draws {params.draws:q} --seed {params.seed:q}"
        " --run-noise {params.run_noise:q} --run-noise-table {input.run_noise:q}"
        " --output {output:q} 2>&1 | tee {log:q} >&2"

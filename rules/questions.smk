# questions: what the paper leaves open, each question a table.

QUESTIONS = f"{OUT}/questions"
# What needs no model: nothing but the published series.
PUBLISHED_QUESTIONS = ["continuing-published", "matching", "selection"]
PUBLISHED_QUESTION_FILES = expand(f"{QUESTIONS}/{{question}}.csv", question=PUBLISHED_QUESTIONS)


rule published_question:
    """Answer an open question from the published series alone."""
    input:
        code=code("questions"),
        published=PUBLISHED,
    output:
        report(
            f"{QUESTIONS}/{{question}}.csv",
            caption="../report/captions/question.rst",
            category="Open questions",
            labels=question_labels,
        ),
    log:
        f"{LOGS}/questions/{{question}}.log",
    benchmark:
        f"{BENCHMARKS}/questions/{{question}}.tsv"
    wildcard_constraints:
        question="|".join(PUBLISHED_QUESTIONS),
    localrule: True
    conda:
        environment
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        recovery=config["shapes"]["recovery"],
        equivalence=config["shapes"]["equivalence"],
        draws=config["shapes"]["draws"],
        seed=config["shapes"]["seed"],
    shell:
        "python {input.code[0]:q} {wildcards.question:q} --published {input.published:q}"
        " --recovery {params.recovery:q} --equivalence {params.equivalence:q}"
        " --draws {params.draws:q} --seed {params.seed:q} --output {output:q} 2>&1 | tee {log:q} >&2"


rule measured_question:
    """Answer an open question from what was measured here."""
    input:
        code=code("questions"),
        metrics=rules.metrics.output.table,
        details=rules.metrics.output.details,
        protocols=rules.protocols.output,
    output:
        report(
            f"{QUESTIONS}/{{question}}.csv",
            caption="../report/captions/question.rst",
            category="Open questions",
            labels=question_labels,
        ),
    log:
        f"{LOGS}/questions/{{question}}.log",
    benchmark:
        f"{BENCHMARKS}/questions/{{question}}.tsv"
    wildcard_constraints:
        question="continuing-measured|chains",
    localrule: True
    conda:
        environment
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        recovery=config["shapes"]["recovery"],
        equivalence=config["shapes"]["equivalence"],
        draws=config["shapes"]["draws"],
        seed=config["shapes"]["seed"],
    shell:
        "python {input.code[0]:q} {wildcards.question:q} --metrics {input.metrics:q}"
        " --items {input.details:q} --protocols {input.protocols:q}"
        " --recovery {params.recovery:q} --equivalence {params.equivalence:q}"
        " --draws {params.draws:q} --seed {params.seed:q} --output {output:q} 2>&1 | tee {log:q} >&2"

# questions: what the paper leaves open, each question a table; two of them with a figure.

QUESTIONS = f"{OUT}/questions"
OPEN_QUESTION_FIGURES = ["matching", "selection"]
# What needs no model: nothing but the published series.
OPEN_QUESTION_FILES = [
    *expand(
        f"{QUESTIONS}/{{question}}.csv",
        question=["continuing-published", *OPEN_QUESTION_FIGURES],
    ),
    *expand(f"{OUT}/figures/{{figure}}.{{ending}}", figure=OPEN_QUESTION_FIGURES, ending=ENDINGS),
]


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
        question="continuing-published|matching|selection",
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


rule question_figure:
    """Draw the answer to an open question."""
    input:
        code=code("plot"),
        modules=FIGURE_CODE,
        table=f"{QUESTIONS}/{{answer}}.csv",
    output:
        report(
            f"{OUT}/figures/{{answer}}.svg",
            caption="../report/captions/answer.rst",
            category="Open questions",
            labels=answer_labels,
        ),
        multiext(f"{OUT}/figures/{{answer}}", ".png", ".csv"),
    log:
        f"{LOGS}/figures/{{answer}}.log",
    benchmark:
        f"{BENCHMARKS}/figures/{{answer}}.tsv"
    wildcard_constraints:
        answer="|".join(OPEN_QUESTION_FIGURES),
    localrule: True
    conda:
        environment
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        target=f"{PLACE}/figures/{{answer}}",
        # Read by the caption.
        figure="{answer}",
    shell:
        "python {input.code[0]:q} {wildcards.answer:q} --table {input.table:q}"
        " --output {params.target:q} 2>&1 | tee {log:q} >&2"

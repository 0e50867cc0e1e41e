# questions: what the paper leaves open, each question a table.

ANSWERS = f"{OUT}/questions"
ANSWER_FILES = [f"{ANSWERS}/{question}.csv" for question in ASKED]
# What needs no model: nothing but the published series.
PUBLISHED_ANSWER_FILES = [
    f"{ANSWERS}/{name}.csv"
    for name, question in QUESTIONS.items()
    if question.reads == ("published",)
]


# Readers of answers take their columns from the modules.
QUESTION_CODE = sorted(
    {file for name in ASKED for file in closure(question_module(name), ROOT / "scripts")}
)


rule questions:
    """Answer an open question."""
    input:
        code=code("questions"),
        module=question_code,
        data=question_inputs,
    output:
        report(
            f"{ANSWERS}/{{question}}.csv",
            caption="../report/captions/question.rst",
            category="Open questions",
            labels=question_labels,
        ),
    log:
        f"{LOGS}/questions/{{question}}.log",
    benchmark:
        f"{BENCHMARKS}/questions/{{question}}.tsv"
    wildcard_constraints:
        question="|".join(ASKED),
    localrule: True
    conda:
        environment
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        results=folder_of_answers,
        published=PUBLISHED,
        recovery=config["shapes"]["recovery"],
        equivalence=config["shapes"]["equivalence"],
        draws=config["shapes"]["draws"],
        seed=config["shapes"]["seed"],
        options=question_options,
    shell:
        "python {input.code[0]:q} {wildcards.question:q} --results {params.results:q}"
        " --published {params.published:q}"
        " --recovery {params.recovery:q} --equivalence {params.equivalence:q}"
        " --draws {params.draws:q} --seed {params.seed:q} {params.options:q} --output {output:q}"
        " 2>&1 | tee {log:q} >&2"

# questions: what the paper leaves open, each question a table.

ANSWERS = f"{OUT}/questions"
ANSWER_FILES = [f"{ANSWERS}/{question}.csv" for question in QUESTIONS]
# What needs no model: nothing but the published series.
PUBLISHED_ANSWER_FILES = [
    f"{ANSWERS}/{name}.csv"
    for name, question in QUESTIONS.items()
    if question.reads == ("published",)
]


def question_code(wildcards):
    """The module of a question and the modules that it imports."""
    name = wildcards.question.replace("-", "_")
    return closure(ROOT / f"scripts/ushaped/questions/{name}.py", ROOT / "scripts")


def question_inputs(wildcards):
    """The tables that a question is answered from."""
    files = {
        "published": PUBLISHED,
        "metrics": f"{OUT}/metrics.csv",
        "items": f"{OUT}/items.parquet",
        "protocols": f"{OUT}/protocols.csv",
    }
    return [files[name] for name in QUESTIONS[wildcards.question].reads]


rule questions:
    """Answer an open question."""
    input:
        code=code("questions"),
        module=question_code,
        tables=question_inputs,
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
        question="|".join(QUESTIONS),
    localrule: True
    conda:
        environment
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        results=OUTPUT_ROOT,
        published=PUBLISHED,
        recovery=config["shapes"]["recovery"],
        equivalence=config["shapes"]["equivalence"],
        draws=config["shapes"]["draws"],
        seed=config["shapes"]["seed"],
    shell:
        "python {input.code[0]:q} {wildcards.question:q} --results {params.results:q}"
        " --published {params.published:q}"
        " --recovery {params.recovery:q} --equivalence {params.equivalence:q}"
        " --draws {params.draws:q} --seed {params.seed:q} --output {output:q} 2>&1 | tee {log:q} >&2"

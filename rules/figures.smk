# figures: each as SVG, PNG, the CSV of the very numbers that it draws, and its caption. One job draws
# those of a stage; what has not changed comes from its store.


rule measured_figures:
    """Draw the figures of what was measured here."""
    input:
        code=code("figures"),
        modules=figure_code(MEASURED_FIGURES),
        metrics=rules.metrics.output.table,
        shapes=rules.shapes.output.table,
        power=rules.power.output,
        protocols=rules.protocols.output,
        questions=figure_questions(MEASURED_FIGURES),
        axes=[f"{OUT}/axes/{axis}/metrics.csv" for axis in config["axes"]],
        published=PUBLISHED,
    output:
        shown_figures(MEASURED_FIGURES),
        figure_files(MEASURED_FIGURES, ["png", "csv", "rst"]),
    log:
        f"{LOGS}/figures.log",
    benchmark:
        f"{BENCHMARKS}/figures.tsv"
    localrule: True
    conda:
        environment
    threads: 8
    resources:
        mem_mb=3000,
        runtime=20,
    params:
        names=[entry.name for entry in MEASURED_FIGURES],
        editions=["/".join(edition) for edition in EDITIONS],
        axes=config["axes"],
        literature=literature_tables,
        store=f"{OUTPUT_ROOT}/store/figures/measured",
        results=results_folder,
    shell:
        "python {input.code[0]:q} {params.names:q} --editions {params.editions:q}"
        " --axes {params.axes:q} --literature {params.literature:q} --store {params.store:q} --results {params.results:q}"
        " --threads {threads} 2>&1 | tee {log:q} >&2"


rule published_figures:
    """Draw the figures of the literature: no model, no prompt, no item."""
    input:
        code=code("figures"),
        modules=figure_code(LITERATURE_FIGURES),
        published=PUBLISHED,
        markers=PUBLISHED_MARKERS,
        questions=figure_questions(LITERATURE_FIGURES),
    output:
        shown_figures(LITERATURE_FIGURES),
        figure_files(LITERATURE_FIGURES, ["png", "csv", "rst"]),
    log:
        f"{LOGS}/published/figures.log",
    benchmark:
        f"{BENCHMARKS}/published/figures.tsv"
    localrule: True
    conda:
        environment
    threads: 8
    resources:
        mem_mb=3000,
        runtime=20,
    params:
        names=[entry.name for entry in LITERATURE_FIGURES],
        literature=literature_tables,
        store=f"{OUTPUT_ROOT}/store/figures/published",
        results=lambda wildcards, input: str(Path(input.questions[0]).parents[1]),
    shell:
        "python {input.code[0]:q} {params.names:q} --literature {params.literature:q}"
        " --store {params.store:q} --results {params.results:q} --threads {threads}"
        " 2>&1 | tee {log:q} >&2"

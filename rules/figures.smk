# figures: each as SVG, PNG, the CSV of the very numbers that it draws, and its caption. One job draws
# those of a stage; what has not changed comes from its store.

from ushaped.figures import ENDINGS, entries

EVERY_EDITION = [dict(zip(("source", "task"), edition)) for edition in EDITIONS]
MEASURED_FIGURES = [entry for entry in entries().values() if not entry.of_literature]
LITERATURE_FIGURES = [entry for entry in entries().values() if entry.of_literature]


def figure_files(figures, endings=ENDINGS):
    """Files of some figures, those of every edition last."""
    targets = [entry.target(each) for entry in figures for each in entry.each(EVERY_EDITION)]
    return [
        f"{OUT}/{target}.{ending}"
        for target in sorted(targets, key=lambda target: (target.count("/"), target))
        for ending in endings
    ]


def shown_figure(entry, options):
    """The SVG file of a figure, as Snakemake's own report shows it."""
    target = entry.target(options)
    # Written beside the figure, from the text in its module.
    caption = os.path.abspath(f"{PLACE}/{target}.rst")
    labels = {**entry.label(options), "format": "SVG"}
    return report(f"{OUT}/{target}.svg", caption=caption, category=entry.category, labels=labels)


def shown_figures(figures):
    """The SVG files of some figures."""
    return [shown_figure(entry, each) for entry in figures for each in entry.each(EVERY_EDITION)]


def figure_code(figures):
    """The modules of some figures and all that they import."""
    scripts = ROOT / "scripts"
    return sorted({file for entry in figures for file in closure(entry.module_of(scripts), scripts)})


rule measured_figures:
    """Draw the figures of what was measured here."""
    input:
        code=code("figures"),
        modules=figure_code(MEASURED_FIGURES),
        metrics=rules.metrics.output.table,
        shapes=rules.shapes.output.table,
        power=rules.power.output,
        protocols=rules.protocols.output,
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
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        names=[entry.name for entry in MEASURED_FIGURES],
        editions=["/".join(edition) for edition in EDITIONS],
        literature=str(ROOT / "literature"),
        store=f"{PLACE}/store/figures/measured",
        results=PLACE,
    shell:
        "python {input.code[0]:q} {params.names:q} --editions {params.editions:q}"
        " --literature {params.literature:q} --store {params.store:q} --results {params.results:q}"
        " 2>&1 | tee {log:q} >&2"


rule published_figures:
    """Draw the figures of the literature: no model, no prompt, no item."""
    input:
        code=code("figures"),
        modules=figure_code(LITERATURE_FIGURES),
        published=PUBLISHED,
        markers=PUBLISHED_MARKERS,
        questions=[f"{QUESTIONS}/{name}.csv" for name in ("matching", "selection")],
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
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        names=[entry.name for entry in LITERATURE_FIGURES],
        literature=str(ROOT / "literature"),
        store=f"{PLACE}/store/figures/published",
        results=PLACE,
    shell:
        "python {input.code[0]:q} {params.names:q} --literature {params.literature:q}"
        " --store {params.store:q} --results {params.results:q} 2>&1 | tee {log:q} >&2"

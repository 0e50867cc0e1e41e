# atlas: curves that others measured, and those of finished runs, judged without any model.

from ushaped.atlas.archive import find_reports
from ushaped.atlas.fetching import mirror_folder
from ushaped.atlas.sources import read_sources
from ushaped.files import file_digest
from ushaped.validation import unknown

ATLAS = f"{OUT}/atlas"
ATLAS_SOURCES = str(ROOT / "literature/atlas.yaml")
ATLAS_SETS = config["atlas"]["sets"]
ATLAS_TABLES = [
    "counts",
    "agreement",
    "everywhere",
    "predictable",
    "metrics",
    "published",
    "twice",
]

try:
    for name in ATLAS_SETS:
        if name not in read_sources(ATLAS_SOURCES):
            raise unknown("config, atlas.sets", "set", name, read_sources(ATLAS_SOURCES))
    # Not inputs, or Snakemake would make the reports of its own output folder again.
    ATLAS_RUNS = [str(path) for path in find_reports(config["atlas"]["runs"])]
except UserError as error:
    sys.exit(f"error: {error}")


rule atlas_files:
    """Bring the published files of one set, verified."""
    input:
        code=code("atlas_files"),
        sources=ATLAS_SOURCES,
    output:
        directory(f"{ATLAS}/files/{{set}}"),
    log:
        f"{LOGS}/atlas/files/{{set}}.log",
    benchmark:
        f"{BENCHMARKS}/atlas/files/{{set}}.tsv"
    wildcard_constraints:
        set="|".join(map(re.escape, ATLAS_SETS)) or "none",
    localrule: True
    conda:
        environment
    resources:
        mem_mb=500,
        runtime=30,
        # Neither input nor parameter: a mirror that was moved or is gone must not cause a rerun.
        mirror=mirror_folder(config["atlas"]["mirror"]),
    shell:
        "python {input.code[0]:q} --sources {input.sources:q} --set {wildcards.set:q}"
        " --mirror={resources.mirror:q} --output {output:q} 2>&1 | tee {log:q} >&2"


rule atlas_curves:
    """Read the published files into one tidy table."""
    input:
        code=code("atlas_curves"),
        sources=ATLAS_SOURCES,
        files=expand(f"{ATLAS}/files/{{set}}", set=ATLAS_SETS),
    output:
        table=f"{ATLAS}/curves.csv",
        left_out=f"{ATLAS}/left-out.csv",
    log:
        f"{LOGS}/atlas/curves.log",
    benchmark:
        f"{BENCHMARKS}/atlas/curves.tsv"
    localrule: True
    conda:
        environment
    resources:
        mem_mb=1000,
        runtime=10,
    shell:
        "python {input.code[0]:q} --sources {input.sources:q} --files {input.files:q}"
        " --output {output.table:q} --left-out {output.left_out:q} 2>&1 | tee {log:q} >&2"


rule atlas_verdicts:
    """Judge every curve of the atlas."""
    input:
        code=code("atlas_verdicts"),
        sources=ATLAS_SOURCES,
        curves=rules.atlas_curves.output.table,
        run_noise=PUBLISHED_RUN_NOISE,
    output:
        table=f"{ATLAS}/verdicts.csv",
        left_out=f"{ATLAS}/left-out-runs.csv",
    log:
        f"{LOGS}/atlas/verdicts.log",
    benchmark:
        f"{BENCHMARKS}/atlas/verdicts.tsv"
    conda:
        environment
    threads: 2
    resources:
        mem_mb=memory_per_attempt(2000),
        runtime=30,
    params:
        recovery=config["shapes"]["recovery"],
        equivalence=config["shapes"]["equivalence"],
        draws=config["shapes"]["draws"],
        seed=config["shapes"]["seed"],
        run_noise=config["atlas"]["run_noise"],
        runs=ATLAS_RUNS,
        # So that a report that was written anew is read anew.
        digests=[file_digest(path) for path in ATLAS_RUNS],
    shell:
        "python {input.code[0]:q} --curves {input.curves:q} --sources {input.sources:q}"
        " --runs {params.runs:q}"
        " --recovery {params.recovery:q} --equivalence {params.equivalence:q}"
        " --draws {params.draws:q} --seed {params.seed:q} --threads {threads}"
        " --run-noise {params.run_noise:q} --run-noise-table {input.run_noise:q}"
        " --output {output.table:q} --left-out {output.left_out:q} 2>&1 | tee {log:q} >&2"


rule atlas_answers:
    """Say what follows from the verdicts of the atlas."""
    input:
        code=code("atlas_answers"),
        sources=ATLAS_SOURCES,
        verdicts=rules.atlas_verdicts.output.table,
    output:
        expand(f"{ATLAS}/tables/{{table}}.csv", table=ATLAS_TABLES),
    log:
        f"{LOGS}/atlas/answers.log",
    benchmark:
        f"{BENCHMARKS}/atlas/answers.tsv"
    localrule: True
    conda:
        environment
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        margin=config["atlas"]["predictable"],
        draws=config["shapes"]["draws"],
        seed=config["shapes"]["seed"],
        folder=target,
    shell:
        "python {input.code[0]:q} --verdicts {input.verdicts:q} --sources {input.sources:q}"
        " --margin {params.margin:q} --draws {params.draws:q} --seed {params.seed:q}"
        " --output {params.folder:q} 2>&1 | tee {log:q} >&2"


rule atlas:
    """Render the page of the atlas."""
    input:
        code=code("atlas"),
        sources=ATLAS_SOURCES,
        curves=rules.atlas_curves.output.table,
        verdicts=rules.atlas_verdicts.output.table,
        left_out=[rules.atlas_curves.output.left_out, rules.atlas_verdicts.output.left_out],
        tables=rules.atlas_answers.output,
        template=str(ROOT / "report/atlas.html.j2"),
        parts=sorted(str(path) for path in (ROOT / "report").rglob("*.*") if path.is_file()),
    output:
        f"{ATLAS}/atlas.html",
    log:
        f"{LOGS}/atlas/atlas.log",
    benchmark:
        f"{BENCHMARKS}/atlas/atlas.tsv"
    localrule: True
    conda:
        environment
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        sets=ATLAS_SETS,
        margin=config["atlas"]["predictable"],
        tables=atlas_tables,
    shell:
        "python {input.code[0]:q} --sources {input.sources:q} --sets {params.sets:q}"
        " --curves {input.curves:q} --verdicts {input.verdicts:q} --left-out {input.left_out:q} --tables {params.tables:q}"
        " --margin {params.margin:q} --template {input.template:q} --output {output:q}"
        " 2>&1 | tee {log:q} >&2"

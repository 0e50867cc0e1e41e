# paper: the same stages once more, with what config/paper.yaml says in place of `config`.

# Its tasks are its own, and so are their sources.
try:
    PAPER = merge_defaults(
        read_mapping(ROOT / "config/paper.yaml"),
        {key: value for key, value in config.items() if key != "sources"},
    )
    PAPER = check(PAPER, REGISTRY, ROOT, where="config/paper.yaml")
except UserError as error:
    sys.exit(f"error: {error}")

# With --configfile config/paper.yaml the default rules already do this.
if PAPER["output"] != OUT:

    module paper_workflow:
        snakefile:
            "workflow.smk"
        config:
            PAPER

    use rule * from paper_workflow as paper_*


rule paper:
    """Render the page of config/paper.yaml."""
    input:
        f"{PAPER['output']}/report.html",

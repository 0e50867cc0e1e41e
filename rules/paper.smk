# paper: the same stages once more, with what config/paper.yaml says in place of `config`.

PAPER = configuration_in("config/paper.yaml")

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

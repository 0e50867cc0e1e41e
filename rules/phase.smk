# phase: the same stages once more, with what config/phase.yaml says in place of `config`.

PHASE = configuration_in("config/phase.yaml")

# With --configfile config/phase.yaml the default rules already do this.
if PHASE["output"] != OUT:

    module phase_workflow:
        snakefile:
            "workflow.smk"
        config:
            PHASE

    use rule * from phase_workflow as phase_*


rule phase:
    """Render the page of config/phase.yaml."""
    input:
        f"{PHASE['output']}/report.html",

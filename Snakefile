# U-Shaped: does a task get better, worse, or worse and then better as language models grow?
#
# tasks -> prompts -> scores -> metrics -> shapes -> figures -> report, one rule file per stage.

from snakemake.utils import min_version

min_version("9.0")


configfile: workflow.current_basedir.join("config/config.yaml").get_path_or_uri(True)


report: "report/workflow.rst"


include: "rules/workflow.smk"
include: "rules/present.smk"


# Experiments of their own, with the same stages.
if is_named("paper"):

    include: "rules/paper.smk"


if is_named("phase"):

    include: "rules/phase.smk"


if is_named("atlas"):

    include: "rules/atlas.smk"


rule all:
    """Render the page: what `snakemake` does when nothing else is said."""

    # As a module it leaves that to the workflow that uses it.
    default_target: workflow.modifier.is_main_snakefile()
    input:
        f"{OUT}/report.html",

# U-Shaped: does a task get better, worse, or worse and then better as language models grow?
#
# tasks -> prompts -> scores -> metrics -> shapes -> figures -> report, one rule file per stage.

from snakemake.utils import min_version

min_version("9.0")


configfile: f"{workflow.basedir}/config/config.yaml"


report: "report/workflow.rst"


include: "rules/workflow.smk"
include: "rules/present.smk"
include: "rules/paper.smk"


rule all:
    """Render the page: what `snakemake` does when nothing else is said."""
    default_target: True
    input:
        f"{OUT}/report.html",

# U-Shaped: does a task get better, worse, or worse and then better as language models grow?
#
# tasks -> prompts -> scores -> metrics -> shapes -> figures -> report, one rule file per stage.

from snakemake.utils import min_version

min_version("9.0")


configfile: "config/config.yaml"


include: "rules/common.smk"
include: "rules/tasks.smk"
include: "rules/prompts.smk"
include: "rules/models.smk"
include: "rules/scores.smk"
include: "rules/metrics.smk"
include: "rules/shapes.smk"
include: "rules/figures.smk"
include: "rules/report.smk"


report: "report/workflow.rst"


rule all:
    default_target: True
    input:
        f"{OUT}/report.html",

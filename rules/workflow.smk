# The stages in the order of the data; `config` sets what they run.


include: "paths.smk"
include: "resources.smk"
include: "tasks.smk"
include: "prompts.smk"
include: "models.smk"
include: "scores.smk"
include: "metrics.smk"
include: "shapes.smk"
include: "flips.smk"
include: "protocols.smk"
include: "questions.smk"
include: "figures.smk"
include: "published.smk"
include: "report.smk"
include: "export.smk"
include: "plan.smk"

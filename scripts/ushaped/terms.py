"""The names that all stages share, each defined once."""

from __future__ import annotations

# Where items come from.
REPLICA, OFFICIAL, ROUND_1, OWN = SOURCES = ("replica", "official", "round-1", "own")
# What stands in place of a source for the numbers of the literature.
PUBLISHED = "published"
# Whose protocol a prompt follows: the prize's (`OFFICIAL`), that of a task outside the prize
# (`OWN`), or a modification of either.
MODIFIED = "modified"
# The prompt variant that others are compared with.
MAIN_VARIANT = "zero-shot"

# The tasks whose unweighted mean accuracy is the ten-task average.
TEN_TASKS = (
    "resisting-correction",
    "memo-trap",
    "redefine",
    "modus-tollens",
    "pattern-matching-suppression",
    "neqa",
    "sig-figs",
    "into-the-unknown",
    "hindsight-neglect",
    "repetitive-algebra",
)
AVERAGE = "ten-task-average"
# All eleven in the order of the paper.
TASKS = (*TEN_TASKS[:3], "prompt-injection", *TEN_TASKS[3:])

# Metrics that can have a shape, and the sign that makes higher values better.
SIGNS = {"accuracy": 1.0, "sequence_loss": -1.0, "log_odds": 1.0, "absolute_log_odds": -1.0}
PRIMARY = tuple(SIGNS)
# Metrics that are better where they are lower, and all that are in nats.
LOSSES = frozenset({"sequence_loss", "loss", "absolute_log_odds"})
NATS = LOSSES | {"log_odds"}

# Columns that order the sizes of a family.
FLOPS, PARAMETERS = "training_flops", "parameters"

# Shapes that a rule names, and those that only the statistical verdict adds.
SHAPES = ("positive", "inverse", "U-shaped", "inverted-U", "flat")
POSITIVE, INVERSE, U_SHAPED, INVERTED_U, FLAT = SHAPES
IRREGULAR, UNDETERMINED = "irregular", "undetermined"
STATISTICAL_SHAPES = (*SHAPES, IRREGULAR, UNDETERMINED)

# Level of every test, and of every interval and share of draws that is called settled.
SIGNIFICANCE = 0.05
CONFIDENCE = 1 - SIGNIFICANCE

# The published family that figures and page compare with.
PALM = "PaLM"
# The embedded family.
LADDER = "ladder"

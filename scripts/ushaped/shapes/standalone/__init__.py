"""Input of `python -m ushaped.shapes`: tables and the results of lm-evaluation-harness."""

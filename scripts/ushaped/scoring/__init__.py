"""Scoring: summed token log-probabilities of continuations, exact, and kept by content."""

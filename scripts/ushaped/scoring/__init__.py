"""Scoring: summed token log-probabilities of continuations, exact, and stored by content."""

"""Parametric models of a curve: two tasks, broken power law, and what they predict."""

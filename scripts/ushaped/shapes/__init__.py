"""Shapes: the form of a scaling curve, and its uncertainty.

Three levels: curves, rules, fits, bootstrap, verdict and evidence in this folder; tests of the
shape in `hypothesis_tests`; parametric models in `laws`. `standalone` reads curves of others.
"""

"""Shapes: what a scaling curve does as models grow, and how sure the items make us of it.

`rules` decides the shape of a curve, `bootstrap` asks how often resampled items agree, `read` turns
tables into curves, and `curves` turns curves into rows of the shapes table.
"""

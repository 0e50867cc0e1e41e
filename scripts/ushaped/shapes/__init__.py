"""Shapes: what a scaling curve does as models grow, and how sure the items make us of it.

`rules` decides the shape of a curve, `bootstrap` asks how often resampled items agree, `traps`
names what makes many items little evidence, `parts` judges the parts of a task, `read` turns tables
into curves, and `curves` turns curves into rows of the shapes table.
"""

"""Atlas: curves that others measured, and those of one's own runs, judged by the same tests.

`sources` and `fetching` bring the published files, `readers` make points of them, `curves` groups
the points along each axis, `judge` tests every curve, and the other modules ask what follows.
"""

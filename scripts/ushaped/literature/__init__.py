"""Published: what the literature measured, read, checked and put into tables.

`points` reads the numbers, `ordering` shows which of them the source figure plots at a wrong size,
and `tables` writes them down as tables. Nothing here needs a model, a prompt or an item.
"""

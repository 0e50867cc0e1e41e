"""The program ``ushaped``: a module with ``add`` and ``run`` for each of its commands."""

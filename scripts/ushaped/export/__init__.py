"""The results as plain files: ``report.json`` for programs, tables in LaTeX and Markdown."""

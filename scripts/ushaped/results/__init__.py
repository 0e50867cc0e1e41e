"""The contract between the steps: what every file of results holds, its reader and its writer.

`columns` names the columns of the tables, `parquet` the schemas of prompts, scores and items,
`text_files` reads and writes CSV and JSON, `tables` gives the tables as data frames, `folder` all
files of an output folder, and `numbers` writes numbers for people.
"""

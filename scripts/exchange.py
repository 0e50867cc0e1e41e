"""Step: write the results as files of Every Eval Ever; see `ushaped.export.eee_results`."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from ushaped.errors import run
from ushaped.export.eee_results import write_results
from ushaped.files import whole_folder
from ushaped.results.folder import Results


def main() -> None:
    """Read the command line, write the files of every model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER")
    arguments = parser.parse_args()
    # Facts of tasks and the literature are not read.
    results = Results(arguments.results, tasks="", literature="")
    with whole_folder(arguments.output) as folder:
        write_results(results, folder, int(time.time()))


if __name__ == "__main__":
    run(main)

"""Whether every architecture of transformers is scored as each text by itself.

    python benchmarks/architectures.py [NAME ...]

Makes a tiny random model of each configuration in `tests/helpers/architectures.py` (or of those
named), scores texts that share prefixes in float32 and bfloat16, and compares with one row, no
cache, no neighbour. Prints a Markdown table, and the model types that are left out with reasons;
exit status 1 if any architecture is wrong.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
import time
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests/helpers")]

from transformers.utils import logging  # noqa: E402

from architectures import ARCHITECTURES, LEFT_OUT  # noqa: E402
from batch_one import Measured, Outcome, measure  # noqa: E402


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME")
    names = parser.parse_args().names
    logging.set_verbosity_error()
    warnings.simplefilter("ignore")
    selected = [a for a in ARCHITECTURES if not names or {a.type, a.name} & set(names)]
    print("| architecture | float32 | nats | bfloat16 | nats | rounding alone | chains | wrong |")
    print("|---|---|---|---|---|---|---|---|")
    began, wrong = time.process_time(), 0
    for architecture in selected:
        # Some models print warnings.
        with contextlib.redirect_stdout(io.StringIO()):
            measured = measure(architecture)
        wrong += bool(measured.faults())
        print(row(measured), flush=True)
    print(f"\n{len(selected)} architectures, {wrong} wrong; ", end="")
    print(f"{time.process_time() - began:.0f} CPU seconds. Left out:\n")
    for why in dict.fromkeys(LEFT_OUT.values()):
        print(f"- {', '.join(name for name in LEFT_OUT if LEFT_OUT[name] == why)}: {why}")
    return int(wrong > 0)


def row(measured: Measured) -> str:
    """A line of the table."""

    def shown(outcome: Outcome) -> list[str]:
        return [outcome.method, f"{outcome.difference:.1e}" if outcome.scored else ""]

    cells = [measured.name, *shown(measured.float32), *shown(measured.bfloat16)]
    cells += ["" if measured.unfit else f"{measured.noise:.1e}", measured.chains.split(":")[0][:40]]
    return "| " + " | ".join([*cells, "; ".join(measured.faults()).replace("|", "/")]) + " |"


if __name__ == "__main__":
    sys.exit(main())

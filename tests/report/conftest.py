"""The page of a small set of results."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from fabricate import metrics, write_inputs, write_tables
from page import SMALL, TEMPLATE, draw_some, inputs
from ushaped.report import render


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory, literature: Path) -> Path:
    """A small but complete set of results, with its figures."""
    folder = tmp_path_factory.mktemp("results")
    measured = metrics(**SMALL)
    write_tables(folder, measured)
    write_inputs(folder, measured)
    draw_some(folder, measured)
    shutil.copytree(literature, folder / "literature")
    return folder


@pytest.fixture(scope="module")
def page(results: Path) -> str:
    return render(TEMPLATE, inputs(results))

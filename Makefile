# make demo: the main job on real input. make test: all fast tests. Nothing but Python ≥ 3.11, git and make is needed.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PACKAGES := anchor_pipeline anchor_pipeline_tests bench docs examples

.PHONY: demo test test-slow test-marathon lint format ui bench docs screenshots clean clean-kernels

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name one with PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $(READY)

demo: $(READY)
	$(BIN)/python examples/demo/demo.py

test: $(READY)
	$(BIN)/python -m pytest -q -n 2 -m "not slow and not marathon"

test-slow: $(READY)
	$(BIN)/python -m pytest -q -n 2 -m "slow and not marathon"

test-marathon: $(READY)
	$(BIN)/python -m pytest -q -n 2 -m marathon

lint: $(READY)
	$(BIN)/ruff format --check $(PACKAGES)
	$(BIN)/ruff check $(PACKAGES)
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY)
	$(BIN)/ruff format $(PACKAGES)
	$(BIN)/ruff check --fix $(PACKAGES)

ui: $(READY)
	$(BIN)/anchor ui examples/demo

bench: $(READY)
	$(BIN)/python -m bench

docs: $(READY)
	$(BIN)/python -m docs.generate

screenshots: $(READY)
	$(BIN)/python -m docs.screenshots

clean-kernels:
	find anchor_pipeline -name '*.nb[ci]' -delete

clean:
	rm -rf $(VENV) build dist examples/*/raw examples/*/store examples/*/keys examples/*/ledger.sqlite*

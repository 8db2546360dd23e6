# `make demo` and `make test` set everything up by themselves: Python 3.11+, make and a C library are all they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed

.PHONY: demo demo-ui test test-slow soak check bench format constraints clean

demo: $(INSTALLED)
	@$(BIN)/python -m coppermind_pipeline.interfaces.demo

demo-ui: $(INSTALLED)
	@$(BIN)/python -m coppermind_pipeline.interfaces.demo --ui

test: $(INSTALLED)
	$(BIN)/pytest -q -n 2

test-slow: $(INSTALLED)
	$(BIN)/pytest -q -n 2 -m slow

# 500 random histories, ten minutes on two idle cores; run by hand.
soak: $(INSTALLED)
	$(BIN)/pytest -q -n 2 -m soak

# One line of JSON each; `make bench BENCHMARKS=backfill_unlimited_1m` for one by name.
bench: $(INSTALLED)
	@$(BIN)/python -m coppermind_pipeline_tests.benchmarks $(BENCHMARKS)

check: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The exact versions that both README commands install: those of a new environment made from setup.cfg's ranges.
constraints:
	$(PYTHON) -m venv .venv-constraints
	.venv-constraints/bin/pip install -q '.[test]'
	.venv-constraints/bin/pip freeze --exclude coppermind-pipeline > constraints.txt
	rm -r .venv-constraints

clean:
	rm -rf $(VENV) .coppermind

$(INSTALLED): setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --disable-pip-version-check -c constraints.txt -e '.[test]'
	@touch $@

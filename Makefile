# `make demo` and `make test` set everything up by themselves: Python 3.11+, make and a C library are all they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed

.PHONY: demo demo-ui test test-slow soak soak-fleet check docs bench bench-fleet bench-questions format constraints clean

demo: $(INSTALLED)
	@$(BIN)/python -m coppermind_pipeline.interfaces.demo

demo-ui: $(INSTALLED)
	@$(BIN)/python -m coppermind_pipeline.interfaces.demo --ui

# Three at once on two cores: tests wait for processes and time-outs half of their time.
test: $(INSTALLED)
	$(BIN)/pytest -q -n 3

test-slow: $(INSTALLED)
	$(BIN)/pytest -q -n 2 -m slow

# Hundreds of random histories, crowds of portals for an hour, what hangs: hours, run by hand; `pytest -m soak -k …` for
# a part. One at a time: crowds have two cores' time to be worked off in.
soak: $(INSTALLED)
	$(BIN)/pytest -v -m soak

# Fifty portals polled every minute for 75 minutes, with faults, days and weeks; it prints what it saw.
soak-fleet: $(INSTALLED)
	$(BIN)/pytest -v -m soak -k "a_fleet_runs_for_long and 75"

# One line of JSON each; `make bench BENCHMARKS=backfill_unlimited_1m` for one by name.
bench: $(INSTALLED)
	@$(BIN)/python -m coppermind_pipeline_tests.benchmarks $(BENCHMARKS)

# A thousand connectors, a cadence in real time: the longest part is to connect them.
bench-fleet: $(INSTALLED)
	@$(BIN)/python -m coppermind_pipeline_tests.benchmarks fleet_1000 fleet_1000_backfilling

# Sixty questions of a CMO on four portals: how many are answered exactly, and which are not.
bench-questions: $(INSTALLED)
	@$(BIN)/python -m coppermind_pipeline_tests.benchmarks questions

check: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/python -m coppermind_pipeline_tests.contracts
	$(BIN)/dg check defs
	$(BIN)/dagster definitions validate -w workspace.yaml

# The tables in docs/ that the code writes, and the pages of golden memories and of questions; `make check`, of the pages
# tests, fail where one is stale.
docs: $(INSTALLED)
	$(BIN)/python -m coppermind_pipeline_tests.contracts --write
	$(BIN)/python -m coppermind_pipeline_tests.golden_memories --write
	$(BIN)/python -m coppermind_pipeline_tests.questions

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The exact versions that both README commands install, with the hashes of all their files, for every platform: setup.cfg's
# packages and what builds this one. Versions that are there already stay; remove constraints.txt first for the newest ones.
constraints:
	$(PYTHON) -m venv .venv-constraints
	.venv-constraints/bin/pip install -q --disable-pip-version-check uv
	$(PYTHON) -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")' | \
		.venv-constraints/bin/uv pip compile -q --system-certs --universal --python-version 3.11 --generate-hashes \
		--no-strip-extras --no-annotate --custom-compile-command 'make constraints' --extra celery --extra test --output-file constraints.txt setup.cfg -
	rm -r .venv-constraints

clean:
	rm -rf $(VENV) .coppermind

# No package gets in whose hash constraints.txt does not know, nor for the project's own build.
$(INSTALLED): setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r constraints.txt
	$(BIN)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# Needs Python 3.11 or later and make; everything else is installed into .venv.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: try quick test lint docs bench picture clean
.DEFAULT_GOAL := try

## Install, and send a message through the embedded sandbox: no key, no network.
try: .venv/installed
	@echo "$$ respan send --sandbox --usage 'Hello, is anybody there?'"
	@$(BIN)/respan send --no-stdin --sandbox --usage 'Hello, is anybody there?'

## What to run between edits: lint, types, and the tests that start no programs. Under half a minute.
quick: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest --numprocesses auto -m 'not slow' --quiet

## Lint, types and the full test suite.
test: lint
	$(BIN)/python -m pytest --numprocesses auto

lint: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m docs.generate --check

## Write again what is generated: the reference pages, and docs/picture.svg.
docs: .venv/installed-dev picture
	$(BIN)/python -m docs.generate

## Draw docs/picture.svg again, from a real run.
picture: .venv/installed-dev
	$(BIN)/python -m docs.picture

## Measure the program beside others, and write docs/performance.md. Takes some minutes; leave the machine alone.
bench: .venv/installed-dev .venv-llm/installed
	$(BIN)/python -m benchmarks.bench --llm .venv-llm/bin/llm

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo 'Python 3.11 or later is needed; name it with make PYTHON=…' >&2; exit 1; }
	$(PYTHON) -m venv .venv

.venv/installed: pyproject.toml | .venv/bin/python
	$(PIP) install --editable .
	@touch $@

.venv/installed-dev: pyproject.toml | .venv/bin/python
	$(PIP) install --editable '.[dev]'
	@touch $@ .venv/installed

# The neighbour to compare with, apart from us; where it cannot be installed the comparison is left out.
.venv-llm/installed: | .venv/bin/python
	$(PYTHON) -m venv .venv-llm
	-.venv-llm/bin/python -m pip --disable-pip-version-check --quiet install llm llm-anthropic
	@touch $@

clean:
	rm -rf .venv .venv-llm .mypy_cache .pytest_cache .ruff_cache

# Everything a contributor runs. `make` alone lists it. Arguments go through: make check ARGS="--profile fuzz"

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup check test fuzz replay lint bench load regression coverage mutants contracts lock wheel clean pykka-suite

ARGS ?=
MINUTES ?= 30
WORKERS ?= 2
VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) ## make .venv from requirements.lock (again only after pyproject.toml or the lock changed)

check: $(STAMP) ## the main job: drive the real actors with the state machines; ARGS are passed on
	@$(PY) -m machines $(ARGS)

test: $(STAMP) ## every test, in one run, on all cores; ARGS="tests/model -k cache" narrows it, ARGS="-n 0" takes one process
	@$(PY) -m compileall -q src
	@$(PY) -m pytest -v -n logical --dist loadgroup $(ARGS)

fuzz: $(STAMP) ## the property tests for MINUTES=30 in WORKERS=2 processes, with ever new seeds; goes on where it was
	@$(PY) -m greenroom fuzz tests/property_based --profile fuzz --minutes $(MINUTES) --workers $(WORKERS) $(ARGS)

replay: $(STAMP) ## every failure that was saved; fails when there is none
	@$(PY) -m machines --profile replay $(ARGS)

lint: $(STAMP) ## ruff, formatting, types, who may import whom
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	PYTHONPATH=src:. $(VENV)/bin/lint-imports

bench: $(STAMP) ## speed and memory beside the peers, with bars; ARGS=--quick is short
	@$(PY) -m benchmarks $(ARGS)

load: $(STAMP) ## MemesPy under 1, 2, 4, 8 users, and what each part costs: load.html; ARGS="--users 1,10 --seconds 30"
	@$(PY) -m benchmarks.load --report load.html $(ARGS)

mutants: $(STAMP) ## plant each known fault, show which machine finds it; goes on where it was; ARGS="--expected --mutants 'cache-*'"
	@$(PY) -m benchmarks.mutants $(ARGS)

regression: $(STAMP) ## CPU of each stage beside the stored baseline; ARGS=--update stores a new one, ARGS=--fail lets it fail
	@$(PY) -m benchmarks.regression $(ARGS)

coverage: $(STAMP) ## branch coverage of the actors by the machines alone, from one seed; fails under 95 %
	@$(PY) -m coverage run --source=src/dspy_meme_gen/actors -m machines --workers 1 --shrink greenroom --examples 40 --seed 1 $(ARGS)
	@$(PY) -m coverage report --precision=1 --fail-under=95

contracts: $(STAMP) ## which consumers each published version of MemesPy serves; ARGS=--markdown, ARGS=--json; fails if one is broken
	@$(PY) -m tests.contracts.matrix $(ARGS)

pykka-suite: $(STAMP) ## Pykka's own tests on the stage (needs a package index); ARGS="--schedules 10 --policy pct"
	@$(PY) -m benchmarks.pykka_suite $(ARGS)

wheel: $(STAMP) ## build dist/*.whl and show what is in it
	rm -rf dist
	$(PY) -m hatchling build -t wheel -d dist
	$(PY) -m zipfile -l dist/*.whl

lock: ## resolve requirements.lock anew (needs uv)
	@command -v uv >/dev/null || { echo "make lock: uv was not found on PATH; install it (pip install uv) and try again" >&2; exit 1; }
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-emit-index-url --no-header \
	  --no-annotate --upgrade --quiet --output-file requirements.lock

clean: ## remove the environment, builds and caches (the failure databases stay)
	rm -rf $(VENV) build dist htmlcov .coverage .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	find . -path ./.git -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

# Tests start some hundred processes. Where PYTHONDONTWRITEBYTECODE is set each of them would compile anew what it imports, so all is compiled
# here (pip does so by itself) and, what changes, before the tests.
# The project itself goes in last, editable and without isolation: its build backend is in the lock too.
$(STAMP): pyproject.toml requirements.lock
	@if command -v uv >/dev/null; then \
	  uv venv --quiet --clear --python '>=3.11' $(VENV); \
	  uv pip install --quiet --compile-bytecode --python $(PY) --require-hashes -r requirements.lock; \
	  uv pip install --quiet --python $(PY) --no-deps --no-build-isolation -e .; \
	else \
	  for python in python3 python3.14 python3.13 python3.12 python3.11 none; do \
	    "$$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; \
	  done; \
	  if [ "$$python" = none ]; then \
	    echo "make setup: no Python >= 3.11 with venv was found (tried python3, python3.14, python3.13, python3.12, python3.11);" >&2; \
	    echo "install one (Debian: apt install python3 python3-venv), or install uv, and try again" >&2; \
	    exit 1; \
	  fi; \
	  "$$python" -m venv --clear $(VENV); \
	  $(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock; \
	  $(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .; \
	fi
	@touch $@

# Everything sets itself up: python3 (3.11 or later) and make are all that a machine needs.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: help setup demo up test test-all test-documents test-matrix support-table soak lint generate check bench peers docs docs-serve constraints matrix-constraints clean

help:
	@echo "make demo      Airflow runs the example DAG against a local X Chat sandbox"
	@echo "make up        Airflow's web UI with the example DAGs and a sandbox, until Ctrl-C"
	@echo "make test      the tests, and the example DAG in Airflow; 6 minutes on 2 cores"
	@echo "make test-all  all tests, also the slow ones and those in real Airflow, a browser and Celery; 30 minutes"
	@echo "make test-documents the client of each of X's documents (in ../shared/upstream), and the tests of the contract"
	@echo "make test-matrix    the wheel beside each release of Airflow"
	@echo "make support-table  the same, and the README's table of versions from it"
	@echo "make soak MINUTES=30   Celery workers, Redis and Postgres, under load and killed at times"
	@echo "make lint      ruff, mypy --strict, import rules"
	@echo "make generate  regenerate the client from openapi.yaml and codegen/overlay.yaml"
	@echo "make check     fail when generated files are not what generate would write"
	@echo "make bench     measure everything beside its peers; 45 minutes (ARGS=--short shows only that it runs)"
	@echo "make docs      build the user documentation into site/ (make docs-serve shows it while you write)"

setup: $(READY)

# uv installs the same wheels as pip, some twenty times faster; where it cannot reach the index, pip may.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or later is needed, this is " + sys.version.split()[0] + "; name another: make PYTHON=python3.12 …")'
	@echo "==> setting up .venv with Airflow and the development set (once; a minute or so without a package cache)"
	@$(PYTHON) -m venv --clear .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt uv
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --editable '.[dev]' \
	  || { echo "==> uv could not; trying pip"; \
	       $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'; }
	@touch $@

demo: $(READY)
	@$(BIN)/python -m demo

up: $(READY)
	@$(BIN)/python -m demo.up

# Many tests wait, so that there may be more workers than cores.
WORKERS ?= 4
PYTEST := $(BIN)/python -m pytest --numprocesses $(WORKERS)

test: $(READY)
	@echo "==> running the tests, with the example DAG in Airflow"
	@$(PYTEST) -m 'not slow and not upstream' \
	  tests/unit tests/client tests/sandbox tests/codegen tests/docs tests/system/test_example_dag.py $(ARGS)

test-all: $(READY)
	@echo "==> running all tests: those that are slow, and those in real Airflow, a browser and Celery"
	@$(PYTEST) tests $(ARGS)

test-documents: $(READY)
	@echo "==> trying each of X's documents, where they lie beside the project"
	@$(PYTEST) -m upstream tests/codegen $(ARGS)

test-matrix: $(READY)
	@echo "==> trying the wheel beside each release of Airflow"
	@$(BIN)/python -m pytest tests/system/matrix $(ARGS)

support-table: $(READY)
	@$(BIN)/python -m pytest tests/system/matrix --write-support-table

# One round at least: 2 Celery workers, 200 tasks, a token that expires all the time, a worker that is killed.
MINUTES ?= 30
soak: $(READY)
	@echo "==> several machines, for $(MINUTES) minutes"
	@XCHAT_SOAK_MINUTES=$(MINUTES) $(BIN)/python -m pytest tests/system/celery $(ARGS)

lint: $(READY)
	@echo "==> ruff"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@echo "==> mypy --strict"
	@$(BIN)/mypy
	@echo "==> import rules"
	@$(BIN)/lint-imports

generate: $(READY)
	@$(BIN)/python -m codegen generate

check: $(READY)
	@$(BIN)/python -m codegen check

bench: $(READY)
	@$(BIN)/python -m benchmarks $(ARGS)

# Pins of what the benchmarks compare with, without the address of any index.
peers: $(READY)
	@$(BIN)/python -m benchmarks.peers

# Its theme has a word to say about the next version of its generator at each start.
docs docs-serve: export NO_MKDOCS_2_WARNING = 1

docs: $(READY)
	@$(BIN)/mkdocs build --strict
	@echo "==> site/index.html"

docs-serve: $(READY)
	@$(BIN)/mkdocs serve --strict

clean:
	rm -rf .venv build dist site .mypy_cache .ruff_cache .pytest_cache

# Pins of the development set, without the address of any index.
constraints: $(READY)
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --upgrade --quiet \
	  --no-emit-index-url --no-annotate --no-header --output-file constraints.txt

# What Celery and Postgres need beside that, and what old releases of Airflow had beside them.
matrix-constraints: $(READY)
	$(BIN)/python tests/system/matrix/write_constraints.py
	$(BIN)/uv pip compile pyproject.toml tests/system/celery/requirements.in --constraint constraints.txt --quiet \
	  --python-version 3.11 --no-emit-index-url --no-annotate --no-header --output-file tests/system/celery/constraints.txt

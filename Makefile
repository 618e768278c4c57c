# Each target sets up .venv by itself. A machine needs only python3 (3.11 or later) and make.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: help setup demo up test test-all test-documents test-matrix support-table soak lint generate check bench peers docs docs-serve constraints matrix-constraints clean

help:
	@echo "make demo               run the example DAG in Airflow against an X Chat sandbox on this machine"
	@echo "make up                 start Airflow's web UI with the example DAGs and a sandbox, until Ctrl-C"
	@echo "make test               run the tests, and the example DAG in Airflow; 6 minutes on 2 cores"
	@echo "make test-all           run all tests, including slow ones and those with real Airflow, a browser and Celery; 30 minutes"
	@echo "make test-documents     generate the client from each of X's documents (in ../shared/upstream), and run the contract tests"
	@echo "make test-matrix        test the wheel with each release of Airflow"
	@echo "make support-table      the same, and write the table of versions in README.md"
	@echo "make soak MINUTES=30    run Celery workers, Redis and Postgres under load, and kill workers"
	@echo "make lint               run ruff, mypy --strict and the import rules"
	@echo "make generate           generate the client from openapi.yaml and codegen/overlay.yaml"
	@echo "make check              fail if generated files differ from the output of make generate"
	@echo "make bench              measure everything, with the alternatives; 45 minutes (ARGS=--short only checks that it runs)"
	@echo "make docs               build the user documentation into site/ (make docs-serve shows it while you write)"

setup: $(READY)

# uv installs the same wheels as pip, about twenty times faster. If uv cannot reach the index, pip may reach it.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or later is required, but this is " + sys.version.split()[0] + "; choose another one: make PYTHON=python3.12 …")'
	@echo "==> setting up .venv with Airflow and the development packages (once; about a minute without a package cache)"
	@$(PYTHON) -m venv --clear .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt uv
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --editable '.[dev]' \
	  || { echo "==> uv failed; trying pip"; \
	       $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'; }
	@touch $@

demo: $(READY)
	@$(BIN)/python -m demo

up: $(READY)
	@$(BIN)/python -m demo.up

# Many tests wait, so there can be more workers than cores.
WORKERS ?= 4
PYTEST := $(BIN)/python -m pytest --numprocesses $(WORKERS)

test: $(READY)
	@echo "==> running the tests, and the example DAG in Airflow"
	@$(PYTEST) -m 'not slow and not upstream' \
	  tests/unit tests/client tests/sandbox tests/codegen tests/docs tests/system/test_example_dag.py $(ARGS)

test-all: $(READY)
	@echo "==> running all tests, including slow ones and those with real Airflow, a browser and Celery"
	@$(PYTEST) tests $(ARGS)

test-documents: $(READY)
	@echo "==> testing each of X's documents, if they are next to the project"
	@$(PYTEST) -m upstream tests/codegen $(ARGS)

test-matrix: $(READY)
	@echo "==> testing the wheel with each release of Airflow"
	@$(BIN)/python -m pytest tests/system/matrix $(ARGS)

support-table: $(READY)
	@$(BIN)/python -m pytest tests/system/matrix --write-support-table

# At least one round: 2 Celery workers, 200 tasks, a token that expires every 20 seconds, one killed worker.
MINUTES ?= 30
soak: $(READY)
	@echo "==> running Celery workers for $(MINUTES) minutes"
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

# Pinned versions of the alternatives in the benchmarks, without the address of an index.
peers: $(READY)
	@$(BIN)/python -m benchmarks.peers

# The theme prints a warning about MkDocs 2 at each start.
docs docs-serve: export NO_MKDOCS_2_WARNING = 1

docs: $(READY)
	@$(BIN)/mkdocs build --strict
	@echo "==> site/index.html"

docs-serve: $(READY)
	@$(BIN)/mkdocs serve --strict

clean:
	rm -rf .venv build dist site .mypy_cache .ruff_cache .pytest_cache

# Pinned versions of the development packages, without the address of an index.
constraints: $(READY)
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --upgrade --quiet \
	  --no-emit-index-url --no-annotate --no-header --output-file constraints.txt

# Pinned versions of the packages for Celery and Postgres, and of the packages that old releases of Airflow used.
matrix-constraints: $(READY)
	$(BIN)/python tests/system/matrix/write_constraints.py
	$(BIN)/uv pip compile pyproject.toml tests/system/celery/requirements.in --constraint constraints.txt --quiet \
	  --python-version 3.11 --no-emit-index-url --no-annotate --no-header --output-file tests/system/celery/constraints.txt

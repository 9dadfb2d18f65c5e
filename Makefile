# `make help` lists the targets. Everything is set up on first use; nothing is installed twice.

VENV    := .venv
# Modules are run by its Python: the scripts beside it cannot start where the path has a quote or a dollar.
BIN     := $(VENV)/bin
# How many readings `make run` simulates; by default 10,000, and none into a database, Kafka or folder of your own.
MESSAGES ?=
# Test files that run side by side, each with its own Kafka, PostgreSQL and Spark (about 2.5 GB); `auto` is what the machine can do.
WORKERS ?= auto
# The first Python on the path that is new enough and can make a virtual environment.
PYTHON  ?= $(shell for p in python3 python3.12 python3.11 python3.13 python3.14 python; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' >/dev/null 2>&1 \
	&& { echo $$p; break; }; done)
PIP     := $(BIN)/python -m pip --disable-pip-version-check --quiet

.DEFAULT_GOAL := help
.PHONY: help setup run dashboards dashboards-export dashboards-screenshots test test-unit test-superset bench bench-full bench-report bench-check check format docs docs-serve lab up down lock ddl clean test-airflow wheel sbom audit

help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  \033[1m%-22s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: setup ## Set up everything and run one cycle of the default feed with 10,000 simulated readings
	@$(BIN)/python -m etl run $(if $(MESSAGES),--messages $(MESSAGES))

dashboards: setup ## Set up Superset with the dashboards, on 127.0.0.1; prints the address and how to sign in
	@$(BIN)/python -m etl dashboards

dashboards-export: setup ## Write what was edited in Superset back to superset/assets/
	@$(BIN)/python -m etl dashboards --export

dashboards-screenshots: $(VENV)/.dev ## Make the pictures of docs/dashboards.md, from separate cycles
	@$(BIN)/python -m etl setup
	@$(BIN)/python -m tests.superset.screenshots docs/images

# Java libraries are fetched beside the test tools.
test: setup ## Set up everything and run all tests (on real Kafka, Spark, PostgreSQL and Superset)
	@$(BIN)/python -m etl setup & setup=$$!; $(MAKE) --silent $(VENV)/.dev; made=$$?; wait $$setup && exit $$made
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

test-unit: $(VENV)/.dev ## Run only the tests that need no services
	@$(BIN)/python -m pytest -m "not integration and not superset"

test-superset: $(VENV)/.dev ## Run only the tests of the dashboards, in a real Superset and Chromium
	@$(BIN)/python -m etl setup
	@$(BIN)/python -m pytest -m superset

test-airflow: $(VENV)/.dev ## Run only the tests of the example DAGs, in a real Airflow, which it installs
	@$(BIN)/python -m etl setup
	@$(BIN)/python -m tests.airflow.environment
	@$(BIN)/python -m pytest -m airflow

check: $(VENV)/.dev bench-check ## Format, lint, types, layers, dependencies, age of the benchmarks
	@$(BIN)/python -m ruff format --check .
	@$(BIN)/python -m ruff check .
	@$(BIN)/python -m mypy
	@$(BIN)/python -c 'from importlinter.cli import lint_imports_command; lint_imports_command()' --no-logo
	@$(BIN)/python -m nbstripout --verify --dry-run notebooks/*.ipynb
	@$(PIP) check

format: $(VENV)/.dev ## Format the code and strip the notebooks
	@$(BIN)/python -m ruff format .
	@$(BIN)/python -m ruff check --fix .
	@$(BIN)/python -m nbstripout notebooks/*.ipynb

docs: $(VENV)/.dev ## Build the documentation into site/; fails at a dead link or a page that nothing leads to
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet && echo "Open site/index.html, or run make docs-serve to search, too."

docs-serve: $(VENV)/.dev ## Show the documentation on 127.0.0.1:8000 while you edit it
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs serve

lab: setup ## Open JupyterLab on the notebooks, with the services up
	@$(BIN)/python -m etl lab

up: setup ## Start the embedded Kafka and PostgreSQL
	@$(BIN)/python -m etl up

down: ## Stop the embedded services
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m etl down; fi

# The folder may have been renamed, or the Python of the environment removed.
setup: $(VENV)/.user ## Create the virtual environment
	@{ [ "$$(cat $(VENV)/.user)" = "$$(pwd)" ] && $(BIN)/python -c pass; } 2>/dev/null \
		|| { rm -f $(VENV)/.user $(VENV)/.dev; $(MAKE) --silent $(VENV)/.user; }

lock: ## Pin all dependencies again (needs uv on the path)
	@uv pip compile -q --universal --python-version 3.11 --no-header --no-annotate --no-emit-index-url \
		--no-emit-find-links --extra lab pyproject.toml -o requirements.txt
	@uv pip compile -q --universal --python-version 3.11 --no-header --no-annotate --no-emit-index-url \
		--no-emit-find-links --extra lab --extra dev -c requirements.txt pyproject.toml -o requirements-dev.txt
	@grep -vxFf requirements.txt requirements-dev.txt > requirements-dev.tmp || true
	@(echo "# What contributors need on top of it (made by \`make lock\`)."; echo "-r requirements.txt"; \
		cat requirements-dev.tmp) > requirements-dev.txt && rm requirements-dev.tmp
	@uv pip compile -q --universal --python-version 3.11 --no-header --no-annotate --no-emit-index-url \
		--no-emit-find-links superset/requirements.in -o superset/requirements.txt
	@uv pip compile -q --universal --python-version 3.11 --no-header --no-annotate --no-emit-index-url \
		--no-emit-find-links -c superset/requirements.txt superset/requirements-sqlserver.in \
		-o superset/requirements-sqlserver.txt
	@uv pip compile -q --universal --python-version 3.11 --no-header --no-annotate --no-emit-index-url \
		--no-emit-find-links benchmarks/requirements.in -o benchmarks/requirements.txt
	@uv pip compile -q --universal --python-version 3.11 --no-header --no-annotate --no-emit-index-url \
		--no-emit-find-links tests/airflow/requirements.in -o tests/airflow/requirements.txt
	@(echo "# What users run, the whole closure pinned for Python 3.11 to 3.14 (made from pyproject.toml by \`make lock\`)."; \
		cat requirements.txt) > requirements.tmp && mv requirements.tmp requirements.txt

sbom: $(VENV)/.dev ## Write dist/sbom.cdx.json: all pinned packages and Java libraries, in CycloneDX's format
	@$(BIN)/python -m tests.packaging.sbom dist/sbom.cdx.json

audit: $(VENV)/.dev ## Report known vulnerabilities of the pinned Python packages; never fails
	@$(BIN)/python -m tests.packaging.audit requirements.txt superset/requirements.txt

bench: $(VENV)/.dev ## Compare with alternatives, and measure growth, latency and many cycles, quickly
	@$(BIN)/python -m etl setup
	@$(BIN)/python -m benchmarks

bench-full: $(VENV)/.dev ## The same with the sizes of docs/benchmarks.md, which it rewrites (takes hours)
	@$(BIN)/python -m etl setup
	@$(BIN)/python -m benchmarks --full

bench-report: $(VENV)/.dev ## Write docs/benchmarks.md again from the results there are, with their age; measures nothing
	@$(BIN)/python -m benchmarks --report

bench-check: $(VENV)/.dev ## List figures older than the code they measure; fails if docs/benchmarks.md does not say so
	@$(BIN)/python -m benchmarks --check

wheel: $(VENV)/.dev ## Build dist/: the wheel and the sdist
	@$(BIN)/python -m hatchling build -d dist

ddl: $(VENV)/.dev ## Rewrite sql/ddl: what `init` makes, as scripts for a database administrator
	@$(BIN)/python -m etl init --sql postgresql > sql/ddl/postgresql.sql
	@$(BIN)/python -m etl init --sql sqlserver > sql/ddl/sqlserver.sql

clean: down ## Remove the virtual environment, the embedded services and their data
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m etl down --delete-data; fi
	@rm -rf $(VENV) .services

$(VENV)/.user: requirements.txt pyproject.toml
	@[ -n "$(PYTHON)" ] || { echo "Error: no Python 3.11, 3.12, 3.13 or 3.14 with venv was found." >&2; \
		echo "Remedy: install one (Debian, Ubuntu: apt-get install python3 python3-venv), or make PYTHON=/path/to/python3." >&2; exit 2; }
	@echo "Setting up $(VENV) (once, one to three minutes)"
	@"$(PYTHON)" -P etl/services/packages.py $(VENV) -r requirements.txt
	@"$(PYTHON)" -P etl/services/packages.py $(VENV) --no-deps --editable .
	@pwd > $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.user
	@$(BIN)/python -P etl/services/packages.py $(VENV) -r requirements-dev.txt
	@touch $@

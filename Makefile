# Needs Python 3.11 or later, make and git; no root, no compiler. `make help` lists what there is.

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
CORES := $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
# One more than cores: some tests wait, for a lease or another process.
WORKERS ?= $(shell expr $(CORES) + 1)
ARGS ?=
DB ?= both
MINUTES ?= 5
SEED ?=
ONLY ?=
ADD ?=

# The first on the PATH that is new enough.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python3.14 python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { command -v "$$p"; break; }; done)

.DEFAULT_GOAL := help
.PHONY: help run faults test check bench storm browser words migration lock

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(VENV)/run.stamp ## run the product here until Ctrl-C (PORT=, MUSTER_DATA=, …: see `muster config`)
	@MUSTER_DEMO="$${MUSTER_DEMO-$(if $(DATABASE_URL),0,1)}" exec $(BIN)/muster up

# Compiled modules are kept whatever the environment says: the tests start hundreds of processes.
test: $(VENV)/dev.stamp ## run the tests on both databases and in Chromium (ARGS="-k cancel", DB=sqlite, WORKERS=)
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest --db $(DB) -n $(WORKERS) --dist worksteal --ignore tests/faults $(ARGS)

faults: $(VENV)/dev.stamp ## kill processes at every crash point, and count what was lost
	@$(BIN)/python -m pytest tests/faults $(ARGS)

check: $(VENV)/dev.stamp ## lint, types, import arrows, templates, migrations and catalogues in step, locks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/djlint templates --lint --quiet
	$(BIN)/muster migrate --check
	$(BIN)/python -m tests.words --check
	@if grep -nE '://|--(extra-)?index-url|--find-links' requirements*.lock; then \
		echo "The locks must not name where packages come from: use make lock." >&2; exit 1; fi

bench: $(VENV)/dev.stamp ## measure against the budgets (ONLY=list)
	@$(BIN)/python -m bench $(ONLY) $(ARGS)

storm: $(VENV)/dev.stamp ## break things on purpose, then count (MINUTES=, SEED=, ARGS="--db postgres")
	@$(BIN)/python -m bench.storm --minutes $(MINUTES) $(if $(SEED),--seed $(SEED)) $(ARGS)

browser: $(VENV)/dev.stamp ## run only the tests in Chromium (MUSTER_FULL=1: axe in all themes and widths)
	@$(BIN)/python -m pytest tests/pages -n $(WORKERS) $(ARGS)

words: $(VENV)/dev.stamp ## bring the catalogues of all languages in step with the sources (ADD=nl: one more language)
	@$(BIN)/python -m tests.words $(if $(ADD),--add $(ADD))

migration: $(VENV)/dev.stamp ## write what the models have and the migrations have not as the next one (NAME="agents have a colour")
	@test -n "$(NAME)" || { echo 'It needs a name: make migration NAME="agents have a colour"' >&2; exit 1; }
	@$(BIN)/python -m migrations.revise "$(NAME)"
	@$(BIN)/ruff format --quiet migrations

lock: | $(BIN)/python ## write the lock files anew from pyproject.toml
	@$(PIP) install uv
	$(BIN)/uv pip compile $(LOCKED) pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile $(LOCKED) pyproject.toml --group dev -c requirements.lock -o requirements-dev.lock
	@$(PIP) uninstall --yes uv

LOCKED := --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header --no-annotate

$(VENV)/run.stamp: requirements.lock | $(BIN)/python
	@echo "Installing what Muster needs into $(VENV) …"
	@$(PIP) install --require-hashes --only-binary :all: -r requirements.lock
	@$(LINK)
	@touch $@

$(VENV)/dev.stamp: requirements-dev.lock requirements.lock | $(BIN)/python
	@echo "Installing what Muster and its tests need into $(VENV) …"
	@$(PIP) install --require-hashes --only-binary :all: -r requirements-dev.lock
	@$(LINK)
	@touch $(VENV)/run.stamp $@

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Muster needs Python 3.11 or later; none is on the PATH." >&2; exit 1; }
	@"$(PYTHON)" -m venv $(VENV) || { rm -rf $(VENV); echo "On Debian: apt install python3-venv." >&2; exit 1; }

# `muster` runs from this folder; a build of the package would only copy it.
LINK = $(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' | \
	while read -r site; do echo "$(CURDIR)" > "$$site/muster.pth"; done && \
	printf '%s\n' '\#!/bin/sh' 'exec "$$(dirname "$$0")/python" -P -m webapp.cli "$$@"' > $(BIN)/muster && \
	chmod +x $(BIN)/muster

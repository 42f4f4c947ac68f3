# The two commands that matter: `make demo` and `make test`. Both set up all they need on a Debian-like machine.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help demo test matrix kill-matrix soak lint bench bench-database picture pages clean

help: ## Show what there is.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 18

$(STAMP): pyproject.toml remediate/__init__.py
	@vagrant/prepare-python $(PYTHON) $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: $(STAMP) ## Break the sample backend on the practice ground and cure it before your eyes.
	@vagrant/demo

test: $(STAMP) lint ## Everything: lint, types, unit tests, laws and playbooks on the practice ground.
	@tests/run

matrix: $(STAMP) ## Every fault: told from all others, cured, taken back. Writes docs/COVERAGE.md.
	@$(BIN)/python -m tests.acceptance.fault_matrix $(FAULTS)

kill-matrix: $(STAMP) ## Kill the runner, or cut its connection, at every write: some ten minutes a playbook. POINTS='PLAYBOOK …' plays only these.
	@$(BIN)/python -m tests.faults.kill_matrix $(POINTS)

soak: $(STAMP) ## Thirty faults at drawn moments, in a storm of alerts, over kills of the service; some half an hour. SOAK='--seed 7'.
	@$(BIN)/python -m tests.soak $(SOAK)

lint: $(STAMP) ## ruff and mypy.
	@$(BIN)/ruff format --check --quiet . || { echo 'not formatted: run ruff format .'; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy --no-error-summary

bench: $(STAMP) ## Measure speed against the bare parts, as ratios.
	@$(BIN)/python -m tests.bench

bench-database: $(STAMP) ## Measure changes of a database under load and of size. Writes docs/SQL.md; some ten minutes.
	@$(BIN)/python -m tests.bench database

picture: $(STAMP) ## Record the README's terminal picture anew from a real run.
	@vagrant/picture

PAGES ?= /tmp/remediate-pages
pages: $(STAMP) ## Look at every kind of page in Chromium; PAGES=FOLDER is where the pictures go.
	@vagrant/lab packages --browser
	@REMEDIATE_PICTURES=$(PAGES) $(BIN)/python -m pytest --quiet tests/browser
	@echo 'the pictures are in $(PAGES)'

clean: ## Take the practice ground down and remove what was built.
	@vagrant/lab down
	@rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache

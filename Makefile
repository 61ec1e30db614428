# The words of this project. `make` alone lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo test torture torture-long mutants lint bench docs-check install lock screenshots

IN := .venv/bin
PREFIX ?= /opt/relay

help: ## list the words
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## try it: a throw-away key, mailbox and form; one letter the whole way; Ctrl-C leaves nothing behind
	@bash requirements/prepare.sh demo
	@$(IN)/python -m relay demo

test: ## everything that must hold: style, types, import contracts, all tests (installs what they need)
	@bash requirements/prepare.sh test
	@$(MAKE) --no-print-directory lint
	@$(IN)/python -m pytest

torture: ## crashes, power cuts, failing disks, signals: every point of them (as root)
	@bash requirements/prepare.sh test
	@RELAY_TORTURE=torture $(IN)/python -m pytest -q -s -rs tests/torture

torture-long: ## the same with ten times as many random kills, for a night
	@bash requirements/prepare.sh test
	@RELAY_TORTURE=long $(IN)/python -m pytest -q -s -rs tests/torture

mutants: ## sabotage a copy of the tree in every way we know, and show which tests notice (as root)
	@bash requirements/prepare.sh test
	@$(IN)/python -m tests.mutants

lint: ## style, types and import contracts alone
	@bash requirements/prepare.sh lint
	@$(IN)/ruff check .
	@$(IN)/ruff format --check .
	@$(IN)/mypy
	@$(IN)/lint-imports

bench: ## how long one submission takes, beside a bare handler that only parses the same form
	@bash requirements/prepare.sh lint
	@$(IN)/python -m bench

docs-check: ## what the documents name exists, and what exists is documented
	@bash requirements/prepare.sh lint
	@$(IN)/python -m pytest -q tests/test_documented.py

screenshots: ## draw the shipped forms into docs/screenshots/, on a phone and on a desk
	@bash requirements/prepare.sh test
	@$(IN)/python -m pytest -q tests/screenshots.py

install: ## install for service into PREFIX (default /opt/relay)
	@bash requirements/prepare.sh install $(PREFIX)

lock: ## write the locked lists in requirements/ anew, with the newest versions that fit
	@bash requirements/lock.sh

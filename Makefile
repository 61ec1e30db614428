# The words of this project. `make` alone lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo test torture torture-long mutants fuzz lint bench docs-check install lock screenshots

IN := .venv/bin
# Tests wait more than they compute. A file stays in one process; the long ones come first, as they stand in the tree.
SIDE_BY_SIDE := --numprocesses 4 --dist loadfile --no-loadscope-reorder
TORTURED := tests/torture tests/integration/test_mailbox_evil.py tests/integration/test_mailbox_dns.py \
    tests/acceptance/test_api.py tests/fuzz tests/mutants
CELLS := tests/integration/test_delivery.py -k test_every_failure_at_every_step
PREFIX ?= /opt/relay
MINUTES ?= 5

help: ## list the words
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## try it: a throw-away key, mailbox and form; one letter the whole way; Ctrl-C leaves nothing behind
	@bash requirements/prepare.sh demo
	@$(IN)/python -m relay demo

test: ## everything that must hold: style, types, import contracts, all tests (installs what they need)
	@bash requirements/prepare.sh test
	@$(MAKE) --no-print-directory lint
	@$(IN)/python -m pytest $(SIDE_BY_SIDE)

torture: ## crashes, power cuts, failing disks, signals: every point of them (as root)
	@bash requirements/prepare.sh test
	@$(IN)/python -m pytest -q $(CELLS)
	@RELAY_TORTURE=torture $(IN)/python -m pytest -q -s -rs $(TORTURED)

torture-long: ## the same with ten times as many random kills, for a night
	@bash requirements/prepare.sh test
	@$(IN)/python -m pytest -q $(CELLS)
	@RELAY_TORTURE=long $(IN)/python -m pytest -q -s -rs $(TORTURED)

mutants: ## sabotage a copy of the tree in every way we know, and show which tests notice (as root)
	@bash requirements/prepare.sh test
	@$(IN)/python -m tests.mutants

fuzz: ## bytes that nobody thought of, guided by what they reach: MINUTES=5 in all, stops by itself
	@bash requirements/prepare.sh test
	@for target in submission mailbox settings; do \
	    $(IN)/python -m tests.fuzz $$target --seconds $$(($(MINUTES) * 20)); done

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
	@$(IN)/python -m pytest -q tests/test_documented.py tests/test_security_model.py

screenshots: ## draw the shipped forms into docs/screenshots/, on a phone and on a desk
	@bash requirements/prepare.sh test
	@$(IN)/python -m pytest -q tests/screenshots.py

install: ## install for service into PREFIX (default /opt/relay)
	@bash requirements/prepare.sh install $(PREFIX)

lock: ## write the locked lists in requirements/ anew, with the newest versions that fit
	@bash requirements/lock.sh

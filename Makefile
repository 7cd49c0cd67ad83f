# The front door: few verbs. `make` alone lists them.

SHELL := /bin/sh
ARGS ?=
PYTHON ?= python3
export PYTHON
# The suite and the demo start many processes: what they load is compiled once, not by each.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test explore check screenshots lock clean

help: ## List these verbs
	@awk 'BEGIN { FS = ":.*## " } /^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

demo: ## Open the shop: a year of a grocery chain, replayed live. ARGS="--until 2017-01-15 --no-serve --json"
	@requirements/install demo
	@COMPTOIR_DATA="$${COMPTOIR_DATA:-var/demo}" exec .venv/bin/comptoir demo $(ARGS)

test: ## Run every test. ARGS="-k redeem" picks some
	@requirements/install develop
	@.venv/bin/python -m pytest -n auto --maxprocesses 6 $(ARGS)

explore: ## Look for new counterexamples: the property tests with random seeds and many more examples
	@requirements/install develop
	@.venv/bin/python -m pytest -n auto --maxprocesses 6 --hypothesis-profile=explore -m "not exclusive" $(ARGS)

check: ## Format, lint, types, layers, migrations
	@requirements/install develop
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/python -m pytest -q tests/test_house.py -k migrations

screenshots: ## Make the pictures in docs/images anew
	@requirements/install develop
	@COMPTOIR_TEST_IMAGES=docs/images .venv/bin/python -m pytest -m screenshots $(ARGS)

lock: ## Write the requirements files anew from pyproject.toml. ARGS="--upgrade" takes the newest releases
	@requirements/install develop
	@requirements/lock $(ARGS)

clean: ## Remove the environment, the caches and the demo's data; never var/shop
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist var/demo
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

# Facteur. `make demo` and `make test` need Python 3.11 or newer and nothing else.

# the Python to build .venv with: make PYTHON=/path/to/python3.12; else the first that fits
PYTHON ?=
BIN := .venv/bin
# more tests side by side: make test JOBS=4; a part of them: make test ARGS='-k sftp'
JOBS ?= 1
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: demo test mutants check format bench packaging setup clean distclean help

demo: setup ## start everything, play the story, stay up to be browsed
	@$(BIN)/facteur demo $(ARGS)

test: setup ## the whole suite, on real parts
	@$(BIN)/pytest $(if $(filter-out 1,$(JOBS)),-n $(JOBS) --dist loadfile) --ignore=tests/bench --ignore=tests/packaging $(ARGS)

mutants: setup ## break what is promised, piece by piece, and see a test fail (ARGS='--row D4')
	@$(BIN)/python -m tests.mutants $(ARGS)

check: setup ## style, types, layers, contracts, licences
	$(BIN)/ruff check
	$(BIN)/ruff format --check --quiet
	$(BIN)/mypy --strict
	$(BIN)/lint-imports
	$(BIN)/python -m shared.contracts.gate
	$(BIN)/python -m deploy.licences

format: setup ## rewrite the code in the house's form
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

bench: setup ## the table of measures
	@$(BIN)/python -m tests.bench $(ARGS)

packaging: setup ## build the image and check the compose file (buildah, Go; some minutes)
	@$(BIN)/pytest tests/packaging $(ARGS)

setup: ## make .venv from requirements.lock (done already: nothing happens)
	@for python in $(or $(PYTHON),python3 python3.13 python3.12 python3.11); do \
	  if $$python -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    exec $$python deploy/setup.py; fi; done; \
	$(or $(PYTHON),python3) deploy/setup.py || \
	  { echo "Facteur needs Python 3.11 or newer: install it, or make PYTHON=/path/to/python3" >&2; exit 1; }

clean: ## forget the embedded stack's data and everything that was built
	rm -rf .facteur build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find services shared deploy tests -name __pycache__ -prune -exec rm -rf {} +

distclean: clean ## also the environment and the downloads
	rm -rf .venv .cache

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

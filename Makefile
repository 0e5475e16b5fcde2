.DEFAULT_GOAL := help
.PHONY: help run serve test check format bench picture lock clean
SHELL := /bin/bash

# As the command line sets them for itself: one BLAS thread, and little spinning while waiting.
export OPENBLAS_NUM_THREADS := 1
export GOMP_SPINCOUNT := 1000

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# PostgreSQL's and Spark's clients and the rivals that benchmarks measure: large, and not needed to run.
ENGINES := $(VENV)/.engines
PORT ?= 8000
CONFIG ?= examples/simulated_shop/regulars.toml
NAME ?= main_job
PARTS ?=

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(READY) ## Simulate a shop, check, train, publish and serve it (PORT=8000)
	@$(BIN)/regulars demo --port $(PORT)

serve: $(READY) ## Serve what was trained last (CONFIG=..., PORT=8000)
	@$(BIN)/regulars serve --config $(CONFIG) --port $(PORT)

test: $(ENGINES) ## Run all tests, with coverage
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadscope --cov --cov-report term:skip-covered $(PYTEST_FLAGS)

check: $(ENGINES) ## Lint, types, import rules, doctests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -q --doctest-modules --ignore serving/storage/migrations/env.py features models training serving regulars

format: $(READY) ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(ENGINES) ## Print one benchmark's table (NAME=main_job, PARTS="some of it")
	@$(BIN)/python -m benchmarks.$(NAME) $(PARTS)

picture: $(READY) ## Draw docs/answer.png from the running server
	@$(BIN)/python docs/picture.py http://127.0.0.1:$(PORT)

lock: $(READY) ## Resolve the dependencies anew, with hashes
	cd requirements && for set in runtime server dev engines; do \
	  extra=$$(case $$set in server) echo "--extra postgres";; dev) echo "--extra dev";; \
	    engines) echo "--extra dev --extra postgres --extra spark --extra rivals";; esac); \
	  ../$(BIN)/uv pip compile ../pyproject.toml $$extra --universal --python-version 3.11 \
	    --generate-hashes --no-emit-index-url --no-header --no-annotate --upgrade -q -o $$set.txt; \
	done
	# Rivals that live with other versions of what we use have environments of their own.
	cd requirements && for rival in rectools feast schemathesis; do \
	  ../$(BIN)/uv pip compile $$rival.in --universal --python-version 3.11 \
	    --generate-hashes --no-emit-index-url --no-header --no-annotate --upgrade -q -o $$rival.txt; \
	done
	cd requirements && echo uv | ../$(BIN)/uv pip compile - --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-header --no-annotate --upgrade -q -o installer.txt

clean: ## Remove the environment and everything derived; your data and mlruns/ stay
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	rm -rf examples/*/.regulars examples/simulated_shop/data benchmarks/results

$(READY): requirements/dev.txt requirements/installer.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -c 'import ctypes; ctypes.CDLL("libgomp.so.1")' 2>/dev/null || [ "$$(uname)" != Linux ] || \
	  { echo "LightGBM needs OpenMP: install the system package libgomp1"; exit 1; }
	@echo "Setting up $(VENV) (once) ..."
	@$(PYTHON) -m venv $(VENV) || { echo "Install Python's venv module: the system package python3-venv"; exit 1; }
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/installer.txt
	@$(BIN)/uv pip install -q --python $(BIN)/python --require-hashes -r requirements/dev.txt
	@$(BIN)/uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

$(ENGINES): $(READY) requirements/engines.txt
	@echo "Adding the other engines to $(VENV) (once) ..."
	@$(BIN)/uv pip install -q --python $(BIN)/python --require-hashes -r requirements/engines.txt
	@touch $@

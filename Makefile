# `make demo` shows the main job on real telemetry, `make test` passes the tests; both set up what they need.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
SOURCES := otel_insights receivers processors exporters tests benchmarks examples

.PHONY: help setup demo run test check format e2e matrix bench clean

help: ## show this
	@grep -E '^[a-z0-9]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | column -t -s "$$(printf '\t')"

setup: $(VENV)/installed ## make the environment

$(VENV)/installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "Python 3.10 or newer is needed (make PYTHON=python3.12 ...)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet --editable '.[dev]'
	@touch $@

demo: setup ## exceptions of environments that really ran: grouped, explained, stamped
	$(BIN)/otel-insights demo

run: setup ## the server with its defaults, or CONFIG=file
	$(BIN)/otel-insights run $(if $(CONFIG),--config $(CONFIG))

test: setup ## all tests but those that need a real Collector
	$(BIN)/pytest --quiet

check: setup ## format, lint, types, import contracts, docs
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest --quiet tests/test_docs.py tests/test_house.py

format: setup ## format and mend what can be mended
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

e2e: setup ## with a real Collector on both sides (needs Go)
	$(BIN)/pytest --quiet -m e2e tests/e2e

matrix: setup ## each way to die x place x exporter x Python that is installed (MATRIX=some: one in sixteen)
	OTEL_INSIGHTS_MATRIX=$(or $(MATRIX),all) MATRIX_PYTHONS="$$($(BIN)/python tests/matrix/pythons.py)" $(BIN)/pytest --quiet tests/matrix

bench: setup ## speed and memory, as ratios in one run
	$(BIN)/python -m benchmarks

clean: ## remove what `setup` and tools made
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

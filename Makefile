# Two commands matter: `make studio` runs the product, `make test` runs every check.
SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
# The newest Python on the path that the product supports.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	if $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then echo $$p; break; fi; done)

.PHONY: install studio test test-long lint types contracts coverage bench bench-against-conductor browser frontend clean

install: $(VENV)/.installed

studio: $(VENV)/.installed
	@$(BIN)/conductor-studio

# Two processes, a file of tests at a time; `PROCESSES=0` is one after the other in this one.
PROCESSES ?= 2
test: $(VENV)/.installed-test browser lint types contracts
	$(BIN)/python -m pytest -m "not long" -n $(PROCESSES) --dist loadfile

test-long: $(VENV)/.installed-test browser
	$(BIN)/python -m pytest

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed-test
	$(BIN)/mypy

contracts: $(VENV)/.installed-test
	$(BIN)/lint-imports

# Branches of the core that its own tests take; fails below 95 %.
COVERAGE := $(BIN)/python -m coverage
coverage: $(VENV)/.installed-test
	$(COVERAGE) run -m pytest -q -m "not long" tests/engine/core tests/engine/histories \
		tests/engine/service tests/engine/runtime/test_system_tasks.py tests/test_docs.py
	$(COVERAGE) report

bench: $(VENV)/.installed-test
	$(BIN)/python -m tests.benchmarks

# Beside a real Conductor server, which a script starts: see BENCHMARKS.md.
bench-against-conductor: $(VENV)/.installed-test
	$(BIN)/python -m tests.benchmarks against-conductor

# Browser tests use Debian's Chromium; without it they skip and say so.
browser:
	@if ! command -v chromium >/dev/null && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null \
		|| echo "Chromium could not be installed; browser tests will skip."; fi

# For developers of the front end only: users and tests get the committed bundle.
frontend:
	cd studio/frontend && npm ci && npm run build

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build *.egg-info

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Conductor Studio needs Python 3.11 or newer on the path."; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	@echo "Installing into $(VENV); the first time takes about a minute."
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/.installed-test: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test]'
	@touch $@ $(VENV)/.installed

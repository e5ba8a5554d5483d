# One command list. `make run` and `make test` set up everything they need on a fresh Debian or Raspberry Pi OS.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 3

.PHONY: run test lint bench faults fuzz setup system clean

$(VENV)/.run: pyproject.toml requirements.lock
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c requirements.lock -e '.[demo]'
	$(BIN)/python -c 'from gateway.exposure.readiness import warm_up, warm_up_batch; warm_up(); warm_up_batch()'
	touch $@

$(VENV)/.test: pyproject.toml requirements.lock
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c requirements.lock -e '.[test,lint]'
	$(BIN)/python -c 'from gateway.exposure.readiness import warm_up, warm_up_batch; warm_up(); warm_up_batch()'
	touch $@ $(VENV)/.run

setup: $(VENV)/.test

system:
	@deploy/system-packages.sh

run: $(VENV)/.run
	@exec $(BIN)/bocamina demo

test: $(VENV)/.test system
	$(BIN)/pytest -m 'not bench and not long' -n $(WORKERS) --dist loadgroup $(ARGS)

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.test system
	$(BIN)/pip install --quiet --disable-pip-version-check -c requirements.lock -e '.[bench]'
	$(BIN)/pytest -m bench -p no:xdist -s tests/benchmarks $(ARGS)

faults: $(VENV)/.test system
	$(BIN)/pytest -m 'long' -p no:xdist tests/faults tests/gateway tests/bocamina tests/end_to_end $(ARGS)

fuzz: $(VENV)/.test
	$(BIN)/pip install --quiet --disable-pip-version-check -c requirements.lock -e '.[fuzz]'
	$(BIN)/python -m tests.fuzz.run $(ARGS)

clean:
	rm -rf $(VENV) build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

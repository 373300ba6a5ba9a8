# `make` alone tests everything. `make help` lists the targets.
.DEFAULT_GOAL := test
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
SOURCES := $(shell find src -type f -not -name '*.pyc' -not -name '*.so') pyproject.toml hatch_build.py

.PHONY: help demo test lint types imports unit e2e fix bench tables clean

help: ## list the targets
	@grep -hE '^[a-z][a-z-]*:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

# -qq: only errors; pip's warnings are about the user's own configuration of pip
PIP := $(BIN)/pip install -qq --disable-pip-version-check

$(VENV)/python: ## (internal) a virtual environment
	@scripts/install-system-packages run
	@echo "making a virtual environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@ln -sf bin/python $@

$(VENV)/installed: $(VENV)/python $(SOURCES)
	@echo "installing wiretale into $(VENV)"
	@$(PIP) -c requirements.lock .
	@touch $@

$(VENV)/dev-installed: $(VENV)/python requirements.lock $(SOURCES)
	@scripts/install-system-packages test
	@echo "installing wiretale and the tools that check it into $(VENV)"
	@$(PIP) -r requirements.lock
	@$(PIP) --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q src # as pip does with what it installs: a command starts as quickly here
	@touch $@ $(VENV)/installed

demo: $(VENV)/installed ## record the netcat experiment and show it
	@$(BIN)/wiretale demo

test: lint types imports unit ## everything CI checks

lint: $(VENV)/dev-installed ## ruff: style and format
	$(BIN)/ruff check src tests scripts hatch_build.py
	$(BIN)/ruff format --check src tests scripts hatch_build.py

types: $(VENV)/dev-installed ## mypy --strict
	$(BIN)/mypy

imports: $(VENV)/dev-installed ## imports point one way
	$(BIN)/lint-imports

unit: $(VENV)/dev-installed ## all tests, the end-to-end ones included
	$(BIN)/pytest -n auto --maxprocesses 4 --dist worksteal -m 'not alone' || \
	  { echo "what failed beside other tests, once more by itself:"; $(BIN)/pytest --lf --lfnf none -m 'not alone'; }
	$(BIN)/pytest -m alone

e2e: $(VENV)/dev-installed ## only the tests that trace real programs
	$(BIN)/pytest -m e2e

fix: $(VENV)/dev-installed ## format and repair what can be repaired
	$(BIN)/ruff check --fix src tests scripts hatch_build.py
	$(BIN)/ruff format src tests scripts hatch_build.py

bench: $(VENV)/installed ## measure against strace; writes docs/benchmarks.md
	@scripts/install-system-packages test
	$(BIN)/python scripts/bench.py --write docs/benchmarks.md

tables: $(VENV)/dev-installed ## regenerate system call numbers and constants from the kernel headers
	$(BIN)/python scripts/make_syscall_tables.py
	$(BIN)/python scripts/make_constants.py
	$(BIN)/python scripts/make_netlink_constants.py
	$(BIN)/python scripts/make_rare_constants.py
	$(BIN)/python scripts/make_ioctl_constants.py
	$(BIN)/python scripts/make_device_constants.py
	$(BIN)/python scripts/make_device_requests.py
	$(BIN)/python scripts/make_kernel_constants.py
	$(BIN)/python scripts/make_requests.py
	$(BIN)/ruff format -q src/wiretale/decode

clean: ## remove everything that make made
	rm -rf $(VENV) build dist src/wiretale/strace/_wiretale src/wiretale/strace/quick/_tables.h
	find src -name '_*.so' -delete -o -name '_*.bpf.o' -delete -o -name '_plan.*' -delete -o -name '_parser.bin' -delete

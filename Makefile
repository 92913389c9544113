# The only door to the tools. Targets with a "##" comment are listed by `make help`.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
DISTRIBUTIONS := $(patsubst %/pyproject.toml,%,$(wildcard libs/*/pyproject.toml libs/connectors/*/pyproject.toml services/*/pyproject.toml deploy/local/pyproject.toml))
PROTOS := $(shell find proto -name '*.proto')
IMAGE := libs/contracts/src/tandem_contracts/image.binpb

.PHONY: help
help: ## List the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

$(VENV)/.packages: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed"; exit 1; }
	@test -x $(BIN)/python -a -x $(BIN)/pip || $(PYTHON) -m venv $(VENV) || { echo "The venv module is missing: install python3-venv"; exit 1; }
	@echo "installing packages (once)"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

$(IMAGE): $(VENV)/.packages $(PROTOS) libs/contracts/generate.py
	@$(BIN)/python libs/contracts/generate.py

$(VENV)/.rooms: $(VENV)/.packages $(addsuffix /pyproject.toml,$(DISTRIBUTIONS)) $(IMAGE)
	@echo "installing rooms (once)"
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps $(addprefix -e ,$(DISTRIBUTIONS))
	@touch $@

.PHONY: install
install: $(VENV)/.rooms $(IMAGE) ## Make the environment: locked packages, contracts, all rooms

.PHONY: contracts
contracts: install ## Build stubs and descriptor image from proto/
	@$(BIN)/python libs/contracts/generate.py

.PHONY: fmt
fmt: install ## Format Python and protos
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/buf format -w proto

.PHONY: lock
lock: install ## Lock requirements.in anew: versions and hashes, no addresses
	@$(PYTHON) -m venv build/lock-venv && build/lock-venv/bin/pip install --quiet uv
	@build/lock-venv/bin/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --python-version 3.11 requirements.in -o requirements.txt

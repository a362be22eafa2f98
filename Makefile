# make demo         see the product work, on real servers
# make test         every test but the longest, which make soak runs
# make soak         the tests that draw examples or repeat rounds, SOAK=20 times as many as in make test; then kills, full
#                   disks, 15 minutes of load and whole installations, alone on the machine, with figures
# make check        the one gate: format, lint, types, import contracts, tests
# make bench        the figures of docs/performance.md, beside a bare relay in the same run
# make docs         write the generated documents again
# make constraints  write again what all of these install: the newest versions that pyproject.toml allows
# make clean        remove what the others made
#
# PYTHON=python3.13  in an environment of that Python's own, beside .venv
# LATEST=1           with the newest versions of today instead of constraints.txt
# LOWEST=1           with the lowest versions that pyproject.toml allows

PYTHON ?= python3
WORKERS ?= 4 # twice the cores of a small machine: for more than a third of their time, tests wait
SOAK ?= 20
VERSION = $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
VENV := .venv$(if $(filter file,$(origin PYTHON)),,-$(VERSION))$(if $(LATEST),-latest)$(if $(LOWEST),-lowest)
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
COMPILE := $(BIN)/uv pip compile --quiet pyproject.toml --all-extras --no-annotate
PYTEST := $(BIN)/python -m pytest -n $(WORKERS)
SOURCES := ambassador_protocol ambassador_client ambassador_admin ambassador_server
ALL := $(SOURCES) tests

# The processes of the tests share what one of them has compiled.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test soak check format lint types contracts bench docs constraints clean fix today

$(INSTALLED): pyproject.toml constraints.txt ambassador_protocol/__init__.py $(if $(LATEST),today)
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "MCP Ambassador needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)
ifdef LATEST
	$(INSTALL) --upgrade --upgrade-strategy eager --editable '.[test]'
else
	$(INSTALL) --require-hashes --requirement constraints.txt
	$(INSTALL) --no-deps --no-build-isolation --editable .
endif
ifdef LOWEST
	$(COMPILE) --resolution lowest-direct --python $(BIN)/python --output-file $(VENV)/lowest.txt
	$(INSTALL) --requirement $(VENV)/lowest.txt
endif
	touch $@

demo: $(INSTALLED)
	$(BIN)/python -m tests.demo $(if $(KEEP),--keep)

test: $(INSTALLED)
	$(PYTEST) --dist loadfile --no-loadscope-reorder -m 'not endurance' $(ARGS)

soak: $(INSTALLED)
	SOAK=$(SOAK) $(PYTEST) --timeout 0 -m 'hypothesis or soak' $(ARGS)
	SOAK=$(SOAK) $(PYTEST) -n 0 --timeout 0 -m endurance

check: format lint types contracts test

format: $(INSTALLED)
	$(BIN)/ruff format --check --quiet $(ALL)

lint: $(INSTALLED)
	$(BIN)/ruff check --quiet $(ALL)

types: $(INSTALLED)
	$(BIN)/mypy
	for there in win32 darwin; do $(BIN)/mypy --platform $$there --cache-dir .mypy_cache/$$there \
	  -p ambassador_protocol -p ambassador_client -p ambassador_admin || exit 1; done

contracts: $(INSTALLED)
	$(BIN)/lint-imports

bench: $(INSTALLED)
	$(BIN)/python -m tests.benchmarks $(ARGS)

docs: $(INSTALLED)
	$(BIN)/python -m tests.documents.build

constraints: $(INSTALLED)
	$(COMPILE) --universal --upgrade --generate-hashes --no-emit-index-url --output-file constraints.txt \
	  --custom-compile-command 'make constraints'

fix: $(INSTALLED)
	$(BIN)/ruff format --quiet $(ALL)
	$(BIN)/ruff check --quiet --fix $(ALL)

clean:
	rm -rf .venv .venv-* build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

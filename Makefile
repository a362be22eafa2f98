# make demo    see the product work, on real servers
# make test    every test
# make check   the one gate: format, lint, types, import contracts, tests
# make bench   the figures of docs/performance.md, beside a bare relay in the same run
# make docs    write the generated documents again
# make clean   remove what the others made

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
SOURCES := ambassador_protocol ambassador_client ambassador_admin ambassador_server
ALL := $(SOURCES) tests
WORKERS ?= 2

.PHONY: demo test check format lint types contracts bench docs clean fix

$(INSTALLED): pyproject.toml ambassador_protocol/__init__.py
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "MCP Ambassador needs Python 3.11 or newer")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	touch $@

demo: $(INSTALLED)
	$(BIN)/python -m tests.demo $(if $(KEEP),--keep)

test: $(INSTALLED)
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile $(ARGS)

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

fix: $(INSTALLED)
	$(BIN)/ruff format --quiet $(ALL)
	$(BIN)/ruff check --quiet --fix $(ALL)

clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

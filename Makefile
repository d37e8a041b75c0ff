# `make demo` runs a first session, and `make test` the tests.
# Each creates .venv and installs the versions that constraints.txt pins.

PYTHON ?= python3
SECONDS ?= 600
BIN := .venv/bin
RUNS := .venv/.runs
INSTALLED := .venv/.installed
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: demo test test-all lint format docs bench fuzz dist clean

demo: $(RUNS)
	@sh tools/demo.sh $(BIN)

test: lint
	@echo "== tests: pytest on every core, without those marked slow"
	$(BIN)/pytest -n auto -m 'not slow'

test-all: test
	@echo "== tests marked slow: pytest on every core"
	$(BIN)/pytest -n auto -m slow

lint: $(INSTALLED)
	@echo "== ruff and mypy --strict"
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The pages under docs/ as a static site in site/; a broken link is an error.
docs: $(INSTALLED)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

bench: $(INSTALLED)
	$(BIN)/python tools/bench_costs.py
	$(BIN)/python tools/bench_decode.py
	$(BIN)/python tools/bench_parity.py

# The targets share SECONDS; inputs that break the contract are kept in artifacts/fuzz.
fuzz: $(INSTALLED)
	@echo "== every reader of untrusted files, fuzzed on every core"
	$(BIN)/python -m tools.fuzz --seconds $(SECONDS) $(if $(SEED),--seed $(SEED))

# A release: the sdist and the wheel in dist/, each installed into empty environments and tried.
dist: $(INSTALLED)
	@echo "== building dist/"
	rm -rf dist
	$(BIN)/python -m build --no-isolation
	@echo "== tests: each file, installed into an empty environment with one extra"
	POSEDEPLOY_DIST=dist $(BIN)/pytest -n auto tests/distribution

# The packages of posedeploy for the default targets, and then those of the tests.
$(RUNS): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else \
	    f"posedeploy needs Python 3.11 or later and {sys.executable} is {sys.version.split()[0]}; try: make PYTHON=python3.12")'
	@echo "== creating .venv and installing the versions in constraints.txt (PyTorch is large: this takes minutes once)"
	$(PYTHON) -m venv .venv
	$(PIP) torch
	$(PIP) --editable '.[all]'
	@touch $(RUNS)

$(INSTALLED): $(RUNS)
	@echo "== installing the packages of the tests (those of TFLite and TensorRT are large)"
	$(PIP) --editable '.[all,dev,docs,quantize,ray,tensorrt-rtx,tflite]'
	@touch $(INSTALLED)

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache build dist site *.egg-info

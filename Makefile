# Two commands do all the set-up: `make demo` runs the main job, `make test` passes the tests.
# Each makes .venv and installs into it what constraints.txt pins.

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed

.PHONY: demo test lint format bench clean

demo: $(INSTALLED)
	@sh tools/demo.sh $(BIN)

test: lint
	@echo "== tests: pytest, on every core"
	$(BIN)/pytest -n auto

lint: $(INSTALLED)
	@echo "== ruff and mypy --strict"
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(INSTALLED)
	$(BIN)/python tools/bench_costs.py
	$(BIN)/python tools/bench_decode.py

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else \
	    f"posedeploy needs Python 3.11 or later and {sys.executable} is {sys.version.split()[0]}; try: make PYTHON=python3.12")'
	@echo "== making .venv and installing what constraints.txt pins (PyTorch is large: this takes minutes once)"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[all,dev,tensorrt-rtx,tflite]'
	@touch $(INSTALLED)

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache build dist *.egg-info

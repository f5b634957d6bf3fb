# From a fresh clone: `make demo` talks to a photo, `make test` runs the checks, `make docs` builds the documentation. All set everything up by themselves
# and can be repeated. PYTHON chooses the interpreter, TORCH the PyTorch requirement (see README for a CPU build).

PYTHON ?= python3
TORCH ?= torch==2.13.0
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test lint docs weights install clean

demo: $(VENV)/.installed
	$(BIN)/i2edit weights fetch
	$(BIN)/i2edit demo

# The documentation site, built strictly: build/docs/site/index.html.
docs: $(VENV)/.installed-dev
	$(BIN)/python docs/build.py

test: lint docs weights
	$(BIN)/i2edit weights fetch all
	$(BIN)/python -m pytest -m "not slow"

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check src tests docs/build.py
	$(BIN)/ruff format --check src tests docs/build.py
	$(BIN)/mypy

weights: $(VENV)/.installed-dev
	$(BIN)/i2edit weights fetch

install: $(VENV)/.installed

$(VENV)/.torch:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "$(TORCH)" numpy
	touch $@

$(VENV)/.installed: $(VENV)/.torch pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[dev]"
	touch $@

clean:
	rm -rf $(VENV) out

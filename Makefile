# Verbs: run, test, test-all, lint, bench. Each makes .venv and installs what it needs, once.
PYTHON ?= python3
VENV   := .venv
PY     := $(VENV)/bin/python
READY  := $(VENV)/.ready

.PHONY: help run test test-all lint bench clean

help:
	@echo "make run       edit the six preview pairs with Imagic, score them, draw curves and a report"
	@echo "make test      the tests (about five minutes on two cores)"
	@echo "make test-all  the slow ones too"
	@echo "make lint      formatting, lint, types"
	@echo "make bench     Imagic and scoring against the same written plainly, as ratios"

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,test]'
	@touch $@

run: $(READY)
	$(PY) -m eval.run method=imagic

test: $(READY)
	$(PY) -m pytest -m "not slow"

test-all: $(READY)
	$(PY) -m pytest

lint: $(READY)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

bench: $(READY)
	$(PY) -m benchmarks.imagic
	$(PY) -m benchmarks.speed

clean:
	rm -rf $(VENV) build *.egg-info

# Verbs: run, test, test-slow, test-all, lint, audit, bench, tables. Each makes .venv and installs what it needs, once.
PYTHON ?= python3
VENV   := .venv
PY     := $(VENV)/bin/python
READY  := $(VENV)/.ready
PARALLEL := -n auto --dist loadfile

.PHONY: help run test test-slow test-all lint audit bench tables clean

help:
	@echo "make run       edit the seven preview pairs with Imagic, score them, draw curves and a report"
	@echo "make test      the tests (about four minutes on two cores)"
	@echo "make test-slow the slow ones alone"
	@echo "make test-all  both"
	@echo "make lint      formatting, lint, types"
	@echo "make audit     known vulnerabilities of the pinned dependencies, where the advisory database can be reached"
	@echo "make tables    the runs and figures of docs/picturebook_results.md: about a day on two cores, resumable"
	@echo "make bench     Imagic and scoring against the same written plainly, as ratios"

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=python3.11"; exit 1; }
	@echo "Installing into $(VENV), once: some minutes and up to 7 GB, most of it torch."
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,test]'
	@touch $@

run: $(READY)
	$(PY) -m eval.run method=imagic executor=processes

test: $(READY)
	$(PY) -m pytest -m "not slow" $(PARALLEL) --durations=25

test-slow: $(READY)
	$(PY) -m pytest -m slow $(PARALLEL) --durations=15

test-all: $(READY)
	$(PY) -m pytest $(PARALLEL)

lint: $(READY)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

# In an environment of its own: what audits is no dependency. It leaves its findings empty where it got no answer.
audit:
	@$(PYTHON) -m venv .audit && : > .audit/found
	@.audit/bin/pip install --quiet --disable-pip-version-check --retries 1 --timeout 20 pip-audit \
	  && .audit/bin/pip-audit -r constraints.txt --no-deps --disable-pip --progress-spinner off -f columns -o .audit/found; \
	status=$$?; all=$$(grep -c == constraints.txt); not=$$(grep -c 'could not be audited' .audit/found); \
	test $$status -eq 0 || test -s .audit/found || not=$$all; \
	echo "audit: $$((all - not)) of $$all pinned packages were looked up in the advisory database"; \
	test $$status -eq 0 || ! test -s .audit/found || { cat .audit/found; exit 1; }

tables: $(READY)
	$(PY) -m benchmarks.tables

bench: $(READY)
	$(PY) -m benchmarks.imagic
	$(PY) -m benchmarks.speed

clean:
	rm -rf $(VENV) .audit build *.egg-info

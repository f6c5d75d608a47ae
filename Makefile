PYTHON ?= python3

INSTALLED := .venv/installed
BIN := .venv/bin

.PHONY: demo demos docs test test-all lint install lock

demo: $(INSTALLED)
	$(BIN)/python -m apps.demo

demos: $(INSTALLED)
	$(BIN)/python -m apps.demo --full

test: $(INSTALLED)
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow"

test-all: test
	$(BIN)/python -m pytest -n 2 --dist worksteal -m slow --durations 10

# The site, into build/site; fails for a link that leads nowhere.
docs: $(INSTALLED)
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

install: $(INSTALLED)

# Both variables, because pip 25.3 split them: they also pin what is used to build sdists.
$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; (3, 11) <= v < (3, 14) or sys.exit("error: Python 3.11 to 3.13 is needed, $(PYTHON) is %d.%d; try: make PYTHON=python3.12" % v)'
	$(PYTHON) -m venv .venv
	PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

# Renews constraints.txt after a change of the ranges in pyproject.toml (needs uv).
lock:
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --upgrade \
	  --custom-compile-command "make lock" --no-annotate --output-file constraints.txt

# make demo              the whole main job on a sample drawn by the program
# make demo DATA=folder  the same on your own photos, one sub-folder a class
# make test              all checks and tests; TORCH=1 adds those that compare with PyTorch
#
# Both make a virtual environment in .venv first, once.

PYTHON ?= python3
BIN := .venv/bin
METADATA := setup.py pyproject.toml package.json
export DATA

.PHONY: demo test chromium format clean

demo: .venv/installed
	$(BIN)/imgcls demo $${DATA:+--data "$$DATA"}

test: .venv/installed-test chromium $(if $(TORCH),.venv/installed-torch)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n 2 --dist loadgroup --cov --cov-report=term --cov-fail-under=90 $(PYTEST)

# The browser of tests/browser.
chromium:
	tests/browser/install-chromium

format: .venv/installed-test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/installed: .venv/bin/python $(METADATA)
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

.venv/installed-test: .venv/bin/python $(METADATA)
	$(BIN)/python -m pip install --quiet --editable ".[test]"
	touch $@ .venv/installed

# PyTorch is a reference for the tests only; this is the version whose CPU build they were run with.
.venv/installed-torch: .venv/installed-test
	$(BIN)/python -m pip install --quiet torch==2.13.0 'numpy<2' 'setuptools<81'
	touch $@

clean:
	rm -rf .venv imgcls_output build dist *.egg-info .coverage* .mypy_cache .ruff_cache .pytest_cache

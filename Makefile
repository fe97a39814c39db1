# make demo              the whole workflow on sample images; DATA=folder: on your photos, a
#                        sub-folder for each class
# make dashboard         the workflow as a web page; DATA=folder: with the photos of that folder
# make wheel             the wheel and the source distribution, in dist/
# make test              all checks, and the tests that take minutes in all
# make test-all          those that take long, too; TORCH=1 adds comparisons with PyTorch
# make watch             the front end built again at each change of js/, for a JupyterLab beside it
# make fuzz              look for files and requests that break a promise; SECONDS=60 for each kind
# make docs              the documentation site, in build/docs; DOCS=... are options of sphinx-build
#
# Each creates a virtual environment in .venv if there is none.

PYTHON ?= python3
BIN := .venv/bin
METADATA := setup.py pyproject.toml package.json
FRONT_END := jupyter_imgcls/static/image_grid.js
# An editable installation does not install these.
LINKS := $(addprefix .venv/share/jupyter/, labextensions/jupyter_imgcls voila/templates/imgcls)
IN_PROCESS := tests/unit tests/widgets tests/dashboard tests/backends
export DATA

.PHONY: demo dashboard wheel test test-all test-long fuzz watch docs chromium pictures format clean

demo: .venv/installed $(FRONT_END) $(LINKS)
	$(BIN)/imgcls demo $${DATA:+--data "$$DATA"}

PREPARED_TO_TEST := .venv/installed-$(if $(TORCH),torch,test) $(FRONT_END) $(LINKS) chromium
PYTEST_2 := $(BIN)/python -m pytest -n 2 --dist loadgroup

# Two workers share two cores: neither takes both, nor does a process that one starts.
test test-long: export OMP_NUM_THREADS := 1
test test-long: export OPENBLAS_NUM_THREADS := 1

# Coverage is measured where tests run in the same process as the code.
test: $(PREPARED_TO_TEST)
	@date +%s > .test-started
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	js/npm run --silent check
	js/npm run --silent test
	$(PYTEST_2) -m "not long" --cov --cov-report=term --cov-fail-under=85 $(IN_PROCESS) $(PYTEST)
	$(PYTEST_2) -m "not long" $(addprefix --ignore=,$(IN_PROCESS)) $(PYTEST)
	@echo "make test took $$(( $$(date +%s) - $$(cat .test-started) )) seconds."

test-all: test test-long

test-long: $(PREPARED_TO_TEST)
	$(PYTEST_2) -m long $(PYTEST)

# atheris has no wheel for some systems; hypothesis makes the files there.
fuzz: SECONDS ?= 60
fuzz: .venv/installed-test
	-$(BIN)/python -m pip install --quiet --only-binary :all: atheris
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.fuzz --seconds $(SECONDS)

dashboard: .venv/installed $(FRONT_END) $(LINKS)
	$(BIN)/imgcls dashboard $${DATA:+"$$DATA"}

wheel: .venv/installed $(FRONT_END)
	$(BIN)/python -m pip install --quiet build
	$(BIN)/python -m build --quiet

watch: .venv/installed $(LINKS)
	@echo "Start .venv/bin/jupyter lab in another terminal, and reload its page after a change."
	@while true; do $(MAKE) --silent --no-print-directory $(FRONT_END) || sleep 5; sleep 1; done

# Executes the notebooks whose code has changed; their outputs are kept in build/notebooks.
docs: .venv/installed-test $(FRONT_END)
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet $(DOCS) docs build/docs
	@echo "The site is build/docs/index.html"

# The browser of tests/browser.
chromium:
	tests/browser/install-chromium

# The pictures of the README and the docs, from the example and the dashboard; some minutes.
pictures: .venv/installed-test $(FRONT_END) chromium
	RENEW_PICTURES=1 $(BIN)/python -m pytest -k "(example and lab) or whole_way" tests/browser/test_example.py tests/browser/test_dashboard.py

format: .venv/installed-test $(FRONT_END)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	js/npm run --silent format

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/installed: .venv/bin/python $(METADATA)
	$(BIN)/python -m pip install --quiet --editable ".[gluon,load,dashboard]"
	touch $@

# PyTorch is a reference for the tests only; this is the version whose CPU build they were run with.
.venv/installed-torch: REFERENCES := torch==2.13.0
.venv/installed-test .venv/installed-torch: .venv/bin/python $(METADATA)
	$(BIN)/python -m pip install --quiet --editable ".[test,docs]" $(REFERENCES)
	touch $@ .venv/installed-test .venv/installed

node_modules/.package-lock.json: package-lock.json js/npm .venv/bin/python
	js/npm ci --ignore-scripts --no-audit --no-fund --silent
	touch $@

$(FRONT_END): node_modules/.package-lock.json package.json $(shell find js -name '*.ts' -o -name '*.css' -o -path '*/schema/*.json' -o -name build)
	js/npm run --silent build
	touch $@

$(LINKS): .venv/%: .venv/bin/python
	mkdir -p $(@D)
	ln -sfn "$(CURDIR)/$*" $@

clean:
	rm -rf .venv .test-started node_modules jupyter_imgcls/static js/labextension/lib share/jupyter/labextensions imgcls_output build dist *.egg-info .coverage* .mypy_cache .ruff_cache .pytest_cache

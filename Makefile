# make install | demo | test | coverage | lint | docs | bench | parameters | picture
# PYTHON=python3.x picks the interpreter, ARGS=... goes to the command
PYTHON ?= python3
VENV   ?= .venv
WORKERS ?= 2
BIN    := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: install demo test coverage lint docs bench parameters picture clean

# Everything that the command needs, in $(VENV).
install: $(VENV)/.stamp-demo

demo: $(VENV)/.stamp-demo
	$(BIN)/speech-gesture demo $(if $(ROBOT),--robot $(ROBOT)) $(ARGS)

# Without ARGS: what runs on virtual time on $(WORKERS) processes, then real nodes in real time, one after the other.
test: $(VENV)/.stamp-dev
ifdef ARGS
	$(BIN)/python -m pytest $(ARGS)
else
	$(BIN)/python -m pytest -m "not ros" -n $(WORKERS) --dist loadfile; first=$$?; \
	$(BIN)/python -m pytest -m ros && exit $$first
endif

# What runs without ROS nodes: coverage is measured in this process and its children only.
coverage: $(VENV)/.stamp-dev
	$(BIN)/python -m pytest -m "not ros and not slow and not bench" -n $(WORKERS) --dist loadfile \
		--cov --cov-report=term:skip-covered --cov-report=xml:build/coverage.xml $(ARGS)

lint: $(VENV)/.stamp-dev
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

bench: $(VENV)/.stamp-demo
	$(BIN)/speech-gesture bench $(ARGS)

# The site in build/site; warnings are errors.
docs: $(VENV)/.stamp-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet $(ARGS)

# What is made from the code: the parameter file and its page; the picture of the architecture.
parameters: $(VENV)/.stamp-demo
	$(BIN)/speech-gesture parameters --yaml > config/gesture.yaml
	$(BIN)/speech-gesture parameters --page > docs/parameters.md

picture: $(VENV)/.stamp-demo
	$(BIN)/python tools/architecture_picture.py

$(VENV)/.stamp-%: setup.py
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable ".[demo$(if $(filter demo,$*),,$(comma)$*)]"
	touch $@

comma := ,

clean:
	rm -rf $(VENV) build *.egg-info

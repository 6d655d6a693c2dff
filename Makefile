# make demo | make test | make lint | make bench     (PYTHON=python3.x picks the interpreter, ARGS=... goes to the command)
PYTHON ?= python3
VENV   ?= .venv
WORKERS ?= 2
BIN    := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test lint bench clean

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

lint: $(VENV)/.stamp-dev
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

bench: $(VENV)/.stamp-demo
	$(BIN)/speech-gesture bench $(ARGS)

$(VENV)/.stamp-%: setup.py
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable ".[demo$(if $(filter dev,$*),$(comma)dev)]"
	touch $@

comma := ,

clean:
	rm -rf $(VENV) build *.egg-info

# Every rule runs in .venv, which is made when it is missing and brought up to date when pyproject.toml changes.
#   make PYTHON=/path/to/python3.12 …   picks the Python that .venv is made with; 3.11 is the oldest that works.

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

EXAMPLE := examples/color-app/task-definition.json
EVENTS ?= 1000000
RUNS ?= 1
LOAD_SECONDS ?= 30
JOBS ?= 3
SHUTDOWN_RUNS ?= 100
SECONDS ?= 60
TORTURE_SECONDS ?= 150

.PHONY: demo test conformance shutdown-race torture fuzz lint format bench bench-growth bench-load docs picture clean help

help:
	@echo "make demo          the example task, run here from its task definition"
	@echo "make test          every test"
	@echo "make conformance   only the cases recorded from Fluent Bit, with the table"
	@echo "make shutdown-race 100 shutdowns of tasks that still write; SHUTDOWN_RUNS=10 is quicker"
	@echo "make torture       kills, reloads, failing destinations and disks, clocks that jump; TORTURE_SECONDS=150 for all of"
	@echo "                   SCENARIOS='kill spool …', which SEED=N repeats"
	@echo "make fuzz          what reads from outside, each for SECONDS=60; TARGETS='forward yaml' are some of them"
	@echo "make lint          ruff and mypy"
	@echo "make bench         CPU per event; PEER=/path/to/fluent-bit runs it beside ours, EVENTS=100000 is quicker"
	@echo "make bench-growth  how the cost of an event grows with filters, outputs, tags, connections and sizes; PEER= too"
	@echo "make bench-load    losses, doubles, CPU and memory at the rates that AWS publishes and under faults; PEER= too"
	@echo "make docs          write the generated pages again; make picture: the picture of the demo"
	@echo "make clean         remove what was built, .venv too"

demo: $(READY)
	$(BIN)/pyrolens up $(EXAMPLE) --demo

test: $(READY)
	@# by file, so that one process has all recorded cases, of which it runs many at a time
	$(BIN)/pytest -n $(JOBS) --dist loadfile

conformance: $(READY)
	$(BIN)/pytest tests/conformance

shutdown-race: $(READY)
	SHUTDOWN_RUNS=$(SHUTDOWN_RUNS) $(BIN)/pytest tests/end_to_end/test_shutdown.py

torture: $(READY)
	nice -n 10 $(BIN)/python -m tests.torture --seconds $(TORTURE_SECONDS) $(if $(SEED),--seed $(SEED)) $(SCENARIOS)

fuzz: $(READY)
	@# atheris has wheels for some systems and versions of Python only; where there is none, this says so and is well
	$(BIN)/python -c 'import atheris' 2>/dev/null || \
	    $(BIN)/python -m pip install --quiet --disable-pip-version-check --only-binary :all: '.[fuzz]' || true
	nice -n 15 $(BIN)/python -m tests.fuzz --seconds $(SECONDS) $(TARGETS)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY)
	$(BIN)/python -m bench --events $(EVENTS) --runs $(RUNS) $(if $(PEER),--peer $(PEER)) $(if $(JSON),--json $(JSON)) $(if $(ONLY),--only $(ONLY))

bench-growth: $(READY)
	$(BIN)/python -m bench.growth $(if $(PEER),--peer $(PEER)) $(if $(ONLY),--only $(ONLY)) $(if $(JSON),--json $(JSON))

bench-load: $(READY)
	$(BIN)/python -m bench.load --seconds $(LOAD_SECONDS) $(if $(PEER),--peer $(PEER)) $(if $(ONLY),--only $(ONLY),--page docs/benchmarks-load.md)

docs: $(READY)
	$(BIN)/python docs/build.py

picture: $(READY)
	$(BIN)/python docs/build.py picture

$(READY): pyproject.toml
	@python=$$(sh .ci/python "$(PYTHON)") && \
	if ! $(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    rm -rf $(VENV) && "$$python" -m venv $(VENV); \
	fi
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# What one does in a checkout; `make` alone lists it. Every target sets up what it needs by itself:
# a Python >= 3.11, pip (or uv) and make are enough. PYTHON=... picks the Python, ARGS=... is handed
# to the command of `test`, `bench`, `fuzz`, `crash`, `sim` and `demo`.

VENV = .venv
BIN = $(VENV)/bin
READY = $(VENV)/.ready
PYTHON =
ARGS =

.DEFAULT_GOAL = help
.PHONY: help venv demo test check fmt docs bench fuzz crash sim clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

venv: $(READY) ## build .venv with the package, every extra, development and benchmark library

# Anew when what it is made from changes; otherwise this costs nothing.
$(READY): pyproject.toml scripts/make_venv.sh
	@PYTHON="$(PYTHON)" sh scripts/make_venv.sh $(VENV)
	@touch $(READY)

demo: $(READY) ## run the order example against a shop service on this machine
	@$(BIN)/python examples/demo.py $(ARGS)

test: $(READY) ## run the tests
	$(BIN)/python -m pytest -n auto $(ARGS)

check: $(READY) ## lint, format, types, floors, tidiness
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/house

fmt: $(READY) ## format the code and mend what the linter can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(READY) ## write the generated reference pages
	$(BIN)/python scripts/generate_docs.py

bench: $(READY) ## measure, each scenario against its floor
	@$(BIN)/rune bench $(ARGS)

fuzz: $(VENV)/.fuzz ## look for what the tests did not think of: passes, Blueprints, documents
	@$(BIN)/python scripts/fuzz.py $(ARGS)

crash: $(READY) ## kill processes at every boundary, and see that nothing is lost
	@PYTHONPATH=tests $(BIN)/python -m crash.matrix $(ARGS)

sim: $(READY) ## simulate workers on one store, seed after seed, and judge what became of the jobs
	@PYTHONPATH=tests $(BIN)/python -m cluster.seeds $(ARGS)

# Atheris guides the fuzzers; where it cannot be installed a slower loop of our own does.
$(VENV)/.fuzz: $(READY)
	@PYTHON="$(PYTHON)" sh scripts/make_venv.sh $(VENV) fuzz || echo "going on without Atheris"
	@touch $@

clean: ## remove .venv and all caches
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find src tests scripts examples -name __pycache__ -type d -prune -exec rm -rf {} +

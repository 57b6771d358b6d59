# Each target sets up what it needs: all it takes is make, python3 >= 3.11 and its venv module.
# Another interpreter: make test PYTHON=python3.12

PYTHON ?= python3
WORKERS ?= 3
VENV := .venv
HF4 := .venv-hf4
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
INSTALL := $(BIN)/python .ci/install.py $(VENV)/pip.log --constraint constraints.txt --editable

# Every worker of pytest would otherwise start as many BLAS threads as there are cores.
ONE_THREAD := OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 MKL_NUM_THREADS=1

BENCHMARKS := structure quality encode moments auto refusal graph unpaired matching diagnose encoders \
	calibration search indexing prompts server video motion_net \
	fusion fusion_speed recommend

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo test test-hf4 coverage lint docs bench starter peers clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.starter ## join pictures, words and sounds, and say how well it went
	$(BIN)/isthmus demo

PYTEST := $(ONE_THREAD) $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

test: setup ## run all tests
	$(PYTEST)

test-hf4: $(HF4)/.ready ## run the tests of the loader of hf: with transformers 4.57
	$(ONE_THREAD) $(HF4)/bin/python -m pytest tests/encoders/test_hf_*.py

coverage: setup ## run all tests and count what they run, 40 % slower; fails under 90 %
	$(PYTEST) --cov --cov-report=term --cov-fail-under=90

lint: setup ## ruff, mypy --strict, and the layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: setup ## build the documentation into site/
	$(BIN)/python docs/cli.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

bench: setup ## run the benchmarks; results are kept as JSON in benchmarks/
	@missing=; for name in $(BENCHMARKS) ablation; do \
		ISTHMUS_BENCH_CHECK=1 $(BIN)/python benchmarks/$$name.py || missing=1; done; test -z "$$missing"
	@set -e; for name in $(BENCHMARKS); do echo "== $$name"; \
		$(BIN)/python benchmarks/$$name.py --json benchmarks/results/$$name.json; done
	$(BIN)/python benchmarks/ablation.py --json benchmarks/results/ablation.json --page docs/ablation.md

starter: setup ## train, measure and replace the space that comes with the package
	$(BIN)/isthmus data get tuxpaint
	$(BIN)/isthmus data get openclipart
	$(BIN)/python benchmarks/starter.py --write --json benchmarks/results/starter.json

peers: setup ## measure isthmus beside other packages, which this installs
	$(PIP) install --constraint constraints.txt -r benchmarks/requirements.txt
	$(PIP) install --no-deps 'mvlearn>=0.5,<0.6'
	$(BIN)/python benchmarks/peers.py --json benchmarks/results/peers.json --resume

clean: ## remove what was built and measured; .venv stays
	rm -rf $(HF4) build dist site htmlcov .coverage .coverage.* .pytest_cache .mypy_cache .ruff_cache \
		.hypothesis .import_linter_cache
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

setup: $(VENV)/.dev ## create .venv with all that work on isthmus needs

# All but transformers and what it needs is that of $(VENV), torch among it.
$(HF4)/.ready: $(VENV)/.dev .ci/hf4.txt
	@$(PYTHON) -m venv $(HF4)
	@$(BIN)/python .ci/beside.py $(HF4)
	@$(HF4)/bin/python .ci/install.py $(HF4)/pip.log -r .ci/hf4.txt
	@touch $@

# The stamps are renewed when the interpreter's folder, the requirements or the pins change.
$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "isthmus needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V 2>&1)." >&2; \
		echo "Name another: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || { \
		echo "$(PYTHON) has no venv module. On Debian: apt-get install python3-venv" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.starter: $(VENV)/.created pyproject.toml constraints.txt
	@$(INSTALL) '.[starter]'
	@touch $@

$(VENV)/.dev: $(VENV)/.created pyproject.toml constraints.txt
	@$(INSTALL) '.[dev]'
	@touch $@ $(VENV)/.starter

# The two commands: `make quickstart` and `make test`, from a bare clone with Python 3.11 to 3.13 and make.
PYTHON ?= $(shell for p in python3 python3.12 python3.13 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
COMPILED := $(VENV)/.compiled
PACKAGES := harness analysis kernels search_spaces experiments
# Kernels run in Triton's interpreter and replays in worker processes, so that more threads would only compete.
export OMP_NUM_THREADS ?= 1

.PHONY: quickstart test test-all test-helion checked lint clean claim claim-first claim-rerun docs
.DEFAULT_GOAL := quickstart

$(INSTALLED): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "make: no Python 3.11 to 3.13 found: set PYTHON=/path/to/python3" >&2; exit 2; }
	@echo "installing into $(VENV) with $(PYTHON) (a few minutes, once)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install -q --disable-pip-version-check --no-compile -c constraints.txt -e '.[dev]'
	@touch $@

# Bytecode is compiled on all cores instead of on one by pip, without what hardly any command imports. The exit code says
# nothing: torch contains a file for a later Python.
$(COMPILED): $(INSTALLED)
	@$(BIN)/python -m compileall -qq -j 0 -x 'site-packages/(plotly|mypy|pip|setuptools|IPython|.*/tests?)/' $(VENV)/lib $(PACKAGES) || true
	@touch $@

quickstart: $(COMPILED)
	@$(BIN)/nearopt run -m experiment=quickstart
	@$(BIN)/nearopt report quickstart/results -o quickstart/report

# Rebuild every figure and number of the two studies from their committed results (minutes); each is judged by its hypothesis.yaml.
CLAIM := experiments/claim_2
FIRST := experiments/claim_5_10x
claim: $(INSTALLED)
	@$(BIN)/nearopt report $(CLAIM)/results -o $(CLAIM)/report
	@$(BIN)/python -m experiments.claim_2.law $(CLAIM)/report/speedups.csv experiments/contenders/speedups.csv --elsewhere conditional_gp_2 -o $(CLAIM)/report
	@$(BIN)/python -m experiments.claim_2.readme

claim-first: $(INSTALLED)
	@$(BIN)/nearopt report $(FIRST)/results -o $(FIRST)/report
	@$(BIN)/python -m experiments.claim_5_10x.live $(FIRST)/live $(FIRST)/results --pairs $(FIRST)/live_replays -o $(FIRST)/report

# Repeat the replays of the study: hours on two cores, resumable.
JOBS ?= 2
claim-rerun: $(INSTALLED)
	@NEAROPT=$(BIN)/nearopt $(CLAIM)/run.sh results/claim_2 $(JOBS)
	@$(BIN)/nearopt report results/claim_2 --hypothesis $(CLAIM)/hypothesis.yaml -o report/claim_2

# The pages as a site without outside fonts or scripts, with the leaderboard: site/index.html.
docs: $(INSTALLED)
	@$(BIN)/pip install -q --disable-pip-version-check -c constraints.txt -e '.[docs]'
	@$(BIN)/python -m sphinx -q -W --keep-going -c experiments/site -b html . site
	@$(BIN)/python -m experiments.leaderboard.build -o site/leaderboard
	@echo site/index.html

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# mypy has one core, so the bytecode is compiled beside it.
checked: $(INSTALLED)
	@$(MAKE) --no-print-directory -j 2 lint $(COMPILED)

# Worksteal gives each process one part of the suite in its order: fixtures of a module are seldom made twice.
test: checked
	$(BIN)/python -m pytest -n 2 --dist worksteal -m 'not slow and not gpu'

test-all: checked
	$(BIN)/python -m pytest -n 2 --dist worksteal -m 'not gpu' --timeout 3000

# Run the adapter's tests with each supported Helion version, in separate environments on top of the first one.
HELIONS := 1.4.0 1.5.1
HELION_TESTS := tests/kernels/test_helion.py tests/harness/strategies/test_helion.py tests/search_spaces/test_helion.py \
	tests/search_spaces/test_helion_draws.py tests/search_spaces/test_helion_listed.py tests/experiments/test_helion_own.py
HELION_ENVIRONMENTS := $(HELIONS:%=.venv-helion-%/.installed)
$(HELION_ENVIRONMENTS): .venv-helion-%/.installed: $(INSTALLED)
	@$(BIN)/python -m venv .venv-helion-$*
	@$(BIN)/python -c "import site, sys; from pathlib import Path; \
		Path(next(iter(Path(sys.argv[1]).glob('lib/python*/site-packages'))), 'zz_first.pth').write_text( \
		f'import site; site.addsitedir({site.getsitepackages()[0]!r})\n')" .venv-helion-$*
	@.venv-helion-$*/bin/pip install -q --disable-pip-version-check --no-deps helion==$*
	@touch $@

test-helion: $(HELION_ENVIRONMENTS)
	@for version in $(HELIONS); do echo "helion $$version"; \
		.venv-helion-$$version/bin/python -m pytest $(HELION_TESTS) || exit 1; done

clean:
	rm -rf $(VENV) .venv-helion-* quickstart site .mypy_cache .ruff_cache .pytest_cache .hypothesis

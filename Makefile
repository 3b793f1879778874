# Everything a newcomer or a build machine needs. Each target sets up what it uses; only Python 3.11+, make and git are
# expected to be there. `make PYTHON=python3.12 test` picks another Python.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/installed

# A strict editable install is a tree of links: it must be made again when a file comes or goes, not when one changes.
LISTING := $(shell { cat pyproject.toml; find dsl engine analytics -type f ! -name '*.pyc' | LC_ALL=C sort; } | cksum)

.PHONY: demo dev test shippers fuzz lint bench soak goldens clean

demo: dev
	@echo '$$ chainrun analytics/an1314.chain examples/01-first-chain/events.jsonl'
	@$(BIN)/chainrun --format text analytics/an1314.chain examples/01-first-chain/events.jsonl

dev: $(BIN)/python
	@test "`cat $(STAMP) 2>/dev/null`" = "$(LISTING)" || { \
	  echo 'installing chainrun and its tools into $(VENV) ...' && \
	  $(BIN)/pip install --quiet --quiet --disable-pip-version-check --config-settings editable_mode=strict --editable . --group dev && \
	  echo "$(LISTING)" > $(STAMP); }

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo 'chainrun needs Python 3.11 or newer: make PYTHON=/path/to/python3.11'; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo 'Python cannot make a virtual environment here; on Debian or Ubuntu: apt-get install python3-venv'; exit 1; }
	@$(BIN)/pip install --quiet --quiet --disable-pip-version-check --upgrade 'pip>=25.1'

test: dev shippers
	$(BIN)/pytest -q -n auto --benchmark-skip

# The real rsyslog and syslog-ng, which `test` runs chainrun under where Debian's packages can be had.
shippers: dev
	-@tests/shippers/unpack $(VENV)/shippers

# Longer than in `test`: some minutes (`make FUZZ=4000 fuzz`: half of one), and with Atheris where there is one for this
# Python. Millions of hostile lines through whole runs: `.venv/bin/python -m tests.fuzz.lines --lines 5000000`.
FUZZ := 60000

fuzz: dev
	-$(BIN)/pip install --quiet --disable-pip-version-check --only-binary :all: --group fuzz
	CHAINRUN_FUZZ=$(FUZZ) $(BIN)/pytest -q -n auto tests/test_fuzz.py

lint: dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/chainrun fmt --check analytics/*.chain examples/*/*.chain tests/attack/*.chain
	$(BIN)/chainrun check analytics/*.chain examples/*/*.chain

# Some minutes, on small streams; `make MB=1000 bench` gives figures that may be quoted, and takes hours. Of the peers,
# those are installed that there are wheels of.
MB := 10

bench: dev
	-$(BIN)/pip install --quiet --disable-pip-version-check --only-binary :all: --group bench
	CHAINRUN_BENCH_MB=$(MB) $(BIN)/pytest -q tests/bench --benchmark-only --benchmark-columns=min,median,rounds --benchmark-sort=name

# A followed file that is rotated, and chains that change, while memory and descriptors are watched.
MINUTES := 10

soak: dev
	$(BIN)/python -m tests.bench.soak $(MINUTES)

goldens: dev
	$(BIN)/pytest -q -n auto --accept --benchmark-skip

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks

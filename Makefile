# make demo   transcribe the bundled recordings with the bundled model
# make test   lint, type-check and run all tests
#
# Both keep to themselves: everything goes into .venv. Root gets missing Debian packages installed,
# anybody else is told their names.
#
#   make test PYTHON=python3.13         another Python, 3.11 to 3.13
#   make test TORCH=                    without PyTorch: the tests of training are skipped
#   make test TESTS="-m 'not slow'"     a part of the tests

#   make docs            the documentation as a site, in build/site
#   make dist            sdist and wheel, in dist/
#   make deb             a Debian package (SUITE=bookworm ARCH=amd64); root
#   make apt-repo        a signed repository of them (KEY=fingerprint)
#   make prove-pip       install on the oldest and the newest libraries; make prove-apt: in a Debian
#   make release-check   all of that, checked: docs/releasing.md, which also tells of the other proofs

PYTHON ?= python3
VENV ?= .venv
# Pinned: the release that the training tests were written with. A Python that it has no wheel for
# skips those tests.
TORCH ?= torch==2.13.0
TESTS ?=

BIN := $(VENV)/bin
SOURCES := setup.py pyproject.toml \
  $(wildcard stt_service/decoder/*.[ch] stt_service/decoder/native/*.[ch])

.DELETE_ON_ERROR:
.PHONY: demo test lint format clean

demo: $(VENV)/.package
	$(BIN)/stt-service demo

test: lint
	$(BIN)/python -m pytest $(TESTS)

lint: $(VENV)/.tools
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.tools
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The scripts say at their heads what they need and what else can be set.
SUITE ?= bookworm
ARCH ?= $(shell dpkg --print-architecture 2>/dev/null)
RELEASE_ENV = PATH="$(abspath $(BIN)):$$PATH" PYTHON=$(abspath $(BIN))/python

.PHONY: docs dist check-dist deb apt-repo prove-pip prove-pip-debian prove-apt prove-piuparts
.PHONY: prove-systemd prove-coldstart count release-check
docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

dist: $(VENV)/.release
	$(RELEASE_ENV) packaging/dist.sh

# What an index asks for.
check-dist: $(VENV)/.release
	$(BIN)/twine check --strict dist/stt_service-*
	$(BIN)/check-wheel-contents dist/stt_service-*.whl

deb: $(VENV)/.release
	$(RELEASE_ENV) packaging/deb.sh $(SUITE) $(ARCH)

apt-repo:
	packaging/apt-repo.sh

prove-pip: $(VENV)/.release
	$(RELEASE_ENV) packaging/prove-pip.sh

prove-pip-debian: $(VENV)/.release
	$(RELEASE_ENV) packaging/prove-pip-debian.sh $(SUITE) $(ARCH)

prove-apt:
	packaging/prove-apt.sh $(SUITE) $(ARCH)

prove-piuparts:
	packaging/prove-piuparts.sh $(SUITE)

prove-systemd: $(VENV)/.release
	$(RELEASE_ENV) systemd/prove.sh

prove-coldstart: $(VENV)/.tools
	$(BIN)/python -m bench coldstart

# A recording of 12 s: make count RECORDING=speech.wav
count: $(VENV)/.tools
	$(RELEASE_ENV) bench/qemu/count.sh $(RECORDING)


release-check: $(VENV)/.release $(VENV)/.docs
	$(RELEASE_ENV) packaging/release-check.sh

clean:
	rm -rf $(VENV) build *.egg-info

# Without a compiler the package installs all the same: its search then runs in NumPy.
$(VENV)/.package: $(SOURCES) | $(VENV)/bin/python
	$(BIN)/pip install --quiet --editable .
	touch $@

$(VENV)/.docs $(VENV)/.release: $(VENV)/.%: setup.py | $(VENV)/bin/python
	$(BIN)/pip install --quiet --editable '.[$*]'
	touch $@

# The tests compare the compiled search with its twin, so here the compiler is needed.
$(VENV)/.tools: $(SOURCES) Makefile | compiler sound $(VENV)/bin/python
	$(BIN)/pip install --quiet --editable '.[dev]'
	$(BIN)/pip install --quiet --editable '.[mic,plot]' \
	  || echo "PyAudio does not build here: the tests of real microphones will be skipped"
	test -z "$(TORCH)" || $(BIN)/pip install --quiet --editable '.[train]' $(TORCH) \
	  || echo "no $(TORCH) for this Python: the tests of training will be skipped"
	touch $@ $(VENV)/.package

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), sys.version' \
	  || { echo "$(PYTHON) is missing or older than 3.11: make ... PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || $(call apt,python3-venv)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip

.PHONY: compiler
compiler:
	@{ command -v g++ && $(PYTHON) -c 'import os, sysconfig; \
	  assert os.path.exists(sysconfig.get_path("include") + "/Python.h")'; } >/dev/null 2>&1 \
	  || $(call apt,g++ python3-dev)

# A sound server and PortAudio, for the tests of real microphones: without, they are skipped.
.PHONY: sound
sound:
	@{ command -v pulseaudio && test -e /usr/include/portaudio.h; } >/dev/null 2>&1 \
	  || ( $(call apt,pulseaudio pulseaudio-utils alsa-utils libasound2-plugins portaudio19-dev) ) \
	  || true

# $(call apt,PACKAGES): install them when root, else name them.
apt = { \
  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y \
      --no-install-recommends $(1) >/dev/null; \
  else echo "Please run: sudo apt install $(1)"; exit 1; fi; }

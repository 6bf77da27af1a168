# `make` alone lists the tasks. Everything that a task needs and that is missing, it installs: Debian packages by apt,
# Python packages into .venv.
SHELL := /bin/bash
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
DATA ?= ./varve-data
LISTEN ?= 127.0.0.1:9490
LIBRARIES := libzstd-dev libsnappy-dev liblz4-dev zlib1g-dev libre2-dev
TEST_PACKAGES := prometheus prometheus-node-exporter python3 python3-venv curl
BENCH_PACKAGES := prometheus victoria-metrics gcc
BUILD_FLAGS ?=

.PHONY: help run build test unit-test end-to-end lint bench clean libraries test-packages bench-packages

help: ## this list
	@echo "Varve: a time-series database for metrics"
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | column -t -s '|'

run: build ## build and start the server on ./varve-data and 127.0.0.1:9490
	bin/varve serve --data $(DATA) --listen $(LISTEN)

build: libraries ## the release binary: bin/varve
	swift build -c release --static-swift-stdlib --product varve $(BUILD_FLAGS)
	@mkdir -p bin
	@install -m 755 "$$(swift build -c release --static-swift-stdlib --show-bin-path $(BUILD_FLAGS))/varve" bin/varve
	@strip bin/varve
	@echo "built bin/varve"

test: unit-test end-to-end ## every test: units, then a real Prometheus writing into the real binary

unit-test: libraries ## the Swift tests alone
	swift build --build-tests $(BUILD_FLAGS)
	swift test --skip-build $(BUILD_FLAGS)

end-to-end: build test-packages .venv/ready ## a real Prometheus writes, kills happen, answers are compared
	.venv/bin/python -m pytest -q -s Tests/EndToEnd

lint: ## formatting, as CI checks it
	swift format lint --strict -r Sources Tests Examples Benchmarks/Sources Benchmarks/Package.swift Package.swift

bench: build bench-packages .venv/ready ## compare with the peers on this machine; needs ../shared/bench
	Tools/bench.sh

clean: ## remove what was built
	rm -rf .build bin .venv

libraries:
	@missing=; for p in $(LIBRARIES); do dpkg -s $$p >/dev/null 2>&1 || missing="$$missing $$p"; done; \
	if [ -n "$$missing" ]; then $(SUDO) apt-get update && \
	$(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $$missing; fi

test-packages:
	@missing=; for p in $(TEST_PACKAGES); do dpkg -s $$p >/dev/null 2>&1 || missing="$$missing $$p"; done; \
	if [ -n "$$missing" ]; then $(SUDO) apt-get update && \
	$(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $$missing; fi

bench-packages:
	@missing=; for p in $(BENCH_PACKAGES); do dpkg -s $$p >/dev/null 2>&1 || missing="$$missing $$p"; done; \
	if [ -n "$$missing" ]; then $(SUDO) apt-get update && \
	$(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $$missing; fi

.venv/ready: Tests/EndToEnd/requirements.txt
	python3 -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check -r Tests/EndToEnd/requirements.txt
	@touch .venv/ready

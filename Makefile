# `make` alone lists the tasks. Everything that a task needs and that is missing, it installs: Debian packages by apt,
# Python packages into .venv.
SHELL := /bin/bash
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
DATA ?= ./varve-data
LISTEN ?= 127.0.0.1:9490
LIBRARIES := libzstd-dev libsnappy-dev liblz4-dev zlib1g-dev libre2-dev libyaml-dev libcrypt-dev libssl-dev
TEST_PACKAGES := prometheus prometheus-node-exporter python3 python3-venv curl
# A real S3 server that checks signatures: Ceph's gateway, its monitor and its store, each one process on loopback.
BUCKET_PACKAGES := ceph-mon ceph-osd radosgw ceph-common
# For harnesses that break things: a shim is compiled, calls are traced, file systems made. Without them, tests are skipped.
BREAKING_PACKAGES := gcc libc6-dev strace e2fsprogs xfsprogs
MINUTES ?= 60
LONG_TESTS := ^(CrashTests|WALTests|ManifestLogTests|ParquetTests|FuzzCorpusTests|StorageEngineTests)\.
BUCKET_TESTS := ^S3StorageTests\.
BENCH_PACKAGES := prometheus victoria-metrics gcc
BUILD_FLAGS ?=
FUZZ_SECONDS ?= 60
# Of each scene of `make overload`.
SECONDS ?= 20

.PHONY: help run build test unit-test crash-test end-to-end soak overload churn lint bench bench-kernels bench-log fuzz clean libraries \
	test-packages bucket-packages bench-packages

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

test: unit-test crash-test end-to-end ## every test: units, crashes from seeds, then a real Prometheus and the real binary

unit-test: libraries bucket-packages ## the Swift tests alone, those of buckets on a Ceph gateway
	swift build --build-tests $(BUILD_FLAGS)
	# Apart, because tests that compute for minutes hold up those beside them, whose clocks go on.
	SWIFT_DETERMINISTIC_HASHING=1 python3 Tests/EndToEnd/buckets.py run \
		swift test --skip-build --skip '$(LONG_TESTS)' --skip '$(BUCKET_TESTS)' $(BUILD_FLAGS)
	SWIFT_DETERMINISTIC_HASHING=1 python3 Tests/EndToEnd/buckets.py run \
		swift test --skip-build --filter '$(BUCKET_TESTS)' $(BUILD_FLAGS)
	SWIFT_DETERMINISTIC_HASHING=1 swift test --skip-build --filter '$(LONG_TESTS)' $(BUILD_FLAGS)

crash-test: build ## crashes of a simulated machine at every operation and from seeds, optimised; see CONTRIBUTING.md
	swift build -c release --static-swift-stdlib --product CrashRun $(BUILD_FLAGS)
	"$$(swift build -c release --static-swift-stdlib --show-bin-path $(BUILD_FLAGS))/CrashRun"

end-to-end: build test-packages bucket-packages .venv/ready ## a real Prometheus writes, kills and power cuts happen, disks fail
	.venv/bin/python Tests/EndToEnd/side_by_side.py

soak: build test-packages bucket-packages .venv/ready ## all that breaks things, other seeds every round: make soak MINUTES=120
	swift build --build-tests $(BUILD_FLAGS)
	MINUTES=$(MINUTES) .venv/bin/python Tools/soak.py

overload: build test-packages .venv/ready ## more than it can take, with figures; SECONDS=600 for each scene (20)
	.venv/bin/python Tools/overload.py $(SECONDS)

churn: build test-packages .venv/ready ## two days of series and clients that come and go, in minutes; memory flat in the second
	.venv/bin/python Tools/churn.py

lint: ## formatting, as CI checks it
	swift format lint --strict -r Sources Tests Examples Fuzz/Package.swift Fuzz/Sources Fuzz/Bodies Fuzz/Driver Fuzz/Tests \
		Benchmarks/Package.swift Benchmarks/Sources \
		Benchmarks/Kernels/Package.swift Benchmarks/Kernels/Sources Package.swift

bench: build bench-packages .venv/ready ## compare with the peers on this machine; needs ../shared/bench
	Tools/bench.sh

bench-kernels: ## encodings and checksums beside the same in C
	swift run --package-path Benchmarks/Kernels -c release Kernels

bench-log: libraries ## the log beside the bare system calls, replay of known series
	swift run --package-path Benchmarks -c release varve-bench wal

fuzz: libraries ## feed every parser mutated input, FUZZ_SECONDS each (60)
	Tools/fuzz.sh $(FUZZ_SECONDS)

clean: ## remove what was built
	rm -rf .build Fuzz/.build Benchmarks/.build Benchmarks/Kernels/.build bin .venv

libraries:
	@missing=; for p in $(LIBRARIES); do dpkg -s $$p >/dev/null 2>&1 || missing="$$missing $$p"; done; \
	if [ -n "$$missing" ]; then $(SUDO) apt-get update && \
	$(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $$missing; fi

test-packages:
	@missing=; for p in $(TEST_PACKAGES) $(BREAKING_PACKAGES); do dpkg -s $$p >/dev/null 2>&1 || missing="$$missing $$p"; done; \
	if [ -n "$$missing" ]; then $(SUDO) apt-get update && \
	$(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $$missing; fi

bucket-packages:
	@missing=; for p in python3 $(BUCKET_PACKAGES); do dpkg -s $$p >/dev/null 2>&1 || missing="$$missing $$p"; done; \
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

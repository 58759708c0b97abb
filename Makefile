# The front door. Every target is one command of scripts/, so nothing is hidden in here.

.DEFAULT_GOAL := help
.PHONY: help run build arm64 deb trap test test-fast test-machine fuzz crash bench bench-transfer bench-wear bench-start bench-order bench-linear tidy clean

help: ## Show this list
	@echo "TinyCoT: make TARGET"
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/\1|\2/p' Makefile | \
		while IFS='|' read -r target text; do printf '  %-14s %s\n' "$$target" "$$text"; done

run: build ## Build, then run the relay on port 8087, without any configuration
	dist/amd64/tinycot serve

build: ## Build the amd64 program: dist/amd64/tinycot
	scripts/bootstrap build
	scripts/build.sh amd64

arm64: ## Build the arm64 program: dist/arm64/tinycot
	scripts/bootstrap arm64
	scripts/cross-arm64.sh

deb: build arm64 ## Build the Debian packages: dist/tinycot.deb and its twins (see docs/packaging.md)
	scripts/deb.sh

trap: ## Build for tests: dist/amd64-trap/tinycot stops at a late heap allocation
	scripts/bootstrap build
	scripts/build.sh amd64-trap

test: ## Run every test, as the release does (see scripts/test)
	scripts/bootstrap test
	scripts/test

test-fast: ## Run the unit and property tests in debug mode
	scripts/test unit_debug

test-machine: deb ## Test the package in ARM64 machines with systemd, ten minutes each (see docs/packaging.md)
	scripts/bootstrap machine
	python3 Tests/machine/run.py --debian 12
	python3 Tests/machine/run.py --debian 13

fuzz: ## Fuzz what reads the network, ten minutes for each target (see scripts/fuzz)
	scripts/fuzz 600

crash: build ## Pull the plug thousands of times, ten minutes (see docs/crash-safety.md)
	scripts/bootstrap test
	.venv/bin/python Tests/crash/many.py --seconds 600 --each-sync

bench: build ## Put loads on TinyCoT, mosquitto, ncat, taky and a null relay, side by side (40 minutes)
	scripts/bootstrap bench
	python3 bench/relay.py --write

bench-transfer: build ## Measure a package of 1 GiB against nginx and openssl
	scripts/bootstrap test
	.venv/bin/python bench/transfer.py

bench-wear: build ## Measure what is written to a card in an hour (as root; takes 20 minutes)
	scripts/bootstrap test
	.venv/bin/python bench/wear.py

bench-start: build ## Measure how long it takes to be ready (50 starts, with and without a state)
	scripts/bootstrap test
	.venv/bin/python bench/start.py

bench-order: build ## Find the functions that relaying uses, for the linker to lay side by side
	scripts/bootstrap bench
	python3 bench/order.py

bench-linear: build ## Count instructions per byte of the worst inputs, into docs/security.md
	scripts/bootstrap test
	scripts/build.sh amd64-linear
	python3 bench/linear.py --write

tidy: ## Check the layout of the sources
	scripts/tidy

clean: ## Remove all that was built
	rm -rf .build .build-* dist

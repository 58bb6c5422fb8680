# Two commands to begin with: `make run` and `make test`. The work is in scripts/.
# PROFILE=release builds and runs optimised binaries.

PROFILE ?= dev
export PROFILE

.PHONY: help run up down reset test verify bench chaos lint fmt deps

help: ## This list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Start everything, take the sample request through it, keep running (RUN_ONCE=1 ends, AUTO_APPROVE=1 approves)
	@scripts/run.sh

up: ## Start everything in the background; returns once it is ready
	@scripts/up.sh

down: ## Stop everything; state is kept
	@scripts/orchestrator.sh down

reset: ## Stop everything and delete the state
	@scripts/orchestrator.sh reset

test: ## Every test that needs no container engine, real NATS and Postgres included
	@scripts/test.sh

# What this machine cannot run fails here; `make verify ORCHESTRATOR_SKIP_NOTHING=` leaves it out, as `make test` does.
verify: export ORCHESTRATOR_SKIP_NOTHING ?= 1
verify: ## The same and the long ones
	@scripts/test.sh --long
	@scripts/mcp-conformance.sh

bench: ## Load benchmark of a release build; ORCHESTRATOR_PEERS=DIR adds the rivals
	@scripts/bench.sh

chaos: ## Fault suite with real processes
	@scripts/chaos.sh

lint: ## Format, clippy, dependencies
	@scripts/lint.sh

fmt: ## Format the code
	@cargo fmt --all

deps: ## Fetch what is missing on this machine
	@scripts/ensure-deps.sh

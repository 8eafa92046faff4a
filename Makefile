# Everything a person does with this repository. `make` alone lists it.
.DEFAULT_GOAL := help
SHELL := bash
export CARGO_TERM_COLOR ?= auto

run: setup window ## Build and open Holdfast on the practice platform; without a display, take the guided tour
	@if [ -n "$${DISPLAY:-}$${WAYLAND_DISPLAY:-}" ]; then \
	  cargo build --locked --workspace --bin holdfast && exec target/debug/holdfast --practice; \
	else \
	  node tests/run.mjs tour; \
	fi

test: setup ## Run every check and test there is; ends with "N passed, N failed"
	@node tests/run.mjs

check: setup window ## Format, lints and types alone: the quick answer
	@node tests/run.mjs check

bench: setup window ## Measure: the window's start beside an empty one, records beside what SQLite can do
	@node tests/run.mjs bench

soak: ## Play a hundred thousand seeds of the simulator; HOLDFAST_SEEDS=n plays as many
	@HOLDFAST_SEEDS="$${HOLDFAST_SEEDS:-100000}" cargo test --locked --package tago-migrate --lib thousand_seeds -- --nocapture

bindings: setup window ## Write the window's typed commands again from the Rust code
	@HOLDFAST_WRITE_BINDINGS=1 cargo test --locked --test it bindings

release: setup window ## Build the program for people: target/release/holdfast
	@cargo build --locked --release --workspace --bin holdfast --bin holdfastctl

fuzz: ## Send the practice platform what coverage leads to, until stopped (needs cargo-fuzz)
	@mkdir -p crates/tago-local/fuzz/corpus/requests
	@cd crates/tago-local && RUSTC_BOOTSTRAP=1 cargo fuzz run requests fuzz/corpus/requests tests/hostile/corpus -- -dict=fuzz/requests.dict

deny: ## Check licences, sources and advisories of all dependencies (needs cargo-deny)
	@cargo deny check

setup: ## Install what is missing: system libraries (apt) and the window's packages (npm)
	@tests/setup.sh

window: setup ## Build the window's pages into ui/dist
	@npm --prefix ui run --silent build

clean: ## Remove everything that was built
	@cargo clean && rm -rf ui/dist ui/node_modules tests/conformance/node_modules gen

help:
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 18

.PHONY: run test check bench soak fuzz bindings release deny setup window clean help

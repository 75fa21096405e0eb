# Everything a user or CI does with Fathom. `make help` lists it.
#
# Variables: ARGS="…" reaches the `fathom` command behind run, serve, probe and compare; with test it
# names the parts to run; ARGS=--record has bench write its baseline.

SHELL := /bin/sh
ARGS ?=
TARGET := $(CURDIR)/target
TOOLCHAIN := $(TARGET)/guest-toolchain
IMAGE := $(TARGET)/fathom.elf
SOCKETS := $(TARGET)/kernel-app-sockets/x86_64-unknown-none/sockets/fathom-sockets
SOCKETS_IMAGE := $(TARGET)/fathom-sockets.elf
FATHOM := $(TARGET)/release/fathom

# The guest is built by its own compiler, with the standard library's `core` and `alloc` from
# source. The kernel's log level and colours are build-time settings of Hermit's: quiet and plain.
# Paths of the machine that built it have no place in the image, or it would differ everywhere.
CARGO_HOME ?= $(HOME)/.cargo
GUEST_RUSTFLAGS := -C relocation-model=static \
	--remap-path-prefix=$(CURDIR)/= --remap-path-prefix=$(CARGO_HOME)/=cargo/
GUEST_CARGO := cd kernel-app && \
	RUSTC=$(TOOLCHAIN)/rustc RUSTC_BOOTSTRAP=1 \
	CARGO_TARGET_X86_64_UNKNOWN_NONE_LINKER=$(TOOLCHAIN)/ld.lld \
	CARGO_TARGET_X86_64_UNKNOWN_NONE_RUSTFLAGS="$(GUEST_RUSTFLAGS)" \
	HERMIT_LOG_LEVEL_FILTER=off NO_COLOR=1 \
	cargo build --quiet --locked --target x86_64-unknown-none -Zbuild-std=core,alloc

# The service on Linux is one static program, or it could not be a guest's only one. The host's own
# libraries have nothing to do with it, so it has a directory of its own.
RESPONDER_CARGO := \
	RUSTFLAGS="-C target-feature=+crt-static -C relocation-model=static -C strip=symbols" \
	cargo build --quiet --locked --release --package responder \
	--target x86_64-unknown-linux-gnu --target-dir $(TARGET)/responder
RESPONDER := $(TARGET)/responder/x86_64-unknown-linux-gnu/release/fathom-responder

ALL_TARGETS := hermit,hermit-sockets,linux-guest:blocking,linux-guest:busy,linux-guest:io_uring,$\
	linux-host:blocking,linux-host:busy,linux-host:io_uring,linux-host:af_xdp,null

.DEFAULT_GOAL := help
.PHONY: help setup build image sockets linux-guest run serve probe compare compare-full test bench alike soak lint clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: ## bring QEMU, the guest toolchain and the Hermit kernel's source (skips what is there)
	@sh qemu/setup.sh
	@sh kernel-app/setup.sh

image: setup ## build the unikernel: target/fathom.elf
	@$(GUEST_CARGO) --release --target-dir $(TARGET)/kernel-app
	@cmp -s $(TARGET)/kernel-app/x86_64-unknown-none/release/fathom-image $(IMAGE) || \
		cp $(TARGET)/kernel-app/x86_64-unknown-none/release/fathom-image $(IMAGE)

# With more of the kernel in it, so with a directory of its own: each keeps what it has built.
sockets: setup ## build the same service on Hermit's own sockets: target/fathom-sockets.elf
	@$(GUEST_CARGO) --profile sockets --features sockets --bin fathom-sockets \
		--target-dir $(TARGET)/kernel-app-sockets
	@cmp -s $(SOCKETS) $(SOCKETS_IMAGE) || cp $(SOCKETS) $(SOCKETS_IMAGE)

build: image ## build the image and target/release/fathom
	@cargo build --quiet --locked --release --package host-runner

linux-guest: ## bring a Linux kernel and build target/fathom-responder, for the targets on Linux
	@sh qemu/setup.sh
	@sh qemu/linux-guest/setup.sh
	@$(RESPONDER_CARGO)
	@cmp -s $(RESPONDER) $(TARGET)/fathom-responder || cp $(RESPONDER) $(TARGET)/fathom-responder

run: build ## boot the service in QEMU and measure it: make run ARGS="--duration 2s"
	@$(FATHOM) run $(ARGS)

serve: build ## boot the service and keep it up until Ctrl-C
	@$(FATHOM) serve $(ARGS)

probe: build ## measure a service already running: make probe ARGS=127.0.0.1:9000
	@$(FATHOM) probe $(ARGS)

# What two cores do in under five minutes; `--within` holds it to that on a host that needs repeats.
compare: build sockets linux-guest ## the unikernel beside Linux in at most 5 minutes: make compare ARGS="--seed 2"
	@$(FATHOM) compare --targets \
		hermit,hermit-sockets,linux-guest:blocking,linux-guest:busy,linux-host:blocking,null \
		--links vhost-user,tap --repeat 7 --duration 700ms --warmup 200ms --settle 600ms --retries 2 \
		--within 280s $(ARGS)

compare-full: build sockets linux-guest ## every target on every link, ten rounds: takes over an hour
	@$(FATHOM) compare --targets $(ALL_TARGETS) --links vhost-user,unix,tap,user,loopback \
		--repeat 10 --duration 10s --settle 5s --retries 5 $(ARGS)

test: build sockets linux-guest ## lint, then every unit, property and end-to-end test
	@sh qemu/setup.sh tests
	@cargo run --quiet --locked --release --package suite -- $(ARGS)

bench: build ## hold what the guest needs against tests/benches/baseline.json, then time the host's hot paths
	@cargo bench --quiet --locked --package tests --bench guest -- $(ARGS)
	@cargo bench --quiet --locked --package host-runner --bench hot_paths
	@echo "bench: done"

alike: build ## hold hermit against itself in twenty comparisons: at most one may claim a difference
	@cargo test --quiet --locked --release --package tests --test alike -- --ignored --nocapture

soak: build ## five million bursts of frames of which each must be answered: takes five to ten minutes
	@FATHOM_BURSTS=5000000 FATHOM_COUNTED_BURSTS=500000 \
		cargo test --quiet --locked --release --package tests --test bursts -- --nocapture

lint: setup ## formatting and clippy, warnings are errors, on both workspaces
	@cargo fmt --all --check
	@cargo fmt --manifest-path kernel-app/Cargo.toml --check
	@cargo clippy --quiet --locked --release --workspace --all-targets -- -D warnings
	@cargo clippy --quiet --locked --release --manifest-path kernel-app/Cargo.toml \
		--target-dir $(TARGET)/kernel-app-host --lib --tests -- -D warnings

clean: ## remove everything that was built or fetched; results stay
	@rm -rf $(TARGET)

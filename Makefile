# Everything a user or CI does with Fathom. `make help` lists it.
#
# Variables: ARGS="…" reaches the `fathom` command behind run, serve, probe and compare; with test it
# names the parts to run; with image it reaches `fathom image new`; ARGS=--record has bench write its baseline.
# PREFIX and DESTDIR are install's, HOURS is soak's.

SHELL := /bin/sh
ARGS ?=
PREFIX ?= /usr/local
DESTDIR ?=
# Every path is relative to this directory, whose own may hold spaces.
TARGET := target
IMAGE := $(TARGET)/fathom.elf
SOCKETS := $(TARGET)/kernel-app-sockets/x86_64-unknown-none/sockets/fathom-sockets
SOCKETS_IMAGE := $(TARGET)/fathom-sockets.elf
FATHOM := $(TARGET)/release/fathom
BUILT_IMAGE := $(TARGET)/kernel-app/x86_64-unknown-none/release/fathom-image
GUEST_SOURCES := kernel-app/src kernel-app/profile.toml kernel-app/Cargo.toml kernel-app/Cargo.lock boot-args/src wire/src \
	$(TARGET)/hermit-kernel/.made-from
LOADERS := $(TARGET)/loaders
LOADER_SOURCES := loaders/Cargo.toml loaders/Cargo.lock loaders/build.sh loaders/handover loaders/efi loaders/bios
FATHOM_SOURCES := host-runner/src linux-process/src netlink/src boot-args/src wire/src

# On a terminal cargo shows how far it is.
QUIET = $$([ -t 2 ] || echo --quiet)

# The service on Linux is one static program, or it could not be a guest's only one. The host's own
# libraries have nothing to do with it, so it has a directory of its own.
RESPONDER_CARGO := \
	RUSTFLAGS="-C target-feature=+crt-static -C relocation-model=static -C strip=symbols" \
	cargo build --locked --release --package responder \
	--target x86_64-unknown-linux-gnu --target-dir $(TARGET)/responder
RESPONDER := $(TARGET)/responder/x86_64-unknown-linux-gnu/release/fathom-responder

# A program that runs on any Linux: with glibc inside. Not musl's, whose sched_setscheduler(2) always fails, and
# whose target would have to be added to the user's Rust.
STATIC_FATHOM := $(TARGET)/static/x86_64-unknown-linux-gnu/release/fathom

ALL_TARGETS := hermit,hermit:smoltcp,hermit-sockets,linux-guest:blocking,linux-guest:busy,linux-guest:io_uring,$\
	linux-host:blocking,linux-host:busy,linux-host:io_uring,linux-host:af_xdp,null

.DEFAULT_GOAL := help
.PHONY: help setup build image elf service examples loaders sockets responder linux-guest install release run serve probe compare compare-full test vmm-types bench size simulate alike soak fuzz coverage lint clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: ## bring QEMU, the guest toolchain and the Hermit kernel's source (skips what is there)
	@sh qemu/setup.sh
	@sh kernel-app/setup.sh

image: build loaders ## build dist/: the unikernel, disk images of it (BIOS and UEFI), packages
	@$(FATHOM) image new --out dist $(ARGS)

elf: setup
	@quiet=$$(sh announce.sh "the unikernel's image" "about 2 minutes" $(BUILT_IMAGE) $(GUEST_SOURCES)) && \
		sh kernel-app/cargo.sh build $$quiet --locked --release --target-dir ../$(TARGET)/kernel-app
	@cmp -s $(BUILT_IMAGE) $(IMAGE) || cp $(BUILT_IMAGE) $(IMAGE)

loaders: elf
	@QUIET=$$(sh announce.sh "what loads the image from a disk" "half a minute" \
		$(LOADERS)/fathom.efi $(IMAGE) $(LOADER_SOURCES)) sh loaders/build.sh

# With more of the kernel in it, so with a directory of its own: each keeps what it has built.
sockets: setup ## build the same service on Hermit's own sockets: target/fathom-sockets.elf
	@quiet=$$(sh announce.sh "the image on Hermit's own sockets" "about 2 minutes" $(SOCKETS) $(GUEST_SOURCES)) && \
		sh kernel-app/cargo.sh build $$quiet --locked --profile sockets --features sockets \
		--bin fathom-sockets --target-dir ../$(TARGET)/kernel-app-sockets
	@cmp -s $(SOCKETS) $(SOCKETS_IMAGE) || cp $(SOCKETS) $(SOCKETS_IMAGE)

service: setup ## build a service of your own as an image: make service DIR=/path/to/its/crate
	@sh kernel-app/service.sh "$(DIR)"

EXAMPLES := echo key_value

# Other people's services: what kernel-app is as a library.
examples: setup ## build the examples of services: target/examples/echo.elf, target/examples/key_value.elf
	@quiet=$$(sh announce.sh "the examples of services" "about a minute" \
		$(TARGET)/kernel-app/x86_64-unknown-none/release/examples/echo $(GUEST_SOURCES) kernel-app/examples) && \
		sh kernel-app/cargo.sh build $$quiet --locked --release --examples --target-dir ../$(TARGET)/kernel-app
	@mkdir -p $(TARGET)/examples
	@for name in $(EXAMPLES); do \
		cp $(TARGET)/kernel-app/x86_64-unknown-none/release/examples/$$name $(TARGET)/examples/$$name.elf; done

build: elf ## build the unikernel, target/fathom.elf, and target/release/fathom
	@quiet=$$(sh announce.sh "the fathom command" "about 2 minutes" $(FATHOM) $(FATHOM_SOURCES)) && \
		cargo build $$quiet --locked --release --package host-runner

responder:
	@quiet=$$(sh announce.sh "the service on Linux" "about a minute" $(RESPONDER) linux-responder/src linux-process/src netlink/src wire/src) && \
		$(RESPONDER_CARGO) $$quiet
	@cmp -s $(RESPONDER) $(TARGET)/fathom-responder || cp $(RESPONDER) $(TARGET)/fathom-responder

linux-guest: responder ## bring a Linux kernel and build target/fathom-responder, for the targets on Linux
	@sh qemu/setup.sh
	@sh qemu/linux-guest/setup.sh

install: build sockets loaders responder ## copy fathom and all that it boots, manual pages and completions below PREFIX (/usr/local)
	@sh packaging/install.sh "$(DESTDIR)$(PREFIX)"
	@echo "install: fathom and all that it boots are below $(DESTDIR)$(PREFIX)"

release: sockets loaders responder ## pack dist/fathom-VERSION-x86_64-linux.tar.gz, which needs neither a checkout nor a compiler
	@quiet=$$(sh announce.sh "a static fathom command" "about 3 minutes" $(STATIC_FATHOM) $(FATHOM_SOURCES)) && \
		RUSTFLAGS="-C target-feature=+crt-static -C strip=symbols" cargo build $$quiet --locked --release \
		--package host-runner --target x86_64-unknown-linux-gnu --target-dir $(TARGET)/static
	@sh packaging/release.sh $(STATIC_FATHOM)

run: build ## boot the service in QEMU and measure it: make run ARGS="--duration 2s"
	@$(FATHOM) run $(ARGS)

serve: build ## boot the service and keep it up until Ctrl-C
	@$(FATHOM) serve $(ARGS)

ifeq ($(strip $(ARGS)),)
probe:
	@echo "probe: name the service: make probe ARGS=127.0.0.1:9000" >&2; exit 2
else
probe: build ## measure a service already running: make probe ARGS=127.0.0.1:9000
	@$(FATHOM) probe $(ARGS)
endif

# What two cores do in under five minutes; `--within` holds it to that on a host that needs repeats.
compare: build sockets linux-guest ## the unikernel beside Linux in at most 5 minutes: make compare ARGS="--seed 2"
	@$(FATHOM) compare --targets \
		hermit,hermit:smoltcp,hermit-sockets,linux-guest:blocking,linux-guest:busy,linux-host:blocking,null \
		--links vhost-user,tap --repeat 7 --duration 350ms --warmup 100ms --settle 400ms --quiet 500ms --retries 2 \
		--within 280s $(ARGS)

compare-full: build sockets linux-guest ## every target on every link, ten rounds: takes over an hour
	@$(FATHOM) compare --targets $(ALL_TARGETS) --links vhost-user,unix,tap,user,loopback \
		--repeat 10 --duration 10s --settle 5s --retries 5 $(ARGS)

# In a workspace of its own, with what it brings along. Its speed is of no account.
VMM_TYPES_CARGO = cargo $(1) $(2) --locked --manifest-path tests/vmm-types/Cargo.toml --target-dir $(TARGET)/vmm-types

vmm-types:
	@quiet=$$(sh announce.sh "the types of the machine monitors' APIs" "about a minute" \
		$(TARGET)/vmm-types/debug/vmm-types tests/vmm-types/src tests/vmm-types/Cargo.lock) && $(call VMM_TYPES_CARGO,build,$$quiet)

# The `fathom` command is built with the tests: on its own it would have fewer features of some crates, and
# everything would be compiled twice.
test: loaders sockets examples linux-guest vmm-types ## lint, and every unit, property and end-to-end test
	@sh qemu/setup.sh tests
	@sh tests/kubevirt/setup.sh
	@sh tests/prometheus/setup.sh
	@sh tests/stamp-suite/setup.sh
	@sh tests/otava/setup.sh
	@quiet=$$(sh announce.sh "the tests" "about 5 minutes" $(TARGET)/release/suite tests/suite/src) && \
		cargo run $$quiet --locked --release --package suite -- $(ARGS)

bench: build ## hold what the guest needs against tests/benches/baseline.json, then time the host's hot paths
	@echo "bench: what the guest needs for an echo (compiled first, which takes minutes the first time)"
	@cargo bench $(QUIET) --locked --package tests --bench guest -- $(ARGS)
	@echo "bench: the host's hot paths (compiled first)"
	@cargo bench $(QUIET) --locked --package host-runner --bench hot_paths
	@echo "bench: done"

size: elf ## what is in target/fathom.elf: sections, and bytes by crate (make bench holds them to the baseline)
	@cargo run $(QUIET) --locked --release --package size

simulate: ## how often verdicts are wrong and what they find, in simulation: the figures of docs/comparing.md and docs/history.md
	@echo "simulate: a thousand comparisons a cell, some ten minutes (compiled first, which takes minutes the first time)"
	@cargo test $(QUIET) --locked --release --package host-runner --lib simulation -- --ignored --nocapture

alike: build linux-guest ## hold hermit against itself in twenty comparisons, and measurements that are watched against others: none may differ
	@echo "alike: the comparisons (compiled first, which takes minutes the first time)"
	@cargo test $(QUIET) --locked --release --package tests --test aa_test --test observer_effect -- --ignored --nocapture

# HOURS=24 makes it one run of so many hours, and nothing else.
HOURS ?=

ifeq ($(strip $(HOURS)),)
soak: build loaders sockets release ## five million bursts of frames, five million mutated frames, the clocks of twenty boots, 100 cold boots of each machine and of the disk, a run of two minutes, a minute of overload on each link, two builds of one commit, a prober after disturbances: some fifty minutes; HOURS=24: one run of a day, with memory and drops watched
	@echo "soak: bursts of frames, clocks, cold boots, a long run (compiled first, which takes minutes the first time)"
	@FATHOM_BURSTS=5000000 FATHOM_COUNTED_BURSTS=500000 FATHOM_CLOCK_BOOTS=20 FATHOM_COLD_BOOTS=100 FATHOM_MUTATED_FRAMES=5000000 \
		FATHOM_SOAK_SECONDS=120 FATHOM_FAULTY_REQUESTS=1000000 \
		cargo test $(QUIET) --locked --release --package tests --test bursts --test mutated_frames --test clock --test cold_boots --test disks \
		--test lifecycle --test injected_faults -- --nocapture
	@echo "soak: twice the saturation rate, two builds of one commit in different directories"
	@cargo test $(QUIET) --locked --release --package tests --test overload --test lifecycle --test images --test install \
		--test prober_validity -- --ignored --nocapture
else
soak: build
	@echo "soak: one run of $(HOURS) hours (compiled first, which takes minutes the first time)"
	@FATHOM_SOAK_SECONDS=$$(($(HOURS) * 3600)) \
		cargo test $(QUIET) --locked --release --package tests --test lifecycle memory -- --nocapture
endif

# For so many seconds each target is fuzzed; ARGS names some of them.
FUZZ_SECONDS ?= 60

fuzz: setup ## fuzz each target of fuzz/ for FUZZ_SECONDS (60), some twelve minutes: make fuzz ARGS="reflector stamp"
	@sh qemu/setup.sh fuzz
	@sh fuzz/run.sh $(FUZZ_SECONDS) $(ARGS)

coverage: setup ## lines that unit tests run, by part: wire, rings, reflector, vhost-user back end; fails below 90 %
	@sh qemu/setup.sh coverage
	@echo "coverage: unit tests (compiled first, which takes minutes the first time)"
	@cargo run $(QUIET) --locked --release --package coverage -- $(ARGS)

lint: setup ## formatting, clippy (warnings are errors) and deny.toml, on all workspaces
	@cargo fmt --all --check
	@cargo fmt --manifest-path kernel-app/Cargo.toml --check
	@cargo fmt --manifest-path loaders/Cargo.toml --all --check
	@cargo fmt --manifest-path tests/vmm-types/Cargo.toml --check
	@cargo fmt --manifest-path fuzz/guest-targets/Cargo.toml --check
	@cargo fmt --manifest-path kernel-app/ring-model/Cargo.toml --check
	@cargo fmt --manifest-path fuzz/Cargo.toml --check
	@cargo run $(QUIET) --locked --release --package deny
	@echo "lint: clippy (the first time about 2 minutes)"
	@cargo clippy $(QUIET) --locked --release --workspace --all-targets -- -D warnings
	@cargo clippy $(QUIET) --locked --release --manifest-path kernel-app/Cargo.toml \
		--workspace --target-dir $(TARGET)/kernel-app-host --lib --tests -- -D warnings
	@cargo clippy $(QUIET) --locked --release --manifest-path loaders/Cargo.toml --workspace --all-targets \
		--target-dir $(TARGET)/loaders-host -- -D warnings
	@$(call VMM_TYPES_CARGO,clippy,$(QUIET)) -- -D warnings
	@sh tests/aarch64.sh $(TARGET)

clean: ## remove everything that was built or fetched; results stay
	@rm -rf $(TARGET) dist

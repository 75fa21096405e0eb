#!/bin/sh
# run.sh SECONDS [TARGET…]
#
# Fuzzes each target, or those named, for SECONDS by libFuzzer, and says how many inputs it ran, how many edges of the
# code they reached, and how many inputs are worth keeping. Stops at the first that breaks a promise: that input stays
# in target/fuzz/artifacts.
#
# What a fuzzer finds worth keeping goes to target/fuzz/corpus, and with FATHOM_KEEP_CORPUS=1 what of that reaches more
# code than fuzz/corpus does goes there.
#
# The stable compiler instruments as libFuzzer wants it (-C passes=sancov-module), so neither a nightly compiler nor
# cargo-fuzz is needed. Who has both can also run `cargo fuzz run TARGET`, with AddressSanitizer.
set -eu
seconds=$1
shift
cd "$(dirname "$0")/.."
built=target/fuzz/x86_64-unknown-linux-gnu/release
names="${*:-$(sed -n 's/^name = "\(.*\)"/\1/p' fuzz/Cargo.toml | grep -v '^fathom-fuzz$')}"

for coverage in level=4 inline-8bit-counters pc-table trace-compares; do
    flags="${flags:-} -C llvm-args=-sanitizer-coverage-$coverage"
done
[ -t 2 ] || quiet=--quiet
[ -e "$built" ] || echo "fuzz: compiling (the first time about 5 minutes)" >&2
RUSTFLAGS="-C passes=sancov-module $flags --cfg fuzzing -C codegen-units=1" \
    cargo build ${quiet:-} --locked --release --manifest-path fuzz/Cargo.toml \
    --target x86_64-unknown-linux-gnu --target-dir target/fuzz

printf '%-20s %12s %10s %17s %8s\n' target executions per_second edges inputs
for name in $names; do
    found=target/fuzz/corpus/$name
    artifacts=target/fuzz/artifacts/$name/
    log=target/fuzz/$name.log
    mkdir -p "$found" "$artifacts"
    # Bounded: in time, in memory, and each input in time.
    if ! "$built/$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=20000 \
        -print_final_stats=1 -artifact_prefix="$artifacts" "$found" "fuzz/corpus/$name" >"$log" 2>&1; then
        grep -a -A 3 -E 'panicked|SUMMARY|Test unit' "$log" >&2
        echo "fuzz: $name failed; $log has all, and an input to be put into fuzz/corpus/$name once it is mended" >&2
        exit 1
    fi
    edges=$(sed -n 's/.*(\([0-9]*\) inline 8-bit counters).*/\1/p' "$log" | head -n 1)
    grep -a DONE "$log" | sed -E 's/^#([0-9]+).*cov: ([0-9]+).*corp: ([0-9]+).*exec\/s: ([0-9]+).*/\1 \4 \2 \3/' | {
        read -r executions rate reached inputs
        printf '%-20s %12s %10s %17s %8s\n' "$name" "$executions" "$rate" "$reached of $edges" "$inputs"
    }
    if [ "${FATHOM_KEEP_CORPUS:-}" = 1 ]; then
        "$built/$name" -merge=1 -max_len=20000 "fuzz/corpus/$name" "$found" >"$log" 2>&1
    fi
done

#!/bin/sh
# rustc.sh RUSTC ARGUMENT…
#
# Compiles as told, with counters for coverage. Cargo's RUSTC_WORKSPACE_WRAPPER: dependencies have none, and are those
# of other builds.
exec "$@" -C instrument-coverage

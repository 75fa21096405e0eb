#!/bin/sh
# rustc.sh RUSTC ARGUMENT…
#
# Compiles as told, with counters for coverage. Cargo's RUSTC_WORKSPACE_WRAPPER: dependencies have none, and are those
# of other builds. Nor have build scripts any, which would leave profiles in the checkout.
case " $* " in
*" --crate-name build_script_"*) exec "$@" ;;
esac
exec "$@" -C instrument-coverage

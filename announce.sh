#!/bin/sh
# announce.sh NAME FIRST_TIME PRODUCT SOURCE…
#
# Says on standard error that NAME is being built, unless PRODUCT is there and newer than every file of
# the SOURCEs; if there is none yet, also that this takes FIRST_TIME. Prints what cargo is to be told
# then: `--quiet`, unless there is something to build and a terminal that shows how far it is.
set -eu
name=$1 first_time=$2 product=$3
shift 3

if [ ! -e "$product" ]; then
    echo "build: $name (the first time $first_time)" >&2
elif [ -n "$(find "$@" -type f -newer "$product" -print -quit)" ]; then
    echo "build: $name" >&2
else
    echo --quiet
    exit
fi
[ -t 2 ] || echo --quiet

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Run suites of tests that speak TAP and sum them up; the last line says how it went:
#
#     tests/run.sh BUILD [layers|unit|corpus|integration]...      default: all
#     tests/run.sh BUILD tests/integration/20-store.t...          or single files
#     tests/run.sh BUILD judge                                    against a Docker engine
#     tests/run.sh BUILD slow                                     what takes minutes each
#
# A line for each suite, the whole story only of what failed.  Exits 1 where anything did.  JOBS
# integration suites run at once (2), but those that say need_machine.
set -eu
cd "$(dirname "$0")/.."

limit=${SUITE_SECONDS:-900} # that a suite may take
JOBS=${JOBS:-2}

# One suite, with a directory of its own; whole lines are told, whoever else ends at the same time.
suite() { # NAME COMMAND...
	name=$1 status=0 began=$(date +%s)
	shift
	own=$(mktemp -d "$scratch/XXXXXX")
	chmod 1777 "$own" # tests also run programs as other users
	TMPDIR=$own timeout --kill-after=10 "$limit" "$@" >"$own.log" 2>&1 </dev/null || status=$?
	awk -v name="$name" -v status="$status" -v seconds=$(($(date +%s) - began)) \
		-v limit="$limit" -v counts="$own.counts" -v skips="$own.skips" \
		-f tests/tap.awk "$own.log" >"$own.story"
	read -r passed failed skipped <"$own.counts"
	{
		flock 9
		printf '%-32s %s\n' "$name" "$(summary "$passed" "$failed" "$skipped")"
		cat "$own.story"
		cat "$own.counts" >&9
		[ ! -e "$own.skips" ] || cat "$own.skips" >>"$scratch/skips"
	} 9>>"$scratch/counts"
	rm -rf "$own" "$own".* 2>/dev/null || true
}

summary() { # PASSED FAILED SKIPPED
	printf '%d passed, %d failed' "$1" "$2"
	[ "$3" -eq 0 ] || printf ', %d skipped' "$3"
}

# Started by integration() below, for one of several suites.
if [ "${TESTS_SCRATCH-}" ]; then
	scratch=$TESTS_SCRATCH
	suite "$(basename "$1" .t)" sh "$1"
	exit
fi

[ $# -ge 1 ] || { echo "usage: $0 BUILD [SUITE...]" >&2; exit 2; }
build=$(cd "$1" && pwd)
shift
[ $# -gt 0 ] || set -- layers unit corpus integration

MPEMU=${MPEMU:-$build/mpemu}
MPEMU_BASE=$PWD/build/base # root file systems, made by tests/demo/base.sh, kept between runs
PATH=$PATH:$PWD/build/tools/docker-registry/usr/bin:/usr/sbin:/sbin
export MPEMU MPEMU_BASE PATH
unset MPEMU_ROOT MPEMU_QEMU_DIR

scratch=$(mktemp -d "${TMPDIR:-/tmp}/mpemu-tests-XXXXXX")
trap 'rm -rf "$scratch" 2>/dev/null || true' EXIT
trap 'exit 130' INT TERM
chmod 755 "$scratch"
: >"$scratch/counts"
: >"$scratch/skips"

corpora() {
	for fuzzer in tests/fuzz/*.c; do
		fuzzer=$(basename "$fuzzer" .c)
		[ "$fuzzer" != driver ] || continue
		set -- "tests/fuzz/corpus/$fuzzer"/*
		[ -e "$1" ] || set --
		suite "corpus $fuzzer" "$build/fuzz/$fuzzer" "$@"
	done
}

integration() { # FILE...
	together=
	for file; do
		[ -e "$file" ] || continue
		if [ $# -gt 1 ] && [ "$JOBS" -gt 1 ] && ! grep -q '^need_machine$' "$file"; then
			together="$together $file"
		else
			suite "$(basename "$file" .t)" sh "$file"
		fi
	done
	# shellcheck disable=SC2086 # words
	[ ! "$together" ] ||
		printf '%s\n' $together | TESTS_SCRATCH=$scratch xargs -P "$JOBS" -n 1 "$0"
}

judge() { # FILE...
	limit=1200
	for file; do
		suite "judge $(basename "$file" .cases)" sh tests/judge/judge.sh "$file"
	done
}

for what; do
	case $what in
	layers) suite layers tests/layers.sh ;;
	unit) suite unit "$build/tests/units" ;;
	corpus) corpora ;;
	integration) integration tests/integration/*.t ;;
	*.t) integration "$what" ;;
	slow) integration tests/slow/*.t ;;
	judge) judge tests/judge/*.cases ;;
	*.cases) judge "$what" ;;
	*) echo "$0: no suite '$what'" >&2; exit 2 ;;
	esac
done

if [ -s "$scratch/skips" ]; then
	echo skipped:
	sed 's/^/  /' "$scratch/skips"
fi
awk '
	{ passed += $1; failed += $2; skipped += $3 }
	END {
		printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
		exit failed > 0
	}' "$scratch/counts"

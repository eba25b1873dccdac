#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# All benchmarks, as Markdown: tests/bench/run.sh [MPEMU [NAME...]]; ROUNDS=N for more or fewer.
mpemu=$(realpath "${1:-build/release/mpemu}")
[ $# -eq 0 ] || shift
cd "$(dirname "$0")/../.." || exit 1
[ $# -gt 0 ] || set -- setup start sandbox build cache assist

echo "$("$mpemu" --version) on Linux $(uname -r), $(nproc) CPUs," \
	"$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1);" \
	"$(qemu-aarch64-static --version | head -n 1)"
status=0
for name; do
	tests/bench/"$name".sh "$mpemu" || status=1
done
exit $status

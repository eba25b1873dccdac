# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
#
# What the suites of the tools share, read after tests/lib.sh: a Debian image for both platforms, and
# a part of tools.sh in it, emulated and with native twins.

need_root
need_platform linux/arm64
[ "$(uname -m)" = x86_64 ] || skip_all 'wants a machine that is amd64'
unshare -Urm sh -c 'mount -t binfmt_misc none /mnt' 2>/dev/null ||
	skip_all 'this kernel has no binfmt_misc of a user namespace'

debian_image trixie localhost/debian || skip_all 'no image could be made'

inside() { # MODE COMMAND...
	test_mode=$1
	shift
	run mpemu run --platform linux/arm64 --assist "$test_mode" \
		-v "$tests/assist/tools.sh:/tools.sh:ro" localhost/debian "$@"
}

tools_compare() { # PART of tools.sh
	inside off bash /tools.sh "$1"
	is 'the emulated tools ran' "$status" 0
	printf '%s\n' "$out" >"$scratch/off"
	inside full bash /tools.sh "$1"
	printf '%s\n' "$out" >"$scratch/full"
	is 'the last one too' "$(tail -n 1 "$scratch/off")" "$(tail -n 1 "$scratch/full")"
	run diff "$scratch/off" "$scratch/full"
	is 'native ones say and do the same' "$out" ''
}

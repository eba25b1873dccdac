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

# Of a build with --progress json: the end of what it said, if it failed.
show_failure() {
	[ "$status" = 0 ] || printf '%s\n' "$err" | jq -r 'select(.text).text' | tail -n 20 | sed 's/^/# /'
}

ran() { # PROGRAM: why its runs in the last build were emulated; empty where they were native
	printf '%s\n' "$err" | jq -r --arg name "$1" \
		'select(.event == "step-assist") | .programs[] | select(.name == $name).why' | sort | uniq
}

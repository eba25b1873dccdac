#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The evidence for the tools that may run natively: each does the same as under emulation.
# shellcheck disable=SC2016   # variables of scripts that run inside
. "$(dirname "$0")/../lib.sh"
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

inside off bash /tools.sh small
is 'the emulated tools ran' "$status" 0
printf '%s\n' "$out" >"$scratch/off"
inside full bash /tools.sh small
printf '%s\n' "$out" >"$scratch/full"
is 'the last one too' "$(tail -n 1 "$scratch/off")" "$(tail -n 1 "$scratch/full")"
run diff "$scratch/off" "$scratch/full"
is 'native ones say and do the same' "$out" ''

# Whatever a package has that may run natively stands in the table; the rest is named here.
apart='arch chcon chroot df nproc numfmt runcon seq stdbuf uname'
printf '%s\n' $apart rbash rnano sh bashbug zgrep add-shell remove-shell update-shells installkernel \
	savelog ischroot which.debianutils egrep fgrep gunzip gzexe uncompress zcat zcmp zdiff \
	zegrep zfgrep zforce zless zmore znew rgrep pkill apt-key captoinfo infotocap reset \
	rmt-tar tarcat dpkg-maintscript-helper dpkg-realpath dpkg-preconfigure lzcat lzcmp lzdiff \
	lzegrep lzfgrep lzgrep lzless lzma lzmore unlzma unxz xzcat xzcmp xzdiff xzegrep xzfgrep \
	xzgrep xzless xzmore bzcmp bzdiff bzegrep bzexe bzfgrep bzgrep bzless bzmore \
	start-stop-daemon make-first-existing-target gmake select-editor sensible-browser \
	sensible-editor sensible-pager sensible-terminal md5sum.textutils clear_console dnsdomainname domainname \
	nisdomainname ypdomainname |
	sort >"$scratch/apart"
"$tests/assist/tools.sh" list | sort - "$scratch/apart" >"$scratch/known"
inside off bash -c 'for package in bash dash sed grep diffutils patch coreutils findutils tar gzip \
	bzip2 xz-utils file make m4 debianutils hostname ncurses-bin dpkg apt; do
		dpkg -L $package | grep -E "^(/usr)?/s?bin/."
	done'
printf '%s\n' "$out" | sed 's,.*/,,' | sort -u >"$scratch/has"
is 'there is evidence for each program' \
	"$(comm -23 "$scratch/has" "$scratch/known" | tr '\n' ' ')" ''

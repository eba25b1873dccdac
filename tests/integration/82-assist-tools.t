#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The evidence for the tools that may run natively: each does the same as under emulation.
# shellcheck disable=SC2016   # variables of scripts that run inside
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/assist/lib.sh
. "$(dirname "$0")/../assist/lib.sh"

tools_compare small

# Whatever a package has that may run natively stands in the table; the rest is named here.
apart='arch chcon chroot df nproc numfmt runcon seq stdbuf uname'
printf '%s\n' $apart rbash rnano sh bashbug zgrep add-shell remove-shell update-shells installkernel \
	savelog ischroot which.debianutils egrep fgrep gunzip gzexe uncompress zcat zcmp zdiff \
	zegrep zfgrep zforce zless zmore znew rgrep pkill apt-key captoinfo infotocap reset \
	rmt-tar tarcat dpkg-maintscript-helper dpkg-preconfigure lzcat lzcmp lzdiff \
	lzegrep lzfgrep lzgrep lzless lzma lzmore unlzma unxz xzcat xzcmp xzdiff xzegrep xzfgrep \
	xzgrep xzless xzmore bzcmp bzdiff bzegrep bzexe bzfgrep bzgrep bzless bzmore \
	start-stop-daemon make-first-existing-target gmake select-editor sensible-browser \
	sensible-editor sensible-pager sensible-terminal md5sum.textutils clear_console dnsdomainname domainname \
	nisdomainname ypdomainname invoke-rc.d service |
	sort >"$scratch/apart"
"$tests/assist/tools.sh" list | sort - "$scratch/apart" >"$scratch/known"
inside off bash -c 'for package in bash dash sed grep diffutils patch coreutils findutils tar gzip \
	bzip2 xz-utils file make m4 debianutils hostname ncurses-bin dpkg apt debconf \
	init-system-helpers libpam-runtime; do
		dpkg -L $package | grep -E "^(/usr)?/s?bin/."
	done'
printf '%s\n' "$out" | sed 's,.*/,,' | sort -u >"$scratch/has"
is 'there is evidence for each program' \
	"$(comm -23 "$scratch/has" "$scratch/known" | tr '\n' ' ')" ''

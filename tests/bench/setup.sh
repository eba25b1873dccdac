#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Registering every emulator there is.  Each run has a binfmt_misc of its own in a user namespace
# (Linux 6.7), so that the machine's stays as it is.
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"

updater=$PWD/build/tools/binfmt-support/usr/sbin/update-binfmts

private() { # SCRIPT
	unshare --user --map-root-user --mount sh -ec \
		"mount -t binfmt_misc none /proc/sys/fs/binfmt_misc; $1
		set -- /proc/sys/fs/binfmt_misc/qemu-*; [ -e \"\$1\" ]" private
}

ours() {
	private "$MPEMU setup"
}

# Neither of the two looks whether an emulator works.
systemd() {
	private /usr/lib/systemd/systemd-binfmt
}

support() {
	rm -rf "$scratch/admin"
	mkdir "$scratch/admin"
	private "$updater --admindir $scratch/admin --import
		$updater --admindir $scratch/admin --enable"
}

nothing() {
	private ': >/proc/sys/fs/binfmt_misc/qemu-none' 2>/dev/null || :
}

private 'echo :qemu-a:M::a::/bin/true: >/proc/sys/fs/binfmt_misc/register' 2>/dev/null ||
	die 'needs a binfmt_misc for each user namespace (Linux 6.7)'
compare 'register all emulators' \
	'mpemu setup (and run each)' ours \
	'systemd-binfmt' systemd \
	'update-binfmts --import, --enable' support \
	'the empty namespace alone' nothing

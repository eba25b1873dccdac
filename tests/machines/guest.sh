#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What runs in a machine: makes of it what a booted system looks like to a login of root, runs the
# suites that /tree/job asks for, and turns it off.
# shellcheck disable=SC1091,SC2154   # what run.sh wrote
. /tree/machine # $groups, $SUITE_SECONDS

controllers='cpu memory pids'

# As systemd leaves it: groups hold processes or hand on controllers, those of a session hold some.
groups_v2() { # DIR
	mount -t cgroup2 -o nsdelegate cgroup2 "$1"
	mkdir -p "$1/init.scope" "$1/user.slice/user-0.slice/session-1.scope"
	echo 1 >"$1/init.scope/cgroup.procs"
	for group in "$1" "$1/user.slice"; do
		for name in $controllers; do
			echo "+$name" >"$group/cgroup.subtree_control" 2>/dev/null
		done
	done
	echo '+memory +pids' >"$1/user.slice/user-0.slice/cgroup.subtree_control" 2>/dev/null
}

groups_v1() { # CONTROLLER...
	mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup
	for name; do
		mkdir "/sys/fs/cgroup/$name"
		mount -t cgroup -o "$name" cgroup "/sys/fs/cgroup/$name" ||
			echo "machine: no control groups of version 1 for $name"
	done
}

groups_make() {
	session=/sys/fs/cgroup/user.slice/user-0.slice/session-1.scope
	case $groups in
	v2) groups_v2 /sys/fs/cgroup ;;
	v1) groups_v1 cpu memory pids ;;
	hybrid) # version 2 has what version 1 leaves
		groups_v1 cpu pids
		mkdir /sys/fs/cgroup/unified
		groups_v2 /sys/fs/cgroup/unified
		session=/sys/fs/cgroup/unified/${session#/sys/fs/cgroup/}
		;;
	esac
}

system_make() {
	mount -t proc proc /proc
	mount -t sysfs sysfs /sys
	mount -t tmpfs -o mode=755 tmpfs /run
	mkdir -p /dev/pts /dev/shm
	mount -t devpts -o mode=620,ptmxmode=666 devpts /dev/pts
	mount -t tmpfs tmpfs /dev/shm
	mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
	for name in fd/0:stdin fd/1:stdout fd/2:stderr fd:fd; do
		ln -sfn "/proc/self/${name%:*}" "/dev/${name#*:}"
	done
	touch /etc/resolv.conf /etc/subuid /etc/subgid
	echo '127.0.0.1 localhost' >/etc/hosts
	hostname machine
	ip link set lo up
	groups_make
}

job_run() {
	cd /tree || exit
	[ ! -e /stores/debian ] || ln -sfn /stores/debian build/debian
	[ ! -d "$session" ] || echo 0 >"$session/cgroup.procs"
	sh job
}

export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C
export SUITE_SECONDS TEST_SLOWER=10
system_make
echo "machine: $(uname -srm), control groups: $(awk '$3 ~ /^cgroup/ { printf "%s %s, ", $3, $2 }' /proc/mounts)"
(job_run) </dev/null
echo "machine: status $?"
sync
/tree/busybox poweroff -f

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A Docker engine to be compared with, of Debian's packages, with emulators of its own: it is root of
# a user namespace that has a binfmt_misc, and leaves nothing on this machine but its directory.
#
#     engine.sh start DIR ROOT   run it with the programs below ROOT until this process is ended;
#                                says "ready" when it serves DIR/docker.sock
#     engine.sh inside DIR ROOT  what it starts itself, in its namespaces
set -eu
dir=$2 root=$3

wait_for() { # TEST
	for _ in $(seq 300); do
		eval "$1" && return
		sleep 0.1
	done
	return 1
}

case $1 in
start)
	mkdir -p "$dir/data"
	rm -f "$dir/mapped" "$dir/docker.sock"
	unshare --user --mount --pid --uts --ipc --cgroup --fork --kill-child "$0" inside "$dir" "$root" \
		>"$dir/log" 2>&1 &
	engine=$!
	# The first process of its namespace ends by nothing else, and all others with it.
	trap 'kill -KILL $(ps -o pid= --ppid $engine) $engine' EXIT
	trap 'exit 0' INT TERM
	wait_for "[ \"\$(readlink /proc/$engine/ns/user)\" != \"\$(readlink /proc/self/ns/user)\" ]"
	# Not all ids: runc takes a namespace that has them for the first one, and would set what only
	# that one may.
	for map in uid_map gid_map; do
		echo 0 0 4294967294 >"/proc/$engine/$map"
	done
	: >"$dir/mapped"
	wait_for "[ -S '$dir/docker.sock' ]" || { cat "$dir/log" >&2; exit 1; }
	echo ready
	wait
	;;
inside)
	wait_for "[ -e '$dir/mapped' ]"
	mount --make-rprivate /
	mount --rbind "$root" "$root"
	mount -t proc proc "$root/proc"
	mount -t binfmt_misc none "$root/proc/sys/fs/binfmt_misc"
	mount --rbind /sys "$root/sys"
	# The kernel refuses to mount the same twice in one place.
	mount -t tmpfs tmpfs "$root/sys/fs/cgroup"
	mount -t cgroup2 none "$root/sys/fs/cgroup"
	mount --rbind /dev "$root/dev"
	mount -t tmpfs tmpfs "$root/run"
	mkdir "$root/run/engine"
	mount --bind "$dir" "$root/run/engine"
	# The kernel opens it now and keeps it: it need not be found later.
	qemu=$(command -v qemu-aarch64-static)
	head='\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00'
	mask='\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'
	printf '%s' ":qemu-aarch64:M::$head:$mask:$qemu:POF" >"$root/proc/sys/fs/binfmt_misc/register"
	exec chroot "$root" /usr/bin/env PATH=/usr/sbin:/usr/bin:/sbin:/bin dockerd --bridge=none \
		--iptables=false --ip6tables=false --ip-forward=false --feature containerd-snapshotter=true \
		--exec-root /run/docker --pidfile /run/docker.pid --host unix:///run/engine/docker.sock \
		--data-root /run/engine/data
	;;
esac

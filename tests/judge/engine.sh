#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A Docker engine of our own, from Debian's packages, for comparing with docker buildx build:
#
#     tests/judge/engine.sh start DIR     brings it into DIR, starts it, prints its docker command
#     tests/judge/engine.sh stop DIR      ends it and removes what it built
#
# The packages lie unpacked in DIR/root and are run there, in namespaces of their own: nothing of
# this machine changes but directories of control groups, which `stop` removes.  Its steps have no
# network of their own, so builds want --network=host or none.  Fails with a reason on standard
# error where that cannot be: it takes root, a network for the first time, and overlayfs below DIR.
# shellcheck disable=SC2086,SC2046   # lists of names are words
set -eu

here=$(cd "$(dirname "$0")" && pwd)
. "$here/../demo/archive.sh"

packages='docker.io docker-buildx containerd runc bash coreutils mount util-linux git xz-utils sed grep
	base-files ca-certificates'
release=sid

fetch() {
	set -- $(archive)
	[ $# -eq 2 ] || die "no Debian archive among apt's sources"
	uri=$1 apt=$dir/apt arches=$(dpkg --print-architecture)
	rm -rf "$apt" "$dir/debs" "$dir/root.new"
	mkdir -p "$dir/debs/partial" "$dir/root.new"
	apt_prepare
	cat >>"$apt/conf" <<-EOF
		APT::Architecture "$arches";
		Dir::Cache::archives "$dir/debs";
		APT::Install-Recommends "false";
	EOF
	source_line $release $arches >"$apt/sources.list"
	say "fetching a Docker engine from Debian $release"
	apt-get -qq -c "$apt/conf" update >"$apt/log" 2>&1 || die "apt-get update: $(cat "$apt/log")"
	apt-get -qq -y -c "$apt/conf" -o Debug::NoLocking=1 --download-only install $packages \
		>"$apt/log" 2>&1 || die "apt-get install: $(cat "$apt/log")"
	for deb in "$dir"/debs/*.deb; do
		dpkg-deb -x "$deb" "$dir/root.new"
	done
	root_finish "$dir/root.new"
	mv "$dir/root.new" "$dir/root"
	rm -rf "$apt" "$dir/debs"
}

# What the scripts of the packages would have made, and what tells of this machine's network.
root_finish() { # ROOT
	[ -e "$1/usr/bin/sh" ] || ln -s bash "$1/usr/bin/sh"
	echo 'root:x:0:0:root:/root:/bin/sh' >"$1/etc/passwd"
	echo 'root:x:0:' >"$1/etc/group"
	cp -L /etc/resolv.conf /etc/hosts "$1/etc/"
	[ ! -e /etc/ssl/certs/ca-certificates.crt ] ||
		cp -L /etc/ssl/certs/ca-certificates.crt "$1/etc/ssl/certs/"
	mkdir -p "$1/engine" "$1/old"
}

# Where control groups are mounted, "TYPE DIR OPTIONS": of version 2 once, of version 1 several times.
hierarchies() {
	alone=
	[ "$(stat -f -c %T /sys/fs/cgroup)" != cgroup2fs ] || alone=yes
	awk -v alone=$alone '
		$2 == "/sys/fs/cgroup" && $3 == "cgroup2" ||
		!alone && $2 ~ /^\/sys\/fs\/cgroup\// && $3 ~ /^cgroup2?$/ {
			print $3, $2, $4
		}' /proc/mounts | sort -u
}

# The control groups that are ours, one a line.
groups() {
	hierarchies | while read -r _ mounted _; do
		echo "$mounted/mpemu-judge"
	done
}

# Be in them, so that the namespace of control groups begins there.
groups_enter() {
	for group in $(groups); do
		mkdir -p "$group"
		[ ! -e "$group/cpuset.cpus" ] || [ -e "$group/cgroup.controllers" ] || {
			cat "$group/../cpuset.cpus" >"$group/cpuset.cpus"
			cat "$group/../cpuset.mems" >"$group/cpuset.mems"
		}
		echo $$ >"$group/cgroup.procs"
	done
}

groups_remove() {
	for group in $(groups); do
		[ ! -d "$group" ] || find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || return 1
	done
}

# In namespaces of its own: become the engine.
inside() {
	mounts=$(hierarchies)
	mount --make-rprivate /
	mount --bind "$dir/root" "$dir/root"
	cd "$dir/root"
	mount -t proc proc proc
	mount -t sysfs sysfs sys
	mount --rbind /dev dev
	mount -t tmpfs tmpfs run
	[ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ] ||
		mount -t tmpfs -o mode=755 tmpfs sys/fs/cgroup
	echo "$mounts" | while read -r type where options; do
		mkdir -p ".$where"
		controllers=$(echo "$options" | tr , '\n' |
			grep -vE '^(rw|ro|relatime|nosuid|nodev|noexec|nsdelegate|memory_recursiveprot)$' |
			paste -sd ,)
		case $type:$controllers in
		cgroup2:*) mount -t cgroup2 cgroup2 ".$where" ;;
		*name=*) mount -t cgroup -o "none,$controllers" cgroup ".$where" ;;
		*) mount -t cgroup -o "$controllers" cgroup ".$where" ;;
		esac
	done
	# Where version 2 rules, only leaves may have processes.
	if [ -e sys/fs/cgroup/cgroup.controllers ]; then
		mkdir -p sys/fs/cgroup/engine
		echo 1 >sys/fs/cgroup/engine/cgroup.procs
	fi
	mount --bind "$dir" engine
	pivot_root . old
	exec chroot . /bin/bash -c '
		umount -l /old
		exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
			dockerd --bridge=none --iptables=false --ip6tables=false --ip-forward=false \
			--feature containerd-snapshotter=true --exec-root /run/docker \
			-p /run/docker.pid -H unix:///engine/docker.sock --data-root /engine/data'
}

running() {
	[ -S "$dir/docker.sock" ] && [ -e "$dir/pid" ] && kill -0 "$(cat "$dir/pid")" 2>/dev/null
}

start() {
	[ -d "$dir/root" ] || fetch
	if ! running; then
		rm -f "$dir/docker.sock"
		setsid "$here/engine.sh" run "$dir" >"$dir/log" 2>&1 </dev/null &
		echo $! >"$dir/pid"
		for _ in $(seq 150); do
			[ ! -S "$dir/docker.sock" ] || break
			kill -0 $! 2>/dev/null || break
			sleep 0.2
		done
		[ -S "$dir/docker.sock" ] || {
			stop
			die "the engine did not start: $(tail -n 3 "$dir/log")"
		}
	fi
	cat >"$dir/docker" <<-EOF
		#!/bin/sh
		[ "\$1" = buildx ] && shift || { echo "only buildx" >&2; exit 2; }
		export DOCKER_HOST=unix://$dir/docker.sock DOCKER_CONFIG=$dir/config
		exec "$dir/root/usr/libexec/docker/cli-plugins/docker-buildx" "\$@"
	EOF
	chmod 755 "$dir/docker"
	echo "$dir/docker"
}

stop() {
	if [ -e "$dir/pid" ]; then
		# unshare(1) waits for its child with other signals blocked; the child goes with it.
		kill -KILL "$(cat "$dir/pid")" 2>/dev/null || true
		for _ in $(seq 50); do
			kill -0 "$(cat "$dir/pid")" 2>/dev/null || break
			sleep 0.1
		done
	fi
	for _ in $(seq 50); do
		# Its mounts go a little later than itself.
		rm -rf "$dir/pid" "$dir/docker.sock" "$dir/data" "$dir/docker" "$dir/config" 2>/dev/null &&
			groups_remove && break
		sleep 0.1
	done
}

[ $# -eq 2 ] || die "usage: $0 start|stop DIR"
[ "$(id -u)" = 0 ] || die "needs root"
mkdir -p "$2"
dir=$(cd "$2" && pwd)
case $1 in
start) start ;;
stop) stop ;;
run)
	groups_enter
	exec unshare -m -p -u -i -C --fork --kill-child "$here/engine.sh" inside "$dir"
	;;
inside) inside ;;
*) die "usage: $0 start|stop DIR" ;;
esac

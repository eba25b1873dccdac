#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A kernel of Debian for a machine, and an initramfs with what it needs to find its root:
#
#     tests/machines/kernel.sh DIR SUITE ARCH uml|cloud BUSYBOX
#
# Writes DIR/vmlinuz and DIR/initrd.  Nothing is installed.
# shellcheck disable=SC2034,SC2046,SC2086,SC2154   # words; variables of archive.sh
set -eu

here=$(cd "$(dirname "$0")" && pwd)
. "$here/../demo/archive.sh"

# What is a module of Debian's kernels for clouds, of disks, file systems and networks.
modules='virtio_pci virtio_blk virtio_rng ext4 overlay binfmt_misc fuse tun veth'

fetch() { # into $dir/root
	set -- $(archive)
	[ $# -eq 2 ] || die "no Debian archive among apt's sources"
	uri=$1 apt=$dir/apt arches=$arch
	apt_prepare
	echo "APT::Architecture \"$arch\";" >>"$apt/conf"
	source_line "$suite" "$arch" >"$apt/sources.list"
	say "fetching the kernel of $suite for $arch"
	apt-get -qq -c "$apt/conf" update >"$apt/log" 2>&1 || die "apt-get update: $(cat "$apt/log")"
	case $kind in
	uml) package='user-mode-linux libc6' ;;
	cloud) package=$(apt-cache -c "$apt/conf" depends "linux-image-cloud-$arch" 2>/dev/null |
		sed -n 's/^ *Depends: \(linux-image-[0-9]\)/\1/p') ;;
	esac
	(cd "$dir" && apt-get -qq -c "$apt/conf" download $package >"$apt/log" 2>&1) ||
		die "apt-get download $package: $(cat "$apt/log")"
	rm -rf "$dir/root.new"
	for deb in "$dir"/*.deb; do
		dpkg-deb -x "$deb" "$dir/root.new"
	done
	# Packages have it here or there; depmod looks in lib, and so do programs.
	for link in lib:usr/lib lib64:usr/lib64; do
		[ -e "$dir/root.new/${link%:*}" ] || ln -s "${link#*:}" "$dir/root.new/${link%:*}"
	done
	[ ! -d "$dir/root.new/usr/lib/uml" ] || mv "$dir/root.new/usr/lib/uml/modules" "$dir/root.new/lib"
	[ "$kind" = uml ] || cp "$dir"/root.new/boot/vmlinuz-* "$dir/vmlinuz"
	mv "$dir/root.new" "$dir/root"
	rm -rf "$apt" "$dir"/*.deb
}

# The modules in the order in which they are to be loaded.
modules_take() { # VERSION INTO
	depmod -b "$dir/root" "$1"
	mkdir -p "$2"
	for module in $modules; do
		modprobe -d "$dir/root" -S "$1" --show-depends "$module" 2>/dev/null || true
	done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' |
	while read -r file; do
		name=$(basename "$file" .xz)
		case $file in
		*.xz) xz -dc "$file" >"$2/$name" ;;
		*) cp "$file" "$2/$name" ;;
		esac
		echo "$name"
	done >"$2/order"
}

initrd() { # BUSYBOX INTO
	new=$dir/initrd.$$ # others may boot it at the same time
	mkdir -p "$new/bin"
	modules_take "$(basename "$dir"/root/lib/modules/*)" "$new/modules"
	cp "$1" "$new/bin/busybox"
	cp "$here/init" "$new/init"
	chmod 755 "$new/init"
	(cd "$new" && find . | cpio --quiet -o -H newc) >"$new.cpio"
	mv "$new.cpio" "$2"
	rm -rf "$new"
}

[ $# -eq 5 ] || die "usage: $0 DIR SUITE ARCH uml|cloud BUSYBOX"
mkdir -p "$1"
dir=$(cd "$1" && pwd) suite=$2 arch=$3 kind=$4
[ -d "$dir/root" ] || fetch
initrd "$5" "$dir/initrd"

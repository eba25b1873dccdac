#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Root file systems of Debian with the packages that a build uses, the same ones for several
# architectures:
#
#     tests/demo/debian.sh DIR SUITE ARCH... -- PACKAGE... [-- MORE...]
#
# Writes DIR/ARCH.tar, and keeps the packages in DIR/debs-ARCH, those of MORE too.  Nothing of the packages is run:
# they are unpacked and known to dpkg as unpacked ones, with the few files that their scripts would
# have made.  Their essential ones are always there.  No privilege needed but that of tar for owners.
# shellcheck disable=SC2086,SC2046   # lists of names are words
set -eu

. "$(dirname "$0")/archive.sh"

# What a root consists of before anything is asked for.
essential='base-files base-passwd bash coreutils dash debianutils diffutils dpkg findutils grep gzip
	hostname libc-bin login mawk ncurses-base ncurses-bin perl-base sed sysvinit-utils tar util-linux
	debconf'

[ $# -ge 5 ] || die "usage: $0 DIR SUITE ARCH... -- PACKAGE..."
mkdir -p "$1"
dir=$(cd "$1" && pwd)
suite=$2
shift 2
arches=
while [ "$1" != -- ]; do
	arches="$arches $1"
	shift
done
shift
packages=$essential
while [ $# -gt 0 ] && [ "$1" != -- ]; do
	packages="$packages $1"
	shift
done
[ $# -eq 0 ] || shift
more=$*
apt=$dir/apt
work=$dir/work

# All that the packages need, as files, for one architecture.
fetch() { # ARCH
	mkdir -p "$dir/debs-$1"
	cat >>"$apt/conf" <<-END
		APT::Architecture "$1";
		Dir::Cache::archives "$dir/debs-$1";
		APT::Install-Recommends "false";
	END
	mkdir -p "$dir/debs-$1/partial"
	apt-get -qq -c "$apt/conf" update >"$apt/log" 2>&1 || die "apt-get update: $(cat "$apt/log")"
	apt-get -qq -y -c "$apt/conf" -o Debug::NoLocking=1 --download-only install $packages $more \
		>"$apt/log" 2>&1 || die "apt-get install: $(cat "$apt/log")"
}

# The files of a package, and what dpkg knows of it.
unpack() { # DEB ROOT ARCH
	dpkg-deb --fsys-tarfile "$1" | tar -C "$2" -x --keep-directory-symlink -p
	control=$work/control
	rm -rf "$control"
	dpkg-deb -e "$1" "$control"
	name=$(dpkg-deb -f "$1" Package)
	[ "$(dpkg-deb -f "$1" Multi-Arch)" = same ] && name=$name:$3
	info=$2/var/lib/dpkg/info
	for file in "$control"/*; do
		case $file in
		*/control) ;;
		*) cp "$file" "$info/$name.${file##*/}" ;;
		esac
	done
	dpkg-deb --fsys-tarfile "$1" | tar -t | sed 's,^\.,,; s,^/$,/.,; s,\(.\)/$,\1,' >"$info/$name.list"
	{
		sed -n '1p' "$control/control"
		echo 'Status: install ok installed'
		sed '1d' "$control/control"
		echo
	} >>"$2/var/lib/dpkg/status"
}

# What the scripts of the essential packages would have made.
finish() { # ROOT
	cp "$1/usr/share/base-passwd/passwd.master" "$1/etc/passwd"
	cp "$1/usr/share/base-passwd/group.master" "$1/etc/group"
	[ -e "$1/usr/bin/awk" ] || ln -s mawk "$1/usr/bin/awk"
	[ -e "$1/bin/sh" ] || ln -s dash "$1/bin/sh"
	[ -e "$1/etc/nsswitch.conf" ] || printf 'passwd: files\ngroup: files\nhosts: files dns\n' \
		>"$1/etc/nsswitch.conf"
	printf 'deb [trusted=yes] %s %s main\n' "$uri" "$suite" >"$1/etc/apt/sources.list" 2>/dev/null ||
		true
}

rootfs() { # ARCH
	root=$work/root-$1
	rm -rf "$root"
	mkdir -p "$root/usr/bin" "$root/usr/sbin" "$root/usr/lib" "$root/var/lib/dpkg/info" \
		"$root/var/lib/dpkg/updates" "$root/etc" "$root/tmp" "$root/root"
	for name in bin sbin lib; do ln -s usr/$name "$root/$name"; done
	[ "$1" != amd64 ] || { mkdir "$root/usr/lib64" && ln -s usr/lib64 "$root/lib64"; }
	: >"$root/var/lib/dpkg/status"
	for deb in "$dir/debs-$1"/*.deb; do
		case " $more " in *" $(dpkg-deb -f "$deb" Package) "*) continue ;; esac
		unpack "$deb" "$root" "$1"
	done
	finish "$root"
	chmod 1777 "$root/tmp"
	tar -C "$root" --sort=name --numeric-owner -cf "$dir/$1.tar.new" .
	mv "$dir/$1.tar.new" "$dir/$1.tar"
	rm -rf "$root"
}

todo=
for arch in $arches; do
	[ -e "$dir/$arch.tar" ] || todo="$todo $arch"
done
if [ "$todo" ]; then
	set -- $(archive)
	[ $# -eq 2 ] || die "no Debian archive among apt's sources"
	uri=$1
	mkdir -p "$work"
	for arch in $todo; do
		apt_prepare
		source_line "$suite" "$arch" >"$apt/sources.list"
		say "fetching for $arch"
		fetch "$arch"
		rootfs "$arch"
	done
	rm -rf "$work" "$apt"
fi

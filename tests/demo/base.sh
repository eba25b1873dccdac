#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Root file systems for several architectures, made from Debian's own busybox-static packages:
#
#     tests/demo/base.sh DIR [ARCH...]      ARCH as Debian names it; default: all below
#
# Writes DIR/ARCH.tar and prints a line "PLATFORM TAR" for each.  The packages come from the Debian
# archive that this machine's apt is configured for, verified by apt.  No privilege needed.
# shellcheck disable=SC2016,SC2046,SC2086   # apt's own $(...); lists of names are words
set -eu

arches='amd64 arm64 armhf i386 mips64el ppc64el s390x riscv64'

# Where the machine's release does not have an architecture, the first of these that does.
newer='trixie forky'

. "$(dirname "$0")/archive.sh"

platform() { # ARCH
	case $1 in
	armhf) echo linux/arm/v7 ;;
	i386) echo linux/386 ;;
	mips64el) echo linux/mips64le ;;
	ppc64el) echo linux/ppc64le ;;
	*) echo "linux/$1" ;;
	esac
}

# Which of ARCH... the sources have; one that fails must not take the others with it.
apt_update() { # ARCH...
	apt-get -qq -c "$apt/conf" update >"$apt/log" 2>&1 || true
	for arch; do
		if apt-cache -c "$apt/conf" show "busybox-static:$arch" >/dev/null 2>&1; then
			echo "$arch"
		fi
	done
}

apt_fetch() { # ARCH...
	(
		cd "$debs"
		apt-get -qq -c "$apt/conf" download $(printf 'busybox-static:%s ' "$@") \
			>"$apt/log" 2>&1
	) || die "apt-get download: $(cat "$apt/log")"
}

fetch() { # ARCH...: into $debs; says which ones there are none of
	wanted=$*
	for release in $suite $newer; do
		[ "$wanted" ] || return 0
		say "looking in $release for $wanted"
		source_line "$release" $wanted >"$apt/sources.list"
		found=$(apt_update $wanted)
		[ ! "$found" ] || apt_fetch $found
		for arch in $found; do
			wanted=$(echo "$wanted" | tr ' ' '\n' | grep -vx "$arch" | tr '\n' ' ')
			wanted=${wanted% }
		done
	done
	for arch in $wanted; do
		say "$arch: not in the archive, going on without it"
	done
}

unpack() { # ARCH DIR: the program alone, as bin/busybox, whichever way it lies in the package
	mkdir -p "$2/bin"
	dpkg-deb --fsys-tarfile "$debs"/busybox-static_*_"$1".deb |
	tar -C "$2/bin" -x --wildcards --transform 's,.*/,,' '*bin/busybox'
}

# The names are the ones that this machine's own busybox knows.
applets() {
	native=$(dpkg --print-architecture)
	set -- "$debs"/busybox-static_*_"$native".deb
	if [ -e "$1" ]; then
		unpack "$native" "$work/native"
		"$work/native/bin/busybox" --list
	else
		echo sh cat chmod cp cut date echo env expr false grep head hostname id ln ls mkdir mv \
			od printf ps pwd rm sed sha256sum sleep sort stat tar test touch tr true \
			uname wc whoami | tr ' ' '\n'
	fi
}

rootfs() { # ARCH
	root=$work/$1
	rm -rf "$root"
	mkdir -p "$root/usr" "$root/etc" "$root/root" "$root/tmp"
	unpack "$1" "$root"
	while read -r name; do
		[ "$name" = busybox ] || ln -s busybox "$root/bin/$name"
	done <"$work/applets"
	ln -s bin "$root/sbin"
	ln -s ../bin "$root/usr/bin"
	ln -s ../bin "$root/usr/sbin"
	printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n' \
		>"$root/etc/passwd"
	printf 'root:x:0:\nnogroup:x:65534:\n' >"$root/etc/group"
	chmod -R u=rwX,go=rX "$root"
	chmod 755 "$root/bin/busybox"
	chmod 700 "$root/root"
	chmod 1777 "$root/tmp"
	tar -C "$root" --sort=name --format=gnu --owner=0 --group=0 --numeric-owner --mtime=@0 \
		-cf "$dir/$1.tar.new" .
	mv "$dir/$1.tar.new" "$dir/$1.tar"
}

[ $# -ge 1 ] || die "usage: $0 DIR [ARCH...]"
mkdir -p "$1"
dir=$(cd "$1" && pwd)
shift
[ $# -eq 0 ] || arches=$*
apt=$dir/apt
debs=$dir/debs
work=$dir/work
mkdir -p "$debs"

todo=
for arch in $arches; do
	[ -e "$dir/$arch.tar" ] || [ -e "$dir/$arch.none" ] || todo="$todo $arch"
done
todo=${todo# }
if [ "$todo" ]; then
	set -- $(archive)
	[ $# -eq 2 ] || die "no Debian archive among apt's sources"
	uri=$1 suite=$2
	apt_prepare
	fetch $todo
	rm -rf "$work" "$apt"
	mkdir -p "$work"
	applets >"$work/applets"
	for arch in $todo; do
		set -- "$debs"/busybox-static_*_"$arch".deb
		if [ -e "$1" ]; then
			rootfs "$arch"
		else
			missed="${missed-} $arch"
		fi
	done
	rm -rf "$work"
fi
for arch in $arches; do
	[ ! -e "$dir/$arch.tar" ] || made="${made-}$(platform "$arch") $dir/$arch.tar
"
done
[ "${made-}" ] || die "no package could be had; is there a network, and does 'apt-get update' work?"

# Asking again for what the archive does not have would only cost time; `make clean` forgets.
for arch in ${missed-}; do
	: >"$dir/$arch.none"
done
printf %s "$made"

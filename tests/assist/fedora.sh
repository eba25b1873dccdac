#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Root file systems as Fedora has them: libraries in /usr/lib64, packages known to rpm.  Fedora's
# mirrors are not asked; the programs are Debian's, made into packages by rpmbuild and installed by
# rpm, so that the database is what rpm writes:
#
#     tests/assist/fedora.sh DIR
#
# Writes DIR/amd64.tar and DIR/arm64.tar.  Wants root, rpm and qemu-aarch64-static.
# shellcheck disable=SC2086,SC2046   # lists of names are words
set -eu

. "$(dirname "$0")/roots.sh"

# Fedora's name, its epoch or 0, and Debian's packages.
packages='bash 0 bash
coreutils 0 coreutils
diffutils 0 diffutils
findutils 1 findutils
glibc-common 0 libc-bin
gmp 1 libgmp10
grep 0 grep
gzip 0 gzip
libacl 0 libacl1
libattr 0 libattr1
libselinux 0 libselinux1
libtinfo 0 libtinfo6
make 1 make
pcre2 0 libpcre2-8-0
sed 0 sed
tar 2 tar
xz 1 xz-utils
xz-libs 1 liblzma5'

fetch() {
	archive_find
	arches="$arches i386"
	apt_prepare
	arches=${arches% i386}
	source_line "$suite" $arches i386 >"$apt/sources.list"
	apt-get -qq -c "$apt/conf" update >"$apt/log" 2>&1 || die "apt-get update: $(cat "$apt/log")"
	# The one C library for 64 bits that looks for others in /lib64 is made for users of i386.
	list='libc6-amd64:i386 libc6:arm64'
	for arch in $arches; do
		list="$list $(echo "$packages" | sed "s/.* \\(.*\\)/\\1:$arch/" | tr '\n' ' ')"
	done
	(cd "$work" && apt-get -qq -c "$apt/conf" download $list) >"$apt/log" 2>&1 ||
		die "apt-get: $(cat "$apt/log")"
}

# Unpack a package, with everything where Fedora has it.
unpack() { # NAME ARCH TREE
	set -- "$work"/"$1"_*_"$2".deb "$3" "$2"
	mkdir -p "$2/usr/lib64"
	mkdir -p "$work/deb"
	dpkg-deb --fsys-tarfile "$1" | tar -C "$work/deb" -x
	triple=$(machine "$3")-linux-gnu
	for place in bin sbin lib; do
		[ ! -d "$work/deb/$place" ] || {
			mkdir -p "$work/deb/usr/$place"
			cp -a "$work/deb/$place/." "$work/deb/usr/$place/"
			rm -rf "$work/deb/${place:?}"
		}
	done
	for place in "usr/lib/$triple" lib64; do
		[ ! -d "$work/deb/$place" ] || {
			cp -a "$work/deb/$place/." "$2/usr/lib64/"
			rm -rf "$work/deb/${place:?}"
		}
	done
	rm -rf "$work/deb/usr/share/doc" "$work/deb/usr/share/man" "$work/deb/usr/share/locale" \
		"$work/deb/usr/share/info" "$work/deb/usr/share/lintian" "$work/deb/etc/ld.so.conf.d"
	cp -a "$work/deb/usr/." "$2/usr/"
	[ ! -d "$work/deb/etc" ] || cp -a "$work/deb/etc" "$2/"
	rm -rf "$work/deb"
}

# The loader is where the ABI wants it.
glibc_finish() { # TREE ARCH
	if [ "$2" = amd64 ]; then
		mv "$1/usr/lib64/ld.so" "$1/usr/lib64/ld-linux-x86-64.so.2"
	else
		mv -f "$1/usr/lib64/ld-linux-aarch64.so.1" "$1/usr/lib/ld-linux-aarch64.so.1"
		# This library was not made to have them in lib64.
		mkdir -p "$1/usr/lib/aarch64-linux-gnu"
		mv "$1/usr/lib64/gconv" "$1/usr/lib/aarch64-linux-gnu/gconv"
	fi
}

build() { # NAME EPOCH VERSION ARCH TREE
	cat >"$work/spec" <<-END
		Name: $1
		Epoch: $2
		Version: ${3%%-*}
		Release: $(echo "${3#*-}" | tr -c 'A-Za-z0-9.\n' .).fc38
		Summary: $1
		License: GPL
		AutoReqProv: no
		%description
		$1
		%install
		mkdir -p %{buildroot}
		cp -a $5/. %{buildroot}/
		%files
		$(cd "$5" && find . ! -type d | sed 's,^\.,,')
	END
	[ "$2" != 0 ] || sed -i '/^Epoch/d' "$work/spec"
	rpmbuild -bb --quiet --target "$(machine "$4")-redhat-linux" --define "_topdir $work/rpmbuild" \
		--define "_rpmdir $work/rpms-$4" --define "_build_id_links none" \
		--define "__os_install_post %{nil}" --define "debug_package %{nil}" \
		--define "_binary_filedigest_algorithm 8" --define "_missing_doc_files_terminate_build 0" \
		--define "__check_files %{nil}" --buildroot "$work/buildroot" "$work/spec" ||
		die "rpmbuild of $1"
}

version() { # NAME ARCH
	set -- "$work"/"$1"_*_"$2".deb
	dpkg-deb -f "$1" Version | sed 's/^[0-9]*://; s/+b[0-9]*$//'
}

rootfs() { # ARCH
	tree=$work/tree-$1
	libc=libc6
	libc_arch=$1
	[ "$1" != amd64 ] || { libc=libc6-amd64 libc_arch=i386; }
	mkdir -p "$tree/glibc"
	unpack "$libc" "$libc_arch" "$tree/glibc"
	glibc_finish "$tree/glibc" "$1"
	build glibc 0 "$(version "$libc" "$libc_arch")" "$1" "$tree/glibc"
	echo "$packages" | while read -r name epoch deb; do
		unpack "$deb" "$1" "$tree/$name"
		build "$name" "$epoch" "$(version "$deb" "$1")" "$1" "$tree/$name"
	done
	root=$work/root-$1
	mkdir -p "$root/usr/bin" "$root/usr/sbin" "$root/usr/lib" "$root/usr/lib64" "$root/etc" \
		"$root/tmp" "$root/root" "$root/usr/lib/sysimage/rpm" "$root/var/lib"
	for name in bin sbin lib lib64; do ln -s usr/$name "$root/$name"; done
	ln -s ../../usr/lib/sysimage/rpm "$root/var/lib/rpm"
	rpm --root "$root" --dbpath /usr/lib/sysimage/rpm --ignorearch --ignoreos --nodeps --noscripts \
		--excludedocs -i "$work/rpms-$1"/*/*.rpm || die "rpm -i for $1"
	ln -sf bash "$root/usr/bin/sh"
	echo 'root:x:0:0:root:/root:/bin/bash' >"$root/etc/passwd"
	echo 'root:x:0:' >"$root/etc/group"
	printf 'NAME="Fedora Linux"\nID=fedora\nVERSION_ID=38\n' >"$root/etc/os-release"
	printf 'passwd: files\ngroup: files\nhosts: files dns\n' >"$root/etc/nsswitch.conf"
	# As the packages' scripts do it.
	echo /usr/lib64 >"$root/etc/ld.so.conf"
	if [ "$1" = amd64 ]; then
		chroot "$root" /sbin/ldconfig
		chroot "$root" /sbin/iconvconfig --nostdlib -o /usr/lib64/gconv/gconv-modules.cache \
			/usr/lib64/gconv
	else
		qemu-aarch64-static "$root/sbin/ldconfig" -r "$root"
	fi
	root_pack "$root" "$1"
}

fetch
for arch in $arches; do
	say "building for $arch"
	rootfs "$arch"
done
rm -rf "$work" "$apt"

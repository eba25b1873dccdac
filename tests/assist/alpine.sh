#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Root file systems as Alpine has them: musl, busybox and bash, with apk's database of what is
# installed.  Alpine's mirrors are not asked; the parts are built from Debian's sources:
#
#     tests/assist/alpine.sh DIR
#
# Writes DIR/amd64.tar and DIR/arm64.tar.  No privilege needed but that of tar for owners; wants gcc
# and gcc-aarch64-linux-gnu.
# shellcheck disable=SC2086,SC2046   # lists of names are words
set -eu

. "$(dirname "$0")/roots.sh"

fetch() {
	archive_find
	apt_prepare
	source_line "$suite" $arches >"$apt/sources.list"
	sed 's/^deb /deb-src /; s/target=Packages arch=[^] ]*//' "$apt/sources.list" >"$apt/sources"
	cat "$apt/sources" >>"$apt/sources.list"
	apt-get -qq -c "$apt/conf" update >"$apt/log" 2>&1 || die "apt-get update: $(cat "$apt/log")"
	(
		cd "$work"
		apt-get -qq -c "$apt/conf" download musl:amd64 musl-dev:amd64 musl:arm64 \
			musl-dev:arm64 &&
			apt-get -qq -c "$apt/conf" source --download-only busybox bash
	) >"$apt/log" 2>&1 || die "apt-get: $(cat "$apt/log")"
}

# A compiler whose C library is the musl of the package: $work/ARCH/cc.
compiler() { # ARCH
	machine=$(machine "$1")
	musl=$work/$1/musl
	mkdir -p "$musl" "$work/$1/include"
	for deb in "$work"/musl_*_"$1".deb "$work"/musl-dev_*_"$1".deb; do
		dpkg-deb --fsys-tarfile "$deb" | tar -C "$musl" -x
	done
	lib=$musl/usr/lib/$machine-linux-musl
	# The kernel's headers are those of the compiler for the GNU library.
	kernel=/usr/$machine-linux-gnu/include
	[ "$1" != amd64 ] || kernel=/usr/include
	for name in linux asm asm-generic mtd; do
		for place in "$kernel/$name" "$kernel/$machine-linux-gnu/$name"; do
			[ ! -d "$place" ] || ln -sfn "$place" "$work/$1/include/$name"
		done
	done
	# Programs ask for the library by the name that Alpine gives it.
	cp "$musl/lib/$machine-linux-musl/libc.so" "$lib/libc.musl-$machine.so.1"
	cat >"$work/$1/specs" <<-END
		%rename cpp_options old_cpp_options

		*cpp_options:
		-nostdinc -isystem $musl/usr/include/$machine-linux-musl -isystem include%s -isystem $work/$1/include %(old_cpp_options)

		*cc1:
		%(cc1_cpu) -nostdinc -isystem $musl/usr/include/$machine-linux-musl -isystem include%s -isystem $work/$1/include

		*link_libgcc:
		-L$lib -L .%s

		*lib:
		-l:libc.musl-$machine.so.1

		*libgcc:
		libgcc.a%s %:if-exists(libgcc_eh.a%s)

		*startfile:
		%{!shared: $lib/Scrt1.o} $lib/crti.o crtbeginS.o%s

		*endfile:
		crtendS.o%s $lib/crtn.o

		*link:
		-dynamic-linker /lib/ld-musl-$machine.so.1 -nostdlib %{shared:-shared} %{static:-static} %{rdynamic:-export-dynamic}

	END
	printf '#!/bin/sh\nexec %s-linux-gnu-gcc "$@" -specs %s\n' "$machine" "$work/$1/specs" \
		>"$work/$1/cc"
	chmod 755 "$work/$1/cc"
}

# Alpine's choices: everything in one dynamic program, nothing run but by exec.
build_busybox() { # ARCH
	tree=$work/$1/busybox
	mkdir -p "$tree"
	tar -C "$tree" --strip-components 1 -xf "$work"/busybox_*.orig.tar.*
	make -C "$tree" -s defconfig
	sed -i 's,^CONFIG_BUSYBOX_EXEC_PATH=.*,CONFIG_BUSYBOX_EXEC_PATH="/bin/busybox",
		s/.*CONFIG_PIE\b.*/CONFIG_PIE=y/; s/.*CONFIG_TC=.*/# CONFIG_TC is not set/
		s/.*CONFIG_FEATURE_SH_STANDALONE.*/# CONFIG_FEATURE_SH_STANDALONE is not set/
		s/.*CONFIG_FEATURE_PREFER_APPLETS.*/# CONFIG_FEATURE_PREFER_APPLETS is not set/
		s/.*CONFIG_FEATURE_SH_NOFORK.*/# CONFIG_FEATURE_SH_NOFORK is not set/' "$tree/.config"
	yes '' | make -C "$tree" -s oldconfig >/dev/null
	make -C "$tree" -s -j2 CC="$work/$1/cc" CROSS_COMPILE="$(machine "$1")-linux-gnu-" busybox
}

build_bash() { # ARCH
	tree=$work/$1/bash
	mkdir -p "$tree"
	tar -C "$tree" --strip-components 1 -xf "$work"/bash_*.orig.tar.*
	(
		cd "$tree"
		./configure -q CC="$work/$1/cc" CC_FOR_BUILD=gcc --build=x86_64-pc-linux-gnu \
			--host="$(machine "$1")-alpine-linux-musl" --disable-nls --prefix=/usr \
			--without-bash-malloc
		make -s -j2 bash
	)
}

# What apk writes of a package: lines of a letter each, the files below their directory.
installed() { # ROOT NAME VERSION ARCH PATH...
	printf 'C:Q1%s\nP:%s\nV:%s\nA:%s\nS:1\nI:1\nT:%s\nU:https://example.org/\nL:MIT\no:%s\n' \
		"$(printf '%s' "$2$3" | openssl sha1 -binary | base64)" "$2" "$3" "$4" "$2" "$2"
	root=$1
	shift 4
	last=
	for path; do
		[ "${path%/*}" = "$last" ] || echo "F:${path%/*}"
		last=${path%/*}
		printf 'R:%s\na:0:0:755\nZ:Q1%s\n' "${path##*/}" \
			"$(openssl sha1 -binary <"$root/$path" | base64)"
	done
	echo
}

rootfs() { # ARCH
	machine=$(machine "$1")
	root=$work/$1/root
	mkdir -p "$root/bin" "$root/sbin" "$root/lib/apk/db" "$root/usr/bin" "$root/usr/sbin" \
		"$root/usr/lib" "$root/etc" "$root/tmp" "$root/root"
	cp "$work/$1/musl/lib/$machine-linux-musl/libc.so" "$root/lib/ld-musl-$machine.so.1"
	ln -s "ld-musl-$machine.so.1" "$root/lib/libc.musl-$machine.so.1"
	cp "$work/$1/busybox/busybox" "$root/bin/busybox"
	cp "$work/$1/bash/bash" "$root/bin/bash"
	"$machine-linux-gnu-strip" "$root/bin/bash"
	chmod 755 "$root"/bin/* "$root"/lib/ld*
	echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
	echo 'root:x:0:' >"$root/etc/group"
	printf 'NAME="Alpine Linux"\nID=alpine\nVERSION_ID=3.17.0\n' >"$root/etc/os-release"
	{
		installed "$root" musl 1.2.3-r4 "$machine" "lib/ld-musl-$machine.so.1"
		installed "$root" busybox 1.35.0-r29 "$machine" bin/busybox
		installed "$root" bash 5.2.15-r0 "$machine" bin/bash
	} >"$root/lib/apk/db/installed"
	# What the package's trigger does: a link for each applet.
	while read -r link; do
		[ -e "$root/$link" ] || ln -s /bin/busybox "$root/$link"
	done <"$work/amd64/links"
	root_pack "$root" "$1" --owner=0 --group=0
}

fetch
for arch in $arches; do
	say "building for $arch"
	mkdir -p "$work/$arch"
	compiler "$arch"
	build_busybox "$arch" >"$work/log" 2>&1 || die "busybox: $(tail -n 30 "$work/log")"
	build_bash "$arch" >"$work/log" 2>&1 || die "bash: $(tail -n 30 "$work/log")"
done
"$work/amd64/musl/lib/x86_64-linux-musl/libc.so" "$work/amd64/busybox/busybox" --list-full \
	>"$work/amd64/links"
for arch in $arches; do rootfs "$arch"; done
rm -rf "$work" "$apt"

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Native assist: projects of C with Debian's own toolchain (trixie, whose cross compilers are of the
# same revision as its native ones), built for this machine, for linux/arm64 with native twins, and
# under plain emulation; and what an exec costs.
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"
suite=trixie
roots=build/debian/$suite
packages='apt make gcc g++ libc6-dev xz-utils procps fakeroot file patch m4 python3-minimal bzip2'

# shellcheck disable=SC2086
tests/demo/debian.sh $roots $suite amd64 arm64 -- $packages || exit 1
for arch in amd64 arm64; do
	mpemu import --platform "linux/$arch" "$roots/$arch.tar" "localhost/debian:$arch" >/dev/null ||
		exit 1
done
mpemu index create localhost/debian localhost/debian:amd64 localhost/debian:arm64 >/dev/null || exit 1

# The upstream sources of Debian's packages.
(
	# shellcheck disable=SC2034
	apt=$PWD/$roots/apt-src arches=amd64
	. tests/demo/archive.sh
	# shellcheck disable=SC2046
	set -- $(archive)
	uri=$1
	mkdir -p "$roots/src"
	cd "$roots/src" || exit 1
	[ -e "$(echo hello_*.orig.tar.gz)" ] && [ -e "$(echo lua5.4_*.orig.tar.gz)" ] && exit 0
	apt_prepare
	echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $uri $suite main" \
		>"$apt/sources.list"
	apt-get -qq -c "$apt/conf" update && apt-get -qq -c "$apt/conf" source --download-only hello lua5.4
	# A mirror may already have lost what Debian added to them.
	[ -e "$(echo hello_*.orig.tar.gz)" ] && [ -e "$(echo lua5.4_*.orig.tar.gz)" ]
) >"$scratch/log" 2>&1 || die "no sources: $(cat "$scratch/log")"

project() { # NAME TARBALL BUILD-COMMAND
	mkdir -p "$scratch/$1/src"
	tar -C "$scratch/$1/src" --strip-components=1 -xf "$2"
	printf 'FROM localhost/debian\nCOPY src /src\nRUN cd /src && %s\n' "$3" >"$scratch/$1/Dockerfile"
}
project hello "$roots"/src/hello_*.orig.tar.gz './configure >/dev/null && make -j2 >/dev/null'
project lua "$roots"/src/lua5.4_*.orig.tar.gz 'make -j2 posix >/dev/null'
mkdir "$scratch/few" "$scratch/many"
for name in few many; do
	count=$([ $name = few ] && echo 1 || echo 200)
	printf 'FROM localhost/debian\nRUN for i in $(seq %s); do /usr/bin/arch; /usr/bin/arch; done >/dev/null\n' \
		"$count" >"$scratch/$name/Dockerfile"
done

native() { mpemu build --no-cache --platform linux/amd64 "$scratch/$what"; }
assisted() { mpemu build --no-cache --assist safe --platform linux/arm64 "$scratch/$what"; }
emulated() { mpemu build --no-cache --assist off --platform linux/arm64 "$scratch/$what"; }

# The cross toolchain is installed once for all builds.
what=lua
assisted >"$scratch/log" 2>&1 || die "$(cat "$scratch/log")"

ROUNDS=$(((ROUNDS + 4) / 5))
what=many
compare '400 programs that have no twin, and one shell' \
	'with twins' assisted 'emulated' emulated
what=few
compare '2 programs that have no twin, and one shell' \
	'with twins' assisted 'emulated' emulated
what=lua
compare 'make of lua' 'native' native 'with twins' assisted 'emulated' emulated
what=hello
ROUNDS=1
compare 'configure and make of GNU hello' 'native' native 'with twins' assisted 'emulated' emulated

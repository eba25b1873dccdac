#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The validation program of the OCI runtime tools, from Debian's packages, static:
#
#     tests/runtimetest/build.sh DIR ARCH...     ARCH as Go names it
#
# Writes DIR/runtimetest-ARCH.  No Debian package has the program, only its source and the libraries
# that it uses, but for the one that counts and prints: that is tap.go, here.  What is fetched lies
# in DIR; nothing of this machine changes.  No privilege needed.
# shellcheck disable=SC2046,SC2154   # lists of names are words; archive.sh and its variables
set -eu

here=$(cd "$(dirname "$0")" && pwd)
. "$here/../demo/archive.sh"

tools=golang-github-opencontainers-runtime-tools

# The compiler and the libraries, unpacked into $dir/root.
libraries_fetch() {
	cat >>"$apt/conf" <<-EOF
		APT::Architecture "$arches";
		Dir::Cache::archives "$dir/debs";
		APT::Install-Recommends "false";
	EOF
	source_line "$suite" "$arches" >"$apt/sources.list"
	apt-get -qq -c "$apt/conf" update >"$apt/log" 2>&1 || die "apt-get update: $(cat "$apt/log")"
	apt-get -qq -y -c "$apt/conf" -o Debug::NoLocking=1 --download-only install golang-go $tools-dev \
		>"$apt/log" 2>&1 || die "apt-get install: $(cat "$apt/log")"
	for deb in "$dir"/debs/golang-*.deb; do
		dpkg-deb -x "$deb" "$dir/root"
	done
}

# The tools' own source into $dir/source, of the first release whose source is in the archive.
source_fetch() {
	for release in "$suite" sid; do
		source_line "$release" "$arches" |
			sed 's/^deb /deb-src /; s/target=Packages/target=Sources/; s/ arch=[^] ]*//' >"$apt/sources.list"
		apt-get -qq -c "$apt/conf" update >"$apt/log" 2>&1 || continue
		apt-cache -c "$apt/conf" showsrc $tools >"$apt/showsrc"
		directory=$(sed -n 's/^Directory: //p' "$apt/showsrc" | head -n 1)
		set -- $(awk '/^Checksums-Sha256:/ { sums = 1; next } /^[^ ]/ { sums = 0 }
			sums && $3 ~ /\.orig\.tar\./ { print $1, $3; exit }' "$apt/showsrc")
		[ $# -eq 2 ] || continue
		/usr/lib/apt/apt-helper -c "$apt/conf" download-file "${uri%/}/$directory/$2" \
			"$dir/source.tar" "SHA256:$1" >"$apt/log" 2>&1 || continue
		mkdir -p "$dir/source"
		tar -C "$dir/source" --strip-components=1 -xf "$dir/source.tar"
		return
	done
	die "no source of $tools in the archive: $(tail -n 1 "$apt/log")"
}

[ $# -ge 2 ] || die "usage: $0 DIR ARCH..."
mkdir -p "$1"
dir=$(cd -P "$1" && pwd)
shift
todo=
for arch; do
	[ -x "$dir/runtimetest-$arch" ] || todo="$todo $arch"
done
[ "$todo" ] || exit 0

apt=$dir/apt arches=$(dpkg --print-architecture)
if [ ! -e "$dir/fetched" ]; then
	set -- $(archive)
	[ $# -eq 2 ] || die "no Debian archive among apt's sources"
	uri=$1 suite=$2
	rm -rf "$apt" "$dir/root" "$dir/source" "$dir/debs"
	mkdir -p "$dir/debs/partial"
	apt_prepare
	say "fetching a Go compiler and the OCI runtime tools"
	libraries_fetch
	source_fetch
	rm -rf "$apt" "$dir/debs" "$dir/source.tar"
	: >"$dir/fetched"
fi

path=$dir/path/src/github.com
mkdir -p "$path/opencontainers" "$path/mndrix/tap-go"
ln -sfn "$dir/source" "$path/opencontainers/runtime-tools"
cp "$here/tap.go" "$path/mndrix/tap-go/"
GOROOT=$(echo "$dir"/root/usr/lib/go-*)
GOPATH=$dir/path:$dir/root/usr/share/gocode GOCACHE=$dir/cache
export GOROOT GOPATH GOCACHE GO111MODULE=off CGO_ENABLED=0 GOFLAGS=-buildvcs=false GOTOOLCHAIN=local
for arch in $todo; do
	GOARCH=$arch "$GOROOT/bin/go" build -ldflags '-s -w' -o "$dir/runtimetest-$arch" \
		github.com/opencontainers/runtime-tools/cmd/runtimetest >&2
done

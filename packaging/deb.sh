#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A Debian package of what `make install` put below STAGE; needs dpkg-dev, no privilege:
#
#     packaging/deb.sh STAGE OUTPUT_DIR
set -eu

[ $# -eq 2 ] || { echo "usage: $0 STAGE OUTPUT_DIR" >&2; exit 2; }
stage=$(realpath "$1")
output=$(realpath "$2")
cd "$(dirname "$0")"
command -v dpkg-shlibdeps >/dev/null || { echo "$0: run: sudo apt-get install dpkg-dev" >&2; exit 1; }

version=$(cat VERSION)
architecture=$(dpkg --print-architecture)

# dpkg-shlibdeps wants to find a source package around it.
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/debian"
printf 'Source: mpemu\n\nPackage: mpemu\nArchitecture: any\n' >"$scratch/debian/control"
libraries=$(cd "$scratch" && dpkg-shlibdeps --warnings=0 -O "$stage/usr/bin/mpemu" | sed -n 's/^shlibs:Depends=//p')

mkdir -p "$stage/DEBIAN"
cat >"$stage/DEBIAN/control" <<END
Package: mpemu
Version: $version
Architecture: $architecture
Maintainer: mpemu developers <mpemu@localhost>
Installed-Size: $(du -sk --exclude=DEBIAN "$stage" | cut -f 1)
Depends: $libraries, libcurl4, libarchive13, libisal2, libsqlite3-0, ca-certificates
Recommends: qemu-user-static, uidmap, git, slirp4netns | passt
Section: admin
Priority: optional
Description: build and run container images for foreign CPU architectures
 Builds a Dockerfile for a list of platforms, runs the steps of foreign ones
 under QEMU user emulation, and merges the results into one OCI index.
END
chmod -R u=rwX,go=rX "$stage"
dpkg-deb --root-owner-group --build "$stage" "$output" >/dev/null
echo "$output/mpemu_${version}_$architecture.deb"

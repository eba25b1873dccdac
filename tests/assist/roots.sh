# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
#
# What the scripts share that make root file systems of other distributions from Debian's packages,
# with the directory for them as $1: DIR/ARCH.tar of each is made once.
folder=$(cd "$(dirname "$0")/../demo" && pwd)
. "$folder/archive.sh"

mkdir -p "$1"
dir=$(cd "$1" && pwd)
apt=$dir/apt
work=$dir/work
arches='amd64 arm64'

[ ! -e "$dir/amd64.tar" ] || [ ! -e "$dir/arm64.tar" ] || exit 0
rm -rf "$work"
mkdir -p "$work"

machine() { # ARCH
	echo "$1" | sed 's/amd64/x86_64/; s/arm64/aarch64/'
}

# Where apt gets packages from: $uri and $suite.
archive_find() {
	# shellcheck disable=SC2046 # two words
	set -- $(archive)
	[ $# -eq 2 ] || die "no Debian archive among apt's sources"
	# shellcheck disable=SC2034 # apt_prepare's and the script's
	uri=$1 suite=$2
}

# A root that is complete.
root_pack() { # ROOT ARCH OPTIONS-OF-TAR...
	root=$1 arch=$2
	shift 2
	chmod 1777 "$root/tmp"
	tar -C "$root" --sort=name --numeric-owner "$@" -cf "$dir/$arch.tar.new" .
	mv "$dir/$arch.tar.new" "$dir/$arch.tar"
}

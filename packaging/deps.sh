#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Install the Debian packages that are missing, and nothing else:
#
#     packaging/deps.sh GROUP...        build, run, test, bench or machines
#     packaging/deps.sh list GROUP...   only say which packages that are
#
# Silent and quick where all are there.  Becomes root through sudo only where one is missing.
# shellcheck disable=SC2086   # lists of packages are words
set -eu
cd "$(dirname "$0")/.."

build='gcc libc6-dev make pkg-config libcap-dev libseccomp-dev liburing-dev libjansson-dev
	libcurl4-openssl-dev libarchive-dev libzstd-dev libisal-dev libssl-dev libsqlite3-dev'
run='qemu-user-static uidmap ca-certificates git passt slirp4netns'
test='skopeo umoci buildah jq curl groff-base procps bzip2 xz-utils zstd openssh-client python3 iproute2
	gcc-aarch64-linux-gnu libc6-dev-arm64-cross rpm musl'
bench='crun buildah bubblewrap libpipeline1 systemd'
machines='qemu-system-x86 qemu-system-arm kmod e2fsprogs cpio'

# Unpacked below build/tools and not installed: one would start a service on port 5000, the other
# register emulators.
unpack_test='docker-registry'
unpack_bench='binfmt-support'

tools=build/tools
log=

missing() { # PACKAGE...
	dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null |
	awk -v wanted="$*" '
		$1 == "installed" { have[$2] }
		END {
			count = split(wanted, names)
			for (i = 1; i <= count; i++)
				if (!(names[i] in have)) print names[i]
		}'
}

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	else
		sudo "$@"
	fi
}

# What apt says is shown only when it fails.
quietly() {
	if "$@" >"$log" 2>&1; then
		return 0
	fi
	sed 's/^/  /' "$log" >&2
	echo "deps: this failed: $*" >&2
	return 1
}

apt() {
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends \
		-o DPkg::Lock::Timeout=120 -o Acquire::Retries=3 "$@" </dev/null
}

# Lists are fetched only where the ones at hand did not do: none yet, or too old for the archive.
install() { # PACKAGE...
	if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
		echo "deps: missing:" "$@" "; run as root: packaging/deps.sh $groups" >&2
		exit 1
	fi
	echo "deps: installing" "$@" >&2
	apt install "$@" >"$log" 2>&1 && return
	quietly apt update
	quietly apt install "$@"
}

download() { # PACKAGE, into the current directory
	apt-get -qq -o APT::Sandbox::User=root download "$1"
}

unpack() { # PACKAGE
	echo "deps: unpacking $1 into $tools" >&2
	rm -rf "${tools:?}/$1" "$tools/$1.new"
	mkdir -p "$tools/$1.new"
	(
		cd "$tools/$1.new"
		download "$1" >"$log" 2>&1 || { quietly apt update && quietly download "$1"; }
		dpkg-deb -x ./*.deb .
		rm ./*.deb
	)
	mv "$tools/$1.new" "$tools/$1"
}

only_list=
if [ "${1-}" = list ]; then
	only_list=yes
	shift
fi
groups=$*
packages=
unpacked=
for group; do
	case $group in
	build) packages="$packages $build" ;;
	run) packages="$packages $run" ;;
	test) packages="$packages $test" unpacked="$unpacked $unpack_test" ;;
	bench) packages="$packages $bench" unpacked="$unpacked $unpack_bench" ;;
	machines) packages="$packages $machines" ;;
	*) echo "usage: $0 [list] build|run|test|bench|machines ..." >&2; exit 2 ;;
	esac
done
if [ "$only_list" ]; then
	echo $packages
	exit
fi
if ! command -v apt-get >/dev/null; then
	echo "deps: no apt-get here; install what these Debian packages hold:" $packages $unpacked >&2
	exit 1
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
wanted=$(missing $packages)
if [ "$wanted" ]; then
	install $wanted
fi
for package in $unpacked; do
	if [ ! -d "$tools/$package" ]; then
		unpack "$package"
	fi
done

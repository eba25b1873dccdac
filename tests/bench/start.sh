#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# From the command line to the end of a program that does nothing, for arm64 and the host's own CPU.
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"

base_images
host_emulator linux/arm64

bundle() { # ARCH
	mkdir -p "$scratch/$1/rootfs"
	tar -C "$scratch/$1/rootfs" -xf "build/base/$1.tar"
	(
		cd "$scratch/$1"
		crun spec
		sed -i 's/"terminal": true/"terminal": false/; s,^\(\t*\)"sh"$,\1"/bin/true",' config.json
		grep -q /bin/true config.json
	) || die 'crun spec does not look as expected'
}

container() { # ARCH
	{
		buildah from --name "$1" scratch
		buildah add --quiet "$1" "$PWD/build/base/$1.tar" /
	} >"$scratch/log" 2>&1 || die "buildah from: $(cat "$scratch/log")"
}

ours() { mpemu run --platform "linux/$arch" localhost/demo/busybox /bin/true; }
theirs_crun() { crun --cgroup-manager=disabled run --bundle "$scratch/$arch" "bench-$$"; }
# shellcheck disable=SC2086 # two words
theirs_buildah() { buildah run --isolation $isolation "$arch" /bin/true; }

buildah_isolation
for arch in arm64 amd64; do
	bundle $arch
	container $arch
	compare "start /bin/true of linux/$arch" \
		'mpemu run' ours \
		'crun run (a prepared bundle)' theirs_crun \
		"buildah run --isolation $isolation" theirs_buildah
done

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The demo, built for two platforms into one index, without and with a warm cache.
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"
ROUNDS=$(((ROUNDS + 2) / 3))

base_images
host_emulator linux/arm64
platforms=linux/amd64,linux/arm64

buildah_base() {
	buildah manifest create localhost/demo/busybox >/dev/null || die 'buildah manifest create'
	for arch in amd64 arm64; do
		from=$(buildah from --arch "$arch" scratch) &&
			buildah add --quiet "$from" "$PWD/build/base/$arch.tar" / &&
			buildah config --cmd /bin/sh "$from" &&
			buildah commit --quiet --rm --signature-policy "$scratch/policy.json" \
				--manifest localhost/demo/busybox "$from"
	done >/dev/null || die 'buildah commit'
}

ours() { mpemu build --no-cache --platform $platforms -t localhost/bench tests/demo; }
ours_again() { mpemu build --platform $platforms -t localhost/bench tests/demo; }

theirs_with() {
	buildah manifest rm localhost/bench >/dev/null 2>&1
	# shellcheck disable=SC2086 # two words
	buildah build --isolation $isolation --signature-policy "$scratch/policy.json" --pull-never \
		--platform $platforms --jobs 2 --manifest localhost/bench "$@" tests/demo
}
theirs() { theirs_with --no-cache --layers; }
theirs_again() { theirs_with --layers; }

docker_with() {
	# shellcheck disable=SC2086 # words
	"$docker" buildx build $docker_base --platform $platforms -t localhost/bench "$@" tests/demo
}
dockers() { docker_with --no-cache; }
dockers_again() { docker_with; }

buildah_isolation
buildah_base
docker_engine
compare_with_docker 'build the demo for amd64 and arm64' dockers \
	'mpemu build --no-cache' ours \
	"buildah build --no-cache --layers --isolation $isolation" theirs
compare_with_docker 'build it again, nothing changed' dockers_again \
	'mpemu build' ours_again \
	"buildah build --layers --isolation $isolation" theirs_again

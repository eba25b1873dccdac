#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Nothing changed: a Dockerfile of 30 steps for four platforms, and a context of 50,000 files.
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"
ROUNDS=$(((ROUNDS + 2) / 3))

architectures='amd64 arm64 s390x riscv64'
platforms=linux/amd64,linux/arm64,linux/s390x,linux/riscv64
FILES=${FILES:-50000}

# shellcheck disable=SC2086 # words
base_images_of() {
	tests/demo/base.sh build/base $architectures >/dev/null || exit 1
	for arch in $architectures; do
		mpemu import --platform "linux/$arch" "build/base/$arch.tar" \
			"localhost/demo/busybox:$arch" >/dev/null || exit 1
		set -- "$@" "localhost/demo/busybox:$arch"
		host_emulator "linux/$arch"
	done
	mpemu index create localhost/demo/busybox "$@" >/dev/null || exit 1
	buildah manifest create localhost/demo/busybox >/dev/null || die 'buildah manifest create'
	for arch in $architectures; do
		from=$(buildah from --arch "$arch" scratch) &&
			buildah add --quiet "$from" "$PWD/build/base/$arch.tar" / &&
			buildah config --cmd /bin/sh "$from" &&
			buildah commit --quiet --rm --signature-policy "$scratch/policy.json" \
				--manifest localhost/demo/busybox "$from"
	done >/dev/null || die 'buildah commit'
}

# Thirty of them, as they come in real files: most run something, some copy or set something.
steps_context() {
	mkdir "$scratch/steps"
	{
		echo 'FROM localhost/demo/busybox'
		for number in $(seq 10); do
			echo "ENV STEP_$number=$number"
			echo "RUN echo $number >>/made"
			echo "COPY file$number /files/"
			echo "content $number" >"$scratch/steps/file$number"
		done
	} >"$scratch/steps/Dockerfile"
}

files_context() {
	mkdir "$scratch/files" "$scratch/files/tree"
	printf 'FROM localhost/demo/busybox\nCOPY tree /tree\n' >"$scratch/files/Dockerfile"
	perl -e '
		my ($top, $files) = @ARGV;
		for my $i (0 .. $files - 1) {
			my $dir = sprintf "%s/%03d", $top, $i / 100;
			mkdir $dir if $i % 100 == 0;
			open my $file, ">", "$dir/$i.txt" or die;
			print $file "line $i\n" x (1 + $i % 200);
		}' "$scratch/files/tree" "$FILES" || die 'make the files'
}

ours() { mpemu build --platform $platforms -t localhost/bench "$scratch/steps"; }
ours_files() { mpemu build --platform linux/amd64 -t localhost/bench "$scratch/files"; }
theirs_with() { # PLATFORMS CONTEXT
	buildah manifest rm localhost/bench >/dev/null 2>&1
	# shellcheck disable=SC2086 # two words
	buildah build --isolation $isolation --signature-policy "$scratch/policy.json" --pull-never \
		--layers --platform "$1" --jobs 2 --manifest localhost/bench "$2"
}
theirs() { theirs_with $platforms "$scratch/steps"; }
theirs_files() { theirs_with linux/amd64 "$scratch/files"; }

docker_with() { # PLATFORMS CONTEXT
	# shellcheck disable=SC2086 # words
	"$docker" buildx build $docker_base --platform "$1" -t localhost/bench "$2"
}
dockers() { docker_with $platforms "$scratch/steps"; }
dockers_files() { docker_with linux/amd64 "$scratch/files"; }

buildah_isolation
base_images_of
docker_engine
steps_context
files_context
compare_with_docker '30 steps on 4 platforms, nothing changed' dockers \
	'mpemu build' ours \
	"buildah build --layers --isolation $isolation" theirs
compare_with_docker "a context of $FILES files, nothing changed" dockers_files \
	'mpemu build' ours_files \
	"buildah build --layers --isolation $isolation" theirs_files

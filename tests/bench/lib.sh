# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
#
# What benchmarks share: programs that do the same are run in turns, so that whatever else the
# machine does hits all of them alike, and their medians are printed as a Markdown table.

# crun wants cgroup v2 and nothing else; where the machine still has both, it gets a view of its own.
if [ "$(stat -f -c %T /sys/fs/cgroup)" != cgroup2fs ] && [ ! "${BENCH_CGROUPS-}" ]; then
	# shellcheck disable=SC2016
	BENCH_CGROUPS=own exec unshare --mount sh -c \
		'mount -t cgroup2 none /sys/fs/cgroup && exec sh "$@"' sh "$0" "$@"
fi

MPEMU=$(realpath "${1:-build/release/mpemu}")
cd "$(dirname "$0")/../.." || exit 1
PATH=$PATH:/usr/sbin:/sbin
ROUNDS=${ROUNDS:-15}
store=$PWD/build/bench
scratch=$(mktemp -d "${TMPDIR:-/tmp}/bench-XXXXXX")
chmod 755 "$scratch"

bench_exit() {
	bench_status=$?
	trap - EXIT
	# shellcheck disable=SC2086 # words
	[ ! "${bench_children-}" ] || { kill $bench_children; wait $bench_children; } 2>/dev/null
	[ ! -e "$scratch/registered" ] ||
		"$MPEMU" setup --remove --platform "$(cat "$scratch/registered")" >/dev/null 2>&1
	[ ! "${docker-}" ] || tests/judge/engine.sh stop build/judge >/dev/null 2>&1
	awk -v below="$scratch/" 'index($2, below) == 1 { print $2 }' /proc/mounts | sort -r |
		xargs -r umount
	rm -rf "$scratch" ${memory:+"$memory"}
	exit $bench_status
}
trap bench_exit EXIT
trap 'exit 130' INT TERM

die() {
	echo "bench: $*" >&2
	exit 1
}

mpemu() {
	"$MPEMU" --root "$store" --quiet "$@"
}

# Some images to work on, in the store: localhost/demo/busybox for amd64 and arm64.
base_images() {
	tests/demo/base.sh build/base amd64 arm64 >/dev/null || exit 1
	for arch in amd64 arm64; do
		mpemu import --platform "linux/$arch" "build/base/$arch.tar" \
			"localhost/demo/busybox:$arch" >/dev/null || exit 1
	done
	mpemu index create localhost/demo/busybox localhost/demo/busybox:amd64 \
		localhost/demo/busybox:arm64 >/dev/null || exit 1
}

# The others know no private emulators; what was not there before is removed at exit.
host_emulator() { # PLATFORM
	if ! "$MPEMU" setup --check --platform "$1" >/dev/null 2>&1; then
		"$MPEMU" setup --platform "$1" >"$scratch/log" 2>&1 ||
			die "setup: $(cat "$scratch/log")"
		echo "$1" >"$scratch/registered"
	fi
}

# What buildah runs in, and how, as words; empty: here.
around_buildah='' buildah_options=''
buildah() {
	# shellcheck disable=SC2086 # words
	command $around_buildah buildah --storage-driver overlay $buildah_options \
		--root "$scratch/b/root" --runroot "$scratch/b/run" "$@"
}

# A user namespace with an emulator that nobody outside of it gets: buildah runs in it from now on.
private_emulator() { # PLATFORM
	unshare --user --mount sh -c 'until [ -e "$2" ]; do sleep 0.1; done
		mount -t binfmt_misc none /proc/sys/fs/binfmt_misc &&
			"$0" setup --platform "$1" && : >"$2.done" && exec sleep 1000000' \
		"$MPEMU" "$1" "$scratch/mapped" >"$scratch/log" 2>&1 &
	bench_place=$!
	bench_children="${bench_children-} $bench_place"
	while [ "$(readlink /proc/$bench_place/ns/user)" = "$(readlink /proc/self/ns/user)" ]; do
		sleep 0.1
	done
	echo 0 0 4294967295 >/proc/$bench_place/uid_map &&
		echo 0 0 4294967295 >/proc/$bench_place/gid_map && : >"$scratch/mapped"
	until [ -e "$scratch/mapped.done" ]; do
		kill -0 $bench_place 2>/dev/null || die "no private emulator: $(cat "$scratch/log")"
		sleep 0.1
	done
	around_buildah="nsenter --target $bench_place --user --mount"
	# Else it cannot remove what is in a layer below.
	buildah_options='--storage-opt overlay.mountopt=userxattr'
}

# $isolation: the strongest that works here, of the same strength as ours, or else a plain chroot.
buildah_isolation() {
	echo '{ "default": [ { "type": "insecureAcceptAnything" } ] }' >"$scratch/policy.json"
	buildah from --name probe scratch >/dev/null
	buildah add --quiet probe "$PWD/build/base/amd64.tar" / >/dev/null
	for isolation in 'oci --runtime crun' chroot; do
		# shellcheck disable=SC2086 # two words
		buildah run --isolation $isolation probe /bin/true 2>"$scratch/log" && break
	done || die "buildah run: $(cat "$scratch/log")"
	buildah rm probe >/dev/null
}

# $docker: `docker` of an engine of our own where one can be had, else empty; and the words that
# give its builds our base images.  After host_emulator(): it looks for emulators when it starts.
docker_engine() {
	docker=$(tests/judge/engine.sh start build/judge 2>"$scratch/log") || {
		echo "bench: without docker buildx: $(cat "$scratch/log")" >&2
		docker=
		return 0
	}
	digest=$(mpemu inspect --raw localhost/demo/busybox | sha256sum | cut -d' ' -f1)
	docker_base="--network=none --provenance=false
		--build-context=localhost/demo/busybox=oci-layout://$store/oci@sha256:$digest"
}

# compare(), with the peer DOCKER only where there is an engine.
compare_with_docker() { # TITLE DOCKER { NAME COMMAND }...
	bench_title=$1 bench_docker=$2
	shift 2
	[ ! "$docker" ] || set -- "$@" 'docker buildx build' "$bench_docker"
	compare "$bench_title" "$@"
}

milliseconds() { # COMMAND...: how long it takes, on standard output
	bench_began=$(date +%s%N)
	"$@" >"$scratch/log" 2>&1 </dev/null || die "$* failed: $(cat "$scratch/log")"
	bench_ended=$(date +%s%N)
	echo $(((bench_ended - bench_began) / 10000)) | sed 's/..$/.&/'
}

# Median of the numbers on standard input.
median() {
	sort -n | awk '{ n[NR] = $1 } END { printf "%.1f", (n[int((NR + 1) / 2)] + n[int(NR / 2) + 1]) / 2 }'
}

# COMMANDs are shell functions.  The first is ours, the others are compared with it.
compare() { # TITLE { NAME COMMAND }...
	bench_title=$1
	shift
	bench_round=0
	while [ $bench_round -le "$ROUNDS" ]; do
		bench_column=0
		for bench_word; do
			bench_column=$((bench_column + 1))
			[ $((bench_column % 2)) -eq 0 ] || continue
			bench_time=$(milliseconds "$bench_word") || exit 1
			# The first round only warms the caches.
			[ $bench_round -eq 0 ] || echo "$bench_time" >>"$scratch/$bench_column"
		done
		bench_round=$((bench_round + 1))
	done
	printf '\n| %s | median of %d, ms | relative |\n|---|---:|---:|\n' "$bench_title" "$ROUNDS"
	bench_column=0 bench_ours=''
	while [ $# -gt 0 ]; do
		bench_column=$((bench_column + 2))
		bench_median=$(median <"$scratch/$bench_column")
		: "${bench_ours:=$bench_median}"
		printf '| %s | %s | %s |\n' "$1" "$bench_median" \
			"$(awk "BEGIN { printf \"%.2f\", $bench_median / $bench_ours }")"
		shift 2
	done
	rm -f "$scratch"/[0-9]*
}

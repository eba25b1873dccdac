#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What a sandbox costs: a static program that ends at once, for the host's own CPU and for arm64,
# without a network of the host's and without limits: started cold by each, and as the steps of a
# build.  PRIORITY='chrt -f 50' takes the noise of a busy machine away from all of them alike, and
# PROGRAM=/bin/true starts busybox instead, of which the start of its C library is most.
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"

STEPS=${STEPS:-20}
ROUNDS=${ROUNDS:-40}
PROGRAM=${PROGRAM:-/bin/nothing}
laps=$(dirname "$MPEMU")/bench/laps
[ -x "$laps" ] || die "no $laps: make MODE=release build/release/bench/laps"
base_images
root=$scratch/bundle/rootfs
mkdir -p "$root" "$scratch/steps" "$scratch/step" "$scratch/lap" "$scratch/filtered" "$scratch/arm64"
chattr +T "$scratch/lap" 2>/dev/null # as a store's scratch has it, where the file system can
tar -C "$root" -xf build/base/amd64.tar
cp "$(dirname "$laps")/nothing" "$root/bin/nothing" || exit 1
tar -C "$root" -cf "$scratch/nothing.tar" .
mpemu import --platform linux/amd64 "$scratch/nothing.tar" localhost/bench/nothing >/dev/null || exit 1
tar -C "$scratch/arm64" -xf build/base/arm64.tar
crun spec --bundle "$scratch/bundle" 2>/dev/null || (cd "$scratch/bundle" && crun spec) ||
	die 'crun spec'
jq --arg program "$PROGRAM" '.process.terminal = false | .process.args = [$program] | del(.linux.resources)
	| .linux.namespaces |= map(select(.type != "cgroup"))
	| .mounts |= map(select(.type != "cgroup"))' \
	"$scratch/bundle/config.json" >"$scratch/config" || die 'jq'
mv "$scratch/config" "$scratch/bundle/config.json"
# The same with a filter of calls, as Podman and Docker give it one.
profile=/usr/share/containers/seccomp.json
ln -s "$root" "$scratch/filtered/rootfs"
[ ! -e "$profile" ] || jq --slurpfile profile "$profile" '.linux.seccomp = {
	defaultAction: "SCMP_ACT_ERRNO", defaultErrnoRet: 38,
	architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
	syscalls: [$profile[0].syscalls[] | select(.action == "SCMP_ACT_ALLOW" and
			((.includes // {}) | (.caps // []) == [] and (.arches // ["amd64"] | index("amd64"))))
		| {names, action} + (if (.args // []) == [] then {} else {args} end)] }' \
	"$scratch/bundle/config.json" >"$scratch/filtered/config.json" || die 'jq'

dockerfile() { # STEPS
	echo 'FROM localhost/bench/nothing'
	for step in $(seq "$1"); do
		echo "RUN [\"$PROGRAM\", \"$step\"]"
	done
}
dockerfile "$((STEPS + 1))" >"$scratch/steps/Dockerfile"
dockerfile 1 >"$scratch/step/Dockerfile"

# A Markdown table of what laps found; the first row is ours.
table() { # TITLE
	awk -F '\t' -v title="$1" '
		BEGIN { print "\n| " title " | median, ms | lowest tenth | relative |\n|---|---:|---:|---:|" }
		{ ours = ours ? ours : $2; printf "| %s | %.2f | %.2f | %.2f |\n", $1, $2, $3, $2 / ours }'
}

ours() { # PLATFORM IMAGE PROGRAM [STORE]
	echo "$MPEMU --root ${4:-$store} --quiet run --network none --assist off --platform $1 $2 $3"
}
build() { # DIRECTORY
	echo "$MPEMU --root $store --quiet build --network none --no-cache --platform linux/amd64 $1"
}
bwrapped="bwrap --unshare-all --unshare-user --bind $root / --proc /proc --dev /dev $PROGRAM"
crunned='crun --cgroup-manager=disabled run --bundle'

echo "load average before: $(cut -d' ' -f1-3 /proc/loadavg)"
if [ -s "$scratch/filtered/config.json" ]; then
	filtered="-- filtered $crunned $scratch/filtered bench-filtered"
fi
# In memory too: file systems differ more in how fast they make directories than sandboxes do.
memory=$(mktemp -d /dev/shm/bench-XXXXXX) || exit 1
MPEMU_ROOT=$memory/store "$MPEMU" --quiet import --platform linux/amd64 "$scratch/nothing.tar" \
	localhost/bench/nothing >/dev/null || exit 1
# shellcheck disable=SC2046,SC2086,SC2154 # words
$PRIORITY "$laps" turns "$ROUNDS" ours $(ours linux/amd64 localhost/bench/nothing "$PROGRAM") -- \
	memory $(ours linux/amd64 localhost/bench/nothing "$PROGRAM" "$memory/store") -- crun $crunned "$scratch/bundle" bench \
	$filtered -- bwrap $bwrapped -- chroot chroot "$root" "$PROGRAM" -- version "$MPEMU" --version \
	>"$scratch/cold" || exit 1
sed 's/^ours/mpemu run/; s/^memory/mpemu run, its store in memory/; s/^crun/crun run, a prepared bundle, without a filter of calls/
	s/^filtered/crun run, with a filter of calls/; s/^bwrap/bwrap --unshare-all, without a filter of calls/
	s/^version/mpemu --version (its loading alone)/' "$scratch/cold" |
	table "start $PROGRAM, cold"

# shellcheck disable=SC2086
{
	$PRIORITY "$laps" steps "$ROUNDS" "$root" "$memory" "$PROGRAM" | sed 's/^step/memory/'
	$PRIORITY "$laps" steps "$ROUNDS" "$root" "$scratch/lap" "$PROGRAM" | grep '^step'
	grep -E '^(crun|filtered|bwrap)' "$scratch/cold"
} >"$scratch/warm"
sed 's/^memory/a step of a build, the sandbox alone, its scratch in memory/
	s/^bare/the program alone, in a chroot/
	s/^step/a step, its scratch on disk/; s/^crun/crun run/; s/^filtered/crun run, with a filter/
	s/^bwrap/bwrap --unshare-all/' "$scratch/warm" | table "start $PROGRAM, warm"

# shellcheck disable=SC2046,SC2086
$PRIORITY "$laps" turns "$((ROUNDS / 4))" steps $(build "$scratch/steps") -- step $(build "$scratch/step") |
	awk -F '\t' -v steps="$STEPS" '{ median[$1] = $2; low[$1] = $3 }
		END { printf "a RUN step, its layer and all else\t%f\t%f\n",
			(median["steps"] - median["step"]) / steps, (low["steps"] - low["step"]) / steps }' |
	table 'build'

host_emulator linux/arm64
# shellcheck disable=SC2046,SC2086
{
	$PRIORITY "$laps" steps "$ROUNDS" "$scratch/arm64" "$scratch/lap" /bin/true linux/arm64
	$PRIORITY "$laps" turns "$ROUNDS" ours $(ours linux/arm64 localhost/demo/busybox /bin/true) -- \
		chroot chroot "$scratch/arm64" /bin/true
} | sed 's/^step/a step of a build, the sandbox alone/; s/^bare/the program and its emulator alone, in a chroot/
	s/^ours/mpemu run --platform linux\/arm64, cold/; s/^chroot/chroot, with the same emulator, cold/' |
	table 'start /bin/true of linux/arm64'

# shellcheck disable=SC2086
$PRIORITY "$laps" filter "$((ROUNDS * 3))" | sed 's/^/load the filter of calls: /' | table 'filter'
echo
echo "load average after: $(cut -d' ' -f1-3 /proc/loadavg)"

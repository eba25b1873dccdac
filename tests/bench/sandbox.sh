#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What a sandbox costs: a static program that ends at once, for the host's own CPU, without a network
# and without limits, started cold by each, and as the steps of a build.
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"

STEPS=${STEPS:-20}
base_images
root=$scratch/bundle/rootfs
mkdir -p "$root" "$scratch/steps" "$scratch/step"
tar -C "$root" -xf build/base/amd64.tar
crun spec --bundle "$scratch/bundle" 2>/dev/null || (cd "$scratch/bundle" && crun spec) ||
	die 'crun spec'
jq '.process.terminal = false | .process.args = ["/bin/true"] | del(.linux.resources)
	| .linux.namespaces |= map(select(.type != "cgroup"))
	| .mounts |= map(select(.type != "cgroup"))' \
	"$scratch/bundle/config.json" >"$scratch/config" || die 'jq'
mv "$scratch/config" "$scratch/bundle/config.json"

dockerfile() { # STEPS
	echo 'FROM localhost/demo/busybox:amd64'
	for step in $(seq "$1"); do
		echo "RUN [\"/bin/true\", \"$step\"]"
	done
}
dockerfile "$STEPS" >"$scratch/steps/Dockerfile"
dockerfile 1 >"$scratch/step/Dockerfile"

chrooted() { chroot "$root" /bin/true; }
bwrapped() {
	bwrap --unshare-all --unshare-user --bind "$root" / --proc /proc --dev /dev /bin/true
}
crunned() { crun --cgroup-manager=disabled run --bundle "$scratch/bundle" "bench-$$"; }
ours() { mpemu run --network none --platform linux/amd64 localhost/demo/busybox /bin/true; }
nothing() { "$MPEMU" --version; }

repeat() { # COMMAND
	for _ in $(seq "$STEPS"); do
		"$1" || return
	done
}
steps_ours() {
	mpemu build --network none --no-cache --platform linux/amd64 "$scratch/steps"
}
step_ours() {
	mpemu build --network none --no-cache --platform linux/amd64 "$scratch/step"
}
steps_crun() { repeat crunned; }
steps_bwrap() { repeat bwrapped; }
steps_chroot() { repeat chrooted; }

echo "load average before: $(cut -d' ' -f1-3 /proc/loadavg)"
compare 'start /bin/true, cold' \
	'mpemu run' ours \
	'mpemu --version (its loading alone)' nothing \
	'crun run (a prepared bundle, no cgroup)' crunned \
	'bwrap --unshare-all (no filter of calls)' bwrapped \
	'chroot' chrooted
compare "$STEPS steps in a row (ours: a build with a layer each)" \
	'mpemu build' steps_ours \
	'mpemu build of one step' step_ours \
	'crun run' steps_crun \
	'bwrap --unshare-all' steps_bwrap \
	'chroot' steps_chroot
echo
echo "load average after: $(cut -d' ' -f1-3 /proc/loadavg)"

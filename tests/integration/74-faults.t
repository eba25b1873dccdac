#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# kill -9 of any process of a build, or of two on the same store, at any moment, a reader that goes
# away, a full disk: a second later nothing is left, and the next build works.  ROUNDS=N for more or
# fewer kills.
. "$(dirname "$0")/../lib.sh"
need_root
need_command unshare shuf
ROUNDS=${ROUNDS:-50}

base_tar amd64 && mpemu import --platform linux/amd64 "$base" localhost/base:amd64 >/dev/null
base_tar arm64 && mpemu import --platform linux/arm64 "$base" localhost/base:arm64 >/dev/null
mpemu index create localhost/base localhost/base:amd64 localhost/base:arm64 >/dev/null
context=$(tmpdir)
cat >"$context/Dockerfile" <<END
FROM localhost/base
RUN echo one > /one; (sleep 60 &) ; (while :; do :; done &) ; sleep 0.1
RUN echo two > /two; head -c 1000000 /dev/urandom > /big
RUN ["/bin/true"]
RUN sleep 0.1; echo three > /three
END
registered=$(ls /proc/sys/fs/binfmt_misc 2>/dev/null)

# In a network of its own, which its steps share: that tells its processes from all others.
build_start() {
	rm -f "$scratch/net"
	# shellcheck disable=SC2016
	unshare --net sh -c 'readlink /proc/self/ns/net >"$0.new"; mv "$0.new" "$0"; exec "$@"' \
		"$scratch/net" "$MPEMU" --root "$store" --progress plain build --no-cache \
		--platform linux/amd64,linux/arm64 -t localhost/out "$context" \
		>"$scratch/build.out" 2>"$scratch/build.log" &
	build=$!
	until [ -e "$scratch/net" ]; do sleep 0.01; done
	nets="$nets $(tr '[]' '??' <"$scratch/net")" # brackets would be a pattern
}

ours() {
	set -f
	for net in $nets; do
		set +f
		find /proc/[0-9]*/ns/net -maxdepth 0 -lname "$net" 2>/dev/null | cut -d/ -f3
	done
	set +f
}

# Processes, and mounts of the store in anybody's view.
left() {
	ours
	grep -lsF "$store/" /proc/[0-9]*/mountinfo
}

nothing_left() {
	for _ in $(seq 20); do
		[ "$(left)" ] || return 0
		sleep 0.05
	done
	for pid in $(ours); do
		tr '\0' ' ' <"/proc/$pid/cmdline"
		grep -E '^(Name|PPid|State)' "/proc/$pid/status"
	done
	return 1
}

# Whoever was killed: the builds end by themselves, well or not.
builds_end() { # NAME PROCESS...
	builds_name=$1
	shift
	for build; do
		for _ in $(seq 300); do
			kill -0 "$build" 2>/dev/null || break
			sleep 0.05
		done
		kill -0 "$build" 2>/dev/null &&
			{ fails "$builds_name: the build ends" "$(ps fax)"; kill -9 "$build"; }
		wait "$build" 2>/dev/null
	done
	nothing_left >"$scratch/left" || {
		kept=$((kept + 1))
		fails "$builds_name: nothing is left" "$(cat "$scratch/left")"
	}
}

victim_kill() {
	sleep "0.$(shuf -i 0-45 -n 1 | sed 's/^.$/0&/')"
	victim=$(ours | shuf -n 1)
	[ "$victim" ] || return 0
	kinds="$kinds $(cat "/proc/$victim/comm" 2>/dev/null)"
	kill -9 "$victim" 2>/dev/null || :
}

kinds='' kept=0
for round in $(seq "$ROUNDS"); do
	nets=''
	build_start
	victim_kill
	builds_end "round $round" "$build"
done
is "after $ROUNDS kills nothing was left" "$kept" 0
# shellcheck disable=SC2086 # words
echo "# killed: $(printf '%s\n' $kinds | sort | uniq -c | awk '{ printf "%s %s, ", $1, $2 }')"

works() { # NAME
	nets=''
	build_start
	wait "$build"
	is "$1: the next build works" "$?" 0
	run mpemu run localhost/out cat /one /three
	is "$1: and its image has all its files" "$(echo $out)" 'one three'
	is "$1: the scratch is swept" "$(ls "$store/work" | wc -l)" 0
	is "$1: and what is kept of it is empty" \
		"$(find "$store/spare" -mindepth 2 ! -path '*/work' ! -path '*/work/*' \
			! -name upper ! -name scratch -o -path '*/upper/*')" ''
	is "$1: emulators are registered as before" "$(ls /proc/sys/fs/binfmt_misc 2>/dev/null)" \
		"$registered"
}
works 'after the kills'

kept=0 pairs=$(((ROUNDS + 4) / 5))
for round in $(seq "$pairs"); do
	nets=''
	build_start
	other=$build
	build_start
	victim_kill
	builds_end "pair $round" "$other" "$build"
done
is "after $pairs kills of one of two on the same store nothing was left" "$kept" 0
works 'after two at once'
ok 'the store is whole' mpemu fsck
is 'no half blob has a name' "$(
	for blob in "$store"/oci/blobs/sha256/*; do
		[ "$(sha256sum <"$blob" | cut -d' ' -f1)" = "$(basename "$blob")" ] || echo "$blob"
	done)" ''

mpemu --progress plain build --no-cache "$context" 2>&1 | head -n 1 >/dev/null
ok 'a reader that goes away leaves nothing' nothing_left

# ---- a disk that fills up ----

whole=$store store=$scratch/small
mkdir "$store"
mount -t tmpfs -o size=24m,mode=755 none "$store" || skip_all 'cannot mount a tmpfs'
mpemu import --platform linux/amd64 "$MPEMU_BASE/amd64.tar" localhost/base >/dev/null
printf 'FROM localhost/base\nRUN head -c 100000000 /dev/zero > /big\n' >"$context/Dockerfile"
run mpemu build "$context"
is 'a step that fills the disk fails' "$status" 4
printf 'FROM localhost/base\nRUN head -c 16000000 /dev/urandom > /big\n' >"$context/Dockerfile"
run mpemu build -t localhost/full "$context"
like 'a layer that does not fit fails, or the step does' "$status" '^[14]$'
like 'and says why' "$err" 'No space left'
is 'it has no name' "$(mpemu images | grep -c full)" 0
printf 'FROM localhost/base\nRUN echo small > /small\n' >"$context/Dockerfile"
ok 'with the room that is left the next build works' mpemu build "$context"
is 'and the scratch is swept' "$(ls "$store/work" | wc -l)" 0
umount "$store"
store=$whole

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# kill -9 of any process of a build, or of two on the same store, at any moment, also without root, a
# reader that goes away, a full disk: a second later nothing is left, and the next build works.
# ROUNDS=N for more or fewer kills.
. "$(dirname "$0")/../lib.sh"
need_root
need_command unshare shuf
ROUNDS=${ROUNDS:-40}

base_tar amd64 && mpemu import --platform linux/amd64 "$base" localhost/base:amd64 >/dev/null
base_tar arm64 && mpemu import --platform linux/arm64 "$base" localhost/base:arm64 >/dev/null
mpemu index create localhost/base localhost/base:amd64 localhost/base:arm64 >/dev/null
context=$(tmpdir)
chmod 755 "$context"
cat >"$context/Dockerfile" <<END
FROM localhost/base
RUN echo one > /one; (sleep 60 &) ; (while :; do :; done &) ; sleep 0.1
RUN echo two > /two; head -c 1000000 /dev/urandom > /big
RUN ["/bin/true"]
RUN sleep 0.1; echo three > /three
END
registered=$(ls /proc/sys/fs/binfmt_misc 2>/dev/null)
unshare --time true 2>/dev/null || skip_all 'no namespaces of time to know processes by'

# The clock of its children is what all processes of a build share, whoever they are, and no others:
# neither their networks nor their sessions or parents are the same.
start_as='' start_options=''
build_start() {
	rm -f "$scratch/clock"
	# shellcheck disable=SC2016,SC2086
	unshare --time --net sh -c '
		readlink /proc/self/ns/time_for_children >"$0.new"; mv "$0.new" "$0"; exec "$@"' \
		"$scratch/clock" $start_as "$MPEMU" --root "$store" --progress plain build --no-cache \
		--platform linux/amd64,linux/arm64 -t localhost/out $start_options "$context" \
		>"$scratch/build.out" 2>"$scratch/build.log" &
	build=$!
	until [ -e "$scratch/clock" ]; do sleep 0.01; done
	clocks="$clocks $(tr '[]' '??' <"$scratch/clock")" # brackets would be a pattern
	builds="$builds $build"
}

ours() {
	set -f
	for clock in $clocks; do
		set +f
		find /proc/[0-9]*/ns/time_for_children -maxdepth 0 -lname "$clock" 2>/dev/null |
			cut -d/ -f3
	done
	set +f
}

# Processes, mounts of the store in anybody's view, and control groups.
left() {
	ours
	grep -lsF "$store/" /proc/[0-9]*/mountinfo
	case $start_options in
	*--memory*)
		for build in $builds; do
			find /sys/fs/cgroup -type d -name "mpemu-$build-*" 2>/dev/null
		done
		;;
	esac
}

nothing_left() {
	for _ in $(seq 20); do
		[ "$(left)" ] || return 0
		sleep 0.05
	done
	left
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

# At any moment of a build, one of them, the rare kinds as often as the others.
victim_kill() {
	sleep "$(shuf -i "0-$duration" -n 1 | awk '{ print $1 / 1000 }')"
	for pid in $(ours); do
		read -r kind <"/proc/$pid/comm" && echo "$pid $kind"
	done >"$scratch/alive" 2>/dev/null
	kind=$(cut -d' ' -f2- "$scratch/alive" | sort -u | shuf -n 1)
	victim=$(awk -v kind="$kind" '{ pid = $1; sub(/^[^ ]* /, ""); if ($0 == kind) print pid }' \
		"$scratch/alive" | shuf -n 1)
	[ "$victim" ] && kill -9 "$victim" 2>/dev/null && echo "$kind" >>"$scratch/kinds"
	return 0
}

now() {
	echo $(($(date +%s%N) / 1000000))
}

works() { # NAME
	clocks='' builds=''
	duration=$(now)
	build_start
	wait "$build"
	is "$1: the next build works" "$?" 0
	duration=$(($(now) - duration))
	run mpemu run localhost/out cat /one /three
	is "$1: and its image has all its files" "$(echo $out)" 'one three'
	is "$1: the scratch is swept" "$(ls "$store/work" | wc -l)" 0
	is "$1: and what is kept of it is empty" \
		"$(find "$store/spare" -mindepth 2 ! -path '*/work' ! -path '*/work/*' \
			! -name upper ! -name scratch -o -path '*/upper/*')" ''
	is "$1: emulators are registered as before" "$(ls /proc/sys/fs/binfmt_misc 2>/dev/null)" \
		"$registered"
}

is_whole() { # NAME
	ok "$1: the store is whole" mpemu fsck
	is "$1: no half blob has a name" "$(
		for blob in "$store"/oci/blobs/sha256/*; do
			[ "$(sha256sum <"$blob" | cut -d' ' -f1)" = "$(basename "$blob")" ] || echo "$blob"
		done)" ''
}

killed_tell() {
	echo "# killed: $(sort "$scratch/kinds" | uniq -c | sort -rn |
		awk '{ printf "%s %s, ", $1, $2 }')"
}
: >"$scratch/kinds"

# Each kind of network has helpers of its own, and limits have groups.
limited=''
! mpemu run --memory 512m localhost/base true 2>/dev/null || limited='--memory 512m'
works 'at first'
kept=0
for round in $(seq "$ROUNDS"); do
	clocks='' builds=''
	case $((round % 4)) in
	0) start_options='--network none' ;;
	1) start_options='--network host' ;;
	2) start_options='' ;;
	3) start_options=$limited ;;
	esac
	build_start
	victim_kill
	builds_end "round $round" "$build"
done
is "after $ROUNDS kills nothing was left" "$kept" 0
start_options=''
works 'after the kills'

kept=0 pairs=$(((ROUNDS + 4) / 5))
for round in $(seq "$pairs"); do
	clocks='' builds=''
	build_start
	other=$build
	build_start
	victim_kill
	builds_end "pair $round" "$other" "$build"
done
is "after $pairs kills of one of two on the same store nothing was left" "$kept" 0
works 'after two at once'
is_whole 'after two at once'

# ---- without root, where helpers give ids ----

if command -v newuidmap setpriv >/dev/null && getent passwd nobody >/dev/null; then
	whole=$store program=$MPEMU store=$scratch/user/store MPEMU=$scratch/mpemu
	mkdir "$scratch/user"
	cp "$program" "$MPEMU"
	cp -a "$whole" "$store"
	chown -R nobody "$scratch/user"
	echo 'nobody:300000:65536' >"$scratch/subid"
	cat >"$scratch/as-user" <<-END
		mount --bind '$scratch/subid' /etc/subuid && mount --bind '$scratch/subid' /etc/subgid &&
		exec setpriv --reuid nobody --regid nogroup --clear-groups "\$@"
	END
	start_as="unshare --mount sh $scratch/as-user"
	rounds=$(((ROUNDS + 4) / 5))
	works 'without root'
	kept=0
	for round in $(seq "$rounds"); do
		clocks='' builds=''
		build_start
		victim_kill
		builds_end "round $round without root" "$build"
	done
	is "after $rounds kills without root nothing was left" "$kept" 0
	works 'without root, after the kills'
	is_whole 'without root'
	store=$whole MPEMU=$program start_as=''
else
	skip 'kills without root' 'no newuidmap'
fi
killed_tell

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

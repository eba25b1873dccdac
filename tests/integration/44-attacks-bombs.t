#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Programs that take all they can get, or that will not end, natively and emulated: each ends with a
# status and a reason, and nothing of it is left.
. "$(dirname "$0")/../lib.sh"
need_root
need_machine
need_command timeout jq python3

base_tar amd64 && mpemu import --platform linux/amd64 "$base" localhost/base:amd64 >/dev/null
base_tar arm64 && mpemu import --platform linux/arm64 "$base" localhost/base:arm64 >/dev/null
mpemu index create localhost/base localhost/base:amd64 localhost/base:arm64 >/dev/null
context=$(tmpdir)
make_guest "$context/guest-amd64" amd64 && make_guest "$context/guest-arm64" arm64 ||
	skip_all "no compilers: $(cat "$scratch/.log")"
printf 'FROM localhost/base\nARG TARGETARCH\nCOPY --chmod=755 guest-$TARGETARCH /guest\n' >"$context/Dockerfile"
run mpemu --progress plain build --platform linux/amd64,linux/arm64 -t localhost/bomb "$context"
[ "$status" = 0 ] || skip_all "no image: $(printf '%s\n' "$err" | tail -n 2)"

bomb() { # OPTIONS... -- COMMAND
	options=
	while [ "$1" != -- ]; do
		options="$options $1"
		shift
	done
	shift
	# shellcheck disable=SC2086 # words
	run timeout 60 "$MPEMU" --root "$store" run --network none --platform "$platform" $options \
		localhost/bomb "$@"
	out=$(echo $out)
}

marker=123$$
left() { # processes that sleep for our number of seconds
	pgrep -f "sleep $marker" || true
}

gone() { # within a second
	for _ in $(seq 20); do
		[ "$(left)" ] || return 0
		sleep 0.05
	done
	return 1
}

# Peak memory in MB of a command and all that it waits for goes to a file.
cat >"$scratch/peak.py" <<'END'
import os, sys
pid = os.spawnvp(os.P_NOWAIT, sys.argv[2], sys.argv[2:])
_, status, usage = os.wait4(pid, 0)
open(sys.argv[1], 'w').write(str(usage.ru_maxrss // 1024))
sys.exit(os.waitstatus_to_exitcode(status))
END

for platform in linux/amd64 linux/arm64; do
	bomb -- true
	if [ "$status" != 0 ]; then
		skip "$platform" "$err"
		continue
	fi

	# ---- as many as there can be ----

	begun=$(date +%s)
	bomb --timeout 10s -- sh -c 'f() { f | f & }; f 2>/dev/null; sleep 3; echo over'
	like "$platform: a fork bomb ends" "$status" '^(0|1|2|124|137)$'
	like "$platform: in time" "$(($(date +%s) - begun))" '^([0-9]|1[0-9]|2[0-5])$'
	ok "$platform: meanwhile and afterwards this host can fork" sh -c 'true | true | true'
	bomb --pids-limit 32 -- sh -c "for i in \$(seq 100); do sleep $marker & done; echo all"
	if [ "$status" = 9 ]; then
		skip "$platform: processes" 'no control groups'
	else
		like "$platform: processes are counted" "$status$err" '[1-9].*(fork|Resource|unavailable)'
	fi
	ok "$platform: none is left" gone
	bomb -- /guest many=5000,pipe2,texttext,0
	like "$platform: pipes" "$out" '^(50[0-9]|51[0-9]) -24$'
	bomb -- /guest many=100000,inotify_init1,0
	like "$platform: watches" "$out" '^[0-9]{2,4} -24$'
	bomb --ulimit nofile=1000000 -- /guest many=2000000,inotify_init1,0
	like "$platform: also where files are not the limit" "$out" '^[0-9]+ -24$'

	bomb -- sh -c 'i=0; while true >/dev/mqueue/$i; do i=$((i + 1)); [ $i -lt 5000 ] || exit; done 2>/dev/null; echo $i'
	like "$platform: message queues" "$out" '^[0-9]{1,3}$'

	# ---- memory ----

	bomb -- sh -c 'dd if=/dev/zero of=/dev/shm/x bs=1M count=1000 2>&1; stat -c %s /dev/shm/x'
	like "$platform: /dev/shm ends at 64 MiB" "$out" 'No space left.* 67108864$'
	bomb -- sh -c 'dd if=/dev/zero of=/dev/x bs=1M count=1000 2>&1; stat -c %s /dev/x'
	like "$platform: so does /dev" "$out" 'No space left.* 67[01][0-9]*$'
	bomb --memory 64m -- sh -c 'x=$(yes | head -c 200000000); echo survived'
	if [ "$status" = 9 ]; then
		skip "$platform: memory" 'no control groups'
	else
		is "$platform: a program that takes memory is killed" "$status$out" 137
		like "$platform: which is told" "$err" 'out of memory \(limit 64 MB\)'
		bomb --memory 64m -- /guest call=memfd_create,name,0 'call=fallocate,$,0,0,10000000000'
		like "$platform: so is one with a file in memory" "$status$out" '^137|-28|-12'
	fi

	# ---- output ----

	printf 'FROM localhost/bomb\nRUN dd if=/dev/zero bs=1M count=1500 2>/dev/null | tr "\\0" "\\n"; exit 7\n' >"$context/Dockerfile"
	run timeout 100 sh -c 'exec 3>&2; "$@" 2>&1 | tee /dev/fd/3 | wc -c' - \
		python3 "$scratch/peak.py" "$scratch/peak" "$MPEMU" --root "$store" \
		--progress plain build --no-cache --platform "$platform" "$context"
	like "$platform: a step that writes 1.5 GB is heard in part" "$out" '^[0-9]{1,8}$'
	like "$platform: the rest is told of" "$err" '\[[0-9]+ lines were not shown: the step writes too much\]'
	like "$platform: and its end" "$err" 'Dockerfile:2: .*exit status 7'
	like "$platform: in little memory" "$(cat "$scratch/peak")" '^([0-9]|[1-5][0-9]|6[0-4])$'
	printf 'FROM localhost/bomb\nRUN dd if=/dev/zero bs=1M count=300 2>/dev/null | tr "\\0" a\n' >"$context/Dockerfile"
	run timeout 100 python3 "$scratch/peak.py" "$scratch/peak" "$MPEMU" --root "$store" \
		--progress plain build --no-cache --platform "$platform" "$context"
	like "$platform: a line without an end is cut" "$err" 'aaaa \[line clipped\]$'
	like "$platform: also in little memory" "$(cat "$scratch/peak")" '^([0-9]|[1-5][0-9]|6[0-4])$'
	is "$platform: and the step goes on" "$status" 0

	# Nothing that is shown moves the cursor, sets a title or turns text around.
	cat >"$context/Dockerfile" <<'END'
FROM localhost/bomb
RUN printf '\033]52;c;aGk=\a\033]0;title\a\033[2J\302\233 \342\200\256 \001\377\rover\n'
RUN touch "$(printf '/a\nb\033[2J')" && exit 1 # "[2J"
END
	for progress in plain tty; do
		run timeout 60 script -qec "\"$MPEMU\" --root \"$store\" --progress $progress build --no-cache \
			--platform $platform \"$context\"" /dev/null
		unlike "$platform: $progress: no control characters of a step" \
			"$(printf '%s' "$out" | LC_ALL=C tr '\033\a' 'EB')" 'E\]52|E\]0;title|EB|title.*B'
		unlike "$platform: $progress: none that turns text around" "$out" "$(printf '\342\200\256')"
	done

	# Nobody listens any more.
	run timeout 20 sh -c "'$MPEMU' --root '$store' run --network none --platform $platform localhost/bomb yes | head -n 1"
	is "$platform: output that nobody reads ends the program" "$status $out" '0 y'
	printf 'FROM localhost/bomb\nRUN i=0; while [ $i -lt 20 ]; do echo line $i; i=$((i + 1)); sleep 0.1; done; sleep %s\n' "$marker" >"$context/Dockerfile"
	run timeout 20 sh -c "'$MPEMU' --root '$store' --progress plain build --no-cache --timeout 5s --platform $platform '$context' 2>&1 | head -n 1"
	is "$platform: a build that nobody watches ends too" "$status" 0
	ok "$platform: with its steps" gone

	# ---- those that will not end ----

	bomb -- sh -c "(trap '' TERM HUP INT; sleep $marker) & (setsid sleep $marker &) ; (sleep $marker &) & echo over"
	is "$platform: daemons end with the main process" "$status $out" '0 over'
	ok "$platform: all of them" gone
	printf 'FROM localhost/bomb\nRUN (trap "" TERM HUP; exec setsid sleep %s) & echo begun; sleep 0.2\n' "$marker" >"$context/Dockerfile"
	run timeout 60 "$MPEMU" --root "$store" build --no-cache --platform "$platform" "$context"
	is "$platform: also where they hold the output of a step" "$status" 0
	ok "$platform: and are gone" gone
	bomb --timeout 1s -- sh -c "kill -STOP \$\$; echo never"
	is "$platform: one that stops itself runs out of time" "$status$out" 124
	bomb --timeout 1s -- sh -c "trap '' XCPU TERM INT; while :; do :; done"
	is "$platform: one that ignores signals too" "$status" 124
	bomb --timeout 1s -- /guest fork fork fork call=kill,0,19
	is "$platform: or all of its processes" "$status" 124

	# ---- files ----

	printf 'FROM localhost/bomb\nRUN mkdir /d && cd /d && for i in $(seq 300); do mkdir -p 0123456789012345678901234567890123456789/x && cd -P 0123456789012345678901234567890123456789/x || exit 1; done; touch end\nRUN rm -rf /d\n' >"$context/Dockerfile"
	run timeout 100 "$MPEMU" --root "$store" --progress plain build --no-cache --platform "$platform" "$context"
	like "$platform: directories that are very deep are built or refused" "$status" '^[034]$'
	[ "$status" = 0 ] || echo "$err" | tail -n 3 | sed 's/^/# /'
	printf 'FROM localhost/bomb\nRUN n=$(printf %%0250d 1); touch "/$n" "$(printf "/a\\nb")" "$(printf "/esc\\033[2J")" "$(printf "/bad\\377\\376")" "/*" "/-rf" "/ "; n=$(ls / | wc -l); echo $n > /count\nRUN n=$(ls / | wc -l); echo $n > /again; rm -f "/-rf"\n' >"$context/Dockerfile"
	run timeout 100 "$MPEMU" --root "$store" --progress plain build --no-cache --platform "$platform" -t localhost/names "$context"
	is "$platform: odd names are built" "$status" 0
	run mpemu run --platform "$platform" localhost/names sh -c 'cat /count /again; ls -d /\* "$(printf "/bad\377\376")" "$(printf "/a\nb")" >/dev/null; echo $?'
	is "$platform: and kept" "$(echo $out | awk '{ print $2 - $1, $3 }')" '1 0'
	[ "$(echo $out | awk '{ print $2 - $1, $3 }')" = '1 0' ] || echo "# status $status, $out, $err"
done

is 'no scratch is left' "$(ls "$store/work")" ''

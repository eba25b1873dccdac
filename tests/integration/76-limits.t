#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Limits of memory, CPUs, processes and time, in runs and builds.
. "$(dirname "$0")/../lib.sh"
need_root
need_machine
need_command timeout

base_tar amd64
mpemu import --platform linux/amd64 "$base" localhost/base >/dev/null
run mpemu run --platform linux/amd64 localhost/base true
[ "$status" = 0 ] || skip_all "$(head -n 1 "$scratch/.err")"

box() { # OPTIONS... IMAGE COMMAND
	timeout 60 "$MPEMU" --root "$store" run --platform linux/amd64 "$@"
}

build() { # OPTIONS... ; the Dockerfile is $scratch/build/Dockerfile
	run timeout 60 "$MPEMU" --root "$store" build --platform linux/amd64 --progress plain \
		-t localhost/limited "$@" "$scratch/build"
}
mkdir "$scratch/build"

# Groups of runs that are over: others may be going on beside this test.
groups() {
	group_count=0
	for group_pid in $(find /sys/fs/cgroup -name 'mpemu-[0-9]*-[0-9]*' -type d 2>/dev/null |
		sed 's,.*/mpemu-\([0-9]*\)-.*,\1,'); do
		kill -0 "$group_pid" 2>/dev/null || group_count=$((group_count + 1))
	done
	echo $group_count
}

# ---- time ----

run box --timeout 500ms localhost/base sh -c 'trap "" TERM; sleep 100'
is 'a program whose time is up ends' "$status" 124
like 'and is told of' "$err" '^mpemu: sh: timed out after 0.500 s$'
run box --timeout 1m localhost/base sh -c 'exit 3'
is 'one that is in time does not notice' "$status $err" '3 '
for wrong in '' 0 5x -1 99999999999h; do
	run box --timeout "$wrong" localhost/base true
	is "--timeout '$wrong' is refused" "$status" 2
done
printf 'FROM localhost/base\nRUN echo begun; sleep 100\n' >"$scratch/build/Dockerfile"
build --timeout 1s
is 'so does a step of a build' "$status" 4
like 'with its line' "$err" 'Dockerfile:2: .*timed out after 1.000 s'

# ---- what a step writes ----

free_kb() {
	df -k --output=avail "$store" | tail -n 1
}
before=$(free_kb)
printf 'FROM localhost/base\nRUN dd if=/dev/zero of=/big bs=1M count=4000; echo survived\n' >"$scratch/build/Dockerfile"
build --max-layer 64m
is 'a step that fills its layer is stopped' "$status" 4
like 'and why is told' "$err" 'Dockerfile:2: .*layer exceeds 67 MB'
unlike 'at once' "$err" '^   survived$'
like 'its room is given back' "$(((before - $(free_kb)) / 1024))" '^(-[0-9]+|[0-9]{1,2})$'
printf 'FROM localhost/base\nRUN for i in $(seq 40); do dd if=/dev/zero of=/f$i bs=64k count=16 2>/dev/null; done; mv /f1 /f0; sleep 0.3\n' >"$scratch/build/Dockerfile"
build --max-layer 64m
is 'one that writes less is not' "$status" 0
sed -i 's/sleep 0.3/sleep 30/' "$scratch/build/Dockerfile" # it is looked at now and then
build --max-layer 20m --no-cache
is 'many files count together' "$status" 4
printf 'FROM localhost/base\nRUN truncate -s 1000000000000 /holes\n' >"$scratch/build/Dockerfile"
build
is 'a file of holes is no layer' "$status" 3
like 'and why is told' "$err" 'Dockerfile:2: holes: layer exceeds 69 GB'
printf 'FROM localhost/base\nRUN truncate -s 30M /holes\n' >"$scratch/build/Dockerfile"
build --max-layer 20m
like 'its size in the layer counts' "$err" 'holes: layer exceeds 21 MB'
build --max-layer much
is 'a limit is a size' "$status" 2

# ---- what control groups limit ----

eat='BEGIN { x = 1; while (1) x = x x }' # memory, at once

run box --memory 64m --cpus 1.5 --pids-limit 100 --explain localhost/base true
like 'limits are explained: memory' "$out" '^memory: at most 67'
like 'CPUs' "$out" '^CPUs: at most 1.500$'
like 'processes' "$out" '^processes: at most 100$'
for wrong in '--memory 1m' '--memory much' '--cpus 0' '--cpus 1.x' '--pids-limit few'; do
	# shellcheck disable=SC2086
	run box $wrong localhost/base true
	is "$wrong is refused" "$status" 2
done

run box --memory 64m --pids-limit 50 --cpus 0.5 localhost/base true
if [ "$status" = 9 ]; then
	skip 'limits of control groups' "$err"
	exit 0
fi
is 'limits can be had' "$status $err" '0 '
run box --memory 64m --pids-limit 50 --cpus 0.5 localhost/base sh -c 'cd /sys/fs/cgroup
	cat memory.max unified/memory.max memory/memory.limit_in_bytes 2>/dev/null
	cat pids.max unified/pids.max pids/pids.max 2>/dev/null
	cat cpu.max unified/cpu.max 2>/dev/null || echo $(cat cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us)
	cat cgroup.procs pids/cgroup.procs 2>/dev/null | head -n 1'
is 'a program can read its limits, and sees itself' "$(echo $out)" '67108864 50 50000 100000 1'
run box --memory 64m --pids-limit 50 --cap-add SYS_ADMIN localhost/base sh -c 'cd /sys/fs/cgroup
	umount /sys/fs/cgroup/pids /sys/fs/cgroup 2>/dev/null
	for file in pids.max pids/pids.max memory.max memory/memory.limit_in_bytes unified/memory.max; do
		mount -o remount,rw /sys/fs/cgroup/${file%%/*} 2>/dev/null
		if [ -e $file ] && echo 1000000000 2>/dev/null >$file; then echo changed $file; fi
	done; mkdir x pids/x unified/x && echo made
	grep -c ":/$" /proc/self/cgroup; grep -v ":/$" /proc/self/cgroup'
like 'all groups begin at its own' "$out" '^[0-9]+$'
unlike 'and it can change none' "$out" 'changed|:/|made'
for option in ro nosuid nodev noexec; do
	run box --memory 64m localhost/base sh -c "awk '\$5 ~ \"^/sys/fs/cgroup\" && \$6 !~ /(^|,)$option(,|\$)/' /proc/self/mountinfo; grep -c ' /sys/fs/cgroup.* cgroup' /proc/self/mountinfo"
	is "what is mounted there is $option" "$out" 1
done
run box --memory 64m localhost/base awk "$eat"
is 'a program that takes too much memory is killed' "$status$out" 137
like 'and why is told' "$err" '^mpemu: awk: out of memory \(limit 64 MB\)$'
run box --memory 256m localhost/base sh -c 'x=$(yes | head -c 2000000); echo fits'
is 'one that takes less is not' "$status $out" '0 fits'
run box --memory 64m --tmpfs /t localhost/base sh -c 'dd if=/dev/zero of=/t/x bs=1M count=200'
like 'files in memory count' "$err" 'out of memory'
run box --pids-limit 20 localhost/base sh -c 'for i in $(seq 40); do sleep 5 & done; echo all'
like 'there are only so many processes' "$err" "can't fork|Resource temporarily unavailable"
run box localhost/base sh -c 'f() { f | f & }; f; sleep 1; echo over'
ok 'a fork bomb does no harm' true
run box --cpus 0.2 --timeout 20s localhost/base sh -c 'i=0; while [ $i -lt 100000 ]; do i=$((i + 1)); done; cat /proc/self/stat'
is 'a slow program ends all the same' "$status" 0

printf 'FROM localhost/base\nRUN exec awk "%s"\n' "$eat" >"$scratch/build/Dockerfile"
build --memory 64m
is 'a step of a build that takes too much memory fails' "$status" 4
like 'and why is told' "$err" 'Dockerfile:2: .*out of memory \(limit 64 MB\)'

is 'no groups are left' "$(groups)" 0

# Killed, with its guard or without: the guard is the child of it that has a session of its own.
groups_after() { # COMMAND: what is left, after `$running` and maybe `$guard` were killed by it
	"$MPEMU" --root "$store" run --memory 64m localhost/base sleep 100 &
	running=$!
	for _ in $(seq 50); do
		find /sys/fs/cgroup -name "mpemu-$running-*" -type d 2>/dev/null | grep -q . && break
		sleep 0.1
	done
	# shellcheck disable=SC2034 # for COMMAND
	guard=$(grep -lsx mpemu-groups /proc/[0-9]*/comm | cut -d/ -f3 |
		while read -r pid; do
			awk -v pid="$pid" -v parent=$running '$1 == "PPid:" && $2 == parent { print pid }' \
				"/proc/$pid/status"
		done)
	eval "$1"
	wait $running 2>/dev/null
	for _ in $(seq 20); do
		[ "$(groups)" = 0 ] && break
		sleep 0.05
	done
	groups
}
is 'one that was killed leaves none' "$(groups_after 'kill -KILL $running')" 0
like 'but with its guard' "$(groups_after 'kill -KILL $guard $running')" '^[1-9]'
mpemu run --memory 64m localhost/base true
is 'whose groups go with the next run' "$(groups)" 0

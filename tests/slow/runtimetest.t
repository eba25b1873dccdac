#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What the validation program of the OCI runtime tools says of our sandbox, from inside, where it is
# told to expect what Docker gives by default, and what options change of that.
. "$(dirname "$0")/../lib.sh"
need_root
need_command jq timeout

tool=$MPEMU_BASE/../runtimetest
sh "$tests/runtimetest/build.sh" "$tool" amd64 arm64 >"$scratch/.log" 2>&1 ||
	skip_all "the OCI runtime tools cannot be built: $(tail -n 1 "$scratch/.log")"
base_tar amd64 && mpemu import --platform linux/amd64 "$base" localhost/base:amd64 >/dev/null
base_tar arm64 && mpemu import --platform linux/arm64 "$base" localhost/base:arm64 >/dev/null
mpemu index create localhost/base localhost/base:amd64 localhost/base:arm64 >/dev/null

# Docker's defaults for `docker run`, but two things: resource limits, which Docker takes from its
# service, and the control groups, which show in another way where they are of version 1 or 2.
# Paths that this kernel lacks cannot be looked at.
present() { # PATH...: those that there are, as a list in JSON
	for path; do
		[ ! -e "$path" ] || printf '%s\n' "$path"
	done | jq -R . | jq -s .
}
cat >"$scratch/default.json" <<END
{
  "ociVersion": "1.0.2",
  "process": {
    "user": { "uid": 0, "gid": 0 },
    "args": ["/runtimetest", "--compliance-level", "may", "--path", "/bundle"],
    "cwd": "/",
    "env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"],
    "rlimits": [
      { "type": "RLIMIT_CORE", "soft": 0, "hard": 0 },
      { "type": "RLIMIT_NOFILE", "soft": 999, "hard": 999 }
    ],
    "noNewPrivileges": false,
    "oomScoreAdj": $(cat /proc/self/oom_score_adj)
  },
  "root": { "path": "rootfs", "readonly": false },
  "mounts": [
    { "destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid", "noexec", "nodev"] },
    { "destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "strictatime"] },
    { "destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": ["nosuid", "noexec"] },
    { "destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": ["nosuid", "noexec", "nodev"] },
    { "destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": ["nosuid", "noexec", "nodev"] },
    { "destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"] }
  ],
  "linux": {
    "rootfsPropagation": "private",
    "maskedPaths": [
      "/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys",
      "/proc/latency_stats", "/proc/sched_debug", "/proc/scsi", "/proc/timer_list",
      "/proc/timer_stats", "/sys/devices/virtual/powercap", "/sys/firmware"
    ],
    "readonlyPaths": $(present /proc/bus /proc/fs /proc/irq /proc/sys /proc/sysrq-trigger)
  }
}
END
capabilities='CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP
	NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE'
# shellcheck disable=SC2086 # words
present_devices() {
	for device in null:1:3 zero:1:5 full:1:7 random:1:8 urandom:1:9 tty:5:0; do
		echo "$device" | tr : ' '
	done | jq -R 'split(" ") | { path: ("/dev/" + .[0]), type: "c", major: .[1] | tonumber,
		minor: .[2] | tonumber, fileMode: 438, uid: 0, gid: 0 }' | jq -s .
}
jq --arg names "$capabilities" --argjson devices "$(present_devices)" '
	($names | [splits("\\s+") | "CAP_" + .]) as $set
	| .process.capabilities = { bounding: $set, permitted: $set, effective: $set,
		inheritable: [], ambient: [] }
	| .linux.devices = $devices' "$scratch/default.json" >"$scratch/docker.json"

# Whether it has looked at all that it should, and liked it: from what it printed.  It has no number
# to expect of a console, which is a terminal of its own, and compares it with none.
judged() { # NAME
	bad=$(printf '%s\n' "$out" | tr -d '\r' | grep -A1 '^not ok' |
		grep -vE '^ok|^--|# TODO|/dev/console .* has the expected major|"path":"/dev/console"')
	count=$(printf '%s\n' "$out" | grep -c '^ok .* - ')
	planned=$(printf '%s\n' "$out" | grep -c '^1\.\.[0-9]')
	is "$1" "status $status, plans $planned $bad" 'status 0, plans 1 '
	like "$1: it has looked at 300 things" "$count" '^[3-9][0-9][0-9]$'
	[ "$status" = 0 ] || echo "# $err"
}

# With OPTIONS of mpemu run, what Docker gives is changed by EDIT, a filter of jq.
box() { # NAME EDIT OPTIONS...
	box_name=$1
	mkdir -p "$scratch/bundle"
	jq "$2" "$scratch/docker.json" >"$scratch/bundle/config.json"
	shift 2
	run timeout 120 "$MPEMU" --root "$store" run --network none --platform "$platform" \
		--ulimit nofile=999 "$@" -v "$tool/runtimetest-${platform#*/}:/runtimetest" \
		-v "$scratch/bundle:/bundle" localhost/base /runtimetest --compliance-level may --path /bundle
	judged "$platform: $box_name" </dev/null
}

for platform in linux/amd64 linux/arm64; do
	run mpemu run --platform "$platform" localhost/base true
	if [ "$status" != 0 ]; then
		skip "$platform" "$(printf '%s\n' "$err" | head -n 1)"
		continue
	fi
	box 'as Docker has it' .
	box 'a name' '.hostname = "box" | .process.env += ["HOSTNAME=box"]' -h box
	box 'a user' '.process.user = { uid: 1000, gid: 1001, additionalGids: [5, 7] }
		| .process.capabilities.effective = [] | .process.capabilities.permitted = []
		| .process.env[1] = "HOME=/" | del(.linux.rootfsPropagation)' -u 1000:1001 --group-add 5 --group-add 7
	box 'a read-only root' '.root.readonly = true | del(.linux.rootfsPropagation)' --read-only
	box 'a directory and variables' '.process.cwd = "/some/where" | .process.env += ["A=b c"]' \
		-w /some/where -e 'A=b c'
	box 'no capabilities' '.process.capabilities[] = []' --cap-drop ALL
	box 'one of them, and one more' '.process.capabilities |= (to_entries | map(
		if .key | IN("bounding", "effective", "permitted") then .value = ["CAP_CHOWN", "CAP_SYS_TIME"] else . end)
		| from_entries)' --cap-drop ALL --cap-add CHOWN --cap-add SYS_TIME
	box 'the right to mount, which nobody else sees' '.process.capabilities |= (to_entries | map(
		if .key | IN("bounding", "effective", "permitted") then .value += ["CAP_SYS_ADMIN"] else . end)
		| from_entries)' --cap-add SYS_ADMIN
	box 'no new privileges' '.process.noNewPrivileges = true' --security-opt no-new-privileges
	box 'limits' '.process.rlimits += [{ type: "RLIMIT_STACK", soft: 4194304, hard: 4194304 },
		{ type: "RLIMIT_FSIZE", soft: 1000000, hard: 2000000 },
		{ type: "RLIMIT_NPROC", soft: 500, hard: 600 }]' \
		--ulimit stack=4194304 --ulimit fsize=1000000:2000000 --ulimit nproc=500:600
	box 'memory at a place' '.mounts += [{ destination: "/in/memory", type: "tmpfs", source: "tmpfs" }]' \
		--tmpfs /in/memory
	box 'a terminal' '.process.terminal = true | .process.env += ["TERM=xterm"]' -t

	# A step of a build: the same, by a name of its own.
	mkdir -p "$scratch/context"
	cp "$tool/runtimetest-${platform#*/}" "$scratch/context/runtimetest"
	jq . "$scratch/docker.json" >"$scratch/context/config.json"
	cat >"$scratch/context/Dockerfile" <<-'END'
		FROM localhost/base
		COPY runtimetest /
		COPY config.json /bundle/
		RUN --network=none ["/runtimetest", "--compliance-level", "may", "--path", "/bundle"]
	END
	run mpemu --progress plain build --platform "$platform" --ulimit nofile=999 "$scratch/context"
	out=$(printf '%s\n' "$err" | sed -n 's/^#[0-9]* [0-9.]* //p')
	judged "$platform: a step"
done

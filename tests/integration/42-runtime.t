#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What the OCI runtime specification and Docker's defaults promise to a program, seen from inside:
# mounts, devices, links, what is hidden and what is read-only, limits, rights and ids.
. "$(dirname "$0")/../lib.sh"
need_root
need_command timeout

base_tar amd64 && mpemu import --platform linux/amd64 "$base" localhost/base:amd64 >/dev/null
base_tar arm64 && mpemu import --platform linux/arm64 "$base" localhost/base:arm64 >/dev/null
mpemu index create localhost/base localhost/base:amd64 localhost/base:arm64 >/dev/null

inside() { # COMMAND: $out is what it says, in one line
	run timeout 60 "$MPEMU" --root "$store" run --network none --platform "$platform" \
		localhost/base sh -c "$1"
	out=$(printf '%s\n' "$out" | tr -s ' \t\n' ' ' | sed 's/^ //; s/ $//')
}

# Of version 2 the own one may be there: 88-groups.t.
groups=/sys/fs/cgroup
[ "$(stat -f -c %T $groups)" != cgroup2fs ] || groups=

for platform in linux/amd64 linux/arm64; do
	inside true
	if [ "$status" != 0 ]; then
		skip "$platform" "$(printf '%s\n' "$err" | head -n 1)"
		continue
	fi

	# Mounts, in the order of the usual configuration: target type source, and its options.
	inside 'while read -r id parent device root target options rest; do
		case $target in /proc|/dev|/dev/pts|/dev/shm|/dev/mqueue|/sys) ;; *) continue ;; esac
		echo "$target ${rest#*- }"
	done </proc/self/mountinfo | cut -d" " -f1-3 | tr "\n" ,'
	is "$platform: mounts in order" "$out" \
		'/proc proc proc,/dev tmpfs tmpfs,/dev/pts devpts devpts,/dev/shm tmpfs shm,/dev/mqueue mqueue mqueue,/sys sysfs sysfs,'
	while read -r target want; do
		inside "awk '\$5 == \"$target\" { o = \$6 \",\" \$NF } END { print \",\" o \",\" }' /proc/self/mountinfo"
		for option in $want; do
			like "$platform: $target has $option" "$out" ",$option,"
		done
	done <<-'END'
		/proc nosuid nodev noexec
		/dev nosuid mode=755 size=65536k
		/dev/pts nosuid noexec mode=620 ptmxmode=666
		/dev/shm nosuid nodev noexec size=65536k
		/dev/mqueue nosuid nodev noexec
		/sys ro nosuid nodev noexec
		/sys/fs/cgroup ro nosuid nodev noexec
	END
	inside 'stat -c "%n %a %u" /dev /dev/shm /dev/mqueue /dev/pts /dev/pts/ptmx'
	is "$platform: modes" "$out" '/dev 755 0 /dev/shm 1777 0 /dev/mqueue 1777 0 /dev/pts 755 0 /dev/pts/ptmx 666 0'
	inside 'ls /dev/pts; exec 3<>/dev/ptmx; ls /dev/pts; stat -c "%a %g" /dev/pts/0'
	is "$platform: terminals are our own, of group 5" "$out" 'ptmx 0 ptmx 620 5'

	# Devices and links; one to the kernel's memory where there is such a file.
	core=
	[ ! -e /proc/kcore ] || core='core '
	inside 'for d in null zero full random urandom tty ptmx; do
		printf "%s " $d; stat -L -c "%F %t:%T %a" /dev/$d; done | sed "s/character special file //"'
	is "$platform: devices" "$out" \
		'null 1:3 666 zero 1:5 666 full 1:7 666 random 1:8 666 urandom 1:9 666 tty 5:0 666 ptmx 5:2 666'
	inside 'ls -ln /dev | awk "/^c/ { print \$3, \$4 }" | sort -u; chmod 0 /dev/null; chown 7 /dev/tty; ls -ln /dev/null /dev/tty | awk "{ print \$1, \$3 }"'
	is "$platform: they are of root, and stay as they are" "$out" '0 0 crw-rw-rw- 0 crw-rw-rw- 0'
	inside 'for l in fd stdin stdout stderr ptmx; do readlink /dev/$l; done'
	is "$platform: links" "$out" \
		'/proc/self/fd /proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2 pts/ptmx'
	inside 'cd /dev && echo *'
	is "$platform: and nothing else" "$out" \
		"$core"'fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero'
	inside 'head -c 4 /dev/zero | od -An -tx1; echo x >/dev/full; cat /dev/null; head -c 8 /dev/urandom | wc -c'
	is "$platform: they work" "$out" '00 00 00 00 8'
	like "$platform: the full one is full" "$err" 'No space left'

	# Hidden: readable are neither bytes nor names.
	inside 'for path in /proc/acpi /proc/asound /proc/interrupts /proc/kcore /proc/keys \
		/proc/latency_stats /proc/timer_list /proc/timer_stats /proc/sched_debug /proc/scsi \
		/sys/firmware /sys/devices/virtual/powercap '"$groups"' \
		/sys/devices/system/cpu/cpu[0-9]*/thermal_throttle; do
		if [ -d $path ]; then ls -A $path; touch $path/x 2>/dev/null && echo "$path is writable"
		elif [ -e $path ]; then head -c 1 $path; fi; done; :'
	is "$platform: hidden paths are empty" "$status $out" '0 '
	inside 'for path in /proc/bus /proc/fs /proc/irq /proc/sys /proc/sysrq-trigger; do
		[ -e $path ] || continue
		awk -v path=$path '"'\$5 == path { o = \$6 } END { print path, o ~ /^ro/ }'"' /proc/self/mountinfo
		[ -d $path ] && touch $path/x 2>/dev/null && echo writable; done'
	unlike "$platform: protected paths are read-only mounts" "$out" ' 0( |$)|writable'
	like "$platform: the settings are" "$out" '/proc/sys 1'
	inside 'touch /sys/x /proc/sys/x; find /proc/sys/kernel /proc/sys/vm /sys/kernel -maxdepth 1 -type f -writable 2>/dev/null |
		while read -r file; do : 2>/dev/null >$file && echo $file; done'
	is "$platform: no setting can be written" "$out" ''

	# Rights, limits, ids.
	inside 'sed -n "/^\(Cap\|NoNew\|Seccomp:\|Groups\|Umask\)/p" /proc/self/status'
	is "$platform: capabilities" "$out" 'Umask: 0022 Groups: 0 CapInh: 0000000000000000 CapPrm: 00000000a80425fb CapEff: 00000000a80425fb CapBnd: 00000000a80425fb CapAmb: 0000000000000000 NoNewPrivs: 0 Seccomp: 2'
	inside 'cat /proc/self/oom_score_adj'
	is "$platform: the kernel's choice of victims is as outside" "$out" "$(cat /proc/self/oom_score_adj)"
	processes=$(($(nproc) > 4 ? $(nproc) * 1024 : 4096))
	inside 'ulimit -c; ulimit -n; ulimit -u; ulimit -f; ulimit -s'
	like "$platform: resource limits" "$out" "^0 1024 $processes unlimited [0-9]+\$"
	inside 'cd /proc/self/ns && for ns in *; do readlink $ns; done'
	own=$(cd /proc/self/ns && for ns in *; do readlink "$ns"; done)
	for kind in cgroup ipc mnt net pid user uts; do
		unlike "$platform: a $kind namespace of its own" "$own" \
			"^$(printf '%s\n' "$out" | grep -o "\<$kind:[^ ]*" | sed 's/[][]/\\&/g')\$"
	done
	like "$platform: which all were seen" "$out" '^cgroup:.* ipc:.* mnt:.* net:.* pid:.* user:.* uts:'
	inside 'echo "$(ls -l /proc/self/fd | grep -c "[0-9] -> ")"'
	is "$platform: three descriptors" "$out" 3
	inside 'ls /proc/self/fd | wc -l; cat /proc/self/cgroup | grep -v ":/$"; hostname'
	is "$platform: control groups begin at its own" "$out" '4 localhost'
	inside 'grep -v "^ *0 " /proc/self/uid_map; awk "{ print \$2 == 0 }" /proc/self/uid_map /proc/self/gid_map'
	is "$platform: its root is not root here" "$out" '0 0'
	inside 'ip -o link | cut -d: -f2; cat /proc/sys/net/ipv4/ip_unprivileged_port_start; cat /proc/sys/net/ipv4/ping_group_range'
	is "$platform: ports and pings are for everybody" "$out" 'lo 0 0 2147483646'
done

# A terminal.
run mpemu run -t localhost/base sh -c 'stat -c "%F %t" /dev/console; test -w /dev/console &&
	awk '"'\$5 == \"/dev/console\" { print \$(NF-2), \$(NF-1) }'"' /proc/self/mountinfo' </dev/null
is 'with a terminal there is a console' "$(echo "$out" | tr -d '\r')" 'character special file 88
devpts devpts'

# Rights that files give, also to emulated programs; the emulator does not obey their callers.
mkdir "$scratch/context"
cat >"$scratch/context/Dockerfile" <<'END'
FROM localhost/base
ARG TARGETARCH
COPY --chmod=4755 guest-$TARGETARCH /suid
COPY --chmod=2755 --chown=0:7 guest-$TARGETARCH /sgid
COPY --chmod=755 guest-$TARGETARCH /guest
USER 1000
RUN /suid call=geteuid > /tmp/who
END
for arch in amd64 arm64; do
	if ! make_guest "$scratch/context/guest-$arch" $arch; then
		skip "set-user-id programs of $arch" "no compiler: $(head -n 1 "$scratch/.log")"
		continue
	fi
	case $(uname -m),$arch,$(mpemu status) in
	x86_64,amd64,* | aarch64,arm64,* | *'own binfmt_misc     yes'*) ;;
	*)
		skip "set-user-id programs of $arch" "the host's emulators give no rights, unless asked to"
		continue
		;;
	esac
	run mpemu --progress plain build --platform linux/$arch -t localhost/suid "$scratch/context"
	is "$arch: an image with rights" "$status" 0
	inside() { # OPTIONS... COMMAND
		run mpemu run --network none --platform linux/$arch "$@"
		out=$(echo $out)
	}
	inside localhost/suid cat /tmp/who
	is "$arch: a step of a user may have them" "$out" 0
	inside -u 1000:1000 localhost/suid /suid call=geteuid call=getegid
	is "$arch: a set-user-id program is of its owner" "$out" '0 1000'
	inside -u 1000:1000 localhost/suid /sgid call=geteuid call=getegid
	is "$arch: a set-group-id program of its group" "$out" '1000 7'
	inside -u 1000:1000 localhost/suid /guest call=setresuid,0,0,0
	is "$arch: any other has no such rights" "$out" -1
	inside -u 1000:1000 --security-opt no-new-privileges localhost/suid /suid call=geteuid
	is "$arch: nor has one where privileges cannot grow" "$out" 1000
	inside -u 1000:1000 localhost/suid sh -c 'QEMU_LOG=cpu,exec QEMU_LOG_FILENAME=/of-root QEMU_GDB=/sock QEMU_LD_PREFIX=/tmp \
		QEMU_SET_ENV=LD_PRELOAD=/tmp/x QEMU_STRACE=1 /suid call=geteuid; ls /of-root /sock'
	is "$arch: variables of the emulator mean nothing to it" "$out" 0
	run mpemu run --platform linux/$arch -u 1000:1000 localhost/suid /suid show=/proc/self/status
	like "$arch: it has what root has, and no more" "$out" '^CapEff:	00000000a80425fb$'
	like "$arch: also the filter" "$out" '^Seccomp:	2$'
done
is 'nobody else on this host can get at it' "$(stat -c %a "$store/layers" "$store/work" | sort -u)" 700

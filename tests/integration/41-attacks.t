#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Attacks on the kernel's interfaces from inside a sandbox, each by the errno that it gets, by
# programs of the machine's CPU, by emulated ones, and by the former in a sandbox for the latter:
# an emulator is no boundary.  Afterwards the host is as before.
. "$(dirname "$0")/../lib.sh"
need_root
need_command timeout
case $(uname -m) in
x86_64) host=amd64 other=arm64 emulator=qemu-aarch64-static ;;
aarch64) host=arm64 other=amd64 emulator=qemu-x86_64-static ;;
*) skip_all "is not written for $(uname -m)" ;;
esac

base_tar amd64 && mpemu import --platform linux/amd64 "$base" localhost/base:amd64 >/dev/null
base_tar arm64 && mpemu import --platform linux/arm64 "$base" localhost/base:arm64 >/dev/null
mpemu index create localhost/base localhost/base:amd64 localhost/base:arm64 >/dev/null
context=$(tmpdir)
make_guest "$context/guest-amd64" amd64 || skip_all "no compiler: $(cat "$scratch/.log")"
make_guest "$context/guest-arm64" arm64 || skip_all "no compiler for arm64: $(cat "$scratch/.log")"
# A program with narrower words that this CPU can run, too, and how it ends.
case $host in
amd64)
	make_guest "$context/busybox-old" 386 || skip_all "no compiler for 386: $(cat "$scratch/.log")"
	old=/busybox-old old_status=32
	;;
arm64)
	base_tar armhf
	tar -xOf "$base" ./bin/busybox >"$context/busybox-old"
	old='/busybox-old true' old_status=0
	;;
esac
cp "$context/guest-$host" "$context/native"
cat >"$context/Dockerfile" <<'END'
FROM localhost/base
ARG TARGETARCH
COPY --chmod=755 guest-$TARGETARCH /guest
COPY --chmod=755 native /native
COPY --chmod=755 busybox-old /busybox-old
RUN echo here >/marker && mkdir /jail
END
run mpemu --progress plain build --platform linux/$host,linux/$other -t localhost/attack "$context"
[ "$status" = 0 ] || skip_all "no image to attack from: $(printf '%s\n' "$err" | tail -n 3)"

# What of the host must stay as it is.
host_state() {
	ls /proc/sys/fs/binfmt_misc 2>/dev/null
	cat /proc/sys/kernel/core_pattern /proc/sys/kernel/hostname /proc/sys/vm/swappiness
	sha256sum /usr/bin/qemu-*-static "$MPEMU" 2>/dev/null
	grep -c . /proc/self/mountinfo
	ls -d /* /etc/* /tmp/.[!.]* 2>/dev/null
}
before=$(host_state)

attack() { # RUN OPTIONS... -- WORDS: $out is what came of it, in one line
	options=
	while [ "$1" != -- ]; do
		options="$options $1"
		shift
	done
	shift
	# shellcheck disable=SC2086 # words
	run timeout 60 "$MPEMU" --root "$store" run --network none $options localhost/attack "$@"
	out=$(echo $out)
}

# WHAT | WORDS OF GUEST | RESULTS where the program is the machine's | where it is emulated.
# -1 EPERM, -2 ENOENT, -13 EACCES, -14 EFAULT, -22 EINVAL, -38 ENOSYS; A/B: one of them.
cases() {
	sed 's/^ *//; /^$/d; /^#/d' <<-'END'
	# the emulator, and init
	write to the own program file | call=openat,-100,/proc/self/exe,1 | -26 | 3
	write to the program of init | call=openat,-100,/proc/1/exe,1 | -13 | -13
	init's root | call=openat,-100,/proc/1/root,0 | -13 | -13
	init's descriptors | call=openat,-100,/proc/1/fd,0 | -13 | -13
	init's environment | call=openat,-100,/proc/1/environ,0 | -13 | -13
	init's memory | call=openat,-100,/proc/1/mem,2 | -13 | -13
	init's mappings | call=openat,-100,/proc/1/maps,0 | -13 | -13
	init's namespaces | call=openat,-100,/proc/1/ns/mnt,0 | -13 | -13
	attach to init | call=ptrace,16,1 | -1 | -1/-38
	its descriptors by handle | call=pidfd_open,1,0 call=pidfd_getfd,$,0,0 | 3 -1 | 3 -1/-38
	end init | call=kill,1,9 | -1 | -1
	# mounts
	mount | call=mount,none,/jail,tmpfs,0,0 | -1 | -1
	remount writable | call=mount,none,/proc/sys,proc,0x20,0 | -1 | -1
	bind | call=mount,/,/jail,none,0x1000,0 | -1 | -1
	mount binfmt_misc | call=mount,none,/proc/sys/fs/binfmt_misc,binfmt_misc,0,0 | -1 | -1
	unmount | call=umount2,/proc,2 | -1 | -1
	pivot_root | call=pivot_root,/,/ | -1 | -1/-38
	open_tree | call=open_tree,-100,/,1 | -1 | -1/-38
	move_mount | call=move_mount,-100,/proc,-100,/jail,0 | -1 | -1/-38
	fsopen | call=fsopen,proc,0 | -1 | -1/-38
	fsmount | call=fsmount,3,0,0 | -1 | -1/-38
	fspick | call=fspick,-100,/,0 | -1 | -1/-38
	mount_setattr | call=mount_setattr,-100,/proc/sys,0,text,32 | -1 | -1/-38
	# namespaces
	a user namespace | call=unshare,0x10000000 | -1 | -1
	a mount namespace | call=unshare,0x20000 | -1 | -1
	by clone | call=clone,0x10000011 | -1 | -1/-22
	by clone3 | call=clone3,text,64 | -38 | -38
	setns | call=openat,-100,/proc/self/ns/mnt,0 call=setns,$,0 | 3 -1 | 3 -1
	# sockets
	AF_ALG | call=socket,38,5,0 | -1 | -1/-97
	AF_VSOCK | call=socket,40,1,0 | -1 | -1/-97
	AF_ALG, high bits set | call=socket,0x100000026,5,0 | -1 | -1/-97
	AF_VSOCK, high bits set | call=socket,0x100000028,1,0 | -1 | -1/-97
	AF_VSOCK, all high bits set | call=socket,0x7fffffff00000028,1,0 | -1 | -1/-97
	AF_PACKET, in its own network | call=socket,17,3,0 | 3 | 3/-97
	# kernel features that no program of an image needs
	personality | call=personality,0x0400000 | -1 | -1
	personality, that which Docker lets pass | call=personality,0 | 0 | 0
	io_uring | call=io_uring_setup,8,text | -1 | -1/-38
	bpf | call=bpf,0,0,0 | -1 | -1/-38
	keyctl | call=keyctl,0,-3,0 | -1 | -1/-38
	add_key | call=add_key,user,name,value,5,-3 | -1 | -1/-38
	request_key | call=request_key,user,name,0,-3 | -1 | -1/-38
	perf events | call=perf_event_open,text,0,-1,-1,0 | -1 | -1/-38
	userfaultfd | call=userfaultfd,0 | -1 | -1/-38
	fanotify | call=fanotify_init,0,0 | -1 | -1/-38
	kexec | call=kexec_load,0,0,0,0 | -1 | -1/-38
	modules | call=init_module,text,4,text call=finit_module,0,text,0 call=delete_module,loop,0 | -1 -1 -1 | -1/-38 -1/-38 -1/-38
	the kernel's log | call=syslog,3,text,4 | -1 | -1
	reboot | call=reboot,0xfee1dead,672274793,0x89abcdef,0 | -1 | -1
	swap | call=swapon,/marker,0 | -1 | -1/-38
	accounting | call=acct,/marker | -1 | -1
	the clock | call=clock_settime,0,texttexttexttext call=settimeofday,texttexttexttext,0 | -1 -1 | -1/-22 -1/-22
	quotas | call=quotactl,0,0,0,0 | -1 | -1/-38
	memory policies | call=mbind,0,4096,0,0,0,0 call=set_mempolicy,0,0,0 | -1 -1 | -1/-38 -1/-38
	files by handle | call=open_by_handle_at,-100,texttexttext,0 | -1 | -1/-14/-38
	a call of the future | call=999,0 | -38 | -38
	the host name | call=sethostname,other,5 | -1 | -1
	what a terminal's user types | call=ioctl,0,0x5412,text call=ioctl,0,0x10000541c,text | -1 -1 | -1/-25/-38 -1/-25/-38
	# files
	devices | call=mknodat,-100,/disk,0x6180,0xfe00 call=mknodat,-100,/memory,0x2180,0x101 | -1 -1 | -1 -1
	a whiteout | call=mknodat,-100,/gone,0x2000,0 | 0/-1 | 0/-1
	out of a chroot | call=openat,-100,/,0 call=chroot,/jail call=fchdir,3 call=chdir,../../../../../.. call=chroot,. show=marker | 3 0 0 0 0 here | 3 0 0 0 0 here
	xattrs of the host's | call=setxattr,/marker,trusted.x,y,1,0 | -1 | -1
	settings | call=openat,-100,/proc/sys/kernel/core_pattern,1 call=openat,-100,/proc/sysrq-trigger,1 call=openat,-100,/proc/sys/kernel/hostname,1 | -13 -2/-13 -13 | -13 -2/-13 -13
	more settings | call=openat,-100,/proc/sys/vm/swappiness,1 call=openat,-100,/proc/sys/fs/file-max,1 call=openat,-100,/proc/sys/kernel/printk,1 | -13 -13 -13 | -13 -13 -13
	masked memory | call=openat,-100,/proc/kcore,0 call=read,$,texttext,8 | 3/-2 0/-9/-14 | 3/-2 0/-9/-14
	the kernel's log as files | call=openat,-100,/proc/kmsg,0 call=openat,-100,/dev/kmsg,0 | -1/-13 -2 | -1/-13 -2
	settings of devices | call=openat,-100,/sys/power/state,1 call=openat,-100,/sys/kernel/mm/transparent_hugepage/enabled,1 call=openat,-100,/sys/kernel/uevent_helper,1 | -2/-13/-30 -2/-13/-30 -2/-13/-30 | -2/-13/-30 -2/-13/-30 -2/-13/-30
	raw memory and disks | call=openat,-100,/dev/mem,0 call=openat,-100,/dev/vda,0 call=openat,-100,/dev/sda,0 call=openat,-100,/dev/fuse,2 | -2 -2 -2 -2 | -2 -2 -2 -2
	emulators' entries | call=openat,-100,/proc/sys/fs/binfmt_misc/register,1 call=openat,-100,/proc/sys/fs/binfmt_misc/status,1 | -2/-13 -2/-13 | -2/-13 -2/-13
	END
}

# Whether each of the results in $out is one of those wanted.
results_match() { # WANT
	pattern=$(printf '%s' "$1" | sed 's,\([^ ]*\)/\([^ ]*\),(\1/\2),g; s,/,|,g; s,(\([^()]*\)),(\1),g')
	printf '%s' "$out" | grep -Eqx -e "$pattern"
}

for program in $host:/guest:3 $other:/guest:4 $other:/native:3; do
	platform=linux/${program%%:*} guest=${program#*:}
	column=${guest#*:} guest=${guest%:*}
	attack --platform $platform -- $guest exit=5
	if [ "$status" != 5 ]; then
		skip "$platform $guest" "$err"
		continue
	fi
	cases >"$scratch/cases"
	while IFS='|' read -r what words native emulated; do
		what=$(echo $what)
		want=$(echo $native)
		[ "$column" = 3 ] || want=$(echo $emulated)
		# shellcheck disable=SC2086 # words
		attack --platform $platform -- $guest $words
		if results_match "$want"; then
			pass "$platform $guest: $what"
		else
			fails "$platform $guest: $what" "got: $out ($status, $err) want: $want"
		fi
	done <"$scratch/cases"

	# How a program ends: under an emulator as process 1 it would hang for ever.
	for end in crash:139 call=kill,0,6:134 call=kill,0,15:143 call=kill,0,9:137 exit=3:3; do
		attack --platform $platform -- $guest "${end%:*}"
		is "$platform $guest ${end%:*}: ends" "$status" "${end##*:}"
	done
done

# A program can have its calls answered by another one, but in builds of root: there we answer those
# that make device nodes, and the kernel takes one who answers.
for platform in linux/$host linux/$other; do
	attack --platform $platform -- /native call=prctl,38,1,0,0,0 listen
	is "$platform: a program can listen to its own calls" "$status $out" '0 0 3'
done
cat >"$context/Dockerfile" <<'END'
FROM localhost/attack
RUN /native call=prctl,38,1,0,0,0 listen >/listened; mknod /null c 1 3; echo $? >>/listened
END
run mpemu --quiet build --platform linux/$host,linux/$other --network none -t localhost/listened "$context"
for platform in linux/$host linux/$other; do
	run mpemu run --platform $platform localhost/listened cat /listened
	is "$platform: but in builds of root, which make device nodes" "$(echo $out)" '0 -16 0'
done

# 32-bit programs of the machine: not in sandboxes for other CPUs.  In others they are what Docker
# lets pass too, also the one call of x86 whose arguments no filter sees.
# shellcheck disable=SC2086 # words
attack --platform linux/$host -- $old
if [ "$status" = 126 ]; then
	skip "32-bit programs" "this CPU runs none: $err"
else
	is 'a program of 32 bits runs' "$status" $old_status
	# shellcheck disable=SC2086 # words
	attack --platform linux/$other -- $old
	is "$other: one is killed at its first call" "$status" 159
fi
if [ $host = amd64 ]; then
	attack --platform linux/arm64 -- /busybox-old X
	is 'arm64: also one that asks for a socket of the hypervisor' "$status" 159
	attack --platform linux/amd64 -- /busybox-old 2
	is 'amd64: sockets are to be had by the old call, as in Docker' "$status" 34
fi

# The emulator's own program file, by the process that it is, while it runs and afterwards.
attack --platform linux/$other -- sh -c 'sleep 20 & sleep 0.3
	for pid in $!; do
		/native call=openat,-100,/proc/$pid/exe,1
		/native call=openat,-100,/proc/$pid/exe,2
		/native call=openat,-100,/proc/$pid/exe,0x200000 call=openat,-100,/proc/self/fd/3,1
	done'
like 'the emulator cannot be written to' "$out" '^-13 -13 3 -13$'
attack --platform linux/$other -- sh -c 'for pid in /proc/[0-9]*; do cat $pid/cmdline $pid/environ; done 2>/dev/null | tr "\0" "\n"'
unlike 'no process shows a word of the host' "$out" "$scratch|--root|MPEMU"
attack --platform linux/$other -e EMULATOR=$emulator -- sh -c 'cp /bin/busybox /usr/bin/$EMULATOR 2>/dev/null
	mkdir -p /usr/bin; printf "#!/bin/sh\necho planted" >/usr/bin/$EMULATOR; chmod 755 /usr/bin/qemu-*
	PATH=/usr/bin:$PATH /guest call=geteuid'
is 'one planted in the image is not used' "$out" 0

# Whoever kills all that it can kills itself.
mpemu run --network none --platform linux/$host localhost/attack sh -c 'sleep 4; echo other' >"$scratch/other" 2>&1 &
sleeping=$!
for platform in linux/$host linux/$other; do
	attack --platform $platform -- sh -c 'sleep 50 & kill -9 -1; echo self'
	is "$platform: kill -9 -1 is for its own processes" "$status $out" '0 self'
	attack --platform $platform -- /guest call=kill,-1,9
	is "$platform: and for no others" "$status $out" '0 -3'
done
wait $sleeping
is 'another sandbox does not notice' "$(cat "$scratch/other")" other

# No signal gets at init, by whatever call, nor does one at its thread's group; it goes on to reap.
for program in $host:/guest $other:/guest $other:/native; do
	platform=linux/${program%%:*} guest=${program#*:}
	calls=
	for signal in 1 2 3 6 9 11 13 15 17 18 19 20 31 34 64; do
		calls="$calls quiet=kill,1,$signal quiet=tgkill,1,1,$signal quiet=pidfd_open,1,0 quiet=pidfd_send_signal,\$,$signal,0,0"
	done
	# shellcheck disable=SC2086 # words
	attack --platform $platform -- $guest $calls orphan call=getppid exit=7
	is "$platform $guest: init does not obey a program" "$status $out" '7 1'
done

# What may be mounted inside, where that is asked for, is mounted inside only, although this host
# shares its mounts, as those of systemd are; nor does what the host mounts come in.
if command -v unshare >/dev/null; then
	mkdir "$scratch/shared" "$scratch/shared-store"
	cat >"$context/Dockerfile" <<-'END'
		FROM localhost/attack
		RUN --security=insecure --mount=type=cache,target=/c --mount=target=/ctx mkdir -p /c/x && \
			mount -t tmpfs none /c/x && mount -t tmpfs none /ctx && touch /ctx/evil /c/x/evil
	END
	cat >"$scratch/share" <<-'END'
		mount -t tmpfs none "$DIR" && mount --bind "$STORE" "$STORE" && mount --bind "$CONTEXT" "$CONTEXT" &&
		mount --make-rshared "$DIR" && mount --make-rshared "$STORE" && mount --make-rshared "$CONTEXT" || exit
		mkdir "$DIR/sub" "$DIR/later"
		"$MPEMU" --root "$STORE" run --network none --cap-add SYS_ADMIN -v "$DIR:/d" localhost/attack sh -c '
			mount -t tmpfs none /d/sub && touch /d/sub/evil /d/ready
			while [ ! -e /d/over ]; do sleep 0.05; done; ls /d/later' &
		while [ ! -e "$DIR/ready" ]; do sleep 0.05; done
		mount -t tmpfs none "$DIR/later" && touch "$DIR/later/hosts" "$DIR/over"
		wait
		"$MPEMU" --root "$STORE" --quiet build --allow security.insecure "$CONTEXT" >/dev/null || echo no build
		find "$DIR" "$CONTEXT" "$STORE/mounts" -name evil
		grep -E " ($DIR|$CONTEXT|$STORE)/" /proc/self/mountinfo | grep -v " $DIR/later "
		find "$DIR" -name hosts | wc -l
	END
	run env MPEMU="$MPEMU" DIR="$scratch/shared" STORE="$store" CONTEXT="$context" \
		timeout 60 unshare --mount --propagation private sh "$scratch/share"
	is 'mounts stay on their side' "$out" 1
	[ "$out" = 1 ] || echo "# $err"
else
	skip 'mounts stay on their side' 'no unshare'
fi

# What a program has open leads nowhere; a directory would.
for platform in linux/$host linux/$other; do
	mkdir -p "$scratch/open"
	for stream in 0 1 2; do
		case $stream in
		0) run mpemu run -i --platform $platform localhost/attack ls /proc/self/fd/0/.. <"$scratch/open" ;;
		1) run sh -c "'$MPEMU' --root '$store' run --platform $platform localhost/attack ls /proc/self/fd/1/.. 1<'$scratch/open'" ;;
		2) run sh -c "'$MPEMU' --root '$store' run --platform $platform localhost/attack ls /proc/self/fd/2/.. 3>&2 2<'$scratch/open'" ;;
		esac
		is "$platform: stream $stream as a directory is refused" "$status $out" '2 '
		[ $stream = 2 ] || like "$platform: with the reason ($stream)" "$err" 'is a directory'
	done
	attack --platform $platform -- sh -c 'for fd in 3 4 5 6 7 8 9 10 63; do ls /proc/self/fd/$fd/ && echo open; done 2>/dev/null; true'
	is "$platform: nothing else is open" "$status $out" '0 '
done

run sh -c "'$MPEMU' --root '$store' run --platform linux/$host localhost/attack ls -l /proc/self/fd 2>&1 | cat"
unlike 'streams that are pipes have no name of the host' "$out" "$scratch"

is 'the host is as before' "$(host_state)" "$before"

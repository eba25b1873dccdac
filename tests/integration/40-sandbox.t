#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# mpemu run: what a program of an image sees, what it cannot do, and how it ends, on the CPU of the
# machine and emulated.
. "$(dirname "$0")/../lib.sh"
need_root
need_command timeout

for arch in amd64 arm64 s390x; do
	base_tar $arch
	mpemu import --platform linux/$arch "$base" localhost/base:$arch >/dev/null
done
ok 'three bases become one index' \
	mpemu index create localhost/base localhost/base:amd64 localhost/base:arm64 localhost/base:s390x

# What a kernel says of file systems that it was asked for in a way that it does not know.
complaints() {
	dmesg 2>/dev/null | grep -Ec 'overlayfs: (unrecognized|failed to clone)'
}
complained=$(complaints)

entries() {
	ls /proc/sys/fs/binfmt_misc 2>/dev/null
}

# The same on every CPU: a program sees its own architecture, and its end is passed on.
before=$(entries)
for platform in linux/amd64/x86_64 linux/arm64/aarch64 linux/s390x/s390x; do
	machine=${platform##*/} platform=${platform%/*}
	if ! mpemu run --platform "$platform" localhost/base true 2>"$scratch/why"; then
		skip "$platform" "$(head -n 1 "$scratch/why")"
		continue
	fi
	run mpemu run --platform "$platform" localhost/base uname -m
	is "$platform: uname" "$out" "$machine"
	run mpemu run --platform "$platform" localhost/base sh -c 'echo to error >&2; exit 7'
	is "$platform: exit status" "$status $out $err" '7  to error'
	# A guest as process 1 would hang here for ever: it would ignore its own signal.
	for signal in SEGV:139 ABRT:134 KILL:137 TERM:143; do
		run timeout 20 "$MPEMU" --root "$store" run --platform "$platform" localhost/base \
			sh -c "kill -${signal%:*} \$\$"
		is "$platform: ends by SIG${signal%:*}" "$status" "${signal#*:}"
	done
	run timeout 20 "$MPEMU" --root "$store" run --platform "$platform" localhost/base \
		sh -c '(trap "" TERM HUP; sleep 1000) & (setsid sleep 1000 &) ; echo done'
	is "$platform: ends with its main process" "$status $out" '0 done'
	run mpemu run --platform "$platform" localhost/base nosuchprogram
	is "$platform: a missing program" "$status" 127
	like "$platform: a missing program is named" "$err" 'nosuchprogram: it is not in the image'
	run mpemu run --platform "$platform" localhost/base ls /proc/sys/fs/binfmt_misc
	is "$platform: no entries are seen" "$status $out" '0 '
done
is 'entries of this host are as before' "$(entries)" "$before"

# Programs of 32 bits that this CPU runs, too, see a machine of 32 bits.
case $(uname -m) in
x86_64) own=amd64 narrow=386 deb=i386 machine=i686 ;;
*) own=arm64 narrow=arm/v7 deb=armhf machine=armv8l ;;
esac
if mpemu status | grep -q "^linux/$narrow *native "; then
	base_tar $deb
	mpemu import --platform linux/$narrow "$base" localhost/narrow >/dev/null
	run mpemu run --platform linux/$narrow localhost/narrow uname -m
	is "linux/$narrow: uname" "$status $out" "0 $machine"
	printf 'FROM localhost/narrow\nRUN uname -m >/machine\n' >"$scratch/Dockerfile"
	run mpemu build --platform linux/$narrow -t localhost/narrow:built - <"$scratch/Dockerfile"
	run mpemu run --platform linux/$narrow localhost/narrow:built cat /machine
	is "linux/$narrow: uname in a build" "$status $out" "0 $machine"
else
	skip "linux/$narrow: uname" 'this CPU does not run it'
fi

# What it sees.
run mpemu run localhost/base sh -c 'ls -d /* /dev/*; cat /proc/mounts'
unlike 'nothing of this host is mounted' "$out" "$scratch"
like 'devices are there' "$out" '/dev/urandom'
unlike 'no disks are there' "$out" '/dev/[sv]d'
run mpemu run --hostname box localhost/base sh -c 'hostname; cat /etc/hostname; grep box /etc/hosts'
is 'host name' "$(echo "$out" | tr -s ' \t\n' ' ')" 'box box 127.0.0.1 localhost box '
run mpemu run localhost/base ls -l /proc/self/fd
is 'three descriptors and none of ours' "$(echo "$out" | grep -c ' -> ')" 3
run mpemu run --network none localhost/base sh -c 'ls /sys/class/net; ping -c1 -w2 127.0.0.1 >/dev/null; echo $?'
is 'no network but loopback' "$out" 'lo
0'
run mpemu run localhost/base cat /proc/1/cmdline
unlike 'the caller'"'"'s command line is not seen' "$out" 'mpemu|localhost'
run mpemu run localhost/base sh -c 'echo $$; ps | wc -l'
is 'no processes of this host are seen' "$out" '2
5'

run mpemu run localhost/base sh -c 'kill -9 1; sleep 0.1; echo alive'
is 'its first process does not die of them' "$status $out" '0 alive'

# What it cannot do: each line is tried and must fail.
while read -r attack; do
	run mpemu run localhost/base sh -c "$attack"
	like "fails: $attack" "$status" '^[1-9]'
done <<'END'
echo x >/proc/sys/kernel/core_pattern
echo x >/proc/sysrq-trigger
echo 1 >/proc/sys/vm/drop_caches
echo x >/proc/sys/kernel/hostname
echo 1 >/sys/kernel/mm/ksm/run
mount -t tmpfs none /mnt
mount -t proc none /proc
mount -o remount,rw /proc/sys
mount -t binfmt_misc none /proc/sys/fs/binfmt_misc
umount /proc/sys
umount -l /dev
unshare -U true
mknod /disk b 254 0
mknod /dev/kmsg c 1 11
dmesg
cat /proc/1/environ
ls /proc/1/root/
ls /proc/1/fd/
chroot /proc/1/root true
hostname other
swapon /etc/passwd
ip link set lo down
END
run mpemu run localhost/base sh -c 'grep -E "^(Cap(Inh|Bnd|Amb)|NoNewPrivs|Seccomp):" /proc/self/status'
is 'capabilities, privileges and filter' "$(echo "$out" | tr -s ' \t\n' ' ')" \
	'CapInh: 0000000000000000 CapBnd: 00000000a80425fb CapAmb: 0000000000000000 NoNewPrivs: 0 Seccomp: 2 '
run mpemu run localhost/base sh -c 'mkdir j; cd j; chroot . /bin/true; cd ../../../..; ls /'
unlike 'chroot and back leads nowhere' "$out" 'work|home'
run mpemu run -w /proc/self/fd/3 localhost/base sh -c 'ls ../../..'
is 'a working directory outside is refused' "$status" 3

# What is kept: nothing of it.
run mpemu run localhost/base sh -c 'echo mine >/file; rm /bin/ls; cat /file'
is 'the image can be written to' "$status $out" '0 mine'
run mpemu run localhost/base sh -c 'test -e /file || ls /bin/busybox'
is 'and is as before' "$status $out" '0 /bin/busybox'
run mpemu run --read-only localhost/base sh -c 'echo x >/file'
is 'unless it is read-only' "$status" 1
is 'work is cleaned up' "$(ls "$store/work")" ''

# The environment, the user, binds.
run mpemu run -e A=1 -e HOME localhost/base sh -c 'echo "$A $HOME"'
is 'variables' "$out" "1 $HOME"
printf '# comment\nB=two words\nC=\n' >"$scratch/env"
run mpemu run --env-file "$scratch/env" localhost/base sh -c 'echo "$B.$C."'
is 'variables of a file' "$out" 'two words..'
run mpemu run -u 1000:1001 -w /made/here localhost/base sh -c 'id -u; id -g; pwd; touch x'
is 'user and directory' "$status $out" '1 1000
1001
/made/here'
run mpemu run -u nosuchuser localhost/base true
is 'a user that the image lacks' "$status" 3
mkdir "$scratch/shared" && echo shared >"$scratch/shared/file"
run mpemu run -v "$scratch/shared:/in/the/image" localhost/base sh -c \
	'cat /in/the/image/file; echo new >/in/the/image/new; chown 1000:1000 /in/the/image/new'
is 'a bind is seen' "$status $out" '0 shared'
is 'and owners are those of the image' "$(stat -c %u:%g "$scratch/shared/new")" 1000:1000
run mpemu run -v "$scratch/shared:/s:ro" localhost/base sh -c 'echo x >/s/file'
is 'a bind can be read-only' "$status" 1
run mpemu run -v relative/path:/s localhost/base true
is 'a relative path is refused' "$status" 2
run sh -c "echo text | '$MPEMU' --root '$store' run -i localhost/base cat"
is 'input is passed on' "$out" text
run sh -c "echo text | '$MPEMU' --root '$store' run localhost/base cat"
is 'only if asked for' "$out" ''

# Being interrupted.
marker=987$$
"$MPEMU" --root "$store" run localhost/base sleep $marker &
running=$!
for _ in $(seq 50); do
	pgrep -f "^sleep $marker" >/dev/null && break
	sleep 0.1
done
kill -TERM $running
interrupted=0
wait $running || interrupted=$?
is 'a signal ends it' "$interrupted" 143
is 'and what it ran' "$(pgrep -f "^sleep $marker")" ''
"$MPEMU" --root "$store" run localhost/base sleep $marker &
running=$!
for _ in $(seq 50); do
	pgrep -f "^sleep $marker" >/dev/null && break
	sleep 0.1
done
kill -KILL $running
wait $running 2>/dev/null
for _ in $(seq 20); do
	pgrep -f "^sleep $marker" >/dev/null || break
	sleep 0.1
done
is 'so does being killed' "$(pgrep -f "^sleep $marker")" ''

# Explaining needs no sandbox.
run mpemu run --explain --network none localhost/base true
like 'it says what it would do' "$out" '^protect /proc/sys$'

# Without root: subordinate ids, in a mount namespace where the user has some.
if command -v newuidmap setpriv unshare >/dev/null && getent passwd nobody >/dev/null; then
	mkdir "$scratch/user" && chown nobody "$scratch/user"
	echo "nobody:300000:65536" >"$scratch/subid"
	cat >"$scratch/as-user" <<-END
		mount --bind '$scratch/subid' /etc/subuid && mount --bind '$scratch/subid' /etc/subgid &&
		exec setpriv --reuid nobody --regid nogroup --clear-groups sh -c '
			mpemu="$scratch/mpemu --root $scratch/user/store"
			\$mpemu import --platform linux/$own $scratch/own.tar localhost/base >/dev/null &&
			\$mpemu run --network host localhost/base sh -c "id -u; touch /x; chown 7:8 /x; stat -c %u:%g /x"'
	END
	cp "$MPEMU" "$scratch/mpemu"
	cp "$MPEMU_BASE/$own.tar" "$scratch/own.tar"
	run unshare --mount sh "$scratch/as-user"
	is 'without root' "$status $out $err" '0 0
7:8 '
	rm -rf "$scratch/user" 2>/dev/null || true
else
	skip 'without root' 'no newuidmap'
fi

is 'the kernel has nothing to complain of' "$(complaints)" "$complained"

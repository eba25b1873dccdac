#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# mpemu run as one knows it from other programs: terminals, signals, and what a program is given.
. "$(dirname "$0")/../lib.sh"
need_root
need_command timeout

base_tar amd64
mpemu import --platform linux/amd64 "$base" localhost/base >/dev/null
run mpemu run --platform linux/amd64 localhost/base true
[ "$status" = 0 ] || skip_all "$(head -n 1 "$scratch/.err")"

box() { # OPTIONS... -- COMMAND
	timeout 60 "$MPEMU" --root "$store" run --platform linux/amd64 "$@"
}

# ---- standard input and terminals ----

is 'without -i, input is empty' "$(echo text | box localhost/base cat)" ''
is 'with -i it is passed on' "$(echo text | box -i localhost/base cat)" text
is 'with -t there is a terminal of its own' \
	"$(box -t localhost/base sh -c 'tty; stty size' </dev/null | tr -d '\r' | head -n 1)" /dev/pts/0
run box -it localhost/base true </dev/null
is '-it without a terminal is refused' "$status" 2
like 'and says what to do' "$err" 'without -t'
run box -t -u 1000 localhost/base sh -c 'test -w /dev/pts/0 && test -r /dev/tty && echo ours' </dev/null
is 'it belongs to the user' "$(echo "$out" | tr -d '\r')" ours
run box -t localhost/base sh -c 'seq 2000; exit 7' </dev/null
is 'all that was written is seen, and the status' \
	"$status $(echo "$out" | tr -d '\r' | cksum)" "7 $(seq 2000 | cksum)"

# Runs SCRIPT in a terminal; what it prints is in $out.
in_terminal() { # SCRIPT
	printf '%s\n' "$1" >"$scratch/session"
	run script -qec "MPEMU='$MPEMU' STORE='$store' sh '$scratch/session'" /dev/null
	# The terminal echoes script's own end of input.
	out=$(printf '%s\n' "$out" | tr -d '\r\b' | sed 's/^^[@D]*//')
}

if command -v script >/dev/null && script --version 2>/dev/null | grep -q util-linux; then
	in_terminal 'stty rows 33 cols 99
		$MPEMU --root $STORE run -it localhost/base stty size' </dev/null
	like 'it has the size of ours' "$out" '^33 99$'
	in_terminal 'stty rows 33 cols 99
		(sleep 1; stty rows 44 cols 111 </dev/tty) &
		$MPEMU --root $STORE run -it localhost/base sh -c "
			trap \"stty size; exit 3\" WINCH; echo ready; for i in 1 2 3 4 5 6 7 8 9; do sleep 1; done"
		echo status $?' </dev/null
	like 'and follows it' "$out" '^44 111$'
	like 'so that the program knows' "$out" '^status 3$'
	in_terminal 'before=$(stty -g)
		$MPEMU --root $STORE run -it localhost/base sh -c "exit 5"
		echo "status $?"
		[ "$before" = "$(stty -g)" ] && echo restored' </dev/null
	is 'ours is afterwards as before' "$(echo "$out" | tail -n 2)" 'status 5
restored'
	in_terminal 'before=$(stty -g)
		(sleep 1; kill -TERM "$(cat "$STORE.pid")") &
		sh -c "echo \$\$ >\$STORE.pid; exec \$MPEMU --root \$STORE run -it localhost/base sleep 100"
		echo "status $?"
		[ "$before" = "$(stty -g)" ] && echo restored' </dev/null
	is 'also when it was ended by a signal' "$(echo "$out" | tail -n 2)" 'status 143
restored'
	# Without -t it never holds ours, from which it could read and which it could change.
	in_terminal '$MPEMU --root $STORE run localhost/base sh -c "
		for fd in 0 1 2; do test -t \$fd && echo terminal; done; for fd in 1 2; do readlink /proc/\$\$/fd/\$fd; done | cut -c1-5
		head -c 1 <&1 2>/dev/null || echo nothing; echo one >&2; echo two; echo three >/dev/stderr; echo four"' </dev/null
	is 'without -t it has pipes, and what it writes comes in order' "$(echo $out)" 'pipe: pipe: nothing one two three four'
	printf '%s\n' '$MPEMU --root $STORE run -i localhost/base sh -c "test -t 0 || echo ready; read a; cat; echo end \$a; exit 5"
		echo status $?' >"$scratch/session"
	out=$({ sleep 2; echo typed; sleep 0.5; echo more; sleep 0.5; printf '\004'; sleep 1; } |
		MPEMU=$MPEMU STORE=$store timeout 30 script -qec "sh '$scratch/session'" /dev/null | tr -d '\r')
	is 'with -i what is typed is passed on, to its end' "$(echo $out)" 'ready typed more more end typed status 5'
	in_terminal 'before=$(stty -g)
		$MPEMU --root $STORE run localhost/base sh -c "stty -isig -echo <&1; stty -isig <&2; exit 0" 2>/dev/null
		[ "$before" = "$(stty -g)" ] && echo same' </dev/null
	is 'and ours is as before' "$out" same
	printf '%s\n' '$MPEMU --root $STORE run -it localhost/base sh -c "
		trap \"echo interrupted; exit 4\" INT; echo ready; while :; do sleep 0.1; done"
		echo status $?' >"$scratch/session"
	out=$({ sleep 2; printf '\003'; sleep 2; } | MPEMU=$MPEMU STORE=$store timeout 30 \
		script -qec "sh '$scratch/session'" /dev/null | tr -d '\r')
	like 'what is typed gets there, ^C as a signal' "$out" 'interrupted'
	like 'and does not end us' "$out" 'status 4'
else
	skip 'terminals' 'needs script of util-linux'
fi

# ---- signals ----

# Start a program that tells when it is ready; $pid is mpemu's.
start() { # OPTIONS... COMMAND
	: >"$scratch/told"
	"$MPEMU" --root "$store" run --platform linux/amd64 "$@" >"$scratch/told" 2>&1 &
	pid=$!
	for _ in $(seq 100); do
		grep -q ready "$scratch/told" && break
		sleep 0.05
	done
}

finish() {
	status=0
	wait $pid || status=$?
	out=$(grep -v ready "$scratch/told")
}

for signal in INT TERM HUP QUIT USR1 USR2; do
	start localhost/base sh -c "trap 'echo got $signal; exit 9' $signal; echo ready; while :; do sleep 0.05; done"
	kill -$signal $pid
	finish
	is "SIG$signal is passed on" "$status $out" "9 got $signal"
done
start localhost/base sh -c 'echo ready; exec sleep 100'
kill -TERM $pid
finish
is 'a program that SIGTERM ends' "$status" 143
start localhost/base sh -c 'trap "" TERM; echo ready; while :; do sleep 0.05; done'
kill -TERM $pid
sleep 0.3
kill -TERM $pid
finish
is 'a second one does not ask' "$status" 137
start localhost/base sh -c 'trap "" TERM; echo ready; while :; do sleep 0.05; done'
kill -TERM $pid
before=$(date +%s)
finish
is 'and after ten seconds neither does the first' "$status" 137
like 'which it waits for' "$(($(date +%s) - before))" '^(9|10|11|12)$'

# ---- what a program is given, and what it is not ----

box2() { # OPTIONS... : the capabilities of root
	box "$@" localhost/base sed -n 's/^CapBnd:\t0*//p' /proc/self/status
}

is 'capabilities are dropped' "$(box2 --cap-drop net_raw --cap-drop CAP_MKNOD)" a00405fb
is 'all of them but one' "$(box2 --cap-drop ALL --cap-add chown)" 1
is 'added' "$(box2 --cap-add CAP_SYS_ADMIN)" a82425fb
run box --cap-add nonsense localhost/base true
is 'what is none is refused' "$status" 3
like 'by name' "$err" "cap-add: no capability is called 'nonsense'"
run box --cap-add SYS_ADMIN localhost/base sh -c 'mkdir /m; mount -t tmpfs none /m && echo mounted'
is 'with SYS_ADMIN the filter lets mount pass' "$status $out" '0 mounted'
run box --privileged localhost/base true
is '--privileged is refused' "$status" 2

run box --group-add 5 --group-add 0 localhost/base id -G
is 'groups are added' "$out" '0 5'
run box --group-add nonsense localhost/base true
is 'what is no group is refused' "$status" 3
run box -p 80:80 localhost/base true
is 'ports are refused' "$status" 2
like 'with what there is instead' "$err" '--network host'
run box -d localhost/base true
is 'the background is refused' "$status" 2
run "$MPEMU" --root "$store" run --platform linux/s390x localhost/base true
is 'a platform that is not there' "$status $err" \
	'5 mpemu: localhost/base:latest: no linux/s390x; has linux/amd64'
run box --pull never localhost/nothing true
is 'an image that is nowhere' "$status" 5
run box --pull sometimes localhost/base true
is '--pull takes three words' "$status" 2
run box -h here.example localhost/base sh -c 'hostname; echo $HOSTNAME; cat /etc/hostname'
is 'a host name' "$(echo $out)" 'here.example here.example here.example'
run box -h "$(printf '%065d' 0)" localhost/base true
is 'of no more than 64 characters' "$status" 2
is 'a terminal has a kind' "$(box -t localhost/base sh -c 'echo $TERM' </dev/null | tr -d '\r')" xterm
is 'which may be said' "$(box -t -e TERM=dumb localhost/base sh -c 'echo $TERM' </dev/null | tr -d '\r')" dumb
run box -w relative localhost/base true
is 'a working directory is absolute' "$status" 2
printf '\357\273\277ONE=1\r\n\n  # no\n\tTWO=a b=c \nFROM_HERE\nNOT_HERE\nTHREE=\n' >"$scratch/env"
is 'variables of a file' "$(FROM_HERE=four box --env-file "$scratch/env" -e THREE=3 localhost/base env |
	grep -E '^(ONE|TWO|FROM|NOT|THREE)' | tr '\n' ,)" 'ONE=1,TWO=a b=c ,FROM_HERE=four,THREE=3,'
for line in '=x' 'a b=c' '='; do
	echo "$line" >"$scratch/env"
	run box --env-file "$scratch/env" localhost/base true
	is "but not '$line'" "$status" 2
	like 'with its place' "$err" "env-file $scratch/env: line 1: "
done
run box -e =x localhost/base true
is 'nor so' "$status" 2
gateway=$(ip -4 route get 192.0.2.1 2>/dev/null | sed -n 's/.* src \([0-9.]*\).*/\1/p')
if [ "$gateway" ]; then
	is 'this host has an address' "$(box --add-host h:host-gateway localhost/base tail -n 1 /etc/hosts | tr '\t' ' ')" "$gateway h"
else
	skip 'this host has an address' 'it has none'
fi
is 'hosts are added' "$(box --add-host one:10.0.0.1 --add-host 'two:[::1]' localhost/base tail -n 2 /etc/hosts | tr '\t\n' '  ')" \
	'10.0.0.1 one ::1 two '
run box localhost/base sh -c 'echo 10.0.0.9 nine >>/etc/hosts; echo new >/etc/hostname; tail -n 1 /etc/hosts; cat /etc/hostname'
is 'the program may change them' "$(echo $out)" '10.0.0.9 nine new'
run box --read-only localhost/base sh -c 'echo 10.0.0.9 nine >>/etc/hosts'
is 'but not where the root is read-only' "$status" 1
is 'a tmpfs has its size' "$(box --tmpfs /in/memory:size=1m localhost/base df -k /in/memory | awk 'END { print $2 }')" 1024
run box --tmpfs /t:ro localhost/base touch /t/x
is 'or is read-only' "$status" 1
run box --tmpfs /t:exec=maybe localhost/base true
is 'other options are refused' "$status" 2
for option in mode=0 mode=u+x uid=-1 gid=x nr_inodes= size=x; do
	run box --tmpfs /t:$option localhost/base true
	is "as is $option" "$status" 2
done
run box --tmpfs /t:mode=711,uid=5,gid=6,nr_inodes=9 localhost/base sh -c 'stat -c "%a %u %g" /t
	for i in $(seq 9); do touch /t/$i || break; done; awk '"'"'$5 == "/t" { print $6 }'"' /proc/self/mountinfo"
is 'it looks as is said' "$(echo $out)" '711 5 6 rw,nosuid,nodev,noexec,relatime'
like 'and holds no more files' "$err" 'No space left'
run box --tmpfs /root:mode=711 --tmpfs /tmp localhost/base stat -c %a /root /tmp
is 'or as what it covers' "$(echo $out)" '711 1777'
run box --tmpfs /t:exec,rw localhost/base sh -c 'cp /bin/busybox /t/echo; /t/echo ran'
is 'programs run in it where that is said' "$out" ran
run box --tmpfs /t localhost/base sh -c 'cp /bin/busybox /t/echo; /t/echo ran'
is 'else not' "$status $out" '126 '
is 'shared memory has its size' "$(box --shm-size 2m localhost/base df -k /dev/shm | awk 'END { print $2 }')" 2048
is 'resource limits' "$(box --ulimit nofile=50:60 localhost/base sh -c 'ulimit -n; ulimit -Hn' | tr '\n' ' ')" '50 60 '
is 'also above what is usual' "$(box --ulimit core=-1 localhost/base sh -c 'ulimit -c; ulimit -Hc' | tr '\n' ' ')" \
	"$(ulimit -Hc) $(ulimit -Hc) "
run box --read-only --tmpfs /tmp localhost/base sh -c 'touch /x; touch /tmp/x && echo memory'
is 'a read-only root with a place to write' "$status $out" '0 memory'

# ---- what is written for docker run ----

mkdir "$scratch/bound" && echo bound >"$scratch/bound/file"
for flags in z ro,z rw,Z cached ro,delegated; do
	run box -v "$scratch/bound:/b:$flags" localhost/base sh -c 'cat /b/file; touch /b/x 2>/dev/null && echo writable'
	want='bound writable'
	[ "${flags#ro}" = "$flags" ] || want=bound
	is "-v with $flags" "$(echo $out)" "$want"
done
run box -v "$scratch/bound:/o/b" --tmpfs /o localhost/base cat /o/b/file
is 'an outer mount does not hide an inner one' "$out" bound
run box -v "$scratch/bound:/b:ro,quick" localhost/base true
is 'a flag that nobody knows is refused' "$status" 2
# ---- volumes ----

mkdir "$scratch/context"
cat >"$scratch/context/Dockerfile" <<'END'
FROM localhost/base
RUN mkdir -p /data/sub && echo image >/data/sub/file && chown -R 1000:1001 /data && chmod 2750 /data && \
	ln -s data /link && echo file >/plain
END
mpemu --progress plain build --platform linux/amd64 -t localhost/volumes "$scratch/context" >/dev/null 2>&1
box -v one:/data localhost/volumes sh -c 'echo kept >/data/kept'
run box -v one:/x localhost/base sh -c 'cat /x/sub/file /x/kept; stat -c "%a %u %g" /x /x/sub'
is 'a volume starts as what the image has there, and is kept' "$(echo $out)" \
	'image kept 2750 1000 1001 755 1000 1001'
run box -v one:/x:ro localhost/base touch /x/y
is 'or shown read-only' "$status" 1
run box -v two:/link:nocopy localhost/volumes sh -c 'ls -A /data; stat -c "%a %u" /data'
is 'one without a copy is empty, behind a link too' "$(echo $out)" '755 0'
run box -v three:/link localhost/volumes cat /data/sub/file
is 'else it has what the link leads to' "$out" image
run box --read-only -v /data localhost/volumes sh -c 'echo x >/data/x && cat /data/sub/file; touch /y'
is 'one without a name is for this program' "$status $out" '1 image'
printf 'FROM localhost/volumes\nVOLUME /data /data/ /new/one\n' >"$scratch/context/Dockerfile"
mpemu --progress plain build --platform linux/amd64 -t localhost/declared "$scratch/context" >/dev/null 2>&1
run box --read-only -v two:/new/one:ro localhost/declared sh -c 'cat /data/sub/file && echo x >/data/x && stat -c "%a %u" /data
	touch /new/one/x || touch /x || echo read-only'
is 'in a read-only root those of the image can be written to' "$(echo $out)" 'image 2750 1000 read-only'
run box -v four:/plain localhost/volumes true
is 'what is no directory cannot become one' "$status" 1
like 'and is named' "$err" 'volume at /plain: /plain of the image: Not a directory'
run box --mount type=volume,src=one,dst=/x,ro --mount type=tmpfs,target=/t,tmpfs-size=1m,tmpfs-mode=711 \
	--mount type=bind,source="$scratch/bound/file",target=/f,readonly=true localhost/base sh -c \
	'cat /x/kept /f; df -k /t | awk "END { print \$2 }"; stat -c %a /t; touch /x/y || touch /f || echo read-only'
is '--mount says the same' "$(echo $out)" 'kept bound 1024 711 read-only'
while read -r text; do
	run box --mount "$text" localhost/base true
	is "but not $text" "$status" 2
done <<'END'
type=image,src=one,target=/x
type=bind,target=/x
type=tmpfs,src=one,target=/x
type=tmpfs,target=/x,tmpfs-size=much
type=volume,src=one
type=volume,src=one,target=x
type=volume,src=../one,target=/x
type=volume,src=one,target=/x,tmpfs-size=1m
type=volume,src=one,target=/x,readonly=perhaps
type=volume,src=,target=/x
END
run box -v ../one:/x localhost/base true
is 'a path that leads nowhere is refused' "$status" 1
run box -v one:/x -v two:/x/ localhost/base true
is 'two at one place are refused' "$status" 2
is 'all that have a name are listed' "$(mpemu volume ls | awk '{ print $1 }' | tr '\n' ' ')" 'VOLUME one three two '
mpemu prune --all >/dev/null
is 'prune leaves them alone' "$(mpemu volume ls | wc -l)" 4
run mpemu volume rm two nonsense
is 'what is none is not removed' "$status" 5
is 'nor what was named with it' "$(mpemu volume ls | wc -l)" 4
box -v one:/x localhost/base sh -c 'echo ready; exec sleep 100' >"$scratch/told" 2>&1 &
until grep -q ready "$scratch/told"; do sleep 0.05; done
run mpemu volume rm one
is 'nor one that is in use' "$status $err" '1 mpemu: volume one is in use'
kill %%
wait
ok 'others are' mpemu volume rm one two
is 'with all that was in them' "$(cd "$store/volumes" && echo *)" 'four three'
like 'prune removes them where that is said' "$(mpemu prune --volumes)" ' 2 volumes'
is 'all of them' "$(mpemu volume ls | wc -l) $(ls "$store/volumes" "$store/work")" "1 $store/volumes:

$store/work:"

# ---- what else is written for docker run ----

run box --init --name some --rm localhost/base sh -c 'cat /proc/1/comm; (sleep 0 &); exit 6'
is '--init, --name and --rm are taken' "$status $out" '6 init'
run box --entrypoint '' localhost/base echo plain
is 'an empty entrypoint is none' "$out" plain
run box -w /etc localhost/base pwd
is 'a directory that is there' "$out" /etc
run box localhost/base /etc/passwd
is 'what is no program ends with 126' "$status" 126

# ---- names, settings, devices ----

run box --network none --dns 192.0.2.1 --dns 2001:db8::1 --dns-search one.example --dns-search two \
	--dns-option ndots:2 localhost/base cat /etc/resolv.conf
is 'how names are asked for' "$out" 'nameserver 192.0.2.1
nameserver 2001:db8::1
search one.example two
options ndots:2'
run box --network host --dns-search . localhost/base cat /etc/resolv.conf
is 'of the rest, what this host has' "$out" "$(grep -vE '^[[:blank:]]*(search|domain)|^$' /etc/resolv.conf)"
for wrong in --dns=here --dns-search=a#b --dns-option=; do
	run box $wrong localhost/base true
	is "but not $wrong" "$status" 2
done
is 'settings of its own namespaces' "$(box --network none --sysctl net.core.somaxconn=77 \
	--sysctl kernel.shmmax=12345 --sysctl fs/mqueue/msg_max=5 --sysctl 'net.ipv4.ip_local_port_range=5000 6000' \
	localhost/base sh -c 'cd /proc/sys; cat net/core/somaxconn kernel/shmmax fs/mqueue/msg_max net/ipv4/ip_local_port_range' |
	xargs)" '77 12345 5 5000 6000'
before=$(cat /proc/sys/vm/swappiness /proc/sys/kernel/hostname)
for setting in vm.swappiness=1 kernel.hostname=x kernel.core_pattern=x net.ipv4 net.../../vm/swappiness=1 \
	net/../vm/swappiness=1 fs.mqueue.//vm=1 =1; do
	run box --network none --sysctl "$setting" localhost/base true
	is "no others: $setting" "$status" 2
done
is 'which are as before' "$(cat /proc/sys/vm/swappiness /proc/sys/kernel/hostname)" "$before"
run box --network host --sysctl net.core.somaxconn=77 localhost/base true
is 'nor those of this host'"'"'s network' "$status" 2
run box --network none --sysctl net.nosuch=1 localhost/base true
like 'one that there is not is named' "$status $err" '^1 .*set /proc/sys/net/nosuch=1: No such file'
mknod "$scratch/full" c 1 7 && chmod 600 "$scratch/full"
run box --device "$scratch/full:/dev/mine" --device /dev/zero:/in/zero:rwm localhost/base sh -c '
	stat -c "%F %t:%T %a %u:%g" /dev/mine; head -c 2 /in/zero | od -An -tx1; echo x >/dev/mine'
is 'a device is its root'"'"'s' "$(echo $out)" 'character special file 1:7 600 0:0 00 00'
like 'and works' "$err" 'No space left'
run box -u 1000 --device "$scratch/full:/dev/mine" localhost/base cat /dev/mine
is 'not for everybody' "$status" 1
is 'and that of this host is as before' "$(stat -c '%a %u' "$scratch/full")" '600 0'
for wrong in "$scratch" dev/zero /dev/zero:/x:r /dev/zero:x /dev/zero:/x:rwm:y; do
	run box --device "$wrong" localhost/base true
	is "what is none: ${wrong#"$scratch"}" "$status" 2
done
run box --device /dev/nosuch localhost/base true
is 'or is not there' "$status" 1

# ---- options of docker run that are not there ----

while read -r option word; do
	run box $option localhost/base true
	is "$option is refused" "$status" 2
	like "$option: by name, with what there is" "$err" "^mpemu: run: ${option%%=*} is not supported: .*$word"
done <<'END'
--privileged --cap-add
--publish=80:80 --network host
-P --network host
--detach background
--cidfile=/tmp/x kept
--restart=always loop
--health-cmd=x --timeout
--memory-swap=1g --memory
--cpuset-cpus=0 taskset
--gpus=all --device
--volumes-from=x -v NAME
--pid=host --network host
--stop-signal=9 SIGTERM
--link=x --add-host
END
run box -itd localhost/base true
like 'also among others in one word' "$err" ' -d is not supported'
run box -l a=b --label-file x --expose 80 --no-healthcheck localhost/base echo here
is 'what can have no effect has none' "$status $out" '0 here'

# ---- filters of system calls ----

cat >"$scratch/profile.json" <<'END'
{ "defaultAction": "SCMP_ACT_ALLOW",
  "syscalls": [ { "names": ["mkdir", "mkdirat", "nosuchcall"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28 } ] }
END
run box --security-opt seccomp="$scratch/profile.json" localhost/base sh -c 'mkdir /x; echo $?'
is 'a profile decides' "$out" 1
like 'with its own errno' "$err" 'No space left'
is 'no filter at all' "$(box --security-opt seccomp=unconfined localhost/base sed -n 's/^Seccomp:\t//p' /proc/self/status)" 0
echo '{ "defaultAction": "MAYBE" }' >"$scratch/profile.json"
run box --security-opt seccomp="$scratch/profile.json" localhost/base true
is 'a wrong one is refused' "$status" 3
like 'with its place' "$err" 'profile.json: profile.defaultAction: MAYBE is not supported'
run box --security-opt label=disable localhost/base true
is 'other security options are refused' "$status" 2
run box --explain -t --cap-drop ALL --security-opt seccomp=unconfined localhost/base true
like '--explain tells of the terminal' "$out" '^new terminal of 80 by 24$'
like 'of capabilities' "$out" '^bound capabilities to none$'
unlike 'and of no filter' "$out" 'filter'

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Native assist: emulated steps whose tools run natively must not be told from others but by the
# clock, whatever they look at and whatever they do to their tools.
# shellcheck disable=SC2016   # variables of scripts that run inside
. "$(dirname "$0")/../lib.sh"
need_root
need_command jq setpriv unshare newuidmap python3
need_platform linux/arm64
[ "$(uname -m)" = x86_64 ] || skip_all 'wants a machine that is amd64'

# Where the kernel is too old, all is emulated as ever, and that is said once.
if ! unshare -Urm sh -c 'mount -t binfmt_misc none /mnt' 2>/dev/null; then
	for arch in amd64 arm64; do
		base_tar $arch
		mpemu import --platform linux/$arch "$base" localhost/base:$arch >/dev/null
	done
	mpemu index create localhost/base localhost/base:amd64 localhost/base:arm64 >/dev/null
	context=$(tmpdir)
	printf 'FROM localhost/base\nRUN uname -m >/machine\nRUN seq 3 | sort -r >/sorted\nRUN true\n' \
		>"$context/Dockerfile"
	told='no native assist: this kernel has no binfmt_misc of a user namespace \(Linux 6.7\): all is emulated'
	for mode in safe full verify; do
		run mpemu --progress plain build --no-cache --assist $mode -t localhost/out \
			--platform linux/arm64,linux/amd64 "$context"
		is "$mode: a build without native assist" "$status" 0
		is "$mode: says so once" "$(printf '%s\n' "$err" | grep -Ec "$told")" 1
		run mpemu run --platform linux/arm64 localhost/out cat /machine /sorted
		is "$mode: and is right" "$(echo $out)" 'aarch64 3 2 1'
	done
	run mpemu build --no-cache --assist safe --platform linux/amd64 "$context"
	unlike 'where nothing is emulated there is nothing to say' "$err" 'native assist'
	run mpemu build --no-cache --assist off --platform linux/arm64 "$context"
	unlike 'nor where nobody asked' "$err" 'native assist'
	run mpemu run --platform linux/arm64 --assist safe localhost/base uname -m
	is 'a run' "$status $out" '0 aarch64'
	like 'says so, too' "$err" "$told"
	like 'as does the status' "$(mpemu status)" '^native assist +no: this kernel has no binfmt_misc'
	exit 0
fi
like 'the status says that it can be had' "$(mpemu status)" '^native assist +yes$'

debian_image bookworm localhost/debian || skip_all 'no image could be made'
context=$(tmpdir)

# How the last build's step ran: "NATIVE EMULATED", and the programs that were emulated.
ran() { # STEP
	printf '%s\n' "$err" | jq -r --argjson step "$1" \
		'select(.event == "step-assist" and .step == $step) | "\(.native) \(.emulated)"'
}

emulated() { # STEP
	printf '%s\n' "$err" | jq -r --argjson step "$1" \
		'select(.event == "step-assist" and .step == $step) | .programs[] | .name' |
	sort | tr '\n' ' '
}

build() { # OPTION...
	run mpemu --progress json build --platform linux/arm64 "$@" "$context"
}

inside() { # MODE COMMAND...
	test_mode=$1
	shift
	run mpemu run --platform linux/arm64 --assist "$test_mode" localhost/debian "$@"
}

# ---- the same to every look ----

for mode in off safe; do
	mpemu run --platform linux/arm64 --assist "$mode" -v "$tests/assist/traps.sh:/traps.sh:ro" \
		localhost/debian bash /traps.sh >"$scratch/traps.$mode" 2>/dev/null
done
like 'the traps ran to their end' "$(tail -n 1 "$scratch/traps.off")" '^patch: status 0$'
run diff "$scratch/traps.off" "$scratch/traps.safe"
is 'a script sees nothing of native assist' "$out" ''
inside safe readlink /proc/self/exe
is 'but where a native program itself lies' "$out" /proc/tty/driver/0/usr/bin/readlink

# ---- a build ----

cat >"$context/Dockerfile" <<'END'
FROM localhost/debian
RUN mkdir /w && cd /w && seq 1 200 >n && for i in 1 2 3 4 5 6 7 8 9; do sed s/1/$i/ n >n$i; done && \
    tar --mtime=@0 --sort=name -cf all.tar n* && gzip -9n <all.tar >all.tgz && ls n* | sort >/list && \
    chmod 600 n1 && chown 7:8 n2 && ln -s n l && ln n h && rm /etc/debian_version && mkfifo p
RUN cd /w && grep -c 5 n* >count || test -s count; uname -m >machine; dpkg --print-architecture >>machine
END
build --assist safe
is 'a build with native twins' "$status" 0
read -r native emulated <<END
$(ran 2)
END
like 'most of its programs ran natively' "$native $emulated" '^(1[0-9]|2[0-9]) [0-5]$'
like 'what tells the machine was emulated' "$(emulated 3)" '(^| )uname '
unlike 'what has a twin was not' "$(emulated 2) $(emulated 3)" '(^| )(sed|tar|gzip|grep|ls|dash|sh) '
plain=$out
build --assist off
is 'without twins nothing runs: the layers are the same' "$out" "$plain"
like 'they are known already' "$err" '"event":"step-cached"'
run mpemu --progress plain build --no-cache --assist safe --platform linux/arm64 "$context"
like 'people hear of it' "$err" '^#2 [0-9]+ programs ran native, [0-9]+ emulated'

build --no-cache --assist verify
is 'what steps leave is the same, byte for byte' "$status" 0
like 'and that is said' "$err" 'left the same with native assist and without'
cat >"$context/Dockerfile" <<'END'
FROM localhost/debian
RUN mkdir /w && cat /proc/sys/kernel/random/uuid >/w/uuid && echo same >/w/same
RUN cat /proc/sys/kernel/random/uuid >/w/other && readlink /proc/self/exe >/w/exe
END
build --assist verify
is 'what differs is a failure' "$status" 8
like 'that names the file' "$err" 'native assist changes what the step leaves: /w/exe: its content'
unlike 'and no other' "$err" 'step leaves:.*/w/(same|uuid|other)'
like 'what differs at each run is named and no failure' "$err" \
	'left the same.*, but for what each run makes anew: /w/uuid: its content'
cat >"$context/Dockerfile" <<'END'
FROM localhost/debian
RUN readlink /proc/self/exe | grep -q driver
END
build --assist verify
like 'nor may one end otherwise than the other' "$err" 'fails only without native assist'
is 'which is a failure of the step' "$status" 4

# ---- where the time goes ----

cat >"$context/Dockerfile" <<'END'
FROM localhost/debian
RUN echo short
RUN cp /bin/uname /uname2 && /uname2 >/dev/null; i=0; while [ $i -lt 100 ]; do uname -m; uname -m; i=$((i+1)); done >/dev/null; seq 1 1000000 | sort -n | tail -1
END
build --no-cache --assist safe
is 'a build that is slow by many short programs' "$status" 0
assist() { # STEP FILTER
	printf '%s\n' "$err" | jq -r --argjson step "$1" \
		"select(.event == \"step-assist\" and .step == \$step) | $2"
}
is 'of a short step nobody says what the time went to' "$(assist 2 'has("times")')" false
is 'what takes the time is told first' "$(assist 3 '.times[0] | "\(.name) \(.mode) \(.share > 0.4)"')" \
	'uname emulated true'
like 'with the reason' "$(assist 3 '.times[0] | "\(.why): \(.reason)"')" '^no twin: tells the machine'
is 'a program of its own has no twin either' "$(assist 3 '.programs[] | select(.name == "uname2") | .reason')" \
	'it is no reviewed tool'
like 'native programs are told too' "$(assist 3 '.times[] | "\(.name) \(.mode)"')" '(sort|seq) native'
is 'parts are parts of a whole' \
	"$(assist 3 '"\(."emulated-share" <= 1) \([.times[].share] | add <= 1.001) \(."cpu-seconds" > 2)"')" \
	'true true true'
like 'at the end the step is named' "$(printf '%s\n' "$err" | jq -r 'select(.event == "note").text')" \
	'^\[linux/arm64 3/3\] RUN .*: [0-9]+% of its [0-9.]+ s of CPU time is emulated uname \(no twin: tells'
unlike 'and no other' "$(printf '%s\n' "$err" | jq -r 'select(.event == "note").text')" '2/3'
run mpemu --progress json run --platform linux/arm64 --assist safe localhost/debian sh -c \
	'i=0; while [ $i -lt 40 ]; do uname -m; i=$((i+1)); done; sed d /etc/passwd'
like 'a run tells it as a step does' "$(printf '%s\n' "$err" | jq -r 'select(.event == "step-assist").text')" \
	'^[0-9]+ programs ran native, 40 emulated: uname 40 .*; [0-9.]+ s of CPU time: [0-9]+% emulated uname'
run mpemu --progress plain run --platform linux/arm64 --assist safe localhost/debian uname
like 'in words too' "$err" '^[0-9]+ programs ran native, 1 emulated: uname 1'
unlike 'a run that was not asked for help does not' "$(mpemu --progress plain run --platform linux/arm64 \
	localhost/debian uname 2>&1)" emulated

# ---- twins from what the same stage has become ----

for arch in amd64 arm64; do
	mkdir "$context/$arch"
	cp "$test_debian/debs-$arch"/lz4_*.deb "$context/$arch/"
done
cat >"$context/Dockerfile" <<'END'
FROM localhost/debian
ARG TARGETARCH
COPY $TARGETARCH /debs
RUN dpkg --force-all -i /debs/lz4_*.deb >/dev/null 2>&1; lz4 --version | head -1
RUN i=0; while [ $i -lt 20 ]; do echo x | lz4 -c >/out; i=$((i+1)); done; cat /out
END
run mpemu --progress json build --no-cache --assist safe --platform linux/arm64,linux/amd64 "$context"
is 'two platforms' "$status" 0
last=$(printf '%s\n' "$err" | jq -r 'select(.event == "step-assist" and .platform == "linux/arm64") | .step' | tail -1)
unlike 'a program that a step has installed runs natively in the next' "$(emulated "$last")" '(^| )lz4 '
read -r native emulated <<END
$(ran "$last")
END
like 'each time' "$native" '^[2-9][0-9]$'
build --no-cache --assist safe
last=$(printf '%s\n' "$err" | jq -r 'select(.event == "step-assist") | .step' | tail -1)
like 'without the other platform there is no twin of it' "$(emulated "$last")" '(^| )lz4 '

# ---- hostile steps ----

cat >"$context/Dockerfile" <<'END'
FROM localhost/debian
# replace a tool, and make the package database agree with it
RUN printf '#!/bin/sh\necho planted "$@"\n' >/tmp/sed && chmod 755 /tmp/sed && mv /tmp/sed /usr/bin/sed && \
    sum=$(md5sum </usr/bin/sed | cut -c1-32) && \
    grep -v 'usr/bin/sed\|bin/sed' /var/lib/dpkg/info/sed.md5sums >/tmp/x; \
    echo "$sum  bin/sed" >>/tmp/x && cp /tmp/x /var/lib/dpkg/info/sed.md5sums
RUN test "$(sed a b)" = 'planted a b'
# another program's bytes under a tool's name, and the other way round
RUN cp /usr/bin/uname /usr/bin/gzip && cp /usr/bin/grep /usr/bin/uname && test "$(gzip -m)" = aarch64 && \
    test "$(echo hay | uname ay)" = hay
RUN test "$(gzip -m)" = aarch64 && test "$(echo hay | uname ay)" = hay
# a root with a hidden place of its own
RUN mkdir -p /r/proc/tty/driver/0/usr/bin /r/usr/bin /r/lib && cp -a /usr/bin/cat /r/usr/bin && \
    cp -aL /lib/ld-linux-aarch64.so.1 /r/lib/ && mkdir -p /r/lib/aarch64-linux-gnu && \
    cp -L /lib/aarch64-linux-gnu/libc.so.6 /r/lib/aarch64-linux-gnu && \
    cp /proc/tty/driver/table /r/proc/tty/driver/table && \
    cp /proc/tty/driver/0/usr/bin/tac /r/proc/tty/driver/0/usr/bin/cat && \
    printf '1\n2\n' >/r/f && test "$(chroot /r /usr/bin/cat /f | head -1)" = 1
# race: a tool that is renamed while it is executed is one of the two
RUN cp /usr/bin/basename /tmp/a && cp /usr/bin/dirname /tmp/b && \
    (i=0; while [ $i -lt 200 ]; do mv /tmp/a /tmp/x; mv /tmp/b /tmp/a; mv /tmp/x /tmp/b; \
     mv -T /usr/bin/basename /usr/bin/swap; mv -T /usr/bin/swap /usr/bin/basename; i=$((i+1)); done) & \
    i=0; while [ $i -lt 100 ]; do r=$(/usr/bin/basename /q/w 2>/dev/null || echo w); \
    [ "$r" = w ] || exit 1; i=$((i+1)); done; wait
# lies to whoever counts
RUN i=0; while [ $i -lt 50 ]; do head -c 4096 /dev/urandom >/proc/tty/driver/records 2>/dev/null; \
    printf assi >/proc/tty/driver/records 2>/dev/null; i=$((i+1)); done; echo done >/counted
END
build --no-cache --assist safe
is 'steps that swap tools, plant databases and tables, race and lie get what they made' "$status" 0
[ "$status" = 0 ] || printf '%s\n' "$err" | jq -r 'select(.text).text' | tail -n 20 | sed 's/^/# /'

# ---- without what it takes ----

inside maybe true
is 'a mode that there is not' "$status" 2
inside verify true
is 'only a build can be verified' "$status" 2
mpemu index create localhost/one localhost/debian:arm64 >/dev/null
run mpemu run --platform linux/arm64 --assist safe localhost/one sed --version
is 'an image that has no native variant' "$status" 0
run mpemu run --platform linux/arm64 --assist safe --assist-from localhost/debian:amd64 \
	localhost/one readlink /proc/self/exe
is 'unless another image has them' "$out" /proc/tty/driver/0/usr/bin/readlink
run mpemu run --platform linux/arm64 --assist safe --assist-from localhost/none localhost/one true
is 'an image that is not there' "$status" 5
mkdir "$scratch/qemu"
cp "$(command -v qemu-aarch64-static)" "$scratch/qemu/"
# Notes become something else: no place is left for the dispatcher.
python3 - "$scratch/qemu/qemu-aarch64-static" <<'END'
import struct, sys
with open(sys.argv[1], "r+b") as f:
    head = f.read(64)
    at, = struct.unpack_from("<Q", head, 32)
    count, = struct.unpack_from("<H", head, 56)
    for i in range(count):
        f.seek(at + 56 * i)
        if struct.unpack("<I", f.read(4))[0] == 4:
            f.seek(at + 56 * i)
            f.write(struct.pack("<I", 0x6fffff00))
END
run env MPEMU_QEMU_DIR="$scratch/qemu" "$MPEMU" --root "$store" --progress plain run \
	--platform linux/arm64 --assist safe localhost/debian readlink /proc/self/exe
is 'an emulator that takes no dispatcher emulates as ever' "$status $out" '0 /usr/bin/readlink'
like 'and it is said why' "$err" 'no native assist: .*the emulator has no note'

# ---- without root ----

plain_user 4243
cp "$MPEMU" "$scratch/mpemu"
cp "$context/Dockerfile" "$scratch/home/"
chmod 755 "$scratch/mpemu" "$scratch/home"
chown -R "$user:$user" "$scratch/home"
for arch in amd64 arm64; do
	ln "$test_debian/$arch.tar" "$scratch/$arch.tar" 2>/dev/null ||
		cp "$test_debian/$arch.tar" "$scratch/$arch.tar"
	as_user "$scratch/mpemu" import --platform linux/$arch "$scratch/$arch.tar" \
		localhost/debian:$arch >/dev/null 2>"$scratch/.log" || cat "$scratch/.log"
done
as_user "$scratch/mpemu" index create localhost/debian localhost/debian:amd64 \
	localhost/debian:arm64 >/dev/null 2>&1
run as_user "$scratch/mpemu" run --platform linux/arm64 --assist safe localhost/debian sh -c \
	'readlink /proc/self/exe; ls /proc/tty/driver 2>&1; uname -m; echo x | sed s/x/y/'
is 'without root it is the same' "$(echo $out)" \
	"/proc/tty/driver/0/usr/bin/readlink ls: cannot open directory '/proc/tty/driver': Permission denied aarch64 y"
run as_user "$scratch/mpemu" --progress json build --no-cache --assist safe \
	--platform linux/arm64 "$scratch/home"
is 'hostile steps too' "$status" 0
like 'which are counted' "$err" '"native":[1-9]'
like 'and watched' "$err" '"mode":"emulated","share":0.[0-9]'

# ---- what is kept ----

ok 'prune removes what only saves time' mpemu prune --all
is 'all of it' "$(ls "$store/twins" "$store/emulators" 2>/dev/null | grep -v :)" ''
inside safe readlink /proc/self/exe
is 'it is made again when it is needed' "$out" /proc/tty/driver/0/usr/bin/readlink

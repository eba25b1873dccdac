#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Attacks by images and Dockerfiles: links where mount points and directories are wanted, races for
# them, rights and marks in file systems, natively and emulated.  Afterwards the host is as before.
. "$(dirname "$0")/../lib.sh"
need_root
need_command timeout jq

base_tar amd64 && mpemu import --platform linux/amd64 "$base" localhost/base:amd64 >/dev/null
base_tar arm64 && mpemu import --platform linux/arm64 "$base" localhost/base:arm64 >/dev/null
mpemu index create localhost/base localhost/base:amd64 localhost/base:arm64 >/dev/null
context=$(tmpdir)
platforms=linux/amd64
mpemu run --platform linux/arm64 localhost/base true 2>/dev/null && platforms=linux/amd64,linux/arm64
[ "$platforms" != linux/amd64 ] || skip 'linux/arm64' 'no emulator'

build() { # ARGUMENTS... ; the Dockerfile comes from stdin
	cat >"$context/Dockerfile"
	run timeout 300 "$MPEMU" --root "$store" --progress plain build --no-cache \
		--platform "$platforms" -t localhost/out "$@" "$context"
}

works() { # NAME
	is "$1" "$status" 0
	[ "$status" = 0 ] || printf '%s\n' "$err" | tail -n 8 | sed 's/^/# /'
}

in_image() { # COMMAND...
	run mpemu run --platform "${platforms##*,}" localhost/out "$@"
}

# A file of ours that nobody inside should find, touch or remove.
mkdir "$scratch/treasure"
echo gold >"$scratch/treasure/chest"
chmod 777 "$scratch/treasure"
host_state() {
	ls -ld /* /etc /tmp /var/tmp | awk '{ print $1, $3, $4, $NF }'
	ls -A / /etc /dev | cksum
	ls -lA "$scratch/treasure"
	grep -c . /proc/self/mountinfo
	ls /proc/sys/fs/binfmt_misc 2>/dev/null
}
before=$(host_state)

# ---- the working directory ----

{
	echo FROM localhost/base
	for n in $(seq 3 20); do
		printf 'WORKDIR /proc/self/fd/%s\nRUN ls ../../../.. >> /seen; pwd >> /seen; true\n' "$n"
	done
} >"$scratch/many"
build <"$scratch/many"
if [ "$status" = 0 ]; then
	in_image cat /seen
	unlike 'descriptors as working directories lead nowhere' "$out" "${scratch#/tmp/}|^treasure$|^boot$"
else
	like 'descriptors as working directories are refused' "$err" '/proc/self/fd'
fi
for n in 3 5 8 13 21 64; do
	run timeout 20 "$MPEMU" --root "$store" run -w "/proc/self/fd/$n" localhost/base ls ../../../..
	like "run -w /proc/self/fd/$n is refused" "$status" '^3$'
	unlike "and shows nothing ($n)" "$out" .
done
build <<'END'
FROM localhost/base
RUN ln -s /proc/self/fd/7 /by && ln -s /proc/1/root /root1 && ln -s /proc/self/cwd/.. /here
WORKDIR /by
RUN ls ../../.. > /seen
END
like 'nor through a link' "$status" '^[34]$'
build <<'END'
FROM localhost/base
RUN ln -s /proc/1/root /root1
WORKDIR /root1/etc
RUN pwd > /seen
END
like 'nor through the root of a process' "$status" '^[034]$'
if [ "$status" = 0 ]; then
	in_image cat /seen
	unlike 'which is at most a directory of the image' "$out" '\.\.|unreachable'
fi
build <<'END'
FROM localhost/base
RUN ln -s ../../../../../../../../etc /up && ln -s / /top
WORKDIR /up/made
RUN pwd > /seen
WORKDIR /top/top/also
RUN pwd >> /seen
END
works 'links that climb are followed inside'
in_image cat /seen
is 'where they lead' "$(echo $out)" '/etc/made /also'

# ---- links in the place of mount points ----

# An image whose layer says: NAME is a link to TARGET.
linked() { # NAME TARGET
	rm -rf "$scratch/layer" && mkdir "$scratch/layer"
	tar -C "$scratch/layer" -xf "$MPEMU_BASE/amd64.tar"
	rm -rf "$scratch/layer/${1#/}"
	mkdir -p "$scratch/layer$(dirname "$1")"
	ln -s "$2" "$scratch/layer$1"
	tar -C "$scratch/layer" -cf "$scratch/linked.tar" .
	mpemu import --platform linux/amd64 "$scratch/linked.tar" localhost/linked >/dev/null 2>&1
}
up=../../../../../../../../../../../..
while read -r name target; do
	linked "$name" "$target"
	run timeout 20 "$MPEMU" --root "$store" run localhost/linked sh -c \
		'stat -c %F /dev/null; cat /proc/1/status | head -n 1; ls /proc/cpuinfo /sys/kernel >/dev/null && echo both'
	if [ "$status" = 0 ]; then
		is "$name -> $target: all is in its place" "$(echo $out)" 'character special file Name: init both'
	else
		like "$name -> $target: is refused" "$err" 'symbolic link|Not a directory|file would cover|leads nowhere'
	fi
done <<END
/dev $up$scratch/treasure
/dev /tmp
/proc /tmp
/proc $up$scratch/treasure
/sys ..
/sys /proc
/dev/null $up$scratch/treasure/chest
/dev/pts/0 /etc/passwd
/proc/kcore /etc/passwd
/etc $up$scratch/treasure
/etc/resolv.conf $up$scratch/treasure/resolv
/etc/hosts /proc/self/environ
/etc/hostname /dev/full
END
linked /run/secrets "$up$scratch/treasure"
build --secret "id=x,src=$scratch/treasure/chest" <<'END'
FROM localhost/linked
RUN --mount=type=secret,id=x cat /run/secrets/x > /seen; ls -l /run > /run.seen
END
unlike 'a secret is not put outside' "$(ls "$scratch/treasure")" '^x$'

# The same while they change: fifty steps at once, whose first files fight for their places.
cat >"$context/fight" <<'END'
#!/bin/sh
i=0
while [ $i -lt 40 ]; do
	rm -rf /c 2>/dev/null; ln -s / /c 2>/dev/null; ln -s /proc /c/x 2>/dev/null
	rm -f /c 2>/dev/null; mkdir /c 2>/dev/null
	i=$((i + 1))
done
stat -c %t:%T /proc/kcore /dev/null 2>/dev/null
awk '$5 == "/proc/sys" { print substr($6, 1, 2) }' /proc/self/mountinfo
ls /proc/1/root 2>/dev/null
find / -xdev -name chest 2>/dev/null
END
chmod 755 "$context/fight"
{
	echo FROM localhost/base AS base
	echo COPY fight /fight
	for n in $(seq 25); do
		printf 'FROM base AS s%s\nRUN --mount=type=cache,id=race,target=/c/d --mount=type=bind,target=/c/e sh /fight > /seen 2>&1\n' "$n"
	done
	echo FROM base
	for n in $(seq 25); do
		echo "COPY --from=s$n /seen /seen$n"
	done
	echo 'RUN cat /seen* | sort -u > /all'
} >"$scratch/many"
build <"$scratch/many"
works 'fifty steps that fight for mount points end well'
in_image cat /all
unlike 'no step saw anything of this host' "$out" 'chest|treasure|boot|^0:0$'
like 'and every one had its settings read-only' "$(echo $out)" '(^| )ro( |$)'
unlike 'with no exception' "$(echo $out)" '(^| )rw( |$)'

# ---- what the caller gave ----

value=value-$$-of-a-secret
printf '%s' "$value" >"$scratch/secret"
cat >"$scratch/look" <<'END'
FROM localhost/base
ARG OTHER
RUN --mount=type=secret,id=look,env=LOOK cat /run/secrets/look | wc -c > /size; true
RUN for p in /proc/[0-9]*; do tr '\0' '\n' <$p/cmdline; tr '\0' '\n' <$p/environ; cat $p/comm; done > /seen 2>/dev/null; \
    cat /proc/mounts >> /mounts; true
END
TEST_HOST_VARIABLE=$scratch/host build --secret "id=look,src=$scratch/secret" --build-arg UNUSED=unused-$$ \
	-f "$scratch/look" </dev/null
works 'a step that looks at all processes'
in_image cat /seen
unlike 'sees no word of the command line, and no variable of ours' "$out" "$value|unused-$$|$scratch|TEST_HOST"
like 'but its own' "$out" '^sh$'
in_image cat /mounts
unlike 'nor where anything is on this host' "$out" "$scratch|$value"
is 'and the secret is nowhere in the store' "$(grep -rl "$value" "$store")" ''
unlike 'nor in what was said' "$err" "$value"

# ---- mount points that go away ----

build <<END
FROM localhost/base
RUN mkdir -p /a && ln -s $scratch/treasure /b
RUN --mount=type=tmpfs,target=/a/point rm -rf /a 2>/dev/null; mv /a /a.old 2>/dev/null; ln -s $up$scratch/treasure /a; true
RUN --mount=type=cache,target=/m/n/o mv /m /m.old 2>/dev/null; ln -s $up$scratch /m 2>/dev/null; true
RUN --mount=type=bind,target=/etc/passwd,source=Dockerfile true
END
works 'directories that become links are cleaned up'
is 'only inside' "$(cat "$scratch/treasure/chest")" gold
in_image sh -c 'grep -c root /etc/passwd; ls /b 2>&1 | grep -c chest'
is 'and what was covered is there again' "$(echo $out)" '1 0'

# ---- device nodes: made where the caller could make a file, also while that moves ----

mkdir "$context/nodes"
build <<'END'
FROM localhost/base
RUN mkdir /a && cd / && { i=0; while [ $i -lt 400 ]; do mv a b; ln -s / a; rm a; ln -s /proc/self/cwd/../../../.. a; rm a; mv b a; i=$((i + 1)); done & \
    for n in $(seq 80); do mknod /a/n$n c 1 3 2>/dev/null; mknod a/../m$n b 8 0 2>/dev/null; done; wait; } ; \
    find / -xdev -name '.node*' > /left; find / -xdev -type c -name 'n*' | wc -l > /count
RUN --mount=target=/m,source=nodes,rw --mount=type=cache,target=/c --mount=type=tmpfs,target=/t \
    for at in m c t dev/shm proc sys; do mknod /$at/n c 1 3 2>/dev/null && echo "$at"; done > /made; ls /m /c /t > /made.seen; true
RUN chroot / sh -c 'mknod /x c 1 3' && cd /dev && mknod ../y c 1 3 && for n in /x /y /dev/null; do cat $n; done > /opened 2>&1; true
END
works 'nodes are made while directories move'
in_image sh -c 'cat /left; echo left; cat /made; echo made; grep -c denied /opened'
is 'nothing else is left, none are where this host is mounted, and none opens' "$(echo $out)" 'left made 2'
in_image cat /count
like 'some were made' "$out" '^[1-9]'
is 'none of them on this host' "$(find "$scratch" -name '.node*' | wc -l; ls -d /n[0-9]* /m[0-9]* 2>/dev/null)" 0

# ---- sources of mounts that climb, and rights that only the caller may give, on every platform ----

build <<'END'
FROM localhost/base AS tree
RUN mkdir /data && ln -s / /data/top && ln -s ../../../../../../../.. /data/up && ln -s /proc/1/root /data/init
FROM localhost/base
RUN --mount=from=tree,source=data/top,target=/m,rw ls -A /m > /seen && echo mine > /m/escaped && ls /escaped 2>&1 | wc -l >> /seen
RUN --mount=from=tree,source=data/up/data/top,target=/m,rw ls -A /m >> /seen; ls /m/escaped >> /seen 2>&1; true
RUN --mount=type=cache,id=../../../..,target=/c ln -s / /c/top; ls -A /c >> /seen
RUN --mount=type=cache,id=../../../..,source=top,target=/c ls -A /c >> /seen; echo mine > /c/escaped
END
works 'sources that climb are built'
in_image cat /seen
like 'and lead to where their own root is' "$(echo $out)" '^bin data .* 1 bin data .* /m/escaped: No such file or directory top top$'
unlike 'not to this host' "$out" '^(boot|lost.found|var)$'
is 'which nothing was written to' "$(find / "$scratch" -maxdepth 1 -name 'escaped')" ''
for platform in $(echo "$platforms" | tr , ' '); do
	while IFS='|' read -r flags reason; do
		printf 'FROM localhost/base AS tree\nRUN ln -s /proc/1/root /init; ln -s /nowhere /gone\nFROM localhost/base\nRUN %s true\n' \
			"$flags" >"$context/Dockerfile"
		run timeout 60 "$MPEMU" --root "$store" --progress plain build --platform "$platform" "$context"
		like "$platform: RUN $flags is refused" "$status" '^[345]$'
		like "$platform: RUN $flags: with a reason" "$err" "Dockerfile:[24].*($reason)"
	done <<-'END'
		--security=insecure|say --allow security.insecure
		--network=host|say --allow network.host
		--device=vendor.com/class=x|not supported
		--mount=from=tree,source=init/etc,target=/m|init
		--mount=from=tree,source=gone,target=/m|gone
		--mount=type=bind,source=../../../etc,target=/m|etc
		--mount=type=bind,source=/proc/self/fd/7,target=/m|proc
		--mount=type=tmpfs,target=/proc/self/fd/7|/proc/self/fd/7
		--mount=type=cache,target=/proc/1/root|/proc/1/root
	END
done

# ---- caches: one build swaps a path while another one mounts it ----

cat >"$scratch/swap" <<'END'
FROM localhost/base
ARG WHO
RUN --mount=type=cache,id=swap,target=/c i=0; while [ $i -lt 300 ]; do rm -rf /c/p; mkdir -p /c/p/q; rm -rf /c/p; ln -s / /c/p; i=$((i + 1)); done
END
mkdir "$scratch/swapping" && cp "$scratch/swap" "$scratch/swapping/Dockerfile"
mpemu build --no-cache --platform linux/amd64 "$scratch/swapping" >/dev/null 2>&1 &
swapping=$!
{
	echo FROM localhost/base
	for n in $(seq 60); do
		printf 'RUN --mount=type=cache,id=swap,target=/w --mount=type=tmpfs,target=/w/p/q ls /w/p /w/p/q >> /seen 2>/dev/null; : %s\n' "$n"
	done
} >"$scratch/many"
timeout 120 "$MPEMU" --root "$store" --progress plain build --no-cache --platform linux/amd64 \
	-t localhost/out -f "$scratch/many" "$context" >"$scratch/swap.log" 2>&1
swapped=$?
wait $swapping
like 'a cache that changes is mounted or the step fails' "$swapped" '^[34]?0?$'
unlike 'it is no failure of ours' "$(cat "$scratch/swap.log")" 'BUG|assert|Segmentation'
if [ "$swapped" = 0 ]; then
	run mpemu run --platform linux/amd64 localhost/out cat /seen
	unlike 'and what is seen is never the host' "$out" "treasure|^boot$|test-"
fi

# ---- what layers hold ----

make_guest "$context/guest-amd64" amd64 && make_guest "$context/guest-arm64" arm64 || {
	skip 'marks in layers' "no compilers: $(cat "$scratch/.log")"
	exit 0
}
build <<'END'
FROM localhost/base
ARG TARGETARCH
COPY --chmod=755 guest-$TARGETARCH /guest
RUN echo lower > /dir.lower && mkdir /dir && echo hidden > /dir/file
RUN mkdir -p /dir /other && /guest call=setxattr,/dir,user.overlay.opaque,y,1,0 \
      call=setxattr,/other,user.overlay.redirect,/../../../../../../dir,24,0 \
      call=setxattr,/other,user.overlay.metacopy,,0,0 call=setxattr,/other,user.plain,kept,4,0 \
      call=setxattr,/other,security.selinux,label,5,0 call=setxattr,/other,trusted.overlay.opaque,y,1,0 > /results
RUN ls /dir /other > /merged
RUN (ulimit -c unlimited; cd /tmp; /guest crash); ls -A /tmp > /cores; true
RUN touch -d '1901-12-14 00:00:00' /old; touch -d '2446-05-10 00:00:00' /new; chown 70000:1000660000 /wide; touch /wide; chown 70000:1000660000 /wide; stat -c '%u %g' /wide > /ids
END
works 'marks of overlayfs, labels, crashes, odd times and ids are built'
in_image sh -c 'cat /merged | tr "\n" " "; cat /cores; cat /ids; ls /dir'
is 'no mark has a meaning: nothing is hidden or shown' "$(echo $out)" '/dir: file /other: 70000 1000660000 file'
layers() {
	for platform in $(echo "$platforms" | tr , ' '); do
		mpemu inspect --raw --platform "$platform" localhost/out | jq -r '.layers[].digest'
	done | sort -u | while IFS=: read -r _ hex; do
		gzip -dc "$store/oci/blobs/sha256/$hex" 2>/dev/null || cat "$store/oci/blobs/sha256/$hex"
	done
}
layers >"$scratch/layers.tar"
is 'no label is in a layer' "$(grep -ac 'security.selinux' "$scratch/layers.tar")" 0
is 'no core file either' "$(tar -itf "$scratch/layers.tar" 2>/dev/null | grep -E '(^|/)(qemu_.*\.)?core(\..*)?$')" ''
is 'nor any attribute but capabilities' "$(grep -ac 'SCHILY.xattr.user' "$scratch/layers.tar")" 0

# A layer that brings marks, devices and rights along.
mkdir "$scratch/marked" && (
	cd "$scratch/marked"
	mkdir dir && mknod null c 1 3 && mknod disk b 8 0 && mkfifo pipe
	python3 - "$context/guest-amd64" <<-'END'
		import tarfile, io, sys
		t = tarfile.open('../marked.tar', 'w', format=tarfile.PAX_FORMAT)
		def add(name, kind=tarfile.REGTYPE, data=b'', mode=0o755, pax={}, dev=(0, 0), link=''):
		    i = tarfile.TarInfo(name); i.type = kind; i.size = len(data); i.mode = mode
		    i.pax_headers = pax; i.devmajor, i.devminor = dev; i.linkname = link
		    t.addfile(i, io.BytesIO(data))
		for prefix in ('user.overlay.', 'trusted.overlay.'):
		    add('marked-' + prefix, tarfile.DIRTYPE, pax={'SCHILY.xattr.' + prefix + 'opaque': 'y',
		        'SCHILY.xattr.' + prefix + 'redirect': '/../../../etc'})
		    add('file-' + prefix, data=b'x', pax={'SCHILY.xattr.' + prefix + 'whiteout': '',
		        'SCHILY.xattr.' + prefix + 'metacopy': ''})
		add('zero', tarfile.CHRTYPE)
		add('mem', tarfile.CHRTYPE, dev=(1, 1), mode=0o666)
		add('disk', tarfile.BLKTYPE, dev=(8, 0), mode=0o666)
		add('pipe', tarfile.FIFOTYPE)
		# Version 2, effective: CAP_CHOWN and CAP_NET_RAW.
		add('able', data=open(sys.argv[1], 'rb').read(), pax={'SCHILY.xattr.security.capability':
		    '\x01\0\0\x02\x01\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0'})
		t.close()
	END
)
mpemu import --platform linux/amd64 "$scratch/marked.tar" localhost/marks >/dev/null 2>"$scratch/why"
is 'a layer with marks is taken' "$?" 0
run mpemu run -u 1000:1000 localhost/marks /able show=/proc/self/status
like 'rights of files are kept' "$out" '^CapEff:	0000000000002001$'
run mpemu run -u 1000:1000 --cap-drop CHOWN localhost/marks /able show=/proc/self/status
is 'and give none that the program may not have' "$status" 126
printf 'FROM localhost/base\nCOPY --from=localhost/marks / /m/\nRUN ls /m > /seen; for d in mem disk; do head -c 1 /m/$d 2>&1 >/dev/null; done > /denied; true\n' >"$scratch/Dockerfile"
platforms=linux/amd64
build <"$scratch/Dockerfile"
works 'and copied from'
in_image sh -c 'tr "\n" " " </seen; cat /denied'
like 'what it holds is seen' "$out" 'file-trusted.overlay. file-user.overlay. marked-trusted.overlay. marked-user.overlay.'
like 'devices cannot be opened' "$out" 'ermission denied'

# ---- who decides what runs ----

build <<'END'
# syntax=evil.example/frontend:1
FROM localhost/base
RUN echo ours > /seen
END
works 'a frontend is not fetched, the Dockerfile is read by us'
unlike 'nobody asked for it' "$err" 'evil.example.*(pull|resolv|connect)'

is 'the host is as before' "$(host_state)" "$before"
is 'nothing is left of the steps' "$(ls "$store/work")" ''

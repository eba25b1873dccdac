#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What stands in the layers of small Dockerfiles: each listing is what docker buildx 0.29 makes of
# them, checked against it field by field.
. "$(dirname "$0")/../lib.sh"
need_root
need_command jq tar
umask 022

base_tar amd64 && mpemu import --platform linux/amd64 "$base" localhost/bare >/dev/null
context=$(tmpdir)

build() { # ARGUMENTS...
	run mpemu --progress plain build --platform linux/amd64 -t localhost/out "$@"
}

# The base has the directories that a RUN mounts on, so that they are in no listing below.
printf 'FROM localhost/bare\nRUN true\n' >"$context/Dockerfile"
run mpemu build --platform linux/amd64 -t localhost/base "$context"
is 'a RUN leaves the mount points that its base lacks' "$(
	mpemu inspect --raw --platform linux/amd64 localhost/base | jq -r '.layers[-1].digest' |
	{ IFS=: read -r _ hex; tar -tzf "$store/oci/blobs/sha256/$hex"; } | tr '\n' ' ')" 'dev/ proc/ sys/ '
base_layers=$(mpemu inspect --raw --platform linux/amd64 localhost/base | jq '.layers | length')

# The layers that are not the base's: a line "N mode owner path [-> target]" for each file.
trees() {
	mpemu inspect --raw --platform linux/amd64 localhost/out |
	jq -r --argjson skip "$1" '.layers[$skip:][].digest' | {
		number=0
		while IFS=: read -r _ hex; do
			number=$((number + 1))
			tar --numeric-owner -tvzf "$store/oci/blobs/sha256/$hex" | awk -v n=$number '{
				printf "%s %s %s", n, $1, $2
				for (i = 6; i <= NF; i++) printf " %s", $i
				print "" }'
		done
	}
}

# case NAME, then from standard input a Dockerfile, a line "--" and the trees.
case_is() { # NAME
	cat >"$scratch/case"
	sed '/^--$/,$d' "$scratch/case" >"$context/Dockerfile"
	sed -n '/^--$/,$p' "$scratch/case" | sed 1d >"$scratch/want"
	build "$context"
	if [ "$status" != 0 ]; then
		fails "$1" "status $status: $(echo "$err" | tail -n 3)"
		return 0
	fi
	skip=0
	! grep -q '^FROM localhost/base' "$context/Dockerfile" || skip=$base_layers
	! grep -q '^FROM scratch' "$context/Dockerfile" || skip=0
	is "$1" "$(trees "$skip")" "$(cat "$scratch/want")"
}

mkdir -p "$context/src/sub"
echo one >"$context/one.txt"
echo a >"$context/src/a.txt"
echo c >"$context/src/sub/c.txt"
chmod 750 "$context/src/sub"
find "$context" -exec touch -h -d @1100000000 {} +

# ---- what a step changed ----

case_is 'what is as it was is in no layer, nor is a directory whose time alone is new' <<'END'
FROM localhost/base
RUN touch /etc /root; chmod 644 /etc/passwd; mv /etc/group /g; mv /g /etc/group
--
END
case_is 'the directories around a change are' <<'END'
FROM localhost/base
RUN mkdir -p /a/b && echo 1 > /a/b/x && echo 2 > /a/y
RUN echo 3 > /a/b/x
RUN chmod 700 /a
RUN rm /a/b/x
--
1 drwxr-xr-x 0/0 a/
1 drwxr-xr-x 0/0 a/b/
1 -rw-r--r-- 0/0 a/b/x
1 -rw-r--r-- 0/0 a/y
2 drwxr-xr-x 0/0 a/
2 drwxr-xr-x 0/0 a/b/
2 -rw-r--r-- 0/0 a/b/x
3 drwx------ 0/0 a/
4 drwx------ 0/0 a/
4 drwxr-xr-x 0/0 a/b/
4 ---------- 0/0 a/b/.wh.x
END
case_is 'a directory made anew names what is gone' <<'END'
FROM localhost/base
RUN mkdir -p /d/e/q /d/e/r && echo 1 > /d/e/f && echo 2 > /d/g && touch -d @1000000000 /d/g
RUN rm -rf /d && mkdir -p /d/e/q && echo 3 > /d/e/n && echo 2 > /d/g && touch -d @1000000000 /d/g
--
1 drwxr-xr-x 0/0 d/
1 drwxr-xr-x 0/0 d/e/
1 -rw-r--r-- 0/0 d/e/f
1 drwxr-xr-x 0/0 d/e/q/
1 drwxr-xr-x 0/0 d/e/r/
1 -rw-r--r-- 0/0 d/g
2 drwxr-xr-x 0/0 d/
2 drwxr-xr-x 0/0 d/e/
2 ---------- 0/0 d/e/.wh.f
2 ---------- 0/0 d/e/.wh.r
2 -rw-r--r-- 0/0 d/e/n
END
case_is 'files, links and directories change places' <<'END'
FROM localhost/base
RUN echo > /a && ln -s /etc /b && mkdir /c && echo > /c/x
RUN rm -r /a /b /c && mkdir /a /b && echo > /a/x && ln -s /etc /c
--
1 -rw-r--r-- 0/0 a
1 lrwxrwxrwx 0/0 b -> /etc
1 drwxr-xr-x 0/0 c/
1 -rw-r--r-- 0/0 c/x
2 drwxr-xr-x 0/0 a/
2 -rw-r--r-- 0/0 a/x
2 drwxr-xr-x 0/0 b/
2 lrwxrwxrwx 0/0 c -> /etc
END
case_is 'another name for a file below is a file of its own' <<'END'
FROM localhost/base
RUN echo a > /a
RUN ln /a /b && ln /b /c
--
1 -rw-r--r-- 0/0 a
2 -rw-r--r-- 0/0 b
2 hrw-r--r-- 0/0 c link to b
END
case_is 'nodes of all kinds are made, and stay what they are' <<'END'
FROM localhost/base
RUN mkfifo /f && mkdir -p /r/dev && cd /r/dev && mknod -m 666 chr c 1 3 && mknod disk b 300 70000 && chown 0:6 disk && ln chr chr2
RUN rm /r/dev/disk && ! cat /r/dev/chr && mknod /dev/tun c 10 200 && [ -c /dev/tun ] && stat -c '%F %t:%T' /r/dev/chr /dev/tun > /seen
USER 1000
RUN ! mknod /tmp/n c 1 3
--
1 prw-r--r-- 0/0 f
1 drwxr-xr-x 0/0 r/
1 drwxr-xr-x 0/0 r/dev/
1 crw-rw-rw- 0/0 r/dev/chr
1 hrw-rw-rw- 0/0 r/dev/chr2 link to r/dev/chr
1 brw-r--r-- 0/6 r/dev/disk
2 drwxr-xr-x 0/0 r/
2 drwxr-xr-x 0/0 r/dev/
2 ---------- 0/0 r/dev/.wh.disk
2 -rw-r--r-- 0/0 seen
END
run mpemu run -u 0 --platform linux/amd64 localhost/out sh -c 'cat /seen; mknod /n c 1 3; echo $?'
is 'with their numbers; those who only run make none' "$(echo $out)" \
	'character special file 1:3 character special file a:c8 1'
case_is 'the same copy twice is one' <<'END'
FROM scratch
COPY src /x
COPY src /x
--
1 drwxr-xr-x 0/0 x/
1 -rw-r--r-- 0/0 x/a.txt
1 drwxr-x--- 0/0 x/sub/
1 -rw-r--r-- 0/0 x/sub/c.txt
END
case_is 'but not where it is linked' <<'END'
FROM scratch
COPY one.txt /x/
COPY --link one.txt /x/
--
1 drwxr-xr-x 0/0 x/
1 -rw-r--r-- 0/0 x/one.txt
2 drwxr-xr-x 0/0 x/
2 -rw-r--r-- 0/0 x/one.txt
END

# ---- COPY ----

case_is 'files of a stage stay whose they are, but the destination is new' <<'END'
FROM localhost/bare AS a
RUN mkdir -p /q/r && chown -R 3:4 /q && echo x > /q/r/f && chown 5:6 /q/r/f
FROM scratch
COPY --from=a /q /x
COPY --from=a /q/r/f /y/
COPY --from=a --chown=7 /q /z
--
1 drwxr-xr-x 0/0 x/
1 drwxr-xr-x 3/4 x/r/
1 -rw-r--r-- 5/6 x/r/f
2 drwxr-xr-x 0/0 y/
2 -rw-r--r-- 5/6 y/f
3 drwxr-xr-x 7/7 z/
3 drwxr-xr-x 7/7 z/r/
3 -rw-r--r-- 7/7 z/r/f
END
case_is 'the destination is followed where it is a link, what has a name in it is replaced' <<'END'
FROM localhost/base
RUN mkdir /x /y && ln -s /etc/passwd /x/one.txt && ln -s /y/to /file && ln -s /y /dir
COPY one.txt /x/
COPY one.txt /file
COPY one.txt /dir/
COPY one.txt /dir/new/name
--
1 lrwxrwxrwx 0/0 dir -> /y
1 lrwxrwxrwx 0/0 file -> /y/to
1 drwxr-xr-x 0/0 x/
1 lrwxrwxrwx 0/0 x/one.txt -> /etc/passwd
1 drwxr-xr-x 0/0 y/
2 drwxr-xr-x 0/0 x/
2 -rw-r--r-- 0/0 x/one.txt
3 drwxr-xr-x 0/0 y/
3 -rw-r--r-- 0/0 y/to
4 drwxr-xr-x 0/0 y/
4 -rw-r--r-- 0/0 y/one.txt
5 drwxr-xr-x 0/0 y/
5 drwxr-xr-x 0/0 y/new/
5 -rw-r--r-- 0/0 y/new/name
END
case_is 'directories that are there: the top keeps its looks, those below get the source'"'"'s' <<'END'
FROM localhost/base
RUN mkdir -p /x/sub && chown 5:6 /x /x/sub && chmod 711 /x /x/sub
COPY src /x
--
1 drwx--x--x 5/6 x/
1 drwx--x--x 5/6 x/sub/
2 drwx--x--x 5/6 x/
2 -rw-r--r-- 0/0 x/a.txt
2 drwxr-x--- 0/0 x/sub/
2 -rw-r--r-- 0/0 x/sub/c.txt
END
case_is 'modes of what was made on the way have no set-id bits and obey a umask' <<'END'
FROM scratch
COPY --chmod=4777 one.txt /a/b
COPY --chmod=1700 src/sub /c/d
COPY --chmod=+w one.txt /e/f
--
1 drwxr-xr-x 0/0 a/
1 -rwsrwxrwx 0/0 a/b
2 drwx------ 0/0 c/
2 drwx------ 0/0 c/d/
2 -rwx-----T 0/0 c/d/c.txt
3 drwxr-xr-x 0/0 e/
3 -rw-rw-rw- 0/0 e/f
END
case_is 'names of users have their own group, unknown ones are root' <<'END'
FROM localhost/base
RUN echo 'me:x:12:34::/:' >> /etc/passwd
COPY --chown=me one.txt /1
COPY --chown=12 one.txt /2
COPY --chown=me:none one.txt /3
COPY --chown=who:7 one.txt /4
COPY --chown=me: one.txt /5
USER me
WORKDIR /w
--
1 drwxr-xr-x 0/0 etc/
1 -rw-r--r-- 0/0 etc/passwd
2 -rw-r--r-- 12/34 1
3 -rw-r--r-- 12/12 2
4 -rw-r--r-- 12/34 3
5 -rw-r--r-- 0/7 4
6 -rw-r--r-- 12/0 5
7 drwxr-xr-x 12/34 w/
END
like 'which is said' "$err" 'owner who:7: no such user in /etc/passwd; root is taken'
case_is 'directories inherit a group where a parent says so' <<'END'
FROM localhost/base
RUN mkdir /g && chown 5:77 /g && chmod 2775 /g
WORKDIR /g/w
COPY src/sub /g/s
COPY --chown=3:4 one.txt /g/d/
--
1 drwxrwsr-x 5/77 g/
2 drwxrwsr-x 5/77 g/
2 drwxr-sr-x 0/77 g/w/
3 drwxrwsr-x 5/77 g/
3 drwxr-sr-x 0/77 g/s/
3 -rw-r--r-- 0/0 g/s/c.txt
4 drwxrwsr-x 5/77 g/
4 drwxr-sr-x 3/4 g/d/
4 -rw-r--r-- 3/4 g/d/one.txt
END
case_is 'WORKDIR follows links, also those that lead nowhere' <<'END'
FROM localhost/base
RUN ln -s /nowhere /l
WORKDIR /l/x/
--
1 lrwxrwxrwx 0/0 l -> /nowhere
2 drwxr-xr-x 0/0 nowhere/
2 drwxr-xr-x 0/0 nowhere/x/
END
is 'and is kept as it was written' "$(mpemu inspect --raw --platform linux/amd64 localhost/out |
	jq -r .config.digest | { IFS=: read -r _ hex; jq -r .config.WorkingDir "$store/oci/blobs/sha256/$hex"; })" /l/x/

printf 'FROM localhost/base\nWORKDIR /w\n' >"$context/Dockerfile"
build --build-arg SOURCE_DATE_EPOCH=1000000000 "$context"
is 'its time is the epoch where there is one' "$(mpemu run --platform linux/amd64 localhost/out stat -c %Y /w)" 1000000000
cat >"$context/Dockerfile" <<'END'
FROM localhost/base
RUN echo 'g:x:50:nobody,root' >> /etc/group; id -G > /1
USER nobody
RUN id -G > /tmp/2
USER nobody:50
RUN id -G > /tmp/3
END
build "$context"
is 'groups of a user begin with its own' "$(mpemu run -u 0 --platform linux/amd64 localhost/out cat /1 /tmp/2 /tmp/3 | xargs)" \
	'0 65534 50 50'

ln -s nothing "$context/dangling"
printf 'FROM scratch\nCOPY d* /x/\n' >"$context/Dockerfile"
build "$context"
like 'a link that a wildcard found must lead somewhere' "$err" 'COPY dangling: not found'
rm "$context/dangling"

# ---- ADD of archives ----

mkdir "$scratch/t" && echo in >"$scratch/t/in" && mkfifo "$scratch/t/fifo" && mknod "$scratch/t/null" c 1 3
tar -C "$scratch/t" --mtime=@1000000000 --owner=8 --group=9 -cf "$context/nodes" fifo in null
mkdir "$scratch/t/etc" && echo x >"$scratch/t/etc/passwd" && ln "$scratch/t/etc/passwd" "$scratch/t/etc/zz"
tar -C "$scratch/t" --sort=name --owner=1 --group=2 -cf "$context/linked" etc/passwd etc/zz
tar --delete -f "$context/linked" etc/passwd
ln -s /tmp "$scratch/t/abs"
tar -P -C "$scratch/t" -cf "$context/through" abs
tar -P -C "$scratch/t" --transform 's,^in,abs/in,' -rf "$context/through" in
gzip -c <"$context/nodes" | gzip -c >"$context/twice"
case_is 'archives bring nodes, links to what is there, and what absolute links lead to' <<'END'
FROM localhost/base
ADD nodes /n/
ADD linked /
ADD through /a/
ADD twice /w/
--
1 drwxr-xr-x 0/0 n/
1 crw-r--r-- 8/9 n/null
1 prw-r--r-- 8/9 n/fifo
1 -rw-r--r-- 8/9 n/in
2 drwxr-xr-x 0/0 etc/
2 -rw-r--r-- 1/2 etc/passwd
2 hrw-r--r-- 1/2 etc/zz link to etc/passwd
3 drwxr-xr-x 0/0 a/
3 lrwxrwxrwx 0/0 a/abs -> /tmp
3 drwxr-xr-x 0/0 a/tmp/
3 -rw-r--r-- 0/0 a/tmp/in
4 drwxr-xr-x 0/0 w/
4 -rw-r--r-- 0/0 w/twice
END

# ---- contexts ----

if command -v python3 >/dev/null; then
	mkdir "$context/odd"
	(cd "$context/odd" && python3 -c 'import os, socket
socket.socket(socket.AF_UNIX).bind("sock")
open("f", "w").close(); os.chown("f", 7, 8)
os.setxattr("f", "user.note", b"x")')
	case_is 'of a directory files come as root'"'"'s, without attributes, sockets as empty files' <<'END'
FROM scratch
COPY odd /x
--
1 drwxr-xr-x 0/0 x/
1 -rw-r--r-- 0/0 x/f
1 -rwxr-xr-x 0/0 x/sock
END
	rm -r "$context/odd"
else
	skip 'of a directory files come as root'"'"'s' 'needs python3 to make a socket'
fi
printf 'FROM scratch\nCOPY src /x\n' >"$context/Dockerfile"
echo src/sub >"$context/.dockerignore"
tar -C "$context" --owner=5 --group=6 -cf "$scratch/context.tar" .
build - <"$scratch/context.tar"
is 'archives keep their owners and are not filtered' "$(trees 0)" '1 drwxr-xr-x 0/0 x/
1 -rw-r--r-- 5/6 x/a.txt
1 drwxr-x--- 5/6 x/sub/
1 -rw-r--r-- 5/6 x/sub/c.txt'
build "$context"
is 'directories are' "$(trees 0)" '1 drwxr-xr-x 0/0 x/
1 -rw-r--r-- 0/0 x/a.txt'
printf '*\n!**/c.txt\n' >"$context/.dockerignore"
mkdir "$context/none" && echo x >"$context/none/x.txt"
printf 'FROM scratch\nCOPY . /all\nCOPY s* n* /wild/\n' >"$context/Dockerfile"
build "$context"
is 'directories in which nothing is left are not there' "$(trees 0)" '1 drwxr-xr-x 0/0 all/
1 drwxr-xr-x 0/0 all/src/
1 drwxr-x--- 0/0 all/src/sub/
1 -rw-r--r-- 0/0 all/src/sub/c.txt
2 drwxr-xr-x 0/0 wild/
2 drwxr-x--- 0/0 wild/sub/
2 -rw-r--r-- 0/0 wild/sub/c.txt'
for source in none 'none/*' 'src/a*/*' 'x[]'; do
	printf 'FROM scratch\nCOPY src/sub/c.txt %s /x/\n' "$source" >"$context/Dockerfile"
	build "$context"
	echo "$source $status"
done >"$scratch/told"
is 'nor can they be copied, or what should be in them' "$(cat "$scratch/told")" 'none 3
none/* 3
src/a*/* 0
x[] 3'
rm -r "$context/.dockerignore" "$context/none"
ln -s src "$context/dirlink"
case_is 'links are followed above a wildcard, not below' <<'END'
FROM scratch
COPY dirlink/*.txt /x/
COPY dir*/*.txt /y/
COPY [n-s]*/a.txt /z/
--
1 drwxr-xr-x 0/0 x/
1 -rw-r--r-- 0/0 x/a.txt
3 drwxr-xr-x 0/0 z/
3 -rw-r--r-- 0/0 z/a.txt
END
rm "$context/dirlink"
case_is 'nobody gives another name to nothing' <<'END'
FROM scratch
COPY one.txt /x
--
1 -rw-r--r-- 0/0 x
END
build --build-context scratch="$context/src" "$context"
is 'not even on the command line' "$(trees 0)" '1 -rw-r--r-- 0/0 x'

# ---- mounts ----

case_is 'nothing is left of mounts, but what was written beside them' <<'END'
FROM localhost/base
RUN --mount=target=/a/b/c,source=one.txt --mount=type=tmpfs,target=/etc/t cat /a/b/c >/dev/null
RUN --mount=type=tmpfs,target=/a/b echo 1 > /a/x
RUN --mount=type=secret,id=none,env=NONE echo "[${NONE-unset}]" > /none; echo me > /etc/hostname
--
2 drwxr-xr-x 0/0 a/
2 -rw-r--r-- 0/0 a/x
3 drwxr-xr-x 0/0 etc/
3 -rw-r--r-- 0/0 etc/hostname
3 -rw-r--r-- 0/0 none
END
run mpemu run --platform linux/amd64 localhost/out cat /none
is 'a secret that nobody gave is an empty variable' "$out" '[]'
case_is 'whatever is done to where something was mounted' <<'END'
FROM localhost/base
RUN --mount=type=cache,target=/a/b/c chmod 700 /a/b /a && chown 3:4 /a/b
RUN --mount=source=one.txt,target=/g/h/f chmod 700 /g/h; touch /g/other
RUN --mount=type=cache,target=/k/l/m touch /k/l/x && rm /k/l/x
RUN --mount=type=tmpfs,target=/m/n echo > /m/x
--
2 drwxr-xr-x 0/0 g/
2 -rw-r--r-- 0/0 g/other
4 drwxr-xr-x 0/0 m/
4 -rw-r--r-- 0/0 m/x
END
case_is 'links lead to where something is mounted, also those to nothing' <<'END'
FROM localhost/base
RUN mkdir /real && ln -s /real /there && ln -s ../../nowhere/x /none && ln -s /nofile /file
RUN --mount=target=/there --mount=type=cache,target=/none/deep [ -e /real/one.txt ] && [ -d /nowhere/x/deep ]
RUN --mount=source=one.txt,target=/file [ -s /nofile ] && [ -L /file ]
--
1 lrwxrwxrwx 0/0 file -> /nofile
1 lrwxrwxrwx 0/0 none -> ../../nowhere/x
1 drwxr-xr-x 0/0 real/
1 lrwxrwxrwx 0/0 there -> /real
END
cat >"$context/Dockerfile" <<'END'
FROM localhost/base
RUN mkdir -m 711 /p && mkdir /t && touch -d @1000000000 /t
RUN --mount=type=tmpfs,target=/p --mount=type=tmpfs,target=/q stat -c %a /p /q > /modes
RUN --mount=type=cache,target=/t/x chmod 700 /t
RUN stat -c %Y /t > /time; chmod 700 /
RUN stat -c %a / > /root.mode
RUN echo x > /etc/resolv.conf; touch -d @1000000000 /etc; chmod 711 /etc
END
build "$context"
run mpemu run --platform linux/amd64 localhost/out sh -c \
	'cat /modes; [ $(cat /time) = 1000000000 ] || echo new; cat /root.mode; stat -c %Y /etc'
is 'an empty file system looks like what it covers; times are those that Docker leaves' \
	"$(echo $out)" '711 1777 new 755 1000000000'
printf 'FROM localhost/bare\nRUN <<E\n#!/bin/sh\ntrue\nE\n' >"$context/Dockerfile"
build "$context"
is 'what a script was mounted in goes with it' "$(trees 1)" '1 drwxr-xr-x 0/0 proc/
1 drwxr-xr-x 0/0 sys/'

# ---- outputs ----

printf 'FROM scratch\n' >"$context/Dockerfile"
run mpemu build --platform linux/amd64,linux/arm64 -o "type=local,dest=$scratch/none" "$context"
is 'an output of nothing' "$status $(cd "$scratch/none" && find . -mindepth 1 -printf '%f %m %T@\n' | sort | tr '\n' ';')" \
	'0 linux_amd64 755 0.0000000000;linux_arm64 755 0.0000000000;'
run mpemu build --platform linux/amd64 -o "type=tar,dest=$scratch/none.tar" "$context"
is 'as an archive' "$status $(tar -tf "$scratch/none.tar" | wc -l)" '0 0'
echo new >"$context/one.txt"
touch -d @1100000000.6 "$context/one.txt"
printf 'FROM scratch\nCOPY one.txt /x\n' >"$context/Dockerfile"
build "$context" -o "type=tar,dest=$scratch/x.tar"
is 'times of an archive are rounded, those of a layer cut' "$(tar --full-time -tvf "$scratch/x.tar" | awk '{ print $5 }') $(
	mpemu inspect --raw --platform linux/amd64 localhost/out | jq -r '.layers[-1].digest' |
	{ IFS=: read -r _ hex; tar --full-time -tvzf "$store/oci/blobs/sha256/$hex"; } | awk '{ print $5 }')" \
	"$(date -d @1100000001 +%T) $(date -d @1100000000 +%T)"

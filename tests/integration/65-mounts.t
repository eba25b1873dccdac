#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# RUN --mount, heredocs and what the command line gives to RUN, native and emulated.
. "$(dirname "$0")/../lib.sh"
need_root
need_command jq

base_tar amd64 && mpemu import --platform linux/amd64 "$base" localhost/base:amd64 >/dev/null
base_tar arm64 && mpemu import --platform linux/arm64 "$base" localhost/base:arm64 >/dev/null
ok 'two bases become one index' \
	mpemu index create localhost/base localhost/base:amd64 localhost/base:arm64

platforms=linux/amd64,linux/arm64
context=$(tmpdir)

dockerfile() {
	cat >"$context/Dockerfile"
}

build() { # ARGUMENTS...
	run mpemu --progress plain build --platform "$platforms" "$@" "$context"
	[ "$status" = 0 ] || printf '%s\n' "$err" | tail -n 8 | sed 's/^/# /'
}

refused() { # NAME EXPRESSION [ARGUMENTS...]
	refused_name=$1 refused_want=$2
	shift 2
	run mpemu --progress plain build --platform linux/arm64 "$@" "$context"
	like "$refused_name: status" "$status" '^[2-5]$'
	like "$refused_name: said" "$err" "$refused_want"
}

in_image() { # COMMAND...
	run mpemu run --platform linux/arm64 localhost/out "$@"
}

steps_run() {
	echo $(($(printf '%s\n' "$err" | grep -cE '^#[0-9]+ \[.*\] (RUN|WORKDIR)') - \
		$(printf '%s\n' "$err" | grep -c CACHED)))
}

# ---- bind ----

mkdir "$context/dir" "$context/dir/deep"
echo one >"$context/one.txt"
echo two >"$context/dir/deep/two.txt"
echo hidden >"$context/dir/hidden.txt"
echo hidden.txt >"$context/.dockerignore"
echo 'dir/hidden.txt' >>"$context/.dockerignore"
ln -s ../../../../../../etc "$context/dir/out"
chown -R 1234:1234 "$context/dir"
cat <<'EOF' | dockerfile
FROM localhost/base AS build
RUN mkdir -p /data/sub && echo built > /data/sub/file && ln -s / /data/root && ln -s ../../../.. /data/up
FROM localhost/base
ARG PLACE=two.txt
WORKDIR /w
RUN --mount=target=/src cat /src/one.txt > /one && ls /src/dir > /list && ls -ln /src/one.txt | awk '{print $3}' > /owner
RUN --mount=type=bind,source=dir/deep/${PLACE},target=file cat file > /two
RUN --mount=type=bind,target=/src echo no > /src/x; echo $? > /denied; mknod /null c 1 3
RUN --mount=type=bind,target=/src,rw echo yes > /src/x && rm /src/one.txt && cat /src/x > /x
RUN --mount=from=build,source=/data,target=/d cat /d/sub/file > /three; echo no > /d/x; echo $? >> /denied
RUN --mount=from=build,source=/data/sub,target=/d,rw echo new > /d/file && cat /d/file > /four
RUN --mount=from=build,source=/data/root,target=/d,rw [ ! -e /d/proc/1 ] && cat /d/data/sub/file > /five && echo x > /d/escaped
RUN --mount=from=build,source=data/up/data/root/data/up/../../..,target=/d ls /d > /six
RUN --mount=from=localhost/base,target=/img test -e /img/bin/sh && echo image > /seven
EOF
build -t localhost/out
is 'binds of the context, stages and images' "$status" 0
in_image sh -c 'cat /one /two /three /four /five /seven /x; cat /list /owner'
is 'show what is there' "$(echo $out)" 'one two built new built image yes deep out 0'
in_image stat -c '%F %t:%T' /null
is 'a device made by an emulated step' "$out" 'character special file 1:3'
in_image cat /denied
is 'are read-only unless asked' "$(echo $out | tr -d 0)" '1 1'
in_image sh -c 'ls -d /src /d /img /w/file /d/x 2>/dev/null; ls /w'
is 'leave no mount point in the layer' "$out" ''
is 'and writes are discarded' "$(cat "$context/one.txt")" one
[ ! -e "$context/x" ] && [ ! -e /escaped ] && pass 'on every side' || fails 'on every side' 'written'
build -t localhost/out
is 'a second build runs nothing' "$(steps_run)" 0
echo changed >"$context/unrelated.txt"
echo 2 >"$context/dir/deep/two.txt"
build -t localhost/out
in_image cat /two
is 'a changed source is seen' "$out" 2

for source in ../../../../../../etc dir/out /dir/hidden.txt nothing; do
	printf 'FROM localhost/base\nRUN --mount=source=%s,target=/x ls /x\n' "$source" | dockerfile
	refused "source $source" 'Dockerfile:2: RUN --mount of /x: .*not found in the build context'
done
printf 'FROM localhost/base\nRUN --mount=target=/proc/self/fd/7 ls /x\n' | dockerfile
refused 'a target in /proc' 'proc/self/fd/7'
printf 'FROM localhost/base\nRUN --mount=target=/x --mount=type=cache,target=/x/none true\n' | dockerfile
refused 'a target inside of a read-only mount' 'inside of a read-only mount that has no such directory'
printf 'FROM localhost/base\nRUN --mount=target=/ true\n' | dockerfile
refused 'the root as a target' 'invalid mount target "/"'
printf 'FROM localhost/base\nRUN --mount=target=/x,form=y true\n' | dockerfile
refused 'an unknown option' "unexpected key 'form' in 'form=y' .did you mean from"
printf 'FROM localhost/base\nRUN echo first\nRUN --mount=target=/x,type=chache true\n' | dockerfile
refused 'a bad option is told before anything runs' 'Dockerfile:3: RUN --mount=[^ ]*: unsupported mount type "chache" .did you mean cache'
unlike 'before all else' "$err" 'RUN echo first'
printf 'FROM localhost/base AS unused\nRUN --mount=target=/x,type=chache true\nFROM localhost/base\n' | dockerfile
build
is 'but not in a stage that nobody needs' "$status" 0
printf 'FROM localhost/base\nARG X=y\nRUN --mount=target=/x,from=$X true\n' | dockerfile
refused 'a variable in from' "'from' doesn't support variable expansion"
printf 'FROM localhost/base AS first\nRUN --mount=target=/x,from=later true\nFROM localhost/base AS later\n' | dockerfile
refused 'a later stage' 'no such|not found|later' --target first
printf 'FROM localhost/base\nRUN --security=insecure true\n' | dockerfile
refused '--security=insecure' 'insecure is not allowed: say --allow security.insecure'

# ---- cache ----

cat <<'EOF' | dockerfile
FROM localhost/base
ARG ROUND
RUN --mount=type=cache,target=/cache echo "$(uname -m) $ROUND" >> /cache/log && cp /cache/log /log
RUN --mount=type=cache,target=/c,uid=7,gid=8,mode=0750 ls -lnd /c | awk '{print $1,$3,$4}' > /looks
RUN --mount=type=cache,id=../../..,target=/c echo "$ROUND" > /c/x
RUN --mount=type=tmpfs,target=/t,size=1m ! dd if=/dev/zero of=/t/x bs=64k count=32 2>/dev/null
EOF
build --build-arg ROUND=1
build --build-arg ROUND=2 -t localhost/out
is 'caches work' "$status" 0
in_image cat /log
is 'a cache is kept, one a platform' "$(echo $out)" 'aarch64 1 aarch64 2'
in_image cat /looks
is 'a cache has the looks asked for' "$out" 'drwxr-x--- 7 8'
in_image ls /cache /c /t
unlike 'nothing of it is in the layer' "$out" 'log|x'
unlike 'no id is a path' "$(ls "$store/mounts")" '[^0-9a-f]'

cat <<'EOF' | dockerfile
FROM localhost/base AS seed
RUN mkdir /seed && echo grown > /seed/file && ln -s / /seed/out
FROM localhost/base
ARG ROUND
RUN --mount=type=cache,from=seed,source=/seed,target=/c cat /c/file > /file
RUN --mount=type=cache,from=seed,source=/seed/out,target=/c cat /c/seed/file > /inside && ! ls /c/proc/1
RUN --mount=type=cache,from=seed,target=/c,id=looks,uid=9,mode=106700 stat -c '%a %u' /c > /looks; ls /c >> /looks
RUN --mount=type=cache,from=seed,source=/seed,target=/c,id=part,uid=9 stat -c '%a %u' /c > /part
RUN --mount=from=scratch,target=/nothing,rw ls -A /nothing > /empty && touch /nothing/x
EOF
build -t localhost/out
is 'a cache starts from a stage, and a link in it stays inside' "$status" 0
in_image cat /file /inside
is 'with what is there' "$(echo $out)" 'grown grown'
in_image cat /looks /part /empty
is 'but empty where it is to look in a way, which a part of it cannot' "$(echo $out)" '700 9 755 0'

cat <<'EOF' | dockerfile
FROM localhost/base
ARG WHO
RUN --mount=type=cache,target=/l,sharing=locked --mount=type=cache,id=other,target=/m,sharing=locked \
    mkdir /l/busy && sleep 1 && echo "$WHO" >> /l/log && rmdir /l/busy && cp /l/log /log
EOF
mpemu build --build-arg WHO=a "$context" >"$scratch/a.log" 2>&1 &
first=$!
# The other one names them in the other order.
sed 's,^RUN \(--mount=[^ ]*\) \(--mount=[^ ]*\),RUN \2 \1,' "$context/Dockerfile" >"$scratch/reversed"
mpemu build --build-arg WHO=b -f "$scratch/reversed" "$context" >"$scratch/b.log" 2>&1
second=$?
wait "$first"
is 'a locked cache is waited for by another build' "$? $second" '0 0'
cat <<'EOF' | dockerfile
FROM localhost/base AS a
RUN --mount=type=cache,target=/p,sharing=private mkdir /p/busy && sleep 1 && rmdir /p/busy
FROM localhost/base AS b
RUN --mount=type=cache,target=/p,sharing=private mkdir /p/busy && sleep 1 && rmdir /p/busy && true
FROM localhost/base
RUN --mount=from=a,target=/a --mount=from=b,target=/b true
EOF
build
is 'a private cache in use is left alone' "$status" 0

cat <<'EOF' | dockerfile
FROM localhost/base
RUN --mount=type=cache,id=deep,target=/c mkdir -p /c/in && ln -s / /c/out && ln -s ../../../.. /c/up && echo file > /c/mark
RUN --mount=type=cache,id=deep,source=out,target=/d ls /d | xargs > /seen
RUN --mount=type=cache,id=deep,source=up,target=/d ls /d | xargs >> /seen
RUN --mount=type=cache,id=deep,source=in/../../..,target=/d ls /d | xargs >> /seen
RUN --mount=type=cache,id=deep,source=mark,target=/d cat /d >> /seen
EOF
build -t localhost/out
in_image cat /seen
is 'a source in a cache never leads out of it, and may be a file' "$status $(echo $out)" \
	'0 in mark out up in mark out up in mark out up file'

# ---- secrets ----

value=$(head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n')
printf '%s' "$value" >"$scratch/secret"
cat <<'EOF' | dockerfile
FROM localhost/base
RUN --mount=type=secret,id=token ls -ln /run/secrets/token | awk '{print $1,$3,$4}' > /looks; wc -c < /run/secrets/token > /size
RUN --mount=type=secret,id=token,target=/s/t,mode=0444,uid=5,gid=6 ls -ln /s/t | awk '{print $1,$3,$4}' > /looks2
RUN --mount=type=secret,id=token,env=,required test -n "$token"
RUN --mount=type=secret,id=token,env=TOKEN,required echo ${#TOKEN} > /length; ls /run/secrets >> /length; true
RUN --mount=type=secret,id=none ls /run/secrets 2>&1 | wc -l > /none; true
RUN ls /run /s 2>/dev/null > /left; true
EOF
build -t localhost/out --secret "id=token,src=$scratch/secret"
is 'secrets work' "$status" 0
in_image cat /looks /size /looks2 /length
is 'as files and variables' "$(echo $out)" '-r-------- 0 0 48 -r--r--r-- 5 6 48'
in_image cat /left
unlike 'no mount point is left' "$out" 'secrets|t$'
leaks() { # DIRECTORY
	grep -rlF "$value" "$1" && return 0
	find "$1" -path '*/blobs/sha256/*' -type f | while read -r blob; do
		gzip -dc "$blob" 2>/dev/null | grep -qF "$value" && echo "$blob"
	done
}
is 'the value is nowhere in the store' "$(leaks "$store")" ''
unlike 'nor was it said' "$err$out" "$value"

printf 'other' >"$scratch/secret"
build -t localhost/out --secret "id=token,src=$scratch/secret"
is 'another value is no reason to run again' "$(steps_run)" 0

# All that a build can leave, and all that can be seen of it while it runs.
printf '%s' "$value" >"$scratch/secret"
traces=$(tmpdir)
mkdir "$traces/oci"
cat <<'EOF' | dockerfile
FROM localhost/base
ARG again
RUN --mount=type=secret,id=token --mount=type=secret,id=token,env=TOKEN \
	echo waiting; sleep 2; wc -c < /run/secrets/token > /size; echo ${#TOKEN} >> /size
EOF
"$MPEMU" --root "$store" --progress json build --platform linux/amd64 --secret "id=token,src=$scratch/secret" \
	--trace "$traces/trace" --metadata-file "$traces/metadata" --provenance mode=max -t localhost/out \
	--cache-to "type=local,dest=$traces/cache,mode=max" -o "type=oci,dest=$traces/oci/layout,tar=false" \
	"$context" >"$traces/out" 2>"$traces/err" &
building=$!
for _ in $(seq 100); do
	! grep -q waiting "$traces/err" || break
	sleep 0.1
done
cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' '\n' >"$traces/processes"
wait "$building"
is 'a build that leaves all it can' "$?" 0
like 'was seen running' "$(cat "$traces/processes")" 'echo waiting'
is 'it had the value' "$(echo $(mpemu run --platform linux/amd64 localhost/out cat /size))" '48 48'
is 'which is in no layout, cache, trace, event, statement or list of processes' "$(leaks "$traces")" ''
printf 'FROM localhost/base\nRUN --mount=type=secret,id=token,env=TOKEN test -z "$TOKEN"\n' | dockerfile
build --secret "id=token,src=$scratch/secret"
is 'a step that fails' "$status" 4
unlike 'does not tell it' "$err$out" "$value"
run mpemu build --secret "id=token,\"$value" "$context"
is 'a value that was typed in place of a file is usage' "$status" 2
unlike 'and not repeated' "$err$out" "$value"

TOKEN_VALUE=$value
export TOKEN_VALUE
printf 'FROM localhost/base\nRUN --mount=type=secret,id=v [ "$(wc -c < /run/secrets/v)" = 48 ]\n' | dockerfile
build --secret id=v,env=TOKEN_VALUE
is 'a secret from the environment' "$status" 0
printf 'FROM localhost/base\nRUN --mount=type=secret,id=none,required true\n' | dockerfile
refused 'a secret that nobody gave' 'Dockerfile:2: .*secret none: not found: add --secret id=none,src=FILE'
refused 'a secret file that is not there' 'secret: /nothing: No such file' --secret id=x,src=/nothing
is 'is usage' "$status" 2

# ---- ssh ----

printf 'FROM localhost/base\nRUN --mount=type=ssh,required true\n' | dockerfile
refused 'no agent' 'unset ssh forward key default: add --ssh default'
refused 'a key file' 'ssh-add' --ssh "default=$scratch/secret"
SSH_AUTH_SOCK='' refused 'SSH_AUTH_SOCK that is not set' 'SSH_AUTH_SOCK is not set' --ssh default
if command -v ssh-agent >/dev/null && command -v ssh-keygen >/dev/null; then
	eval "$(ssh-agent -a "$scratch/agent")" >/dev/null
	test_children="$test_children $SSH_AGENT_PID"
	cat <<'EOF' | dockerfile
FROM localhost/base
RUN --mount=type=ssh echo "$SSH_AUTH_SOCK" > /sock && test -S "$SSH_AUTH_SOCK"
RUN --mount=type=ssh,target=/my.sock,mode=0666 test -S /my.sock
EOF
	build --ssh default -t localhost/out
	is 'an agent is lent' "$status" 0
	in_image cat /sock
	is 'at its place' "$out" /run/buildkit/ssh_agent.0
	cat >"$scratch/ask.c" <<'EOF'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
int main(void)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	unsigned char answer[9] = {}; /* length, kind, number of keys */
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(to.sun_path, getenv("SSH_AUTH_SOCK"));
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 || write(fd, "\0\0\0\1\13", 5) != 5 ||
	    recv(fd, answer, 9, MSG_WAITALL) != 9)
		perror("ask");
	printf("%d %d\n", answer[4], answer[8]);
}
EOF
	if cc -static -o "$context/ask" "$scratch/ask.c" 2>"$scratch/cc.log"; then
		cat <<'EOF' | dockerfile
FROM localhost/base
USER 1000
RUN --mount=type=ssh,uid=1000 --mount=source=ask,target=/ask /ask > /tmp/answer
EOF
		TMPDIR=$scratch/tmp
		export TMPDIR
		mkdir "$TMPDIR"
		answer() { # OPTIONS...
			run mpemu build --no-cache --platform linux/amd64 -t localhost/out "$@" "$context"
			run mpemu run --platform linux/amd64 localhost/out cat /tmp/answer
		}
		answer --ssh default
		is 'an agent answers, to a user too' "$out" '12 0'
		for kind in ed25519 ecdsa rsa; do
			ssh-keygen -q -t $kind -N '' -f "$scratch/key-$kind"
		done
		chmod 644 "$scratch/key-rsa"
		answer --ssh "default=$scratch/key-ed25519"
		is 'a key file serves as an agent' "$out" '12 1'
		answer --ssh "default=$scratch/key-ed25519,$scratch/key-ecdsa,$scratch/key-rsa"
		is 'several, too' "$out" '12 3'
		ssh-keygen -q -t ed25519 -N secret -f "$scratch/locked"
		refused 'a key with a passphrase' 'without a passphrase' --ssh "default=$scratch/locked"
		is 'is usage' "$status" 2
		refused 'a socket among keys' 'goes alone' \
			--ssh "default=$scratch/key-rsa,$scratch/agent"
		is 'no agent is left' "$(find "$TMPDIR" -name 'mpemu-ssh-*' | wc -l) $(pgrep -cf "^ssh-agent -D -a $TMPDIR")" '0 0'
		rm "$context/ask"
	else
		skip 'an agent answers, to a user too' 'no static C library'
	fi
else
	skip 'an agent is lent' 'no ssh-agent'
fi

# ---- heredocs ----

cat <<'END' | dockerfile
FROM localhost/base
RUN <<EOF
echo "first" > /one
for i in 1 2; do
  echo $i >> /one
done
EOF
RUN <<-EOF
	echo tabs > /tabs
	EOF
RUN <<EOF
#!/bin/sh -e
echo "script $0" > /two
ls /dev/pipes >> /two
EOF
RUN cat <<A > /three && cat <<'B' >> /three
a $HOME
A
b $HOME
B
RUN <<EOF cat > /four
word
EOF
FROM localhost/base
RUN <<EOF
echo "first" > /one
for i in 1 2; do
  echo $i >> /one
done
EOF
RUN <<-EOF
	echo tabs > /tabs
	EOF
RUN <<EOF
#!/bin/sh -e
echo "script $0" > /two
ls /dev/pipes >> /two
EOF
RUN cat <<A > /three && cat <<'B' >> /three
a $HOME
A
b $HOME
B
RUN <<EOF cat > /four
word
EOF
END
build -t localhost/out
is 'heredocs work' "$status" 0
in_image cat /one /tabs /two /three /four
is 'as scripts, files and words of the shell' "$(echo $out)" \
	'first 1 2 tabs script /dev/pipes/EOF EOF a /root b $HOME word'
history=$(mpemu inspect --raw --platform linux/arm64 localhost/out | jq -r .config.digest |
	{ IFS=: read -r _ hex; jq -r '.history[].created_by' "$store/oci/blobs/sha256/$hex"; })
like 'history has the text' "$history" '^RUN /bin/sh -c echo "first" > /one$'
like 'and the name of a script' "$history" '^RUN /bin/sh -c /dev/pipes/EOF # buildkit$'

# ---- network, limits, hosts, shared memory ----

cat <<'EOF' | dockerfile
FROM localhost/base
RUN --network=none ls /sys/class/net > /net
RUN --network=host --security=sandbox ulimit -n > /nofile; cat /etc/hosts > /hosts.seen; \
    df -k /dev/shm | awk 'END { print $2 }' > /shm
EOF
build -t localhost/out --allow network.host --ulimit nofile=100:200 --add-host db:10.9.8.7 --add-host 'six:[::9]' --shm-size 1m
is 'options of RUN' "$status" 0
in_image cat /net /nofile /shm
is 'network, limits and shared memory' "$(echo $out)" 'lo 100 1024'
in_image cat /hosts.seen
like 'hosts' "$out" '^10.9.8.7	db$'
like 'hosts of IPv6' "$out" '^::9	six$'
cat <<'EOF' | dockerfile
FROM localhost/base
RUN mkdir /m; mount -t tmpfs none /m && echo yes > /plain || echo no > /plain
RUN --security=insecure mount -t tmpfs none /m && unshare -m true && echo yes > /insecure; \
    mknod /dev/sda b 8 0 2>/dev/null && echo device >> /insecure; true
EOF
build -t localhost/out --allow security.insecure
is 'RUN may have what --allow lets it ask for' "$status" 0
in_image cat /plain /insecure
is 'the rights of its own namespace, not of the host' "$(echo $out)" 'no yes'
printf 'FROM localhost/base\nRUN --network=host true\n' | dockerfile
refused '--network=host against --network none' 'say --allow network.host' --network none
build --network none --allow network.host
is 'may be allowed' "$status" 0
refused 'what nobody knows' 'want security.insecure or network.host' --allow device
refused 'a bad limit' 'did you mean nofile' --ulimit nofiles=1
refused 'a bad host' 'no IP address' --add-host db:nowhere

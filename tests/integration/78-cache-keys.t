#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What a step's key depends on: what has to run it again, and what must not.
. "$(dirname "$0")/../lib.sh"
need_root
need_command jq python3

base_tar amd64 && mpemu import --platform linux/amd64 "$base" localhost/base >/dev/null
context=$(tmpdir)

build() { # ARGUMENTS...
	run mpemu --progress plain build --platform linux/amd64 "$@" "$context"
	[ "$status" -eq 0 ] || printf '%s\n' "$err" | tail -n 5 | sed 's/^/# /'
}

# "hit" or "miss" of the last step of the build; CACHED and DONE name it by its number.
last_step() {
	test_number=$(printf '%s\n' "$err" | sed -n 's/^#\([0-9]*\) \[.*/\1/p' | tail -n 1)
	if printf '%s\n' "$err" | grep -q "^#$test_number CACHED"; then
		echo hit
	else
		echo miss
	fi
}

dockerfile() { cat >"$context/Dockerfile"; }
hits() { # NAME BUILD-ARGUMENTS...
	test_title=$1
	shift
	build "$@"
	is "$test_title" "$status $(last_step)" '0 hit'
}
misses() { # NAME BUILD-ARGUMENTS...
	test_title=$1
	shift
	build "$@"
	is "$test_title" "$status $(last_step)" '0 miss'
}

# ---- COPY: content, modes, owners and attributes; no times ----

mkdir -p "$context/tree/sub"
echo one >"$context/tree/file"
echo two >"$context/tree/sub/file"
ln -s file "$context/tree/link"
dockerfile <<'END'
FROM localhost/base
COPY tree /tree
END
misses 'the first COPY'
hits 'COPY of the same'
touch -d '2001-01-01' "$context/tree/file" "$context/tree/sub"
hits 'COPY does not look at times'
sleep 3
hits 'COPY of files that were left alone for a while, which are remembered'
hits 'and again'
ok 'they are' test -s "$(ls "$store"/recall/* | head -n 1)"
stamp=$(stat -c %y "$context/tree/file")
printf 'eno\n' >"$context/tree/file"
touch -d "$stamp" "$context/tree/file"
misses 'COPY sees content of the same size and time'
build -t localhost/out
is 'which is what the image has' "$(mpemu run localhost/out cat /tree/file)" eno
chmod 600 "$context/tree/file"
misses 'COPY looks at modes'
python3 -c "import os, sys; os.setxattr(sys.argv[1], 'user.note', b'text')" "$context/tree/file" 2>/dev/null &&
	misses 'COPY looks at extended attributes' ||
	skip 'COPY looks at extended attributes' 'the file system has none'
ln -sfn sub/file "$context/tree/link"
misses 'COPY looks at where links lead'
mv "$context/tree/sub/file" "$context/tree/sub/name"
misses 'COPY looks at names'
mkdir "$context/tree/empty"
misses 'COPY looks at empty directories'
echo other >"$context/beside"
hits 'COPY does not look at what it does not take'
echo tree/sub >"$context/.dockerignore"
misses 'COPY looks at what .dockerignore hides'
echo 'sub/other' >>"$context/tree/sub/name"
hits 'and not into it'
rm "$context/.dockerignore"
build
for line in 'COPY --chown=1:1 tree /tree' 'COPY --chmod=700 tree /tree' 'COPY tree /other' \
	'COPY --link tree /tree' 'COPY --exclude=file tree /tree' 'COPY tree/ /tree/'; do
	printf 'FROM localhost/base\n%s\n' "$line" >"$context/Dockerfile"
	misses "$line"
	hits "$line, again"
done

# ---- RUN: command, environment, directory, user, network, mounts ----

run_after() { # LINES...
	{
		echo 'FROM localhost/base'
		printf '%s\n' "$@"
		echo 'RUN echo once >/once'
	} >"$context/Dockerfile"
}
run_after
misses 'the first RUN'
hits 'RUN of the same'
run_after '# a comment' '' 'LABEL a=b' 'EXPOSE 80' 'CMD ["x"]' 'MAINTAINER me' 'STOPSIGNAL 9' 'HEALTHCHECK NONE'
hits 'RUN does not look at the rest of the config'
hits 'RUN does not look at labels of the command line' --label x=y
for line in 'ENV A=b' 'ARG A=c' 'WORKDIR /tmp' 'USER root' 'SHELL ["/bin/ash", "-c"]' \
	'COPY beside /'; do
	run_after "$line"
	misses "RUN looks at $line"
done
run_after 'ARG A'
hits 'RUN does not look at an ARG that nobody gave'
misses 'but at its value' --build-arg A=1
misses 'and another one' --build-arg A=2
hits 'and the same again' --build-arg A=1
run_after
hits 'RUN does not look at a build argument that is no ARG' --build-arg A=3 2>/dev/null
hits 'RUN does not look at proxies' --build-arg HTTP_PROXY=http://127.0.0.1:1
hits 'whatever they are' --build-arg HTTP_PROXY=http://127.0.0.1:2
run_after 'ARG HTTP_PROXY'
misses 'RUN looks at a proxy that is an ARG' --build-arg HTTP_PROXY=http://127.0.0.1:1
misses 'and at its value' --build-arg HTTP_PROXY=http://127.0.0.1:2
run_after
misses 'RUN looks at the network' --network none
misses 'RUN looks at names of hosts' --add-host a:127.0.0.1
hits 'but not at their addresses' --add-host a:127.0.0.2
misses 'RUN looks at limits' --ulimit nofile=100:100
misses 'RUN looks at the size of /dev/shm' --shm-size 1m

run_with() { # FLAGS
	printf 'FROM localhost/base AS src\nRUN echo %s >/a; echo b >/b\nFROM localhost/base\nRUN %s echo with >/with\n' \
		"${content-a}" "$1" >"$context/Dockerfile"
}
printf one >"$scratch/secret"
run_with '--mount=type=secret,id=s'
misses 'RUN with a secret' --secret "id=s,src=$scratch/secret"
printf two >"$scratch/secret"
hits 'RUN does not look into secrets' --secret "id=s,src=$scratch/secret"
run_with '--mount=type=secret,id=s,target=/other'
misses 'but at where they are' --secret "id=s,src=$scratch/secret"
run_with '--mount=type=cache,target=/cache'
misses 'RUN with a cache'
hits 'RUN does not look into caches'
run_with '--mount=type=bind,target=/in,source=tree'
misses 'RUN with files of the context'
hits 'RUN with the same'
touch "$context/tree/file"
hits 'RUN does not look at their times'
echo more >>"$context/tree/file"
misses 'but at their content'
echo more >>"$context/beside"
hits 'and not at what is beside them'
run_with '--mount=type=bind,from=src,target=/in,source=/a'
misses 'RUN with a file of a stage'
content='"a"'
run_with '--mount=type=bind,from=src,target=/in,source=/a'
hits 'RUN does not look at how the file was made'
content=c
run_with '--mount=type=bind,from=src,target=/in,source=/a'
misses 'but at what is in it'

# ---- COPY --from: what is taken, not how it was made ----

copy_from() { # COMMAND
	printf 'FROM localhost/base AS src\nRUN %s\nFROM localhost/base\nCOPY --from=src /made /\n' \
		"$1" >"$context/Dockerfile"
}
copy_from 'echo x >/made'
misses 'COPY of a stage'
copy_from 'echo x >/made; echo y >/beside'
hits 'COPY does not look at the rest of a stage'
copy_from 'echo z >/made'
misses 'but at what it takes'
copy_from 'cat /proc/sys/kernel/random/uuid >/made'
misses 'COPY of what is never the same'
hits 'is known while the stage is'
misses 'and not when it is made anew' --no-cache
hits 'COPY knows that, too'
build -t localhost/out
made=$(mpemu run localhost/out cat /made)
build --no-cache-filter src -t localhost/out
is 'a stage that is made anew is copied anew' "$(last_step)" miss
unlike 'with what it has now' "$(mpemu run localhost/out cat /made)" "$made"

copy_text() { # TEXT VALUE
	printf 'FROM localhost/base AS src\nRUN echo x >/made\nFROM localhost/base\nENV value=%s\nCOPY --from=src /made <<END /to/\n%s $value\nEND\n' \
		"$2" "$1" >"$context/Dockerfile"
}
copy_text first 1
misses 'COPY of a stage and a text'
hits 'both are known'
copy_text second 1
misses 'another text is another file'
build -t localhost/out
is 'with what it says' "$(mpemu run localhost/out cat /to/END)" 'second 1'
copy_text second 2
misses 'what variables of it say counts, too'
build -t localhost/out
is 'as it is then' "$(mpemu run localhost/out cat /to/END)" 'second 2'

# ---- the platform ----

if "$MPEMU" status --json | jq -e 'any(.. | objects; .platform? == "linux/arm64" and
	(.state | IN("native", "emulated", "ready")))' >/dev/null; then
	base_tar arm64 && mpemu import --platform linux/arm64 "$base" localhost/base:arm64 >/dev/null
	mpemu tag localhost/base localhost/base:amd64
	mpemu index create localhost/base localhost/base:amd64 localhost/base:arm64 >/dev/null
	run_after
	build
	run mpemu --progress plain build --platform linux/arm64 "$context"
	is 'RUN looks at the platform' "$status $(last_step)" '0 miss'
else
	skip 'RUN looks at the platform' 'no emulator for linux/arm64'
fi

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Where a build context may come from, and where the Dockerfile may be.
. "$(dirname "$0")/../lib.sh"
need_root
need_command jq

base_tar arm64 && mpemu import --platform linux/arm64 "$base" localhost/base >/dev/null
context=$(tmpdir)
mkdir "$context/sub"
echo one >"$context/one"
echo two >"$context/sub/two"
echo hidden >"$context/hidden"
echo hidden >"$context/.dockerignore"
cat >"$context/Dockerfile" <<'END'
FROM localhost/base
COPY . /all/
CMD ["ls", "/all"]
END

build() { # ARGUMENTS...
	run mpemu --progress plain build --platform linux/arm64 -t localhost/out "$@"
}

shows() { # NAME WANT
	is "$1: builds" "$status" 0
	[ "$status" = 0 ] || printf '%s\n' "$err" | tail -n 3 | sed 's/^/# /'
	run mpemu run --platform linux/arm64 localhost/out
	is "$1: content" "$(echo $out)" "$2"
}

tar -C "$context" -cf "$scratch/context.tar" .
gzip -k "$scratch/context.tar"
build "$context"
shows 'a directory' 'Dockerfile one sub'
# Who packs it chooses what goes in: .dockerignore is for directories.
build - <"$scratch/context.tar"
shows 'a tar on standard input' 'Dockerfile hidden one sub'
gzip -c "$scratch/context.tar" >"$scratch/input"
build - <"$scratch/input"
shows 'a packed one' 'Dockerfile hidden one sub'
build "$scratch/context.tar.gz"
shows 'a tar by name' 'Dockerfile hidden one sub'
printf 'FROM localhost/base\nRUN echo alone > /alone\nCMD ["cat", "/alone"]\n' >"$scratch/alone"
build - <"$scratch/alone"
shows 'a Dockerfile on standard input' alone
build -f - "$context" <"$scratch/alone"
shows 'a Dockerfile on standard input, with a context' alone
printf 'FROM localhost/base\nCOPY sub/two /\nCMD ["cat", "/two"]\n' >"$scratch/elsewhere"
build -f "$scratch/elsewhere" "$context"
shows 'a Dockerfile outside of the context' two
echo 'sub' >"$scratch/elsewhere.dockerignore"
build -f "$scratch/elsewhere" "$context"
is 'with its own list of what to ignore' "$status" 3
build -f - - </dev/null
is 'both cannot be standard input' "$status" 2
head -c 2000 /dev/urandom >"$scratch/noise"
build - <"$scratch/noise"
is 'noise is no context' "$status" 3
build "$scratch/alone"
like 'a Dockerfile is no context' "$err" 'neither a directory nor a tar.*--file'
build "$scratch/nowhere"
is 'nothing is no context' "$status" 3

inner=$(tmpdir)
ln -s /etc/passwd "$inner/Dockerfile"
tar -C "$inner" -cf "$scratch/link.tar" .
build - <"$scratch/link.tar"
is 'a Dockerfile of an archive never leads out of it' "$status" 3
unlike 'nor shows what is there' "$err" 'root:'

printf '# syntax=docker/dockerfile:1\n# check=skip=all\nFROM localhost/base\nCMD ["echo", "checked"]\n' |
	cat >"$scratch/directives"
build - <"$scratch/directives"
shows 'directives are accepted' checked

unlike 'without a word' "$err" 'frontend'
sed -i 's,docker/dockerfile:1,example.org/other:2,' "$scratch/directives"
build - <"$scratch/directives"
is 'another frontend is told, once' "$(printf '%s\n' "$err" | grep -c 'Dockerfile:1: syntax=example.org/other:2 is another frontend')" 1

# ---- what is run again ----

cat >"$scratch/filtered" <<'END'
FROM localhost/base AS one
RUN cat /proc/sys/kernel/random/uuid > /x
FROM localhost/base AS two
RUN cat /proc/sys/kernel/random/uuid > /x
FROM localhost/base
COPY --from=one /x /one
COPY --from=two /x /two
CMD ["cat", "/one", "/two"]
END
build -f "$scratch/filtered" "$context"
run mpemu run --platform linux/arm64 localhost/out
first=$out
build -f "$scratch/filtered" --no-cache-filter other,TWO "$context"
run mpemu run --platform linux/arm64 localhost/out
is 'a stage that is not named is cached' "$(echo "$out" | head -n 1)" "$(echo "$first" | head -n 1)"
unlike 'one that is runs again, with what stands on it' "$(echo "$out" | tail -n 1)" "$(echo "$first" | tail -n 1)"
build --build-arg BUILDKIT_MULTI_PLATFORM=1 "$context"
is 'an index of one image where that is asked for' "$(mpemu inspect --raw localhost/out | jq '.manifests | length')" 1

# ---- further contexts ----

other=$(tmpdir)
echo other >"$other/file"
echo skipped >"$other/skipped"
echo skipped >"$other/.dockerignore"
cat >"$context/Dockerfile" <<'END'
FROM localhost/base AS files
RUN echo of the stage > /file
FROM alpine:latest
COPY --from=files / /got/
COPY --from=more /file /more
CMD ["sh", "-c", "ls -a /got; cat /got/file /more"]
END
build --build-context alpine=docker-image://localhost/base --build-context files="$other" \
	--build-context more="$other" "$context"
shows 'contexts in place of an image, a stage and a name' '. .. .dockerignore file other other'
build --build-context alpine=docker-image://localhost/base --build-context files="$other" \
	--build-context more="$other" "$context"
unlike 'a second build runs nothing' "$err" 'DONE.*COPY|COPY.*DONE'
echo changed >"$other/file"
build --build-context alpine::linux/arm64=docker-image://localhost/base --build-context files="$other" \
	--build-context alpine=docker-image://localhost/nothing --build-context more="$other" "$context"
shows 'with a platform in the name, and new content' '. .. .dockerignore file changed changed'
build --build-context nothing "$context"
is 'a context without a value is usage' "$status" 2

# Nothing in the history is for the files of a context: what it lacks is told of the topmost layers.
history_is() { # NAME WANT ; one line an entry
	is "$1" "$status $(mpemu inspect --raw --platform linux/arm64 localhost/out | jq -r .config.digest |
		sed "s|sha256:|$store/oci/blobs/sha256/|" | xargs jq -r '.history[] | [.created_by, .comment // "", .empty_layer // false] | join("|")')" "0 $2"
}
printf 'FROM dir AS One\nWORKDIR /w\nENV q=zz\nFROM one\nadd one /$q\n' >"$scratch/from"
build -f "$scratch/from" --build-context dir:latest="$other" "$context"
history_is 'a stage that starts from a context' 'WORKDIR /w|buildkit.dockerfile.v0|false
ENV q=zz|buildkit.dockerfile.v0|true
ADD one /zz # buildkit|buildkit.dockerfile.v0|false
[stage-1 1/1] ADD one /zz|buildkit.exporter.image.v0|false'
printf 'FROM dir\n' >"$scratch/from"
build -f "$scratch/from" --build-context dir:latest="$other" "$context"
history_is 'an image that is a context' 'local source for dir|buildkit.exporter.image.v0|false'
mkdir "$scratch/whole" && tar -C "$scratch/whole" -xf "$base"
printf 'FROM dir\nARG a=b\nRUN echo $a >/1 && \\\n  true\n' >"$scratch/from"
build -f "$scratch/from" --build-context dir="$scratch/whole" "$context"
history_is 'a program in one' 'ARG a=b|buildkit.dockerfile.v0|true
RUN |1 a=b /bin/sh -c echo $a >/1 &&   true # buildkit|buildkit.dockerfile.v0|false
mount / from exec /bin/sh -c echo $a >/1 &&   true|buildkit.exporter.image.v0|false'

mkdir "$scratch/layout"
mpemu export localhost/base "$scratch/layout.tar" >/dev/null 2>&1 ||
	mpemu export localhost/base -o "$scratch/layout.tar" >/dev/null 2>&1
tar -C "$scratch/layout" -xf "$scratch/layout.tar"
printf 'FROM local\nRUN echo of a layout > /x\nCMD ["cat", "/x"]\n' >"$context/Dockerfile"
mkdir "$scratch/second"
run "$MPEMU" --root "$scratch/second/store" --progress plain build --platform linux/arm64 -t localhost/out \
	--build-context local="oci-layout://$scratch/layout" "$context"
is 'an OCI layout: builds' "$status" 0
[ "$status" = 0 ] || printf '%s\n' "$err" | tail -n 3 | sed 's/^/# /'
run "$MPEMU" --root "$scratch/second/store" build --platform linux/s390x \
	--build-context local="oci-layout://$scratch/layout:none" "$context"
is 'a layout without the image' "$status" 5
digest=$(jq -r '.manifests[0].digest' "$scratch/layout/index.json")
cp "$scratch/layout/index.json" "$scratch/index.json"
for list in . '.manifests = []'; do
	rm -rf "$scratch/third"
	jq "$list" "$scratch/index.json" >"$scratch/layout/index.json"
	run "$MPEMU" --root "$scratch/third" build --platform linux/arm64 \
		--build-context local="oci-layout://$scratch/layout@$digest" "$context"
	is "an image of a layout by its digest, where it lists $list" "$status" 0
done
cp "$scratch/index.json" "$scratch/layout/index.json"
run "$MPEMU" --root "$scratch/third" build --platform linux/arm64 \
	--build-context local="oci-layout://$scratch/layout@sha256:$(printf '%064d' 1)" "$context"
is 'a digest that a layout does not have' "$status" 5
mv "$scratch/layout" "$scratch/lay:out"
run "$MPEMU" --root "$scratch/third" build --platform linux/arm64 \
	--build-context local="oci-layout://$scratch/lay:out" "$context"
is 'a layout with a colon in its name' "$status" 0
mv "$scratch/lay:out" "$scratch/layout"
rm -rf "$scratch/third"
for blob in "$scratch"/layout/blobs/sha256/*; do
	[ "$(stat -c %s "$blob")" -lt 10000 ] || printf x | dd of="$blob" bs=1 seek=5000 conv=notrunc 2>/dev/null
done
run "$MPEMU" --root "$scratch/third" build --platform linux/arm64 \
	--build-context local="oci-layout://$scratch/layout" "$context"
is 'a damaged layout' "$status" 8

cat >"$context/Dockerfile" <<'END'
FROM localhost/base
COPY . /all/
CMD ["ls", "/all"]
END

# ---- git ----

if command -v git >/dev/null; then
	repo=$scratch/repo.git
	(
		cp -r "$context" "$scratch/work" && cd "$scratch/work" && git init -q -b main &&
			git add . && git -c user.name=t -c user.email=t@t commit -qm one &&
			cp "$scratch/alone" sub/Dockerfile && git checkout -q -b other && git add . &&
			git -c user.name=t -c user.email=t@t commit -qm two &&
			git clone -q --bare . "$repo" && git -C "$repo" update-server-info
	) >/dev/null 2>&1
fi
if command -v python3 >/dev/null; then
	(cd "$scratch" && exec python3 -u -m http.server --bind 127.0.0.1 0 >"$scratch/http.log" 2>&1) &
	test_children="$test_children $!"
	for _ in $(seq 100); do
		port=$(sed -n 's/.* port \([0-9]*\).*/\1/p' "$scratch/http.log")
		[ ! "$port" ] || break
		sleep 0.1
	done
	build "http://127.0.0.1:$port/context.tar.gz"
	shows 'an archive by URL' 'Dockerfile hidden one sub'
	build "http://127.0.0.1:$port/alone"
	shows 'a Dockerfile by URL' alone
	printf 'FROM localhost/base\nCOPY . /all/\nCMD ["sh", "-c", "cd /all && stat -c %%a:%%n * && cat *"]\n' >"$scratch/sees"
	build "http://127.0.0.1:$port/sees"
	shows 'which is all its context has' "600:context $(echo $(cat "$scratch/sees"))"
	build -f "http://127.0.0.1:$port/alone" "$context"
	shows 'a Dockerfile by URL, with a context' alone
	build "http://127.0.0.1:$port/nothing"
	is 'a URL that leads nowhere' "$status" 5
	if [ -d "$repo" ]; then
		build "http://127.0.0.1:$port/repo.git#main"
		shows 'a branch of a repository' 'Dockerfile hidden one sub'
		build "http://127.0.0.1:$port/repo.git#other:sub"
		shows 'a directory of it' alone
		build "http://127.0.0.1:$port/repo.git#other:nowhere"
		is 'one that is not there' "$status" 3
		port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
		git daemon --listen=127.0.0.1 --port="$port" --export-all --base-path="$scratch" "$scratch" 2>/dev/null &
		test_children="$test_children $!"
		printf 'FROM localhost/base\nADD --keep-git-dir git://127.0.0.1:%s/repo.git /r\n%s\n' "$port" \
			'CMD ["sh", "-c", "cd /r/.git && cat refs/heads/* refs/tags/* logs/HEAD && ls refs/heads"]' >"$scratch/elsewhere"
		for _ in $(seq 100); do
			git ls-remote "git://127.0.0.1:$port/repo.git" >/dev/null 2>&1 && break
			sleep 0.1
		done
		build -f "$scratch/elsewhere" "$context"
		head=$(git -C "$repo" rev-parse HEAD) branch=$(git -C "$repo" symbolic-ref --short HEAD)
		shows 'a repository that stays knows its default branch' "$head $head $branch"
	fi
else
	skip 'contexts by URL' 'no python3 to serve them'
fi

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# mpemu build: what the instructions do, that a second build runs nothing, and what comes out.
. "$(dirname "$0")/../lib.sh"
need_root
need_command jq skopeo

base_tar amd64 && mpemu import --platform linux/amd64 "$base" localhost/base:amd64 >/dev/null
base_tar arm64 && mpemu import --platform linux/arm64 "$base" localhost/base:arm64 >/dev/null
base_tar s390x && mpemu import --platform linux/s390x "$base" localhost/base:s390x >/dev/null
ok 'three bases become one index' \
	mpemu index create localhost/base localhost/base:amd64 localhost/base:arm64 localhost/base:s390x

platforms=linux/amd64,linux/arm64,linux/s390x
context=$(tmpdir)

build() { # ARGUMENTS...
	run mpemu --progress plain build --platform "$platforms" "$@" "$context"
}

in_image() { # PLATFORM COMMAND...
	test_platform=$1
	shift
	run mpemu run --platform "$test_platform" localhost/out "$@"
}

config() { # PLATFORM FILTER
	mpemu inspect --raw --platform "$1" localhost/out | jq -r .config.digest | {
		IFS=: read -r _ hex
		jq -r "$2" "$store/oci/blobs/sha256/$hex"
	}
}

mkdir "$context/dir" "$context/dir/deep"
echo one >"$context/one.txt"
echo two >"$context/dir/two.txt"
echo three >"$context/dir/deep/three.txt"
echo secret >"$context/hidden.txt"
echo hidden.txt >"$context/.dockerignore"
chmod 640 "$context/one.txt"
cat >"$context/Dockerfile" <<'END'
# a comment
ARG VERSION=7
FROM localhost/base AS build
ARG TARGETARCH
ARG TARGETPLATFORM
ARG VERSION
RUN echo "built for $TARGETPLATFORM version $VERSION" > /built && \
    uname -m > /machine

FROM localhost/base
LABEL org.example.kind="test" other=value
ENV GREETING="hello world" NAME=mpemu
WORKDIR /app/sub
COPY one.txt ./
COPY dir /app/dir/
COPY *.txt /wild/
COPY --from=build /built /machine /from/
COPY --chown=1000:1001 --chmod=711 one.txt /owned
RUN ["/bin/sh", "-c", "rm /app/dir/two.txt && ln -s one.txt link && mkdir -m 1777 /sticky"]
USER 1000:1001
RUN id -u > /sticky/uid; id -g > /sticky/gid; echo "$GREETING $NAME" > /sticky/env; pwd > /sticky/pwd
EXPOSE 80 443/tcp 53/udp
ENTRYPOINT ["/bin/sh", "-c"]
CMD ["cat /from/built"]
END

build -t localhost/out
is 'it builds' "$status" 0
like 'stdout has the digest and the name' "$out" '^sha256:[0-9a-f]{64}  localhost/out$'
[ "$status" = 0 ] || echo "$err" | tail -n 30 | sed 's/^/# /'

in_image linux/arm64
is 'CMD runs behind ENTRYPOINT' "$out" 'built for linux/arm64 version 7'
in_image linux/s390x 'cat /from/machine'
is 'RUN saw the machine of its platform' "$out" s390x
in_image linux/arm64 'ls /wild /app/dir /app/dir/deep'
is 'COPY takes files, merges directories, matches wildcards, obeys .dockerignore' "$(echo $out)" \
	'/app/dir: deep /app/dir/deep: three.txt /wild: one.txt'
in_image linux/arm64 'stat -c "%a %u %g" /owned /app/sub/one.txt /sticky; cat /sticky/*; readlink /app/sub/link'
is 'owners, modes, user, environment and working directory' "$(echo $out)" \
	'711 1000 1001 640 0 0 1777 0 0 hello world mpemu 1001 /app/sub 1000 one.txt'
is 'the config says it' "$(config linux/arm64 '[.architecture, .config.User, .config.WorkingDir,
	.config.Labels.other, (.config.ExposedPorts | keys | join(" ")), .config.Env[-1]] | join(",")')" \
	'arm64,1000:1001,/app/sub,value,443/tcp 53/udp 80/tcp,NAME=mpemu'
is 'history and layers agree' "$(config linux/s390x \
	'([.history[] | select(.empty_layer | not)] | length) == (.rootfs.diff_ids | length)')" true
is 'a whiteout is in the layer' "$(
	mpemu inspect --raw --platform linux/arm64 localhost/out | jq -r '.layers[].digest' |
	while IFS=: read -r _ hex; do tar -tzf "$store/oci/blobs/sha256/$hex"; done |
	grep -c '^app/dir/\.wh\.two\.txt$')" 1
is 'of the sandbox only the mount points are in the layers that the base lacks' "$(
	mpemu inspect --raw --platform linux/arm64 localhost/out | jq -r '.layers[1:][].digest' |
	while IFS=: read -r _ hex; do tar -tzf "$store/oci/blobs/sha256/$hex"; done |
	grep -E '^(dev|proc|sys|etc)(/|$)' | tr '\n' ' ')" 'dev/ proc/ sys/ '
first=$(config linux/arm64 '.rootfs.diff_ids | join(" ")')

build -t localhost/out
is 'a second build works' "$status" 0
unlike 'and runs no step' "$err" 'DONE .*RUN|\] RUN.*DONE'
is 'only FROM is not cached' "$(echo "$err" | grep -c CACHED)" \
	"$(echo "$err" | grep -cE '^#[0-9]+ \[.*\] (RUN|COPY|WORKDIR)')"
is 'to the same layers' "$(config linux/arm64 '.rootfs.diff_ids | join(" ")')" "$first"

touch "$context/one.txt"
build -t localhost/out
is 'a new time alone changes nothing' "$(echo "$err" | grep -c CACHED)" \
	"$(echo "$err" | grep -cE '^#[0-9]+ \[.*\] (RUN|COPY|WORKDIR)')"
echo more >>"$context/one.txt"
build -t localhost/out
like 'new content runs what is behind it' "$err" 'DONE'
run mpemu run -u 0 --platform linux/s390x localhost/out 'cat /app/sub/one.txt'
is 'and is there' "$(echo $out)" 'one more'

build -t localhost/out --build-arg VERSION=8
in_image linux/amd64
is 'a build argument reaches its step' "$out" 'built for linux/amd64 version 8'

build -t localhost/stage --target build
is 'a target stops there' "$(mpemu inspect --raw --platform linux/arm64 localhost/stage |
	jq '.layers | length')" 2

build -t localhost/out --no-cache
unlike 'no-cache runs everything' "$err" CACHED
is 'reproducibly, but for times' "$status" 0

build -t localhost/out -o "type=oci,dest=$scratch/out.tar"
is 'an OCI archive is written' "$status" 0
is 'with all platforms' "$(mkdir "$scratch/oci" && tar -C "$scratch/oci" -xf "$scratch/out.tar" &&
	skopeo inspect --raw "oci:$scratch/oci" | jq -r '[.manifests[].platform.architecture] | join(" ")')" \
	'amd64 arm64 s390x'

cat >"$context/Dockerfile" <<'END'
FROM localhost/base AS base
RUN mkdir /data && echo x > /data/old
RUN rm -rf /data && mkdir /data && echo x > /data/new
FROM scratch
COPY --from=base /data /data
COPY --from=0 /bin/busybox /busybox
CMD ["/busybox", "ls", "/data"]
END
build -t localhost/out
is 'scratch, --from by number, an opaque directory' "$status" 0
in_image linux/arm64
is 'only what was copied is there' "$out" new

cat >"$context/Dockerfile" <<'END'
FROM --platform=$BUILDPLATFORM localhost/base AS tool
RUN uname -m > /where
FROM localhost/base
COPY --from=tool /where /where
CMD ["cat", "/where"]
END
build -t localhost/out
is 'a stage pinned to the build platform' "$status" 0
is 'runs once for all' "$(echo "$err" | grep -cE 'DONE|CACHED')" "$(echo "$err" | grep -cE '^#[0-9]+ \[')"
in_image linux/s390x
is 'natively' "$out" "$(uname -m)"

cat >"$context/Dockerfile" <<'END'
FROM localhost/base
RUN true
RUN : again
RUN echo x > /x
RUN : and again
RUN rm /x
RUN echo x > /x
CMD ["cat", "/x"]
END
build -t localhost/out
is 'equal layers may stand in one image' "$status" 0
in_image linux/arm64
is 'and the topmost decides' "$out" x

# A layer with a file and no entry for its directory, as other tools write them.
mkdir -p "$scratch/part/dir"
echo y >"$scratch/part/dir/new"
tar -C "$scratch/part" --owner=0 --group=0 -cf "$scratch/part.tar" dir/new
mpemu import --platform linux/arm64 "$scratch/part.tar" localhost/part >/dev/null
cat >"$context/Dockerfile" <<'END'
FROM localhost/base
RUN mkdir -m 1777 /dir && chown 5:6 /dir && echo x > /dir/old
END
build -t localhost/below
skopeo copy -q --override-arch arm64 "oci:$store/oci:localhost/below:latest" "oci:$scratch/mixed:m"
skopeo copy -q "oci:$store/oci:localhost/part:latest" "oci:$scratch/mixed:p"
python=$(command -v python3) && "$python" - "$scratch/mixed" <<'END' && skopeo copy -q \
	"oci:$scratch/mixed:both" "oci:$store/oci:localhost/mixed:latest"
import hashlib, json, os, sys
root = sys.argv[1]
def blob(digest): return os.path.join(root, "blobs", *digest.split(":"))
def read(digest): return json.load(open(blob(digest)))
def put(value):
    data = json.dumps(value).encode()
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    open(blob(digest), "wb").write(data)
    return digest, len(data)
index = json.load(open(root + "/index.json"))
named = {m["annotations"]["org.opencontainers.image.ref.name"]: m for m in index["manifests"]}
below, part = read(named["m"]["digest"]), read(named["p"]["digest"])
config, other = read(below["config"]["digest"]), read(part["config"]["digest"])
below["layers"] += part["layers"]
config["rootfs"]["diff_ids"] += other["rootfs"]["diff_ids"]
config["history"] += other["history"]
below["config"]["digest"], below["config"]["size"] = put(config)
entry = dict(named["m"], annotations={"org.opencontainers.image.ref.name": "both"})
entry["digest"], entry["size"] = put(below)
index["manifests"].append(entry)
json.dump(index, open(root + "/index.json", "w"))
END
if [ "$python" ]; then
	run mpemu run --platform linux/arm64 localhost/mixed sh -c 'stat -c "%a %u %g" /dir; ls /dir'
	is 'a directory without an entry looks as it does below' "$(echo $out)" '1777 5 6 new old'
else
	skip 'a directory without an entry looks as it does below' 'no python3 to make such an image'
fi

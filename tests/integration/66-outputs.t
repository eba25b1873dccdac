#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# mpemu build --output: every type, its judges, annotations, what is told, and equal inputs that
# make equal digests.
. "$(dirname "$0")/../lib.sh"
need_root
need_command jq skopeo

base_tar amd64 && mpemu import --platform linux/amd64 "$base" localhost/base:amd64 >/dev/null
base_tar arm64 && mpemu import --platform linux/arm64 "$base" localhost/base:arm64 >/dev/null
ok 'two bases become one index' \
	mpemu index create localhost/base localhost/base:amd64 localhost/base:arm64

context=$(tmpdir)
cat >"$context/Dockerfile" <<'END'
FROM localhost/base AS full
COPY one.txt /data/one.txt
WORKDIR /app
LABEL a=b
FROM scratch AS small
COPY --from=full /data /data
END
echo one >"$context/one.txt"

build() { # ARGUMENTS...
	run mpemu --progress plain build --platform linux/amd64,linux/arm64 "$@" "$context"
}

build -t localhost/out:1 -o "type=oci,dest=$scratch/oci,tar=false" \
	-o "type=oci,dest=$scratch/oci.tar" -o "type=docker,dest=$scratch/docker.tar" \
	--metadata-file "$scratch/meta.json" --iidfile "$scratch/iid" \
	--annotation org.x=all --annotation 'manifest[linux/arm64]:org.y=arm' \
	--annotation index:org.z=index --annotation manifest-descriptor:org.d=entry
is 'several outputs of one build' "$status" 0
[ "$status" = 0 ] || echo "$err" | tail -n 5 | sed 's/^/# /'
digest=${out%% *}
is 'a layout that skopeo reads' \
	"$(skopeo inspect --raw "oci:$scratch/oci:1" | jq -r '[.manifests[].platform.architecture] | join(" ")')" 'amd64 arm64'
is 'an archive that skopeo reads' \
	"$(skopeo inspect --raw "oci-archive:$scratch/oci.tar:1" | sha256sum | cut -d' ' -f1)" "${digest#sha256:}"
is 'annotations are where they belong' "$(skopeo inspect --raw "oci:$scratch/oci:1" |
	jq -r '.annotations["org.z"] + " " + .manifests[1].annotations["org.d"]')" 'index entry'
hex=$(skopeo inspect --raw "oci:$scratch/oci:1" | jq -r '.manifests[1].digest' | cut -d: -f2)
is 'and those of a platform only there' "$(jq -c .annotations "$scratch/oci/blobs/sha256/$hex")" \
	'{"org.x":"all","org.y":"arm"}'
is 'the metadata has the digest' "$(jq -r '.["containerimage.digest"]' "$scratch/meta.json")" "$digest"
is 'of each platform too' "$(jq -r '.["containerimage.digest/linux/arm64"]' "$scratch/meta.json")" "sha256:$hex"
is 'and the name' "$(jq -r '.["image.name"]' "$scratch/meta.json")" 'localhost/out:1'
is 'the id is in its file' "$(cat "$scratch/iid")" "$digest"
for arch in amd64 arm64; do
	ok "docker-archive has $arch under its own tag" \
		skopeo copy -q "docker-archive:$scratch/docker.tar:localhost/out:1-linux-$arch" "dir:$scratch/$arch"
	is 'and it is that platform' "$(jq -r .architecture "$scratch/$arch/$(
		jq -r .config.digest "$scratch/$arch/manifest.json" | cut -d: -f2)")" "$arch"
done
ok 'the same layout again' mpemu build --platform linux/amd64 -o "type=oci,dest=$scratch/oci,tar=false" "$context"

build --target small -o "$scratch/local"
is 'a bare directory has one a platform' "$(cd "$scratch/local" && find . -type f | sort | tr '\n' ' ')" \
	'./linux_amd64/data/one.txt ./linux_arm64/data/one.txt '
mkdir "$scratch/merged" && echo mine >"$scratch/merged/mine"
run mpemu build --platform linux/arm64 --target small -o "type=local,dest=$scratch/merged" "$context"
is 'a directory that is there is merged into' "$(cat "$scratch/merged/mine" "$scratch/merged/data/one.txt" | tr '\n' ' ')" 'mine one '
"$MPEMU" --root "$store" -q build --platform linux/arm64 --target small -o - "$context" >"$scratch/files.tar"
is '-o - is a tar' "$(tar -tf "$scratch/files.tar" | tr '\n' ' ')" 'data/ data/one.txt '
build --target small -o "type=tar,dest=$scratch/all.tar"
is 'a tar of several platforms' "$(tar -tf "$scratch/all.tar" | grep -c one.txt)" 2

build --target full -o "type=oci,dest=$scratch/zstd,tar=false,compression=zstd"
hex=$(jq -r '.manifests[0].digest' "$scratch/zstd/index.json" | cut -d: -f2)
hex=$(jq -r '.manifests[0].digest' "$scratch/zstd/blobs/sha256/$hex" | cut -d: -f2)
is 'compression is for layers of the build' "$(jq -r '[.layers[].mediaType | sub(".*\\."; "") | sub(".*\\+"; "")] | join(" ")' \
	"$scratch/zstd/blobs/sha256/$hex")" 'gzip zstd zstd'
build --target full -o "type=oci,dest=$scratch/forced,tar=false,compression=zstd,force-compression=true"
hex=$(jq -r '.manifests[0].digest' "$scratch/forced/index.json" | cut -d: -f2)
hex=$(jq -r '.manifests[0].digest' "$scratch/forced/blobs/sha256/$hex" | cut -d: -f2)
is 'unless it is forced' "$(jq '[.layers[].mediaType | select(endswith("zstd"))] | length' \
	"$scratch/forced/blobs/sha256/$hex")" 3

epoch() { # NAME
	run mpemu build --platform linux/amd64,linux/arm64 --target full --source-date-epoch 1000000000 \
		-t "localhost/$1" -o "type=oci,dest=$scratch/$1.tar,rewrite-timestamp=true" "$context"
}
epoch first
first=${out%% *}
is 'an epoch builds' "$status" 0
mpemu build --no-cache --platform linux/amd64,linux/arm64 "$context" >/dev/null 2>&1
sleep 1
touch "$context/one.txt"
cp -a "$store" "$scratch/other"
rm -f "$scratch/other/cache.db"*
store=$scratch/other
epoch second
is 'another store at another time makes the same index' "${out%% *}" "$first"
is 'with the times of the epoch' "$(mpemu inspect --raw --platform linux/arm64 localhost/second |
	jq -r .config.digest | { IFS=: read -r _ hex; jq -r '.created + " " + .history[-1].created' "$store/oci/blobs/sha256/$hex"; })" \
	'2001-09-09T01:46:40Z 2001-09-09T01:46:40Z'

run mpemu build --platform linux/amd64 --annotation index:a=b "$context"
is 'an index that is not made has no annotations' "$status" 2
run mpemu build -o type=oci,compression-level=9 "$context"
is 'what is not done is said' "$status" 2

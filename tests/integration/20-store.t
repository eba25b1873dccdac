#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The store is an OCI layout that others read, indexes are made and changed, damage is found.
. "$(dirname "$0")/../lib.sh"
need_command jq skopeo umoci

layout=$store/oci

skopeo() {
	command skopeo --insecure-policy "$@"
}

blob() { # DIGEST
	echo "$layout/blobs/sha256/${1#sha256:}"
}

# A root file system that nothing runs: one file that says what it is for.
rootfs() { # ARCH
	mkdir -p "$scratch/$1/etc"
	echo "$1" >"$scratch/$1/etc/arch"
	tar -C "$scratch/$1" --sort=name --mtime=@0 --owner=0 --group=0 -cf "$scratch/$1.tar" .
}

digest_of() { # NAME [PLATFORM]
	mpemu inspect ${2:+--platform "$2"} "$1" | jq -r "${2:+.images[0]}.digest"
}

# ---- names ----

run mpemu images
is 'an empty store has only the head of a table' "$out" 'NAME   PLATFORMS   DIGEST   SIZE   CREATED'
is 'and an empty array' "$(mpemu images --json)" '[]'

for arch in amd64 arm64 riscv64; do
	rootfs "$arch"
	ok "$arch is imported" mpemu import --platform "linux/$arch" "$scratch/$arch.tar" "demo:$arch"
done

run mpemu index create demo:1 demo:arm64 demo:amd64
is 'an index is made of two images' "$status" 0
index=${out%% *}
is 'and its digest is the result' "$out" "$index  docker.io/library/demo:1"
is 'which is that of its bytes' "$index" "sha256:$(mpemu inspect --raw demo:1 | sha256sum | cut -d' ' -f1)"
is 'the order given is the order kept' \
	"$(mpemu index inspect --json demo:1 | jq -c '[.manifests[].platform]')" \
	'["linux/arm64","linux/amd64"]'
run mpemu index create demo:again demo:arm64 demo:amd64
is 'the same again is the same index' "${out%% *}" "$index"

run mpemu index inspect demo:1
like 'inspect names the index' "$out" "^Digest: +$index\$"
like 'and shows each platform' "$out" '^linux/arm64 +sha256:[0-9a-f]{64} +1 +[0-9]'
run mpemu images
like 'images shows the platforms' "$out" '^docker.io/library/demo:1 +linux/arm64,linux/amd64 +sha256:[0-9a-f]{12} '
is 'and so does its array' \
	"$(mpemu images --json | jq -c '.[] | select(.name == "docker.io/library/demo:1") | .platforms')" \
	'["linux/arm64","linux/amd64"]'

# ---- what others make of it ----

is 'skopeo reads the same bytes' \
	"$(skopeo inspect --raw "oci:$layout:docker.io/library/demo:1" | sha256sum)" \
	"$(mpemu inspect --raw demo:1 | sha256sum)"
is 'skopeo chooses by platform' \
	"$(skopeo --override-arch amd64 inspect "oci:$layout:docker.io/library/demo:1" | jq -r .Architecture)" \
	amd64
ok 'skopeo copies all of it' \
	skopeo copy --all --preserve-digests "oci:$layout:docker.io/library/demo:1" "oci:$scratch/copy:1"
ok 'umoci unpacks an image of it' \
	umoci unpack --rootless --image "$layout:docker.io/library/demo:arm64" "$scratch/bundle"
is 'with what was imported' "$(cat "$scratch/bundle/rootfs/etc/arch")" arm64
ok 'umoci finds no garbage that is not there' umoci gc --layout "$layout"
ok 'and the store is whole after that' mpemu inspect demo:1
ok 'skopeo copies into the store' skopeo copy --all --preserve-digests "oci:$scratch/copy:1" "oci:$layout:copied:1"
is 'and the name it gave is known' "$(digest_of copied:1)" "$index"

# ---- changes ----

run mpemu index add demo:1 demo:riscv64
is 'a platform is added behind the others' \
	"$(mpemu index inspect --json demo:1 | jq -c '[.manifests[].platform]')" \
	'["linux/arm64","linux/amd64","linux/riscv64"]'
is 'the index it was is still there under its other name' "$(digest_of demo:again)" "$index"
run mpemu index remove demo:1 riscv64
is 'and removed again' "${out%% *}" "$index"
run mpemu index remove demo:1 linux/s390x
is 'a platform that is not there cannot be removed' "$status" 5

ok 'an image for another purpose' \
	mpemu import --platform linux/arm64 "$scratch/amd64.tar" demo:other
run mpemu index create demo:2 demo:arm64 demo:other
is 'two images for one platform are refused' "$status" 3
like 'and both are named' "$err" 'demo:arm64 and demo:other both have an image for linux/arm64'
ok 'unless they are one' mpemu index create demo:2 demo:arm64 demo:1
ok 'or the new one shall replace the old' mpemu index add --replace demo:2 demo:other
is 'which it does' "$(digest_of demo:2 arm64)" "$(digest_of demo:other)"
ok 'annotations are set' \
	mpemu index annotate demo:2 org.opencontainers.image.title=two
mpemu index add demo:2 demo:riscv64 >/dev/null
is 'and kept by later changes' "$(mpemu inspect --raw demo:2 | jq -c .annotations)" \
	'{"org.opencontainers.image.title":"two"}'

mpemu index create demo:many demo:amd64 >/dev/null
mpemu index add demo:many demo:arm64 >/dev/null &
first=$!
mpemu index add demo:many demo:riscv64 >/dev/null &
wait "$first" "$!"
is 'two at once do not lose a platform' \
	"$(mpemu index inspect --json demo:many | jq -c '[.manifests[].platform] | sort')" \
	'["linux/amd64","linux/arm64","linux/riscv64"]'

ok 'a name is given' mpemu tag demo:1 localhost:5000/team/demo:1
is 'and stands for the same' "$(digest_of localhost:5000/team/demo:1)" "$index"
is 'a digest is found under any name of its repository' \
	"$(digest_of "localhost:5000/team/demo@$index")" "$index"
run mpemu rm localhost:5000/team/demo:1 demo:nothing
is 'of names to remove all must be there' "$status" 5
ok 'so nothing was removed' mpemu inspect localhost:5000/team/demo:1
ok 'a name is removed' mpemu rm localhost:5000/team/demo:1
run mpemu inspect localhost:5000/team/demo:1
is 'and then it is not found' "$status" 5
like 'which says what to do' "$err" 'localhost:5000/team/demo:1 is not in the store'
run mpemu inspect Demo
is 'a bad name is usage' "$status" 2
like 'and says why' "$err" 'must be lower case'
run mpemu inspect --platform linux/s390x demo:1
is 'a platform that an index has not is not found' "$status" 5
like 'and those that it has are listed' "$err" 'no linux/s390x; has linux/arm64, linux/amd64'

# ---- attestations, as BuildKit adds them ----

put_blob() { # FILE
	cp "$1" "$layout/blobs/sha256/$(sha256sum <"$1" | cut -d' ' -f1)"
	printf '{"digest":"sha256:%s","size":%d}' "$(sha256sum <"$1" | cut -d' ' -f1)" "$(stat -c %s "$1")"
}

subject=$(digest_of demo:arm64)
mpemu inspect --raw demo:arm64 | jq '.layers[0].mediaType = "application/vnd.in-toto+json"' \
	>"$scratch/attestation"
entry=$(put_blob "$scratch/attestation" | jq -c --arg subject "$subject" '. + {
	mediaType: "application/vnd.oci.image.manifest.v1+json",
	platform: {os: "unknown", architecture: "unknown"},
	annotations: {
		"vnd.docker.reference.type": "attestation-manifest",
		"vnd.docker.reference.digest": $subject } }')
mpemu inspect --raw demo:1 | jq -c --argjson entry "$entry" '.manifests += [$entry]' \
	>"$scratch/attested"
entry=$(put_blob "$scratch/attested" | jq -c '. + {
	mediaType: "application/vnd.oci.image.index.v1+json",
	annotations: { "org.opencontainers.image.ref.name": "attested" } }')
jq --argjson entry "$entry" '.manifests += [$entry]' "$layout/index.json" >"$scratch/index.json"
cp "$scratch/index.json" "$layout/index.json"

run mpemu index inspect attested
like 'an attestation is shown as one' "$out" '^\(attestation\) +sha256:'
is 'and is no platform' \
	"$(mpemu images --json | jq -c '.[] | select(.name | contains("attested")) | [.platforms, .missing]')" \
	'[["linux/arm64","linux/amd64"],[]]'
run mpemu inspect --platform unknown/unknown attested
is 'nor can it be chosen' "$status" 5
mpemu index create attested:2 attested demo:riscv64 >/dev/null
is 'it goes with its image, behind all images' \
	"$(mpemu index inspect --json attested:2 | jq -c '[.manifests[].platform]')" \
	'["linux/arm64","linux/amd64","linux/riscv64","unknown/unknown"]'
is 'with its annotations' \
	"$(mpemu index inspect --json attested:2 | jq -r '.manifests[3].annotations["vnd.docker.reference.digest"]')" \
	"$subject"
mpemu index remove attested:2 linux/amd64 >/dev/null
is 'it stays while its image does' \
	"$(mpemu index inspect --json attested:2 | jq '[.manifests[] | select(.attestation)] | length')" 1
mpemu index remove attested:2 linux/arm64 >/dev/null
is 'and leaves with it' \
	"$(mpemu index inspect --json attested:2 | jq -c '[.manifests[].platform]')" '["linux/riscv64"]'
run mpemu index remove attested:2 linux/riscv64
is 'the last image is not removed' "$status" 3
like 'which says how' "$err" "'mpemu rm' removes the name"

# ---- damage ----

manifest=$(digest_of demo:arm64)
config=$(mpemu inspect --raw demo:arm64 | jq -r .config.digest)
cp "$(blob "$config")" "$scratch/config"
rm "$(blob "$config")"
run mpemu inspect --platform linux/arm64 demo:1
is 'a blob that is gone is not found' "$status" 5
like 'and named, with the way out' "$err" \
	"blob $config is missing from the store: pull or build the image again"
ok 'other platforms of the index do not need it' mpemu inspect --platform linux/amd64 demo:1
run mpemu images
is 'images lists it all the same' "$status" 0
like 'with a warning' "$err" "$config is missing"

sed 's/arm64/arm65/' "$scratch/config" >"$(blob "$config")"
run mpemu inspect demo:arm64
is 'a blob of other content is damage' "$status" 8
like 'and says what it is' "$err" "blob $config: content is sha256:"
ln -sf "$scratch/config" "$(blob "$config")"
run mpemu inspect demo:arm64
is 'so is one that is no file' "$status" 8
rm "$(blob "$config")"
cp "$scratch/config" "$(blob "$config")"
ok 'put back, it is whole again' mpemu inspect demo:arm64

echo '{}' >"$(blob "$manifest")"
run mpemu inspect demo:arm64
is 'a manifest of another size is damage' "$status" 8

cp "$layout/index.json" "$scratch/index.json"
head -c 100 "$scratch/index.json" >"$layout/index.json"
run mpemu images
is 'an index.json that is cut is bad input' "$status" 3
like 'and is named' "$err" "$layout: index.json:[0-9]+:[0-9]+: not JSON"
cp "$scratch/index.json" "$layout/index.json"
chmod 777 "$layout"
run mpemu images
is 'a store that everybody may write to is refused' "$status" 9
chmod 755 "$layout"

: >"$layout/ingest/1-1"
ok 'what a dead writer left' mpemu images
is 'is swept' "$(ls "$layout/ingest")" ''

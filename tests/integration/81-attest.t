#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# --provenance: statements about images, as manifests beside theirs.
. "$(dirname "$0")/../lib.sh"
need_root
need_command jq skopeo
start_registry

for arch in amd64 arm64; do
	base_tar "$arch"
	mpemu import --platform "linux/$arch" "$base" "localhost/base:$arch" >/dev/null
done
mpemu index create localhost/base localhost/base:amd64 localhost/base:arm64 >/dev/null
context=$(tmpdir)
printf 'FROM localhost/base\nARG A\nRUN --mount=type=secret,id=s echo "$A" >/a\n' >"$context/Dockerfile"
printf 'the secret itself' >"$scratch/secret"
platforms=linux/amd64,linux/arm64
build() { # OPTIONS...
	run mpemu --quiet build --platform "$platforms" --build-arg A=value \
		--secret "id=s,src=$scratch/secret" "$@" "$context"
}
blob() { # DIGEST
	cat "$store/oci/blobs/sha256/${1#sha256:}"
}

build -t localhost/plain
plain=$(blob "${out%% *}" | jq -c '[.manifests[].digest]')
build --provenance=false --sbom=false --attest type=sbom,disabled=true -t localhost/plain
is 'none are made unless asked for' "$(blob "${out%% *}" | jq '.manifests | length')" 2

build --provenance=true -t "$registry/app:1" --push
is 'they are made where asked for' "$status" 0
index=$(blob "${out%% *}")
is 'behind the images, which are the same as without' \
	"$(printf '%s' "$index" | jq -c '[.manifests[:2][].digest]')" "$plain"
is 'of no platform' \
	"$(printf '%s' "$index" | jq -c '[.manifests[2:][].platform | .os + "/" + .architecture] | unique')" \
	'["unknown/unknown"]'
is 'each for its image' "$(printf '%s' "$index" | jq -c '[.manifests[2:][].annotations |
	select(."vnd.docker.reference.type" == "attestation-manifest") |
	."vnd.docker.reference.digest"]')" "$plain"
manifest=$(blob "$(printf '%s' "$index" | jq -r '.manifests[3].digest')")
is 'as an image of one layer' "$(printf '%s' "$manifest" | jq -r '[.config.mediaType,
	.layers[0].mediaType, .layers[0].annotations["in-toto.io/predicate-type"]] | join(" ")')" \
	'application/vnd.oci.image.config.v1+json application/vnd.in-toto+json https://slsa.dev/provenance/v1'
config=$(blob "$(printf '%s' "$manifest" | jq -r .config.digest)")
is 'which its config has' "$(printf '%s' "$config" | jq -r '.rootfs.diff_ids[0]')" \
	"$(printf '%s' "$manifest" | jq -r '.layers[0].digest')"
statement=$(blob "$(printf '%s' "$manifest" | jq -r '.layers[0].digest')")
is 'the statement is about the image' \
	"$(printf '%s' "$statement" | jq -r '.subject[0] | .name + " sha256:" + .digest.sha256')" \
	"pkg:docker/$registry/app@1?platform=linux%2Farm64 $(printf '%s' "$plain" | jq -r '.[1]')"
is 'and says what it was made of' "$(printf '%s' "$statement" | jq -r \
	'.predicate.buildDefinition.resolvedDependencies[] | .uri + " sha256:" + .digest.sha256')" \
	"pkg:docker/localhost/base@latest?platform=linux%2Farm64 $(mpemu inspect --raw localhost/base |
		jq -r '.manifests[] | select(.platform.architecture == "arm64").digest')"
request='.predicate.buildDefinition.externalParameters.request'
is 'how it was asked for' "$(printf '%s' "$statement" | jq -r "$request.args[\"build-arg:A\"]")" value
is 'which secrets it had' "$(printf '%s' "$statement" | jq -r "$request.secrets[].id")" s
unlike 'and not what they are' "$statement" 'the secret itself'
like 'all of it is pushed' \
	"$(skopeo inspect --tls-verify=false --raw "docker://$registry/app:1")" unknown
is 'programs that know of images only find theirs' "$(skopeo inspect --tls-verify=false \
	--override-arch arm64 "docker://$registry/app:1" | jq -r .Architecture)" arm64
run mpemu run --platform linux/arm64 "$registry/app:1" cat /a
is 'and it runs' "$out" value

platforms=linux/amd64
build --provenance=mode=min --iidfile "$scratch/id"
is 'one platform has an index, too' "$(blob "$out" | jq '.manifests | length')" 2
is 'which is its id' "$(cat "$scratch/id")" "$out"
manifest=$(blob "$(blob "$out" | jq -r '.manifests[1].digest')")
statement=$(blob "$(printf '%s' "$manifest" | jq -r '.layers[0].digest')")
is 'mode=min does not tell arguments' "$(printf '%s' "$statement" | jq -c "$request.args")" null
build --attest type=provenance,builder-id=https://ci.example/7 --source-date-epoch 1700000000
first=$out
sleep 1.1
build --attest type=provenance,builder-id=https://ci.example/7 --source-date-epoch 1700000000
is 'with an epoch it is the same each time' "$out" "$first"
for option in --sbom=true --provenance=mode=all --provenance=version=v0.2 --attest=type=sbom \
	--attest=type=what --provenance=color=red; do
	build "$option"
	is "$option is refused" "$status" 2
done

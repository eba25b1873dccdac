#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# --cache-to and --cache-from: two machines (stores) that share what their steps made.
. "$(dirname "$0")/../lib.sh"
need_root
need_command jq skopeo
start_registry

platforms=linux/amd64,linux/arm64,linux/s390x
context=$(tmpdir)
one=$scratch/one two=$scratch/two three=$scratch/three

on() { # STORE ARGUMENTS...
	store=$1
	shift
	mpemu --progress plain "$@"
}

build() { # STORE OPTIONS...
	test_store=$1
	shift
	run on "$test_store" build --platform "$platforms" "$@" "$context"
}

# How many steps that make a layer were known, and how many were run.
ended() { # HOW INSTRUCTIONS
	printf '%s\n' "$err" |
	sed -n "s/^#\\([0-9]*\\) \\[.*\\] \\($2\\) .*/\\1/p" |
	while read -r test_step; do
		printf '%s\n' "$err" | grep "^#$test_step $1"
	done | wc -l
}
cached() { ended CACHED 'RUN\|COPY\|WORKDIR'; }
run_anew() { # [INSTRUCTION]
	ended DONE "${1-RUN\|COPY\|WORKDIR}"
}

# Machines that begin with the same base images.
machines="$one $two $three"
for arch in amd64 arm64 s390x; do
	base_tar "$arch"
	on "$scratch/clean" import --platform "linux/$arch" "$base" "localhost/base:$arch" >/dev/null
done
on "$scratch/clean" index create localhost/base localhost/base:amd64 localhost/base:arm64 \
	localhost/base:s390x >/dev/null
forget() { # STORE: all that steps made; bases stay
	rm -rf "$1"
	mkdir -p "$1"
	cp -a "$scratch/clean/." "$1"
}
for machine in $machines; do forget "$machine"; done

echo content >"$context/file"
cat >"$context/Dockerfile" <<'END'
FROM localhost/base AS build
RUN uname -m >/machine; date +%s%N >>/machine
COPY file /copied

FROM localhost/base
RUN echo last >/last; date +%s%N >/when
COPY --from=build /machine /machine
WORKDIR /made
END

# ---- a registry ----

ref=$registry/cache/app:steps
build "$one" --cache-to "type=registry,ref=$ref,mode=max" -t localhost/out
is 'the first machine builds' "$status" 0
first=$out
is 'and runs every step' "$(run_anew)" 15
like 'and says what it left' "$err" "cache to $ref: 15 steps"
build "$two" --cache-from "type=registry,ref=$ref" -t localhost/out
is 'the second one builds' "$status" 0
is 'and runs nothing' "$(run_anew) run, $(cached) cached" '0 run, 15 cached'
is 'so that its image has the same layers, made at the same time' "$out" "$first"
build "$two" -t localhost/out
is 'and then knows them without the cache' "$(cached)" 15
build "$three" --cache-from "$ref" --no-cache
is '--no-cache takes nothing from others' "$(run_anew)" 15

manifest=$(skopeo inspect --tls-verify=false --raw "docker://$ref")
is 'it is an OCI manifest with a config of its own kind' \
	"$(printf '%s' "$manifest" | jq -r '.mediaType + " " + .config.mediaType')" \
	'application/vnd.oci.image.manifest.v1+json application/vnd.mpemu.cacheconfig.v1+json'
is 'whose layers stand there once' \
	"$(printf '%s' "$manifest" | jq '[.layers[].digest] | length - (unique | length)')" 0

forget "$two"
build "$two" --cache-from "type=registry,ref=$registry/cache/nothing:here" \
	--cache-from "type=registry,ref=$ref"
is 'a cache that is not there is no failure' "$status" 0
like 'but a warning' "$err" "^warning: no cache from $registry/cache/nothing:here: "
is 'and the next one serves' "$(cached)" 15

# Layers come when they are needed: one that nobody asks for is not fetched.
forget "$two"
run on "$two" --quiet build --platform linux/arm64 --target build --cache-from "$ref" "$context"
is 'one stage of one platform fetches its own layers only' \
	"$(ls "$two/oci/blobs/sha256" | wc -l)" "$(($(ls "$scratch/clean/oci/blobs/sha256" | wc -l) + 4))"

# ---- several that share one ----

ref=$registry/cache/farm:steps
for machine in $machines; do forget "$machine"; done
platforms=linux/amd64
build "$one" --cache-to "type=registry,ref=$ref,mode=max"
platforms=linux/arm64
build "$two" --cache-to "type=registry,ref=$ref,mode=max"
platforms=linux/amd64,linux/arm64,linux/s390x
build "$three" --cache-from "$ref"
is 'one that built amd64 and one that built arm64 serve a third' "$(cached)" 10
platforms=linux/amd64
forget "$one"
build "$one" --cache-to "type=registry,ref=$ref,mode=max,merge=false"
platforms=linux/amd64,linux/arm64,linux/s390x
forget "$two"
build "$two" --cache-from "$ref"
is 'unless it is told to replace' "$(cached)" 5

ref=$registry/cache/race:steps
children=
for number in 1 2 3 4 5 6; do
	mkdir -p "$scratch/racer$number/context"
	printf 'FROM scratch\nCOPY file /%s\n' "$number" >"$scratch/racer$number/context/Dockerfile"
	echo "$number" >"$scratch/racer$number/context/file"
	"$MPEMU" --root "$scratch/racer$number" --quiet build --cache-to "type=registry,ref=$ref" \
		"$scratch/racer$number/context" >/dev/null 2>"$scratch/racer$number/log" &
	children="$children $!"
done
raced=0
for child in $children; do wait "$child" || raced=1; done
is 'six that export to one tag at the same time' "$raced" 0
config=$(skopeo inspect --tls-verify=false --raw "docker://$ref" | jq -r .config.digest)
steps=$(curl -fsS "http://$registry/v2/cache/race/blobs/$config" | jq '.steps | length')
is 'do not lose what the others put' "$steps" 6

# ---- a directory ----

for machine in $machines; do forget "$machine"; done
build "$one" --cache-to "type=local,dest=$scratch/dir,mode=max"
is 'a cache goes to a directory' "$status" 0
build "$two" --cache-from "type=local,src=$scratch/dir"
is 'and comes from there' "$(run_anew) run, $(cached) cached" '0 run, 15 cached'
ok 'which is an image layout' jq -e '.manifests[0].annotations["org.opencontainers.image.ref.name"] == "latest"' \
	"$scratch/dir/index.json"
forget "$three"
build "$three" --cache-to "type=local,dest=$scratch/min,tag=small"
build "$two" --no-cache --cache-to "type=local,dest=$scratch/min,tag=other"
is 'tags stand side by side' "$(jq '.manifests | length' "$scratch/min/index.json")" 2
forget "$three"
build "$three" --cache-from "type=local,src=$scratch/min,tag=small"
is 'mode=min serves where the image is all that is wanted' "$(run_anew) run, $(cached) cached" \
	'0 run, 15 cached'
manifest=$scratch/min/blobs/$(jq -r '.manifests[] | select(.annotations[] == "small").digest |
	sub(":"; "/")' "$scratch/min/index.json")
is 'though it has the steps of the image alone' \
	"$(jq '.steps | length' "$scratch/min/blobs/$(jq -r '.config.digest | sub(":"; "/")' "$manifest")")" 9
forget "$three"
build "$three" --cache-from "type=local,src=$scratch/min,tag=small" --target build
is 'so that other stages are run' "$(run_anew)" 6
forget "$three"
sed -i 's/echo last/echo changed/' "$context/Dockerfile"
build "$three" --cache-from "type=local,src=$scratch/min,tag=small"
is 'also where the image changed' "$(run_anew RUN)" 6
sed -i 's/echo changed/echo last/' "$context/Dockerfile"
forget "$three"
echo other >"$context/file"
build "$three" --cache-from "type=local,src=$scratch/min,tag=small"
is 'or the stage did' "$(run_anew RUN)" 3
echo content >"$context/file"
children= raced=0
for number in 1 2 3 4 5 6; do
	"$MPEMU" --root "$scratch/racer$number" --quiet build \
		--cache-to "type=local,dest=$scratch/racers" "$scratch/racer$number/context" \
		>/dev/null 2>"$scratch/racer$number/log" &
	children="$children $!"
done
for child in $children; do wait "$child" || raced=1; done
config=$(jq -r '.manifests[0].digest | sub(":"; "/")' "$scratch/racers/index.json")
config=$(jq -r '.config.digest | sub(":"; "/")' "$scratch/racers/blobs/$config")
is 'six that write one directory lose nothing' \
	"$raced $(jq '.steps | length' "$scratch/racers/blobs/$config")" '0 6'

# ---- in the image ----

for machine in $machines; do forget "$machine"; done
build "$one" --cache-to type=inline -t "$registry/inline/app:1" --push
is 'images can tell it themselves' "$status" 0
build "$two" --cache-from "$registry/inline/app:1" -t localhost/out
is 'steps of the image come from it' "$(run_anew) run, $(cached) cached" '0 run, 15 cached'
build "$one" -t "$registry/inline/app:none" --push
build "$three" --cache-from "type=registry,ref=$registry/inline/app:none"
like 'an image that says nothing is named' "$err" \
	'no cache from .*: it is an index of images without a cache'

# ---- what may go wrong ----

build "$one" --cache-to "type=registry,ref=$registry/inline/app:1"
is 'a cache never replaces an image' "$status" 3
like 'and says so' "$err" 'an index of images is there'
build "$one" --cache-to "type=registry,ref=$registry/inline/app:1,ignore-error=true"
is 'ignore-error=true makes it a warning' "$status" 0
like 'which is told' "$err" '^warning: cache to .*an index of images is there'
build "$one" --cache-to type=registry,ref=127.0.0.1:1/no:where
is 'a registry that is not there is a failure to export' "$status" 7
build "$one" --cache-from type=registry,ref=127.0.0.1:1/no:where
is 'but not to import' "$status" 0

# Somebody puts another layer in the place of one, with all digests but the diff_id right.
change() { # FILTER: of the list of steps
	index=$scratch/dir/index.json
	manifest=$scratch/dir/blobs/$(jq -r '.manifests[0].digest | sub(":"; "/")' "$index")
	jq -c "$1" "$scratch/dir/blobs/$(jq -r '.config.digest | sub(":"; "/")' "$manifest")" >"$scratch/config"
	digest=$(sha256sum <"$scratch/config" | cut -d' ' -f1)
	cp "$scratch/config" "$scratch/dir/blobs/sha256/$digest"
	jq -c --arg digest "sha256:$digest" --argjson size "$(stat -c %s "$scratch/config")" \
		'.config.digest = $digest | .config.size = $size' "$manifest" >"$scratch/manifest"
	digest=$(sha256sum <"$scratch/manifest" | cut -d' ' -f1)
	cp "$scratch/manifest" "$scratch/dir/blobs/sha256/$digest"
	jq -c --arg digest "sha256:$digest" --argjson size "$(stat -c %s "$scratch/manifest")" \
		'.manifests[0].digest = $digest | .manifests[0].size = $size' "$index" >"$scratch/index"
	cp "$scratch/index" "$index"
}
cp -a "$scratch/dir" "$scratch/whole"
restore() {
	rm -rf "$scratch/dir"
	cp -a "$scratch/whole" "$scratch/dir"
	forget "$two"
}
restore
change '.diff_ids |= .[1:] + .[:1]'
build "$two" --cache-from "type=local,src=$scratch/dir" -t localhost/out
is 'layers that are not what the list says are not taken' "$status" 0
like 'and told' "$err" 'warning: cache from .*: unpacked content is'
ok 'the store is sound after that' on "$two" fsck

restore
change '.steps |= map(.key |= sub(":...."; ":0000"))'
build "$two" --cache-from "type=local,src=$scratch/dir"
is 'keys of other steps hit nothing' "$(run_anew)" 15
for break in '.version = 2' '.steps[0].layer = 1000' 'del(.diff_ids)' '.steps[0].key = 7' \
	'.steps += [.steps[0]]'; do
	restore
	change "$break"
	build "$two" --cache-from "type=local,src=$scratch/dir"
	is "a list that makes no sense ($break) is not used" "$status $(run_anew)" '0 15'
done
restore
cat >"$scratch/lead.py" <<'END'
import hashlib, json, os, sys
top, digest = sys.argv[1:]
index = json.load(open(top + '/index.json'))
if digest == 'good':
    digest = index['manifests'][0]['digest']
text = json.dumps({'schemaVersion': 2, 'mediaType': 'application/vnd.oci.image.index.v1+json', 'manifests': [
    {'mediaType': 'application/vnd.oci.image.manifest.v1+json', 'size': 9, 'digest': digest,
     'platform': {'os': 'linux', 'architecture': 'amd64'}}]}).encode()
name = hashlib.sha256(text).hexdigest()
open(top + '/blobs/sha256/' + name, 'wb').write(text)
index['manifests'] = [m for m in index['manifests'] if m.get('annotations', {}).values() != ['led']] + [
    {'mediaType': 'application/vnd.oci.image.index.v1+json', 'size': len(text), 'digest': 'sha256:' + name,
     'annotations': {'org.opencontainers.image.ref.name': 'led'}}]
json.dump(index, open(top + '/index.json', 'w'))
END
if command -v python3 >/dev/null; then
	for digest in good latest sha256:../../../../index.json md5:0 ../latest ''; do
		restore
		python3 "$scratch/lead.py" "$scratch/dir" "$digest"
		forget "$two"
		build "$two" --cache-from "type=local,src=$scratch/dir,tag=led"
		if [ "$digest" = good ]; then
			unlike 'an index leads to a list' "$err" 'no cache from'
		else
			like "by '$digest' to none" "$err" 'warning: no cache from .*digest|warning: no cache from .*: want sha256'
		fi
	done
else
	skip 'indexes that lead astray' 'needs python3'
fi
restore
for blob in "$scratch"/dir/blobs/sha256/*; do
	case $(head -c 1 "$blob") in
	'{') ;;
	*) printf '\0\377\0\377' | dd of="$blob" bs=1 seek=20 conv=notrunc 2>/dev/null ;;
	esac
done
build "$two" --cache-from "type=local,src=$scratch/dir"
# Of the others some come out with the same bytes again, and need not be fetched then.
is 'damaged layers are not taken' "$status $(run_anew RUN)" '0 6'
like 'and told' "$err" 'warning: cache from .*: its content is sha256'

# Whoever waits for another program's lock can be interrupted.
restore
flock "$scratch/dir/index.json.lock" sleep 60 &
holder=$!
"$MPEMU" --root "$one" --quiet build --no-cache --platform linux/amd64 \
	--cache-to "type=local,dest=$scratch/dir,mode=max" "$context" >/dev/null 2>&1 &
child=$!
for _ in $(seq 100); do
	readlink /proc/$child/fd/* 2>/dev/null | grep -q index.json.lock && break
	sleep 0.1
done
sleep 0.2
ok 'an export waits for a lock' kill -INT $child
begun=$(date +%s)
status=0
wait $child || status=$?
is 'and is interrupted' "$status" 130
like 'at once' "$(($(date +%s) - begun))" '^[0-5]$'
pkill -P $holder sleep
wait $holder 2>/dev/null

# Killed at any moment: what is there stays readable.
restore
forget "$one"
for delay in 0.05 0.1 0.15 0.2 0.25 0.3 0.4 0.5; do
	"$MPEMU" --root "$one" --quiet build --no-cache --platform "$platforms" \
		--cache-to "type=local,dest=$scratch/dir,mode=max" "$context" >/dev/null 2>&1 &
	child=$!
	sleep "$delay"
	kill -KILL "$child" 2>/dev/null
	wait "$child" 2>/dev/null
	forget "$two"
	build "$two" --cache-from "type=local,src=$scratch/dir"
	[ "$(cached)" -eq 15 ] || break
done
is 'an export that is killed leaves the cache as it was, or done' "$(cached)" 15

# ---- options ----

for option in 'type=gha' 'type=inline,mode=max' 'type=local' 'type=registry' \
	"type=registry,ref=$registry/a/b@sha256:$(printf %064d 0)" 'type=local,dest=x,moed=max' \
	'type=local,dest=x,image-manifest=false' 'mode=max'; do
	build "$one" --cache-to "$option"
	is "--cache-to $option is refused" "$status" 2
done
build "$one" --cache-from type=inline
is '--cache-from type=inline, too' "$status" 2

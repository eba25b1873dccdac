#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# fsck finds damage and takes it away, prune frees what nothing needs, and neither disturbs a build.
. "$(dirname "$0")/../lib.sh"
need_root
need_command jq

arch=$(dpkg --print-architecture 2>/dev/null) || skip_all 'needs dpkg'
base_tar "$arch"
platform=linux/$arch
mpemu import --platform "$platform" "$base" localhost/base >/dev/null
context=$(tmpdir)
cat >"$context/Dockerfile" <<END
FROM localhost/base
RUN echo one > /one
RUN echo two > /two
END

build() { # NAME [OPTION...]
	name=$1
	shift
	mpemu build --platform "$platform" -t "localhost/$name" "$@" "$context"
}

blob() { # DIGEST
	echo "$store/oci/blobs/sha256/${1#sha256:}"
}

layer_of() { # NAME NUMBER
	mpemu inspect "localhost/$1" | jq -r ".images[0].layers[$2].digest"
}

blobs() {
	find "$store/oci/blobs/sha256" -type f | wc -l
}

flip() { # FILE
	printf '\377' | dd of="$1" bs=1 seek=20 conv=notrunc 2>/dev/null
}

# ---- fsck ----

ok 'an image is built' build app
run mpemu fsck
is 'a sound store is sound' "$status $out" '0 '
like 'and is counted' "$err" '[0-9]+ blobs .*: 0 damaged'

bad=$(layer_of app 1)
flip "$(blob "$bad")"
run mpemu fsck
is 'a flipped byte ends with 8' "$status" 8
like 'the blob and its name are told' "$out" "^blob $bad: content has another digest; used by localhost/app:latest; run"
is 'in one line' "$(echo "$out" | wc -l)" 1
is 'programs read it, too' "$(mpemu fsck --json 2>/dev/null | jq -r '.[] | .digest + " " + .names[0]')" \
	"$bad localhost/app:latest"
ok 'a look changes nothing' test -e "$(blob "$bad")"
run mpemu fsck --repair
is 'a repair of everything ends with 0' "$status" 0
like 'and says what is next' "$out" 'removed: pull or build it again'
ok 'the blob is gone' test ! -e "$(blob "$bad")"
run mpemu fsck
is 'what is left is sound' "$status $out" '0 '
ok 'the same build works' build app
is 'and runs' "$(mpemu run localhost/app cat /one /two | tr '\n' ' ')" 'one two '
is 'its layer is whole again' "sha256:$(sha256sum <"$(blob "$(layer_of app 1)")" | cut -d' ' -f1)" \
	"$(layer_of app 1)"

gone=$(layer_of app 2)
rm "$(blob "$gone")"
run mpemu fsck
is 'a missing layer ends with 8' "$status" 8
like 'and is told' "$out" "^blob $gone: missing; used by localhost/app:latest"
run mpemu fsck --repair
is 'is repaired' "$status" 0
ok 'and built again' build app
is 'sound at the end' "$(mpemu fsck 2>/dev/null)" ''

echo garbage >"$(blob "$(printf %064d 1)")"
run mpemu fsck
like 'damage that no name uses is damage' "$status $out" '^8 .*used by no name'
ok 'and goes' mpemu fsck --repair

manifest=$(mpemu inspect localhost/app | jq -r '.images[0].digest')
mpemu index create localhost/list localhost/app >/dev/null
mpemu rm localhost/app
flip "$(blob "$manifest")"
run mpemu prune
like 'prune does not guess what a damaged manifest needs' "$err" "run 'mpemu fsck --repair' first"
all=$(blobs)
ok 'a damaged manifest goes' mpemu fsck --repair
is 'alone' "$(blobs)" $((all - 1))
run mpemu fsck
is 'an index of an image that is not here is no damage' "$status $out" '0 '
like 'it is shown as not pulled' "$(mpemu images)" 'localhost/list.*not pulled'
mpemu rm localhost/list
ok 'all of it is built again' build app

cp "$store/oci/index.json" "$scratch/names"
for garbage in '' '{' '[]' '{"schemaVersion": 2, "manifests": 7}'; do
	printf '%s' "$garbage" >"$store/oci/index.json"
	run mpemu fsck
	is "names that cannot be read are damage: '$garbage'" "$status" 8
	like 'and there is a way out' "$err" "index.json.*'mpemu fsck --repair' keeps it as index.json.bad"
	run mpemu fsck --repair
	is 'which works' "$status $(mpemu images --json | jq length)" '0 0'
	is 'and keeps what was there' "$(cat "$store/oci/index.json.bad")" "$garbage"
done
rm "$store/oci/index.json" && mkdir -p "$store/oci/index.json/x"
run mpemu fsck --repair
is 'even a directory' "$status $(mpemu images --json | jq length)" '0 0'
cp "$scratch/names" "$store/oci/index.json"
run build app
is 'the build cache knows it all still' "$status $(echo "$err" | grep -c CACHED)" '0 2'

# ---- prune ----

# ---- prune ----

before=$(blobs)
run mpemu prune
like 'what is freed is told' "$out" '^freed .*: [0-9]+ blobs?, [0-9]+ layers?'
is 'what is named still runs' "$(mpemu run localhost/app cat /two)" two
run mpemu prune
is 'a second one finds nothing' "$out" 'freed 0 B: 0 blobs, 0 layers'
before=$(blobs)
mpemu import --platform "$platform" "$base" localhost/other >/dev/null
mkdir "$scratch/extra" && head -c 100000 /dev/urandom >"$scratch/extra/file"
tar -C "$scratch/extra" -cf "$scratch/extra.tar" .
mpemu import --platform "$platform" "$scratch/extra.tar" localhost/extra >/dev/null
mpemu rm localhost/extra localhost/other
run mpemu prune --dry-run
like 'a dry run tells' "$out" '^would free .*: [1-9][0-9]* blobs'
ok 'and keeps' test "$(blobs)" -gt "$before"
is 'programs read the same' "$(mpemu prune --dry-run --json | jq -c '[.dryRun, .blobs > 0]')" '[true,true]'
ok 'images without a name go' mpemu prune
is 'all of them' "$(blobs)" "$before"

mpemu rm localhost/app
ok 'prune without the name' mpemu prune
run build app
is 'the build cache is kept' "$status $(echo "$err" | grep -c CACHED)" '0 2'
ok 'layers of it, too' test "$(ls "$store/layers" | wc -l)" -ge 2
mpemu rm localhost/app
mkdir -p "$store/work/1-1/upper" && touch "$store/oci/index.json.new-1-1"
run mpemu prune --all
like 'with --all it goes' "$out" 'cached steps'
ok 'with all leftovers' test -z "$(ls "$store/work")" -a ! -e "$store/oci/index.json.new-1-1"
run build app
is 'and is built anew' "$status $(echo "$err" | grep -c CACHED)" '0 0'

# ---- others at work ----

cat >"$context/Dockerfile" <<END
FROM localhost/base
RUN echo busy; sleep 3
RUN echo done > /done
END
"$MPEMU" --root "$store" build --platform "$platform" -t localhost/busy "$context" >/dev/null 2>"$scratch/busy" &
build=$!
sleep 1
run mpemu prune
is 'while a build runs nothing is removed' "$status" 1
like 'and it is said why' "$err" 'another mpemu is using the store; try again later'
ok 'one may look' mpemu prune --dry-run
ok 'fsck checks' mpemu fsck
run mpemu fsck --repair
is 'but does not repair' "$status" 1
wait "$build" && pass 'the build ends well' || fails 'the build ends well' "$(cat "$scratch/busy")"

# A prune that is killed leaves a store that is sound.
for delay in 0.005 0.01 0.02 0.04; do
	mpemu rm localhost/busy
	"$MPEMU" --root "$store" prune --all >/dev/null 2>&1 &
	prune=$!
	sleep "$delay"
	kill -9 "$prune" 2>/dev/null
	wait "$prune" 2>/dev/null
	run mpemu fsck
	is "a prune killed after $delay s does no damage" "$status $out" '0 '
	sed -i 's/sleep [0-9.]*/sleep 0/' "$context/Dockerfile"
	ok 'and the build works' build busy
done
is 'with all its files' "$(mpemu run localhost/busy cat /done)" 'done'

# ---- a disk that is full, and one that nobody writes to ----

whole=$store small=$scratch/small
mkdir "$small"
if mount -t tmpfs -o size=16m,mode=755 tmpfs "$small" 2>/dev/null; then
	store=$small/store
	mpemu import --platform "$platform" "$base" localhost/base >/dev/null
	mpemu import --platform "$platform" "$scratch/extra.tar" localhost/extra >/dev/null
	mpemu rm localhost/extra
	sed -i 's/sleep [0-9.]*/sleep 0/' "$context/Dockerfile"
	build app >/dev/null 2>&1
	cat /dev/zero >"$small/fill" 2>/dev/null
	run build more --no-cache
	is 'a full disk is said to be one' "$status" 1
	like 'by name' "$err" 'No space left on device'
	run mpemu prune
	is 'on it there can be made room' "$status" 0
	like 'by what is of no use' "$out" '^freed [1-9].*: [1-9][0-9]* blobs?'
	rm "$small/fill"
	run mpemu fsck
	is 'nothing is damaged' "$status $out" '0 '
	ok 'and what is named still runs' mpemu run localhost/app true
	mount -o remount,ro "$small"
	run mpemu images
	is 'a read-only store is a question of rights' "$status" 9
	like 'and of another place' "$err" 'Read-only file system: run as its owner, or use another --root'
	umount "$small"
else
	skip 'a full disk' 'needs a tmpfs'
fi
store=$whole

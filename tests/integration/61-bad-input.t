#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What goes wrong is said in one line that helps, with the right exit status, and loses nothing.
. "$(dirname "$0")/../lib.sh"
need_root
need_command jq

base_tar amd64 && mpemu import --platform linux/amd64 "$base" localhost/base:amd64 >/dev/null
base_tar arm64 && mpemu import --platform linux/arm64 "$base" localhost/base:arm64 >/dev/null
mpemu index create localhost/base localhost/base:amd64 localhost/base:arm64 >/dev/null
context=$(tmpdir)

dockerfile() {
	cat >"$context/Dockerfile"
}

build() { # ARGUMENTS...
	run mpemu --progress plain build "$@" "$context"
}

build
is 'no Dockerfile: status' "$status" 3
like 'no Dockerfile: named, with the way out' "$err" 'no Dockerfile: .*/Dockerfile does not exist.*--file'
run mpemu build -f nothing "$context"
is 'a Dockerfile that was named but is not there' "$status" 3
run mpemu build "$context/nowhere"
is 'no context' "$status" 3
run mpemu build
is 'a missing argument is usage' "$status" 2
run mpemu import "$base" "localhost/base@sha256:$(printf %064d 1)"
is 'a name with a digest is not given' "$status" 2
like 'but found' "$err" 'a name cannot be given with a digest'
run mpemu --root '' images
is 'an empty --root is no default' "$status" 2
run mpemu build --platfrom linux/arm64 .
is 'an unknown option is usage' "$status" 2
like 'with the nearest one' "$err" 'did you mean --platform'
run mpemu build --provenance=max "$context"
is 'an attestation that would not be made is refused' "$status" 2
run mpemu bild .
like 'so is an unknown command' "$err" 'did you mean build'
run mpemu build --platform linux/arm64/v7/x "$context"
is 'a bad platform is usage' "$status" 2

printf 'FROM localhost/base\n\nRUM true\n' | dockerfile
build
is 'an unknown instruction: status' "$status" 3
like 'an unknown instruction: file, line, word, suggestion' "$err" \
	'Dockerfile:3: unknown instruction: RUM.*did you mean RUN'
printf 'FROM localhost/base\nRUN --device=x true\n' | dockerfile
build
is 'what is not there yet: status' "$status" 3
like 'what is not there yet: file and line' "$err" 'Dockerfile:2: run --device is not supported yet'
printf 'RUN true\n' | dockerfile
build
is 'no FROM' "$status" 3
printf 'FROM localhost/base\nCOPY nothing /\n' | dockerfile
build
is 'COPY of what is not there' "$status" 3
like 'is named' "$err" 'Dockerfile:2: COPY nothing: not found in the build context'
printf 'FROM localhost/base\nCOPY ../../../../etc/passwd /\n' | dockerfile
build
is 'COPY never leaves the context' "$status" 3

printf 'FROM localhost/base\nRUN true\n' | dockerfile
build --platform linux/s390x
is 'a base without the platform: status' "$status" 5
like 'a base without the platform: which it has' "$err" \
	'no linux/s390x.*linux/amd64, linux/arm64'
printf 'FROM localhost/nothing\nRUN true\n' | dockerfile
build
is 'a base that is nowhere' "$status" 5

printf 'FROM localhost/base\nRUN true\n' | dockerfile
run env MPEMU_QEMU_DIR="$(tmpdir)" "$MPEMU" --root "$store" build --platform linux/arm64 "$context"
is 'no emulator: status' "$status" 5
like 'no emulator: package and command' "$err" 'apt-get install.*qemu-user-static'

cat <<'END' | dockerfile
FROM localhost/base
RUN echo done > /done
RUN echo first line; echo second line; [ "$(uname -m)" = x86_64 ] || exit 42
END
build --platform linux/amd64,linux/arm64 --keep-going
is 'a RUN that fails: status' "$status" 4
like 'a RUN that fails: platform, line, instruction, status, how it ran' "$err" \
	'mpemu: linux/arm64: Dockerfile:3: RUN .*exit status 42 \(emulated by .*qemu-aarch64'
like 'a RUN that fails: its last lines' "$err" '^   second line$'
cat <<'END' | dockerfile
FROM localhost/base
RUN echo done > /done
RUN echo first line; echo second line; [ "$(uname -m)" = x86_64 ] || exit 0
END
build --platform linux/amd64,linux/arm64
is 'the finished work of all platforms was kept' "$(echo "$err" | grep -c CACHED)" 2

printf 'FROM localhost/base\nRUN ["/nothing"]\n' | dockerfile
build
is 'a program that is not there' "$status" 4
like 'is named' "$err" 'RUN \["/nothing"\]: .*(No such file|not found)'
printf 'FROM localhost/base\nRUN kill -9 $$\n' | dockerfile
build --platform linux/arm64
like 'death by a signal is said in words' "$err" 'killed by signal 9|exit status 137'

# ---- archives that climb out ----

climb() { # NAME TAR
	run mpemu import "$2" localhost/climb
	is "$1: status" "$status" 3
	like "$1: named" "$err" 'climbs|outside|absolute'
	[ -e "$scratch/escaped" ] && fails "$1: nothing outside" "$(ls -l "$scratch/escaped")"
	run mpemu inspect localhost/climb
	is "$1: has no name" "$status" 5
}

inner=$(tmpdir)
mkdir "$inner/dir"
echo x >"$inner/dir/file"
tar -C "$inner" -P --transform 's,^dir/file,../../../../../../../../../../..'"$scratch"'/escaped,' \
	-cf "$scratch/dots.tar" dir/file
climb '..' "$scratch/dots.tar"
tar -C "$inner" -P --transform "s,^dir/file,$scratch/escaped," -cf "$scratch/absolute.tar" dir/file
climb 'an absolute path' "$scratch/absolute.tar"
ln -s "$scratch" "$inner/link"
tar -C "$inner" -cf "$scratch/symlink.tar" link
tar -C "$inner" -P --transform 's,^dir/file,link/escaped,' -rf "$scratch/symlink.tar" dir/file
climb 'a symbolic link' "$scratch/symlink.tar"
echo precious >"$scratch/precious"
ln "$scratch/precious" "$inner/one"
ln "$inner/one" "$inner/two"
tar -C "$inner" -P --transform 's,^one$,../../../../../../../../../../..'"$scratch"'/precious,RSh' \
	-cf "$scratch/hardlink.tar" one two
climb 'a hard link' "$scratch/hardlink.tar"
is 'what it pointed at is as it was' "$(cat "$scratch/precious")" precious
head -c 3000 /dev/urandom >"$scratch/noise.tar"
run mpemu import "$scratch/noise.tar" localhost/noise
is 'noise is no tar' "$status" 3

# ---- a damaged store ----

digest=$(mpemu inspect --raw localhost/base:arm64 | jq -r '.layers[0].digest')
blob=$store/oci/blobs/sha256/${digest#sha256:}
mv "$blob" "$scratch/blob"
rm -rf "$store/layers"
run mpemu run --platform linux/arm64 localhost/base:arm64 true
is 'a deleted blob: status' "$status" 5
like 'a deleted blob: named' "$err" "$digest is missing"
head -c 1000 /dev/zero >"$blob"
cat "$scratch/blob" >>"$blob"
run mpemu run --platform linux/arm64 localhost/base:arm64 true
is 'a changed blob: status' "$status" 8
cp "$scratch/blob" "$blob"
printf 'x' | dd of="$blob" bs=1 seek=100000 conv=notrunc 2>/dev/null
run mpemu run --platform linux/arm64 localhost/base:arm64 true
like 'a flipped byte is never used' "$status" '^(3|8)$'
cp "$scratch/blob" "$blob"
ok 'the right bytes back, it works again' mpemu run --platform linux/arm64 localhost/base:arm64 true

# A step's blob that is gone is made again.
printf 'FROM localhost/base\nRUN echo kept > /kept\n' | dockerfile
build -t localhost/kept
digest=$(mpemu inspect --raw localhost/kept | jq -r '.layers[1].digest')
rm "$store/oci/blobs/sha256/${digest#sha256:}"
build -t localhost/kept
is 'a cached layer that was deleted is built again' "$status" 0
digest=$(mpemu inspect --raw localhost/kept | jq -r '.layers[1].digest')
ok 'and is there' test -e "$store/oci/blobs/sha256/${digest#sha256:}"

# ---- a full disk ----

mkdir "$scratch/small"
if mount -t tmpfs -o size=2m tmpfs "$scratch/small" 2>/dev/null; then
	base_tar arm64
	run "$MPEMU" --root "$scratch/small/store" import --platform linux/arm64 "$base" localhost/base
	is 'a full disk: import fails' "$status" 1
	like 'a full disk: said' "$err" 'No space left on device'
	umount "$scratch/small"
	mount -t tmpfs -o size=12m tmpfs "$scratch/small"
	run "$MPEMU" --root "$scratch/small/store" import --platform linux/amd64 \
		"$MPEMU_BASE/amd64.tar" localhost/base
	is 'with room it works' "$status" 0
	printf 'FROM localhost/base\nRUN dd if=/dev/urandom of=/big bs=1M count=64\n' | dockerfile
	run "$MPEMU" --root "$scratch/small/store" build "$context"
	is 'a step that fills the disk fails' "$status" 4
	printf 'FROM localhost/base\nRUN echo small > /small\n' | dockerfile
	run "$MPEMU" --root "$scratch/small/store" build -t localhost/x "$context"
	is 'and leaves room for the next build' "$status" 0
	umount "$scratch/small"
else
	skip 'a full disk' 'cannot mount a tmpfs'
fi

# ---- not root, and no subordinate ids ----

if command -v setpriv >/dev/null; then
	mkdir "$scratch/home"
	chown 4242:4242 "$scratch/home"
	printf 'FROM localhost/base\nRUN true\n' | dockerfile
	chmod 755 "$context"
	run setpriv --reuid 4242 --regid 4242 --clear-groups env HOME="$scratch/home" \
		"$MPEMU" --root "$scratch/home/store" build "$context"
	is 'no subordinate ids: only the image is missing' "$status" 5
	like 'no subordinate ids: what to do' "$err" 'warning.*(subuid|usermod|uidmap)'
else
	skip 'no subordinate ids' 'no setpriv'
fi

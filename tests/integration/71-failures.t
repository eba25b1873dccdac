#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Why a step failed: which machine a program is for, what it lacks, how it died, under which
# emulator.
. "$(dirname "$0")/../lib.sh"
need_root
need_command jq
need_platform linux/arm64

base_tar amd64 && mpemu import --platform linux/amd64 "$base" localhost/base:amd64 >/dev/null
base_tar arm64 && mpemu import --platform linux/arm64 "$base" localhost/base:arm64 >/dev/null
mpemu index create localhost/base localhost/base:amd64 localhost/base:arm64 >/dev/null
context=$(tmpdir)
make_rootfs "$scratch/s390x" s390x
cp -L "$scratch/s390x/bin/busybox" "$context/wrong"
printf '#!/opt/interp\n' >"$context/script"
printf 'echo hi\n' >"$context/plain"
chmod +x "$context/script" "$context/plain"

build() { # the Dockerfile comes from stdin
	cat >"$context/Dockerfile"
	run mpemu --progress plain build --platform linux/arm64 "$@" "$context"
}

build <<'END'
FROM localhost/base
COPY wrong /wrong
RUN ["/wrong", "true"]
END
is 'a program for another machine: status' "$status" 4
like 'a program for another machine: which, and what runs here' "$err" \
	'Dockerfile:3: RUN .*exec format error: /wrong is for another machine \(S/390, 64-bit, big-endian\), this step runs programs for linux/arm64'
build <<'END'
FROM localhost/base
COPY wrong /usr/local/bin/tool
RUN tool true
END
like 'behind a shell too' "$err" 'exit status [0-9]+: /usr/local/bin/tool is for another machine \(S/390'
build <<'END'
FROM localhost/base
COPY script /script
RUN ["/script"]
END
like 'an interpreter that is not there' "$err" \
	'/script needs the interpreter /opt/interp, which the image does not have'
build <<'END'
FROM localhost/base
COPY plain /plain
RUN ["/plain"]
END
like 'a script without #!' "$err" 'exec format error: neither a program for this platform nor a script'
build <<'END'
FROM localhost/base
RUN ["/nothing"]
END
like 'a program that is not there' "$err" 'cannot run the program: .*the image has no /nothing'
build <<'END'
FROM localhost/base
RUN exit 3
END
like 'another failure says which emulator, and its version' "$err" \
	'exit status 3 \(emulated by .*qemu-aarch64[^ ]* [0-9]+\.[0-9]+'

build <<'END'
FROM localhost/base
RUN echo try; kill -SEGV $$
END
is 'a crash under emulation: status' "$status" 4
like 'a crash under emulation: told' "$err" '(died of|killed by) signal 11 \(Segmentation fault\), emulated by .*qemu-aarch64'
is 'a crash under emulation: tried once more' "$(printf '%s\n' "$err" | grep -c 'once more, from a clean snapshot')" 1
run mpemu --progress plain build --platform linux/amd64 "$context"
unlike 'but not a native one' "$err" 'once more'

build --keep-going --platform linux/arm64,linux/amd64 <<'END'
FROM localhost/base
RUN [ "$(uname -m)" = x86_64 ]
RUN echo went on
END
is 'with keep-going a failed platform still fails the build' "$status" 4
like 'but the others went on' "$err" 'linux/amd64.*RUN echo went on'

build <<'END'
FROM localhost/base
RUN --mount=type=cache,target=/cache,sharing=locked echo >> /cache/tries; kill -SEGV $$
END
is 'a second try finds the locked cache free' "$status" 4

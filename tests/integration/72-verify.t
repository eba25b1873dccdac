#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# After the last step: what the build added is for the platform, and the entry point can run there.
. "$(dirname "$0")/../lib.sh"
need_root
need_command jq

base_tar amd64 && mpemu import --platform linux/amd64 "$base" localhost/base:amd64 >/dev/null
base_tar arm64 && mpemu import --platform linux/arm64 "$base" localhost/base:arm64 >/dev/null
mpemu index create localhost/base localhost/base:amd64 localhost/base:arm64 >/dev/null
context=$(tmpdir)
make_rootfs "$scratch/amd64" amd64
make_rootfs "$scratch/arm64" arm64
for arch in amd64 arm64; do
	cp -L "$scratch/$arch/bin/busybox" "$context/$arch"
done

build() { # ARGUMENTS...; the Dockerfile comes from stdin
	cat >"$context/Dockerfile"
	run mpemu --progress plain build -t localhost/out "$@" "$context"
}

build --platform linux/arm64,linux/amd64 <<'END'
FROM scratch
ARG TARGETARCH
COPY $TARGETARCH /app
ENTRYPOINT ["/app"]
END
is 'the right file for each platform' "$status" 0
unlike 'is no matter' "$err" 'image for|entry point'

build --platform linux/arm64 <<'END'
FROM localhost/base
COPY amd64 /opt/tool
RUN true
END
is 'a file for another machine builds' "$status" 0
like 'and is told with its step, place and machine' "$err" \
	'linux/arm64: Dockerfile:2: /opt/tool: x86-64, 64-bit, little-endian, in an image for linux/arm64'
is 'once' "$(printf '%s\n' "$err" | grep -c /opt/tool:)" 1
build --platform linux/arm64 <<'END'
FROM localhost/base
COPY amd64 /opt/tool
RUN true
END
like 'a cached build says it again' "$err" '/opt/tool: x86-64'
build --platform linux/arm64 --verify=strict <<'END'
FROM localhost/base
COPY amd64 /opt/tool
RUN true
END
is 'strict: status' "$status" 4
like 'strict: what to do' "$err" 'mpemu: linux/arm64: the image has files for other machines'
build --platform linux/arm64 --verify=off <<'END'
FROM localhost/base
COPY amd64 /opt/tool
CMD ["/opt/tool"]
END
is 'off: status' "$status" 0
unlike 'off: silence' "$err" 'x86-64'
build --platform linux/arm64 --verify=sometimes <<'END'
FROM scratch
END
is 'no such check' "$status" 2

build --platform linux/arm64 <<'END'
FROM localhost/base
COPY amd64 /usr/local/bin/server
CMD ["server", "--port", "80"]
END
is 'an entry point for another machine: status' "$status" 4
like 'an entry point for another machine: which, and the way out' "$err" \
	'mpemu: linux/arm64: the entry point cannot run there: /usr/local/bin/server is for another machine \(x86-64.*--verify=off'

printf '#!/opt/interp -x\n' >"$context/script"
chmod +x "$context/script"
build --platform linux/arm64 <<'END'
FROM scratch
COPY amd64 /opt/interp
COPY script /opt/script
WORKDIR /opt
ENTRYPOINT ["./script"]
END
is 'a script of such an interpreter: status' "$status" 4
like 'a script of such an interpreter: both named' "$err" \
	'/opt/interp, the interpreter of /opt/script is for another machine'
build --platform linux/arm64 <<'END'
FROM scratch
COPY script /opt/script
ENTRYPOINT ["/opt/script"]
END
is 'an interpreter that is not there is no error' "$status" 0
like 'but is told' "$err" '/opt/script needs the interpreter /opt/interp, which the image does not have'

# ---- optional platforms ----

build --platform linux/arm64,linux/amd64 --optional linux/arm64 <<'END'
FROM localhost/base
COPY amd64 /server
CMD ["/server"]
END
is 'an optional platform may fail the check' "$status" 0
like 'and is left out' "$err" 'linux/arm64 failed and is left out'
is 'of the index' "$(mpemu inspect --raw localhost/out | jq -r '[.manifests[].platform.architecture] | join(" ")')" amd64
build --platform linux/arm64,linux/amd64 --optional linux/arm64 <<'END'
FROM localhost/base
RUN [ "$(uname -m)" = x86_64 ]
END
is 'or a step' "$status" 0
is 'with the same index' "$(mpemu inspect --raw localhost/out | jq -r '[.manifests[].platform.architecture] | join(" ")')" amd64
build --platform linux/arm64,linux/amd64 --optional linux/arm64 <<'END'
FROM localhost/base
RUN false
END
is 'not all of them' "$status" 4
build --platform linux/arm64,linux/amd64 --optional linux/s390x <<'END'
FROM localhost/base
END
is 'it must be one of the build' "$status" 2

build --platform linux/arm64 --build-timeout 1s <<'END'
FROM localhost/base
RUN sleep 60
END
is 'a timeout ends the build' "$status" 4
like 'and says so' "$err" 'took longer than --build-timeout 1s'

# ---- hostile files ----

if command -v perl >/dev/null; then
	perl -e 'srand 1; my $elf = do { local (@ARGV, $/) = $ARGV[0]; <> };
		for my $n (1 .. 60) {
			my $bad = substr $elf, 0, 4096;
			substr($bad, 4 + int rand 252, 8, pack "Q", int rand 2 ** 53) for 1 .. 4;
			substr($bad, 0, 4, "\x7fELF");
			open my $out, ">", "$ARGV[1]/bad$n"; print $out $bad;
		}' "$context/arm64" "$context"
	build --platform linux/arm64 <<-'END'
		FROM scratch
		COPY bad* /bad/
		CMD ["/bad/bad7"]
	END
	like 'damaged files are read without harm' "$status" '^(0|4)$'
else
	skip 'damaged files are read without harm' 'no perl'
fi

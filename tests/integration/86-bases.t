#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Images without an index, as bases of a build for a platform that is not theirs.
. "$(dirname "$0")/../lib.sh"
need_root
need_command jq docker-registry
unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY all_proxy

case $(uname -m) in
aarch64) host=arm64 other=amd64 ;;
*) host=amd64 other=arm64 ;;
esac
need_platform "linux/$other"
for arch in $host $other; do
	base_tar "$arch"
	mpemu import --platform "linux/$arch" "$base" "localhost/$arch" >/dev/null
done
mpemu index create localhost/index "localhost/$host" >/dev/null

context=$(tmpdir)
dockerfile() { cat >"$context/Dockerfile"; }
# The programs are this machine's, which an image for another one has no use for: an entry point
# that cannot run there is an error, unless nobody looks.
build() { # ARGUMENTS...
	run mpemu --progress plain build --verify=off -t localhost/out "$@" "$context"
}
warning() { # BASE
	printf 'InvalidBaseImagePlatform: Base image %s was pulled with platform "linux/%s", expected "linux/%s" for current build' \
		"$1" "$host" "$other"
}
warnings() {
	printf '%s\n' "$err" | sed -n 's/^warning: Dockerfile:\([0-9]*: InvalidBaseImagePlatform: .*\)/\1/p'
}
builds() { # NAME BASE
	is "$1: builds" "$status" 0
	[ "$status" = 0 ] || printf '%s\n' "$err" | tail -n 3 | sed 's/^/# /'
	is "$1: says so once" "$(warnings)" "1: $(warning "$2")"
	is "$1: is for the platform asked for" \
		"$(mpemu inspect localhost/out | grep -o 'linux/[a-z0-9]*' | sort -u | xargs)" "linux/$other"
}

# ---- of the store ----

dockerfile <<END
FROM localhost/$host AS one
RUN cat /proc/sys/kernel/ostype > /ran
FROM localhost/$host
COPY --from=one /ran /
CMD ["cat", "/ran"]
END
build --platform "linux/$other" -o "type=tar,dest=$scratch/out.tar"
builds 'of the store' "localhost/$host"
is 'its programs run' "$(tar -xOf "$scratch/out.tar" ran 2>/dev/null || tar -xOf "$scratch/out.tar" ./ran)" Linux
run mpemu build --platform "linux/$other" -t localhost/never "$context"
is 'a program of the base as entry point is refused' "$status" 4
like 'as it cannot run there' "$err" 'entry point cannot run there'
build --platform "linux/$host,linux/$other"
is 'together with its own platform' "$status $(warnings)" "0 1: $(warning "localhost/$host")"
build --platform "linux/$host"
is 'which is nothing to tell' "$status $(warnings)" '0 '

dockerfile <<END
FROM localhost/$other
COPY --from=localhost/$host /etc/passwd /copied
RUN test -s /copied
END
build --platform "linux/$other"
is 'COPY takes from one too' "$status $(warnings)" "0 2: $(warning "localhost/$host")"

dockerfile <<END
# check=error=true
FROM localhost/$host
END
build --platform "linux/$other"
is 'what is told can be an error' "$status" 3
like 'of that name' "$err" 'lint violation found for rules: InvalidBaseImagePlatform'
dockerfile <<END
# check=skip=InvalidBaseImagePlatform
FROM localhost/$host
END
build --platform "linux/$other"
is 'or not be told' "$status $(warnings)" '0 '

echo 'FROM localhost/index' | dockerfile
build --platform "linux/$other"
is 'an index without the platform is an error' "$status" 5
like 'that tells what there is' "$err" "no linux/$other; has linux/$host"

# ---- of a layout ----

for name in lone index; do
	mkdir "$scratch/$name"
	[ $name = lone ] && from=$host || from=index
	mpemu export "localhost/$from" "$scratch/$name.tar" >/dev/null 2>&1 ||
		mpemu export "localhost/$from" -o "$scratch/$name.tar" >/dev/null 2>&1
	tar -C "$scratch/$name" -xf "$scratch/$name.tar"
done
echo 'FROM local' | dockerfile
build --platform "linux/$other" --build-context local="oci-layout://$scratch/lone"
builds 'of a layout' "oci-layout://$scratch/lone"
build --platform "linux/$other" --build-context local="oci-layout://$scratch/index"
is 'an index of a layout without the platform is an error' "$status" 5

# ---- of a registry ----

start_registry
mpemu push "localhost/$host" "$registry/lone:1" >/dev/null 2>&1
mpemu push localhost/index "$registry/index:1" >/dev/null 2>&1
mpemu index create localhost/both "localhost/$host" "localhost/$other" >/dev/null
mpemu tag "localhost/$host" "$registry/unknown:1" >/dev/null

printf 'FROM %s/unknown:1\nRUN true\n' "$registry" | dockerfile
build --platform "linux/$other"
builds 'of the store, as its registry has none' "$registry/unknown:1"
mpemu tag "localhost/$host" 127.0.0.1:1/down:1 >/dev/null
echo 'FROM 127.0.0.1:1/down:1' | dockerfile
build --platform "linux/$other"
builds 'as it does not answer' 127.0.0.1:1/down:1
like 'which is told' "$err" '127.0.0.1:1.*; taking what the store has'
printf 'FROM %s/unknown:1\n' "$registry" | dockerfile
build --pull --platform "linux/$other"
is 'but not where the registry alone counts' "$status" 5

first=$store store=$scratch/second
printf 'FROM %s/lone:1\nRUN echo x > /x\n' "$registry" | dockerfile
run mpemu pull --platform "linux/$other" "$registry/lone:1"
is 'a pull is strict' "$status" 5
build --platform "linux/$other"
builds 'of a registry' "$registry/lone:1"
build --platform "linux/$other"
builds 'once more' "$registry/lone:1"
printf 'FROM %s/index:1\n' "$registry" | dockerfile
build --platform "linux/$other"
is 'an index of a registry without the platform is an error' "$status" 5

store=$first
mpemu push localhost/both "$registry/lone:1" >/dev/null 2>&1
store=$scratch/second
printf 'FROM %s/lone:1\nRUN echo x > /x\n' "$registry" | dockerfile
build --platform "linux/$other"
is 'the registry has a better one by now' "$status $(warnings)" '0 '

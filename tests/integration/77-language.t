#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What a Dockerfile means: configs and histories as BuildKit writes them.
. "$(dirname "$0")/../lib.sh"
need_root
need_command jq

base_tar amd64 && mpemu import --platform linux/amd64 "$base" localhost/base >/dev/null
context=$(tmpdir)

build() { # NAME ARGUMENTS...; the Dockerfile comes from stdin
	cat >"$context/Dockerfile"
	build_name=$1
	shift
	run mpemu --progress plain build --platform linux/amd64 -t "$build_name" "$@" "$context"
}

config() { # NAME FILTER
	mpemu inspect --raw --platform linux/amd64 "$1" | jq -r '.config.digest' | {
		IFS=: read -r _ hex
		jq -c "$2" "$store/oci/blobs/sha256/$hex"
	}
}

build localhost/empty <<'END'
FROM scratch
LABEL a=b
END
is 'nothing but a label' "$(config localhost/empty 'del(.history[].created_by)')" \
	'{"created":null,"architecture":"amd64","os":"linux","config":{"Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],"WorkingDir":"/","Labels":{"a":"b"}},"rootfs":{"type":"layers","diff_ids":null},"history":[{"comment":"buildkit.dockerfile.v0","empty_layer":true}]}'
run mpemu build --platform windows/amd64 -t localhost/windows "$context"
is 'no PATH for Windows' "$(mpemu inspect --raw --platform windows/amd64 localhost/windows |
	jq -r '.config.digest' | { IFS=: read -r _ hex; jq -c '.config | keys' "$store/oci/blobs/sha256/$hex"; })" \
	'["Labels","WorkingDir"]'
build localhost/child <<'END'
FROM localhost/empty
LABEL c=d
END
is 'an image of it' "$(config localhost/child '.config.Labels, .rootfs.diff_ids')" '{"a":"b","c":"d"}
null'

build localhost/dirs <<'END'
FROM localhost/base
USER 1:2
WORKDIR /app/
WORKDIR x/../y/
USER ""
RUN test $PWD = /app/y
WORKDIR /one//two/.
RUN test $PWD = /one/two
WORKDIR ""
WORKDIR /
END
is 'WORKDIR: it builds' "$status" 0
is 'absolute as written, relative cleaned' "$(config localhost/dirs '.history[2:][] | [.created_by, .empty_layer]')" \
	'["WORKDIR /app/",null]
["WORKDIR /app/y",null]
["USER ",true]
["RUN /bin/sh -c test $PWD = /app/y # buildkit",null]
["WORKDIR /one//two/.",null]
["RUN /bin/sh -c test $PWD = /one/two # buildkit",null]
["WORKDIR /one/two",null]
["WORKDIR /",true]'
is 'no user is no member' "$(config localhost/dirs '.config | keys')" '["Cmd","Env","WorkingDir"]'

build localhost/epoch --build-arg SOURCE_DATE_EPOCH=1000000000 <<'END'
FROM localhost/base
LABEL a=b
RUN true
ENV c=d
END
is 'an epoch is the time of all that is new' "$(config localhost/epoch '[.created, .history[1:][].created] | unique')" \
	'["2001-09-09T01:46:40Z"]'
build localhost/times <<'END'
FROM localhost/epoch
LABEL a=b
END
is 'without a layer: the time of the one before' "$(config localhost/times '[.created, .history[-1].created]')" \
	'["2001-09-09T01:46:40Z","2001-09-09T01:46:40Z"]'

printf 'FROM localhost/base\nLABEL a="\351"\nCMD \351\nVOLUME /\351\n' | build localhost/latin
is 'bytes that are no UTF-8' "$(config localhost/latin '[.config.Labels.a, .config.Cmd[2], .config.Volumes]')" '["�","�",{"/�":{}}]'

build localhost/proxies --build-arg Http_Proxy=first --build-arg no_proxy=lower \
	--build-arg NO_PROXY=upper --build-arg ftp_proxy= --build-arg BUILDKIT_SANDBOX_HOSTNAME=named <<'END'
FROM localhost/base
ENV http_proxy=own
RUN test "$HTTP_PROXY $http_proxy $NO_PROXY $no_proxy ${FTP_PROXY-unset}" = 'first first lower lower unset'
RUN test "$(hostname)" = named || test "$(cat /etc/hostname)" = named
END
is 'proxies in both cases, a name for the sandbox' "$status" 0
is 'neither is told' "$(config localhost/proxies '.config.Env[1:], .history[2].created_by')" '["http_proxy=own"]
"RUN /bin/sh -c test \"$HTTP_PROXY $http_proxy $NO_PROXY $no_proxy ${FTP_PROXY-unset}\" = '"'first first lower lower unset'"' # buildkit"'

mv "$context/Dockerfile" "$context/dockerfile"
run mpemu build "$context"
is 'a Dockerfile in lower case' "$status" 0
run mpemu build -f "$context/Dockerfile" "$context"
is 'and named by --file' "$status" 0
mv "$context/dockerfile" "$context/Dockerfile"

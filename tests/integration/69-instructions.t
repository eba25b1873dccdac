#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Instructions that change the config, ONBUILD, and the history: as BuildKit writes them.
. "$(dirname "$0")/../lib.sh"
need_root
need_command jq

base_tar amd64 && mpemu import --platform linux/amd64 "$base" localhost/base:amd64 >/dev/null
base_tar arm64 && mpemu import --platform linux/arm64 "$base" localhost/base:arm64 >/dev/null
mpemu index create localhost/base localhost/base:amd64 localhost/base:arm64 >/dev/null
context=$(tmpdir)
echo file >"$context/file"

build() { # NAME ARGUMENTS...; the Dockerfile comes from stdin
	cat >"$context/Dockerfile"
	build_name=$1
	shift
	run mpemu --progress plain build --platform linux/arm64 -t "$build_name" "$@" "$context"
}

config() { # NAME FILTER
	mpemu inspect --raw --platform linux/arm64 "$1" | jq -r '.config.digest // .manifests[0].digest' | {
		IFS=: read -r _ hex
		jq -r "$2" "$store/oci/blobs/sha256/$hex"
	}
}

build localhost/out <<'END'
FROM localhost/base
HEALTHCHECK --interval=1m30s --timeout=3s --start-period=500ms --start-interval=2s --retries=3 CMD curl -f "http://localhost/" || exit 1
STOPSIGNAL SIGRTMIN+3
EXPOSE 9000-9002/UDP 80
EXPOSE 80/tcp
VOLUME ["/data", "/more"]
SHELL ["/bin/sh", "-ec"]
ENTRYPOINT echo hi
CMD ["a\tb", "c\"d"]
MAINTAINER somebody
USER 12:34
LABEL a=b c="d e"
ARG X=1 BUILDKIT_SBOM_SCAN_STAGE=true
ENV Y=$X Z=$BUILDKIT_SBOM_SCAN_STAGE
END
is 'it builds' "$status" 0
is 'HEALTHCHECK in nanoseconds' "$(config localhost/out '.config.Healthcheck | tojson')" \
	'{"Test":["CMD-SHELL","curl -f \"http://localhost/\" || exit 1"],"Interval":90000000000,"Timeout":3000000000,"StartPeriod":500000000,"StartInterval":2000000000,"Retries":3}'
is 'ports, each of a range' "$(config localhost/out '.config.ExposedPorts | keys | join(" ")')" \
	'80/tcp 9000/udp 9001/udp 9002/udp'
is 'the rest' "$(config localhost/out '[.config.StopSignal, .config.User, .author,
	(.config.Volumes | keys | join(" ")), (.config.Shell | join(" ")), .config.ArgsEscaped] | tojson')" \
	'["SIGRTMIN+3","12:34","somebody","/data /more","/bin/sh -ec",true]'
is 'shell form goes through SHELL' "$(config localhost/out '[.config.Entrypoint, .config.Cmd] | tojson')" \
	'[["/bin/sh","-ec","echo hi"],["a\tb","c\"d"]]'
is 'an argument for scanners is no variable' "$(config localhost/out '.config.Env[-2:] | tojson')" \
	'["Y=1","Z="]'
is 'the history' "$(config localhost/out '.history[1:][].created_by')" \
	'HEALTHCHECK &{["CMD-SHELL" "curl -f \"http://localhost/\" || exit 1"] "1m30s" "3s" "500ms" "2s" '"'\\x03'"'}
STOPSIGNAL SIGRTMIN+3
EXPOSE [80/tcp 9000/udp 9001/udp 9002/udp]
EXPOSE [80/tcp]
VOLUME [/data /more]
SHELL [/bin/sh -ec]
ENTRYPOINT ["/bin/sh" "-ec" "echo hi"]
CMD ["a\tb" "c\"d"]
MAINTAINER somebody
USER 12:34
LABEL a=b c=d e
ARG X=1 BUILDKIT_SBOM_SCAN_STAGE=true
ENV Y=1 Z='
is 'all of it without layers' "$(config localhost/out \
	'[.history[1:][].empty_layer] | unique | tojson')" '[true]'

printf 'FROM localhost/base\nRUN\nENTRYPOINT\nCMD\n' | build localhost/nothing
is 'nothing is a command, too' "$(config localhost/nothing '[.config.Entrypoint, .config.Cmd] | tojson')" \
	'[["/bin/sh","-c",""],["/bin/sh","-c",""]]'

build localhost/again --build-arg B=given <<'END'
FROM localhost/base AS one
ENV A=env B=env
ARG A=arg
ARG B
LABEL one=$A$B
FROM one AS two
LABEL two=$A$B
ARG B
LABEL three=$A$B
FROM two
LABEL four=$A$B
END
is 'ENV of the base counts more than its ARG' "$(config localhost/again '.config.Labels | tojson')" \
	'{"one":"arggiven","two":"envenv","three":"envgiven","four":"envenv"}'

build localhost/child <<'END'
FROM localhost/out
HEALTHCHECK NONE
ENTRYPOINT []
END
is 'HEALTHCHECK NONE' "$(config localhost/child '.config.Healthcheck | tojson')" '{"Test":["NONE"]}'
is 'an entry point forgets the CMD of the base' "$(config localhost/child '[.config.Entrypoint, .config.Cmd] | tojson')" \
	'[null,null]'
build localhost/child <<'END'
FROM localhost/out
CMD ["own"]
ENTRYPOINT ["/bin/true"]
END
is 'but not its own' "$(config localhost/child '[.config.Entrypoint, .config.Cmd] | tojson')" \
	'[["/bin/true"],["own"]]'
build localhost/child <<'END'
FROM localhost/out
CMD []
END
is 'an empty CMD is none' "$(config localhost/child '.config | has("Cmd")')" false
build localhost/child <<'END'
FROM localhost/base
STOPSIGNAL NOTHING
END
is 'an unknown signal: status' "$status" 3
like 'an unknown signal: named' "$err" 'Dockerfile:2: invalid signal: NOTHING'
build localhost/child <<'END'
FROM localhost/base
EXPOSE 70000
END
like 'a port that is none' "$err" 'Dockerfile:2: EXPOSE: invalid port: "70000"'

# ---- ONBUILD ----

build localhost/parent <<'END'
FROM localhost/base
ONBUILD ARG WHO=nobody
ONBUILD RUN echo "$WHO was here" > /triggered
ONBUILD COPY --from=tools /tool /tool
ONBUILD COPY file /file
RUN echo parent > /parent
END
is 'ONBUILD in a parent' "$status" 0
is 'is kept as written' "$(config localhost/parent '.config.OnBuild | tojson')" \
	'["ARG WHO=nobody","RUN echo \"$WHO was here\" > /triggered","COPY --from=tools /tool /tool","COPY file /file"]'
is 'and is no history' "$(config localhost/parent '.history[1:] | length')" 1

build localhost/child --build-arg WHO=somebody <<'END'
FROM localhost/base AS tools
RUN echo tool > /tool
FROM localhost/parent
RUN cat /triggered /tool /file > /all
CMD ["cat", "/all"]
END
is 'the child builds, with the stage that a trigger needs' "$status" 0
run mpemu run --platform linux/arm64 localhost/child
is 'triggers ran before its own instructions' "$(echo $out)" 'somebody was here tool file'
is 'and are gone' "$(config localhost/child '.config | has("OnBuild")')" false

build localhost/child <<'END'
FROM localhost/base AS first
ONBUILD RUN echo from stage > /triggered
FROM first AS second
FROM second
CMD ["cat", "/triggered"]
END
is 'a stage triggers the next one' "$status" 0
is 'once' "$(echo "$err" | grep -c 'ONBUILD RUN echo from stage.*$')" \
	"$(echo "$err" | grep -c '^#[0-9]* \[linux/arm64 second 2/2\] ONBUILD')"
run mpemu run --platform linux/arm64 localhost/child
is 'and ran' "$out" 'from stage'

for trigger in 'ONBUILD RUN true' 'FROM scratch' 'MAINTAINER me'; do
	build localhost/child <<-END
		FROM localhost/base
		ONBUILD $trigger
	END
	is "ONBUILD $trigger is refused" "$status" 3
done

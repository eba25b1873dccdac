#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The build checks: alone (build --check), and as warnings of a build.
. "$(dirname "$0")/../lib.sh"
need_root
need_command jq

context=$(tmpdir)
dockerfile() { cat >"$context/Dockerfile"; }
build() {
	run mpemu --progress plain build "$@" "$context"
}

dockerfile <<'END'
FROM scratch as base
# what for
ARG arg
COPY ignored /
MAINTAINER me
CMD echo hello
END
echo ignored >"$context/.dockerignore"
touch "$context/ignored"
build --check
is 'a check with warnings fails' "$status" 3
is 'and prints what dockerfile lint prints' "$out" \
	"$(cd "$context" && "$MPEMU" dockerfile lint Dockerfile)"
build --call=check,format=json
is 'as JSON too' "$status $(printf '%s' "$out" | jq -r '[.warnings[].ruleName] | sort | join(" ")')" \
	'3 FromAsCasing JSONArgsRecommended MaintainerDeprecated'
ok 'nothing was built' test ! -e "$store/oci"
build --build-arg BUILDKIT_DOCKERFILE_CHECK=skip=all --check
is 'a build argument has rules skipped' "$status $out" '0 Check complete, no warnings found.'
build --build-arg 'BUILDKIT_DOCKERFILE_CHECK=skip=all;experimental=all' --check
like 'or applied that are experimental' "$out" '^Dockerfile:3: InvalidDefinitionDescription: '
build --build-arg 'BUILDKIT_DOCKERFILE_CHECK=experimental=CopyIgnoredFile' --check
like 'the context has a say' "$out" 'Dockerfile:4: CopyIgnoredFile: '
build --call=nothing
is 'other methods are refused' "$status" 2
build --call=outlien
like 'with what may have been meant' "$err" 'did you mean outline'
build --call=check,format=yaml
is 'and so are other formats' "$status" 2

# ---- files that have an error ----

dockerfile <<'END'
FROM scratch as base
RUN a \

	b
COPY --form=x a b
CMD c
END
build --check
is 'an error fails a check' "$status" 3
is 'what was seen before it is told' "$(printf '%s\n' "$out" | cut -d: -f2-3 | tr '\n' ' ')" \
	'1: FromAsCasing 4: NoEmptyContinuation '
like 'and the error' "$err" 'Dockerfile:5: unknown flag: --form \(did you mean from\?\)'
build --call=check,format=json
is 'as JSON too' "$(printf '%s' "$out" | jq -c '[.warnings[].ruleName, .buildError.location.ranges[0].start.line]')" \
	'["FromAsCasing","NoEmptyContinuation",5]'
like 'with its text' "$(printf '%s' "$out" | jq -r .buildError.message)" '^Dockerfile:5: unknown flag: --form'
is 'dockerfile lint says the same' "$(cd "$context" && "$MPEMU" dockerfile lint --json Dockerfile 2>/dev/null)" "$out"
build
is 'a build warns of it and fails' "$status $(printf '%s\n' "$err" | grep -c 'warning: Dockerfile:[14]:')" '3 2'
dockerfile <<'END'
FROM scratch as base
COPY --from=0 a b
CMD c
END
build --check
is 'stages that make no sense are an error as well' "$status $out" \
	"3 Dockerfile:1: FromAsCasing: 'as' and 'FROM' keywords' casing do not match"
like 'which is told' "$err" 'Dockerfile:2: circular dependency detected on stage: base'

# ---- what a Dockerfile offers ----

dockerfile <<'END'
ARG version=1
# unused is not told of
ARG unused=$version
FROM scratch AS tools
# level says how much
ARG level=low
RUN --mount=type=secret,id=key,required --mount=type=ssh true

# App is what to ship
FROM scratch AS App
ARG version
COPY --from=tools /x /

FROM app
END
build --call targets
is 'targets are listed' "$status
$out" '0
TARGET    DESCRIPTION
tools     
app       
(default) '
build --call targets,format=json
is 'as JSON' "$(printf '%s' "$out" | jq -c '.targets[1:]')" \
	'[{"name":"app","base":"scratch","location":{"ranges":[{"start":{"line":10},"end":{"line":10}}]}},{"default":true,"base":"app","location":{"ranges":[{"start":{"line":14},"end":{"line":14}}]}}]'
is 'with the file' "$(printf '%s' "$out" | jq -r '.sources[0] | @base64d')" "$(cat "$context/Dockerfile")"
build --call outline --target app --build-arg level=high
is 'an outline tells what a target takes' "$status
$out" '0
TARGET: app

BUILD ARG   VALUE   DESCRIPTION
version     1       
level       high    says how much

SECRET   REQUIRED
key      true

SSH       REQUIRED
default   '
build --call outline,format=json --target tools
is 'as JSON' "$(printf '%s' "$out" | jq -c '[.name, (.args[] | .name, .value), .secrets[0].required, .ssh[0].location.ranges[0].start.line]')" \
	'["tools","level","low",true,7]'
build --call outline --target none
is 'a target that is not there' "$status" 3

dockerfile <<'END'
FROM scratch as base
COPY file /
CMD echo hello
END
echo file >"$context/file"
build -t localhost/out
is 'a build with warnings ends well' "$status" 0
is 'and tells them at its end' "$(printf '%s\n' "$err" | tail -n 2 | cut -d: -f1-4)" \
	"$(printf 'warning: Dockerfile:1: FromAsCasing\nwarning: Dockerfile:3: JSONArgsRecommended')"
run mpemu --progress json build "$context"
is 'as events too' "$(printf '%s\n' "$err" | jq -r 'select(.event == "warning").text' | grep -c '^Dockerfile:')" 2

dockerfile <<'END'
# check=skip=FromAsCasing,JSONArgsRecommended
FROM scratch as base
COPY file /
CMD echo hello
END
build
unlike 'what the file skips is not told' "$err" 'warning: Dockerfile'
build --check
is 'nor checked' "$status" 0
dockerfile <<'END'
# check=error=true
FROM scratch as base
COPY file /
END
build -t localhost/never
is 'what the file calls an error is one' "$status" 3
like 'and named' "$err" 'lint violation found for rules: FromAsCasing'
run mpemu inspect localhost/never
is 'so that nothing is built' "$status" 5
build --build-arg BUILDKIT_DOCKERFILE_CHECK='error=false'
is 'unless a build argument says otherwise' "$status" 0

base_tar amd64 && mpemu import --platform linux/amd64 "$base" localhost/base >/dev/null
dockerfile <<'END'
FROM localhost/base
ENV given=1
SHELL ["/bin/sh", "-c"]
END
build --platform linux/amd64 -t localhost/known
dockerfile <<'END'
FROM localhost/known AS needed
USER $given
CMD echo hello
FROM localhost/known AS other
USER $more
# check=skip=UndefinedVar
COPY $less /
FROM needed AS last
ARG from=$missing
# check=skip=UndefinedVar
USER $missing
END
build --platform linux/amd64 --target last --build-arg from=given
is 'a build knows its images, its arguments, and what it does not need' "$status $(printf '%s' "$err" | grep Dockerfile:)" '0 '
build --platform linux/amd64 --check --target last
is 'a check knows what the store has' "$(printf '%s\n' "$out" | cut -d: -f2-3 | tr '\n' ' ')" '9: UndefinedVar '
build --platform linux/amd64 --check
is 'for all of the file' "$(printf '%s\n' "$out" | cut -d: -f2 | tr '\n' ' ')" '5 9 '
run "$MPEMU" --root "$scratch/none" build --platform linux/amd64 --check "$context"
is 'and asks for nothing else' "$(printf '%s\n' "$out" | cut -d: -f2 | tr '\n' ' ')" '2 3 5 9 '
ok 'nor makes a store' test ! -e "$scratch/none"

dockerfile <<'END'
FROM localhost/base
ONBUILD WORKDIR here
ONBUILD COPY --from=localhost/base /x /$y
ONBUILD ENV TOKEN=$none
END
build --platform linux/amd64 -t localhost/triggers
dockerfile <<'END'
FROM localhost/triggers AS first
FROM scratch
FROM first AS second
ONBUILD USER $nobody

FROM second
END
for how in "--check" ""; do
	build --platform linux/amd64 $how
	is "triggers are told of at the FROM that brings them${how:+, }$how" \
		"$(printf '%s\n%s\n' "$out" "$err" | sed -n 's/^warning: //; s/^Dockerfile:\([0-9]*\): \([A-Za-z]*\): .*/\1 \2/p' | tr '\n' ' ')" \
		'1 WorkdirRelativePath 1 UndefinedVar 1 UndefinedVar 1 SecretsUsedInArgOrEnv 6 UndefinedVar '
done

faulty() { # INSTRUCTION WHY
	printf 'FROM scratch AS first\nARG PORT=99999 SIGNAL=SIGNONE\n%s\nFROM scratch as second\n' "$1" >"$context/Dockerfile"
	build --check
	is "a check fails where '$1' would" "$status" 3
	like 'with why and where' "$err" "Dockerfile:3: $2"
	like 'and warnings all the same' "$out" 'FromAsCasing'
}
faulty 'EXPOSE 80 none' 'EXPOSE: invalid port: "none"'
faulty 'EXPOSE $PORT' 'EXPOSE: invalid port: "99999"'
faulty 'STOPSIGNAL $SIGNAL' 'invalid signal: SIGNONE'
dockerfile <<'END'
FROM localhost/nobody-has-it
ARG known=80
EXPOSE $port $known/udp
STOPSIGNAL $signal
END
build --check
unlike 'what a base may set is nobody'"'"'s fault' "$err" 'invalid'

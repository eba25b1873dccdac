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
	'3 CopyIgnoredFile FromAsCasing JSONArgsRecommended MaintainerDeprecated'
ok 'nothing was built' test ! -e "$store/oci"
build --build-arg BUILDKIT_DOCKERFILE_CHECK=skip=all --check
is 'a build argument has rules skipped' "$status $out" '0 Check complete, no warnings found.'
build --build-arg 'BUILDKIT_DOCKERFILE_CHECK=skip=all;experimental=all' --check
like 'or applied that are experimental' "$out" '^Dockerfile:3: InvalidDefinitionDescription: '
build --check
like 'the context has a say' "$out" 'Dockerfile:4: CopyIgnoredFile: '
build --call=nothing
is 'other methods are refused' "$status" 2

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
build --check --target last
is 'a check knows the file' "$(printf '%s\n' "$out" | cut -d: -f2-3 | tr '\n' ' ')" \
	'2: UndefinedVar 3: JSONArgsRecommended 9: UndefinedVar '
build --check
is 'all of it' "$(printf '%s\n' "$out" | cut -d: -f2 | tr '\n' ' ')" '2 3 5 9 '

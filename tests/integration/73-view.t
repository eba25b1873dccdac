#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What users see: progress for logs, programs and terminals, the table and the trace of a build, the
# manual, the help pages and completion.
. "$(dirname "$0")/../lib.sh"
need_command jq

manual=$tests/../packaging/man/mpemu.1

# ---- the manual, help and completion ----

if command -v groff >/dev/null; then
	is 'groff has nothing to say about the manual' "$(groff -ww -man -Tutf8 -z "$manual" 2>&1)" ''
else
	skip 'groff has nothing to say about the manual' 'needs groff'
fi

subcommands() { # COMMAND...
	"$MPEMU" "$@" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p'
}

# The commands, one a line: "index create".
commands() {
	for command in $(subcommands); do
		echo "$command"
		subcommands "$command" | sed "s/^/$command /"
	done
}

# Of one command, the part of the manual.
chapter() { # COMMAND
	awk -v title=".SS mpemu $1" '/^\.S[SH]/ { inside = $0 == title } inside' "$manual" | sed 's/\\-/-/g'
}

missing=
while read -r command; do
	# shellcheck disable=SC2086 # two words at times
	page=$("$MPEMU" $command --help)
	text=$(chapter "$command")
	[ "$text" ] || missing="$missing
mpemu $command"
	printf '%s\n' "$page" | grep -q '^Example:' || missing="$missing
$command --help has no example"
	for option in $(printf '%s\n' "$page" | sed '/^Global options:/,$d' |
		sed -n 's/^ *\(-., \)\{0,1\}--\([a-z0-9-]*\).*/--\2/p'); do
		printf '%s\n' "$text" | grep -q -e "\\\\fB$option\\\\fR" || missing="$missing
mpemu $command $option"
	done
done <<END
$(commands)
END
is 'the manual has every command and every option, each page an example' "$missing" ''

for shell in bash zsh fish; do
	ok "there is completion for $shell" "$MPEMU" --complete "$shell"
done
run "$MPEMU" --complete csh
is 'but not for csh' "$status $out" '2 '

if command -v bash >/dev/null; then
	"$MPEMU" --complete bash >"$scratch/complete"
	completed() { # WORDS
		bash -c 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _mpemu 2>/dev/null
			echo "${COMPREPLY[*]}"' - "$scratch/complete" "$@"
	}
	is 'bash completes a command' "$(completed mpemu bu)" build
	is 'a subcommand behind options' "$(completed mpemu --root /tmp index cr)" create
	is 'an option' "$(completed mpemu build --keep)" --keep-going
	is 'a value' "$(completed mpemu build --progress pl)" plain
	is 'a value behind an equals sign' "$(completed mpemu build --progress = j)" json
	is 'the last of a list' "$(completed mpemu build --platform linux/arm64,linux/s3)" \
		linux/arm64,linux/s390x
	is 'and no command where a value stands' "$(completed mpemu build --tag run --keep)" --keep-going
	lacking=
	while read -r command; do
		# shellcheck disable=SC2086 # two words at times
		shown=$("$MPEMU" $command --help | sed -n 's/^ *\(-., \)\{0,1\}\(--[a-z0-9-]*\).*/\2/p' | sort)
		# shellcheck disable=SC2086
		offered=$(completed mpemu $command -- | tr ' ' '\n' | sort)
		[ "$shown" = "$offered" ] || lacking="$lacking $command"
		"$MPEMU" --complete fish >"$scratch/complete.fish"
		for option in $shown; do
			grep -q -e "-l ${option#--} " "$scratch/complete.fish" || [ "$option" = --help ] ||
				lacking="$lacking fish:$command:$option"
		done
	done <<-END
		$(commands | while read -r command; do
			# shellcheck disable=SC2086
			[ "$(subcommands $command)" ] || echo "$command"
		done)
	END
	is 'every option of every command is offered' "$lacking" ''
else
	skip 'bash completes' 'needs bash'
fi

# ---- builds ----

[ "$(id -u)" = 0 ] || {
	skip 'progress of builds' 'needs root'
	exit 0
}
base_tar amd64 && mpemu import --platform linux/amd64 "$base" localhost/base:amd64 >/dev/null
base_tar arm64 && mpemu import --platform linux/arm64 "$base" localhost/base:arm64 >/dev/null
mpemu index create localhost/base localhost/base:amd64 localhost/base:arm64 >/dev/null
context=$(tmpdir)
cat >"$context/Dockerfile" <<'END'
FROM localhost/base
ARG NAME=value
ENV OTHER=value
RUN echo one; printf 'two\033[2J\n'
WORKDIR /there
RUN uname -m
END
build() { # ARGUMENTS...
	run mpemu "$@" build --platform linux/amd64,linux/arm64 --trace "$scratch/trace" "$context"
}

build --progress plain
is 'a build for two platforms' "$status" 0
is 'steps are numbered without gaps' \
	"$(printf '%s\n' "$err" | sed -n 's/^#\([0-9]*\) \[.*/\1/p' | tr '\n' ' ')" '1 2 3 4 5 6 7 8 '
is 'each one ends' "$(printf '%s\n' "$err" | grep -cE '^#[0-9]+ DONE [0-9.]+s$')" 8
like 'output is timed and harmless' "$err" '^#[0-9]+ [0-9.]+ two\\x1b\[2J$'
like 'a table tells of each platform' "$err" \
	'^linux/arm64 +done +4 run, 0 cached +[0-9.]+s +[0-9.]+ [kM]?B +sha256:[0-9a-f]{64}$'
is 'the trace has a process for each' \
	"$(jq -r '.traceEvents[] | select(.ph == "M").args.name' "$scratch/trace" | sort | tr '\n' ' ')" \
	'linux/amd64 linux/arm64 '
is 'and a complete event for each step' \
	"$(jq -c '[.traceEvents[] | select(.ph == "X" and .dur >= 0 and .args.line > 0)] | length' \
		"$scratch/trace")" 8

build --progress json
is 'each line is an object' "$(printf '%s\n' "$err" | jq -r type | sort -u)" object
is 'the plan counts the steps' "$(printf '%s\n' "$err" | jq 'select(.event == "plan").total')" 8
is 'what ends has begun' \
	"$(printf '%s\n' "$err" | jq -s '[.[] | select(.event == "step-started").step] | sort')" \
	"$(printf '%s\n' "$err" | jq -s '[.[] | select(.seconds != null).step] | sort')"
is 'what is known is cached' \
	"$(printf '%s\n' "$err" | jq -c 'select(.event == "summary").platforms[] | [.run, .cached]')" \
	'[1,3]
[1,3]'

build --quiet
is 'quiet is quiet' "$err" ''
like 'but for the result' "$out" '^sha256:'

# ---- failures ----

cat >>"$context/Dockerfile" <<'END'
RUN echo before; echo why >&2; exit 3
END
build --progress plain
is 'a step that fails' "$status" 4
like 'shows what it wrote' "$err" '^   why$'
like 'the last line is the error' "$(printf '%s\n' "$err" | tail -n 1)" '^mpemu: .*Dockerfile:7'
is 'the trace of a failed build is whole' \
	"$(jq -r '[.traceEvents[] | select(.args.outcome == "failed")] | length > 0' "$scratch/trace")" true
build --progress json
is 'the last event is the error' \
	"$(printf '%s\n' "$err" | tail -n 1 | jq -c '[.event, .status]')" '["error",4]'
build --quiet
like 'quiet shows what is wrong' "$err" '^   why$'
run mpemu build --trace "$scratch/none/trace" "$context"
is 'a trace that cannot be written fails before the build' "$status" 1
like 'and says so' "$err" '^mpemu: --trace .*/none/trace: No such file'

# ---- under systemd, and at a terminal ----

{ JOURNAL_STREAM=$(stat -Lc %d:%i /dev/fd/3) mpemu --progress plain build "$context" 2>&3; } \
	3>"$scratch/journal"
like 'the journal is told what matters' "$(cat "$scratch/journal")" '^<3>mpemu: '
unlike 'and that output does not' "$(cat "$scratch/journal")" '^<.>#[0-9]+ [0-9.]+ '
unlike 'another stream is no journal' "$err" '^<3>'

if command -v script >/dev/null; then
	at_terminal() { # ARGUMENTS...
		TERM=xterm script -qec "stty cols 60 rows 12; '$MPEMU' --root '$store' $*" "$scratch/screen" \
			>/dev/null </dev/null
		screen=$(tr -d '\r' <"$scratch/screen")
	}
	sed -i '$d' "$context/Dockerfile"
	echo 'RUN echo waiting; sleep 0.5' >>"$context/Dockerfile"
	at_terminal build --platform linux/amd64,linux/arm64 "$context"
	like 'a terminal shows what runs' "$screen" 'building: [0-9] of 10 steps done'
	like 'with what it said last' "$screen" '\| waiting  .*s'
	like 'in colour' "$screen" '^ ?.*\[32mDONE.*\] RUN echo waiting'
	like 'and then the result' "$screen" '^sha256:[0-9a-f]{64}$'
	NO_COLOR=1 at_terminal build --no-cache "$context"
	unlike 'NO_COLOR is obeyed' "$screen" '\[3[0-9]m'
	TERM=dumb script -qec "'$MPEMU' --root '$store' build '$context'" "$scratch/screen" >/dev/null </dev/null
	like 'a terminal without a cursor is a log' "$(cat "$scratch/screen")" '^#1 '
else
	skip 'a terminal shows what runs' 'needs script'
fi

sed -i '$d' "$context/Dockerfile"
echo 'RUN echo waiting; sleep 60' >>"$context/Dockerfile"
"$MPEMU" --root "$store" --progress plain build "$context" 2>"$scratch/stopped" &
build=$!
for _ in $(seq 100); do
	! grep -qs ' waiting$' "$scratch/stopped" || break
	sleep 0.1
done
kill -TERM "$build"
wait "$build" || status=$?
is 'SIGTERM stops a build' "$status" 130
like 'a step that was stopped says so' "$(cat "$scratch/stopped")" '^#[0-9]+ STOPPED '

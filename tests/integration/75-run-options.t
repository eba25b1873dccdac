#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# mpemu run as one knows it from other programs: terminals, signals, and what a program is given.
. "$(dirname "$0")/../lib.sh"
need_root
need_command timeout

base_tar amd64
mpemu import --platform linux/amd64 "$base" localhost/base >/dev/null
run mpemu run --platform linux/amd64 localhost/base true
[ "$status" = 0 ] || skip_all "$(head -n 1 "$scratch/.err")"

box() { # OPTIONS... -- COMMAND
	timeout 60 "$MPEMU" --root "$store" run --platform linux/amd64 "$@"
}

# ---- standard input and terminals ----

is 'without -i, input is empty' "$(echo text | box localhost/base cat)" ''
is 'with -i it is passed on' "$(echo text | box -i localhost/base cat)" text
is 'with -t there is a terminal of its own' \
	"$(box -t localhost/base sh -c 'tty; stty size' </dev/null | tr -d '\r' | head -n 1)" /dev/pts/0
run box -it localhost/base true </dev/null
is '-it without a terminal is refused' "$status" 2
like 'and says what to do' "$err" 'without -t'
run box -t -u 1000 localhost/base sh -c 'test -w /dev/pts/0 && test -r /dev/tty && echo ours' </dev/null
is 'it belongs to the user' "$(echo "$out" | tr -d '\r')" ours
run box -t localhost/base sh -c 'seq 2000; exit 7' </dev/null
is 'all that was written is seen, and the status' \
	"$status $(echo "$out" | tr -d '\r' | cksum)" "7 $(seq 2000 | cksum)"

# Runs SCRIPT in a terminal; what it prints is in $out.
in_terminal() { # SCRIPT
	printf '%s\n' "$1" >"$scratch/session"
	run script -qec "MPEMU='$MPEMU' STORE='$store' sh '$scratch/session'" /dev/null
	# The terminal echoes script's own end of input.
	out=$(printf '%s\n' "$out" | tr -d '\r\b' | sed 's/^^[@D]*//')
}

if command -v script >/dev/null && script --version 2>/dev/null | grep -q util-linux; then
	in_terminal 'stty rows 33 cols 99
		$MPEMU --root $STORE run -it localhost/base stty size' </dev/null
	like 'it has the size of ours' "$out" '^33 99$'
	in_terminal 'stty rows 33 cols 99
		(sleep 1; stty rows 44 cols 111 </dev/tty) &
		$MPEMU --root $STORE run -it localhost/base sh -c "
			trap \"stty size; exit 3\" WINCH; echo ready; for i in 1 2 3 4 5 6 7 8 9; do sleep 1; done"
		echo status $?' </dev/null
	like 'and follows it' "$out" '^44 111$'
	like 'so that the program knows' "$out" '^status 3$'
	in_terminal 'before=$(stty -g)
		$MPEMU --root $STORE run -it localhost/base sh -c "exit 5"
		echo "status $?"
		[ "$before" = "$(stty -g)" ] && echo restored' </dev/null
	is 'ours is afterwards as before' "$(echo "$out" | tail -n 2)" 'status 5
restored'
	in_terminal 'before=$(stty -g)
		(sleep 1; pkill -TERM -P $$ -x mpemu) &
		$MPEMU --root $STORE run -it localhost/base sleep 100
		echo "status $?"
		[ "$before" = "$(stty -g)" ] && echo restored' </dev/null
	is 'also when it was ended by a signal' "$(echo "$out" | tail -n 2)" 'status 143
restored'
	printf '%s\n' '$MPEMU --root $STORE run -it localhost/base sh -c "
		trap \"echo interrupted; exit 4\" INT; echo ready; while :; do sleep 0.1; done"
		echo status $?' >"$scratch/session"
	out=$({ sleep 2; printf '\003'; sleep 2; } | MPEMU=$MPEMU STORE=$store timeout 30 \
		script -qec "sh '$scratch/session'" /dev/null | tr -d '\r')
	like 'what is typed gets there, ^C as a signal' "$out" 'interrupted'
	like 'and does not end us' "$out" 'status 4'
else
	skip 'terminals' 'needs script of util-linux'
fi

# ---- signals ----

# Start a program that tells when it is ready; $pid is mpemu's.
start() { # OPTIONS... COMMAND
	: >"$scratch/told"
	"$MPEMU" --root "$store" run --platform linux/amd64 "$@" >"$scratch/told" 2>&1 &
	pid=$!
	for _ in $(seq 100); do
		grep -q ready "$scratch/told" && break
		sleep 0.05
	done
}

finish() {
	status=0
	wait $pid || status=$?
	out=$(grep -v ready "$scratch/told")
}

for signal in INT TERM HUP QUIT USR1 USR2; do
	start localhost/base sh -c "trap 'echo got $signal; exit 9' $signal; echo ready; while :; do sleep 0.05; done"
	kill -$signal $pid
	finish
	is "SIG$signal is passed on" "$status $out" "9 got $signal"
done
start localhost/base sh -c 'echo ready; exec sleep 100'
kill -TERM $pid
finish
is 'a program that SIGTERM ends' "$status" 143
start localhost/base sh -c 'trap "" TERM; echo ready; while :; do sleep 0.05; done'
kill -TERM $pid
sleep 0.3
kill -TERM $pid
finish
is 'a second one does not ask' "$status" 137
start localhost/base sh -c 'trap "" TERM; echo ready; while :; do sleep 0.05; done'
kill -TERM $pid
before=$(date +%s)
finish
is 'and after ten seconds neither does the first' "$status" 137
like 'which it waits for' "$(($(date +%s) - before))" '^(9|10|11|12)$'

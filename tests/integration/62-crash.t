#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# kill -9 and Ctrl-C in the middle of a build: nothing is left running, and the same build works.
. "$(dirname "$0")/../lib.sh"
need_root
need_command jq

base_tar amd64 && mpemu import --platform linux/amd64 "$base" localhost/base:amd64 >/dev/null
base_tar arm64 && mpemu import --platform linux/arm64 "$base" localhost/base:arm64 >/dev/null
mpemu index create localhost/base localhost/base:amd64 localhost/base:arm64 >/dev/null
context=$(tmpdir)
mark=sleep-$$
cat >"$context/Dockerfile" <<END
FROM localhost/base
RUN echo one > /one
RUN echo $mark > /two; sleep 0.3; head -c 3000000 /dev/urandom > /big
RUN sleep 0.3; echo three > /three
END

# Processes whose command line has the mark: steps of our build.
alive() {
	# The brackets keep grep from finding itself.
	grep -las "[s]${mark#s}" /proc/[0-9]*/cmdline 2>/dev/null | wc -l
}

wait_gone() {
	for _ in $(seq 20); do
		[ "$(alive)" = 0 ] && return 0
		sleep 0.1
	done
	return 1
}

for delay in 0.02 0.1 0.2 0.4 0.6 0.8; do
	"$MPEMU" --root "$store" build --platform linux/amd64,linux/arm64 -t localhost/out \
		"$context" >/dev/null 2>&1 &
	build=$!
	sleep "$delay"
	kill -9 "$build" 2>/dev/null
	wait "$build" 2>/dev/null
	ok "kill -9 after $delay s leaves no process" wait_gone
done
run mpemu build --platform linux/amd64,linux/arm64 -t localhost/out "$context"
is 'the same build works' "$status" 0
run mpemu run --platform linux/arm64 localhost/out cat /one /three
is 'and has all its files' "$(echo $out)" 'one three'
is 'the scratch of the killed is gone' "$(ls "$store/work" | wc -l)" 0
is 'no half blob has a name' "$(
	for blob in "$store"/oci/blobs/sha256/*; do
		[ "$(sha256sum <"$blob" | cut -d' ' -f1)" = "$(basename "$blob")" ] || echo "$blob"
	done)" ''

# A machine that lost its power: what was not on disk may be gone.
if command -v python3 >/dev/null; then
	cat >"$scratch/lose" <<-'END'
		import os, sys
		for name in os.listdir(sys.argv[1]):
		    path = os.path.join(sys.argv[1], name)
		    if "user.mpemu.boot" not in os.listxattr(path):
		        continue
		    os.setxattr(path, "user.mpemu.boot", sys.argv[2].encode())
		    for lost in ("one", "three"):
		        if os.path.exists(os.path.join(path, lost)):
		            os.truncate(os.path.join(path, lost), 0)
		            print(lost)
	END
	other=00000000-0000-4000-8000-000000000000
	python3 "$scratch/lose" "$store/layers" "$other" >"$scratch/lost"
	is 'layers of this boot are marked' "$(sort -u "$scratch/lost" | xargs)" 'one three'
	run mpemu run --platform linux/arm64 localhost/out cat /one /three
	is 'those of an earlier one are unpacked again' "$(echo $out)" 'one three'
	python3 "$scratch/lose" "$store/layers" "$other" >"$scratch/again"
	ok 'and are on disk then' test "$(wc -l <"$scratch/again")" -lt "$(wc -l <"$scratch/lost")"
	cat >>"$context/Dockerfile" <<-END
		RUN cat /one /three > /all
	END
	run mpemu --progress plain build --platform linux/amd64 -t localhost/out "$context"
	run mpemu run --platform linux/amd64 localhost/out cat /all
	is 'also by a build, which runs no step again for it' "$(echo $out)" 'one three'
else
	skip 'layers of an earlier boot are unpacked again' 'needs python3 to mark them'
fi

for signal in INT TERM; do
	cat >"$context/Dockerfile" <<-END
		FROM localhost/base
		RUN echo $mark $signal; sleep 60
	END
	"$MPEMU" --root "$store" build --platform linux/amd64,linux/arm64 "$context" \
		>/dev/null 2>"$scratch/log" &
	build=$!
	sleep 0.7
	kill -$signal "$build"
	status=0
	wait "$build" || status=$?
	is "SIG$signal ends with 130" "$status" 130
	like "SIG$signal is said" "$(cat "$scratch/log")" 'interrupted'
	ok "SIG$signal leaves no process" wait_gone
	is "SIG$signal leaves no scratch" "$(ls "$store/work" | wc -l)" 0
done

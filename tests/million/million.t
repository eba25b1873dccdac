#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A million entries: in a layer, in a layer that names the same ones again and again, made by a step,
# and copied.  All of it is built, in bounded memory.
. "$(dirname "$0")/../lib.sh"
need_root
need_command python3 timeout jq
COUNT=${COUNT:-1000000} # whole thousands

base_tar amd64
mpemu import --platform linux/amd64 "$base" localhost/base >/dev/null
run mpemu run --platform linux/amd64 localhost/base true
[ "$status" = 0 ] || skip_all "$(head -n 1 "$scratch/.err")"
inodes=$(df --output=iavail "$scratch" | tail -n 1)
[ "$inodes" -gt $((6 * COUNT)) ] || skip_all "$inodes inodes are free"

# Peak memory in MB and seconds of a command go to $megabytes and $seconds.
cat >"$scratch/cost.py" <<'END'
import os, sys, time
begun = time.time()
pid = os.spawnvp(os.P_NOWAIT, sys.argv[2], sys.argv[2:])
_, status, usage = os.wait4(pid, 0)
open(sys.argv[1], 'w').write('%d %d\n' % (usage.ru_maxrss // 1024, time.time() - begun))
sys.exit(os.waitstatus_to_exitcode(status))
END
cost() { # NAME MB COMMAND...
	cost_name=$1 cost_most=$2
	shift 2
	run python3 "$scratch/cost.py" "$scratch/cost" timeout 1500 "$MPEMU" --root "$store" "$@"
	read -r megabytes seconds <"$scratch/cost"
	is "$cost_name" "$status" 0
	[ "$status" = 0 ] || echo "# $(echo "$err" | tail -n 3)"
	ok "$cost_name: in $megabytes MB (at most $cost_most), $seconds s" test "$megabytes" -le "$cost_most"
}

cat >"$scratch/tars.py" <<'END'
import io, sys, tarfile
count, plain, flips = int(sys.argv[1]), sys.argv[2], sys.argv[3]
def add(tar, name, kind, link=''):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, link, 0o755
    tar.addfile(info)
with tarfile.open(plain, 'w', format=tarfile.GNU_FORMAT) as tar:
    for i in range(count):
        add(tar, 'm/%d/%d' % (i // 1000, i % 1000), tarfile.REGTYPE)
# The same few names, each time as something else: the last one counts.
kinds = [tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.FIFOTYPE, tarfile.LNKTYPE]
with tarfile.open(flips, 'w', format=tarfile.GNU_FORMAT) as tar:
    add(tar, 'target', tarfile.REGTYPE)
    for i in range(count):
        add(tar, 'same/%d' % (i % 7), kinds[i // 7 % len(kinds)], 'target')
    for i in range(7):
        add(tar, 'same/%d' % i, kinds[i % len(kinds)], 'target')
END
python3 "$scratch/tars.py" "$COUNT" "$scratch/plain.tar" "$scratch/flips.tar"

context=$(tmpdir)
cat >"$context/Dockerfile" <<'END'
FROM localhost/base AS layer
COPY --from=localhost/plain / /plain/
RUN find /plain/m -type f | wc -l > /count
FROM localhost/base AS step
ARG DIRECTORIES
RUN mkdir /m && cd /m && i=0; while [ $i -lt $DIRECTORIES ]; do mkdir $i; (cd $i && seq 0 999 | xargs touch); i=$((i + 1)); done; \
    find /m -type f | wc -l > /count
FROM localhost/base
COPY --from=step /count /step
COPY --from=layer /count /layer
RUN --mount=from=step,target=/s ls /s/m | wc -l > /mounted
END
cost 'a layer of a million entries is imported' 128 import --platform linux/amd64 "$scratch/plain.tar" localhost/plain
rm "$scratch/plain.tar"
cost 'one of few names, told a million times' 128 import --platform linux/amd64 "$scratch/flips.tar" localhost/flips
rm "$scratch/flips.tar"
printf 'FROM localhost/base\nCOPY --from=localhost/flips / /f/\nRUN cd /f/same && stat -c "%%F" * > /kinds\n' >"$context/flips"
cost 'and built from' 256 --progress plain build -t localhost/flipped -f "$context/flips" "$context"
run mpemu run localhost/flipped sort /kinds
is 'where the last one counts' "$(echo "$out" | uniq -c | awk '{ print $1, $2 }' | xargs)" '2 directory 1 fifo 3 regular 1 symbolic'
cost 'a step that makes a million files, and copies of a million' 512 --progress plain build \
	--platform linux/amd64 -t localhost/out --build-arg "DIRECTORIES=$((COUNT / 1000))" "$context"
run mpemu run localhost/out cat /step /layer /mounted
is 'have them all' "$(echo $out)" "$COUNT $COUNT $((COUNT / 1000))"
cost 'the store is checked' 256 fsck
mpemu rm localhost/out localhost/plain localhost/flips localhost/flipped >/dev/null 2>&1
cost 'and pruned' 256 prune --all

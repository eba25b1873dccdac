#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Attacks by what is read: Dockerfiles, contexts, layouts, and a store that others can write to.
# Each is refused with a reason or does no harm, in little time and memory.
. "$(dirname "$0")/../lib.sh"
need_root
need_command timeout jq python3

base_tar amd64 && mpemu import --platform linux/amd64 "$base" localhost/base >/dev/null
run mpemu run --platform linux/amd64 localhost/base true
[ "$status" = 0 ] || skip_all "$(head -n 1 "$scratch/.err")"
context=$(tmpdir)

build() { # ARGUMENTS... ; $context/Dockerfile is there
	run timeout 60 "$MPEMU" --root "$store" --progress plain build --platform linux/amd64 "$@" "$context"
}

refused() { # NAME EXPRESSION
	like "$1: is refused" "$status" '^[23]$'
	like "$1: with a reason" "$err" "$2"
}

# Peak memory in MB and time in tenths of seconds of reading $context/Dockerfile.
cost() {
	cat >"$scratch/cost.py" <<-'END'
		import resource, subprocess, sys, time
		begun = time.time()
		with open(sys.argv[1] + '.err', 'w') as err:
		    status = subprocess.call(sys.argv[2:], stdout=subprocess.DEVNULL, stderr=err)
		peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
		print(status, peak, int((time.time() - begun) * 10))
	END
	python3 "$scratch/cost.py" "$scratch/cost" timeout 60 "$MPEMU" --root "$store" "$@" >"$scratch/cost.out"
	read -r status megabytes tenths <"$scratch/cost.out"
	err=$(head -c 2000 "$scratch/cost.err")
}

# ---- Dockerfiles ----

while IFS='|' read -r name script expression; do
	python3 -c "import sys; $script" >"$context/Dockerfile"
	cost dockerfile parse "$context/Dockerfile"
	like "$name: ends by itself" "$status" '^[03]$'
	like "$name: has a reason" "$status $err" "^0 |$expression"
	like "$name: in less than 5 s (took $tenths/10)" "$tenths" '^([0-9]|[1-4][0-9])$'
	[ "$status" = 0 ] || like "$name: refused in little memory ($megabytes MB)" "$megabytes" '^([0-9]|[1-5][0-9]|6[0-4])$'
done <<'END'
a Dockerfile of 100 MB|sys.stdout.write('FROM x\n' + 'RUN true\n' * 11000000)|larger|MB|MiB|limit
a line of 1 MB|sys.stdout.write('FROM x\nRUN ' + 'a' * 1000000)|greater than max
a line without an end|sys.stdout.write('FROM x\nRUN ' + 'a \\\n' * 500000)|.
many stages|sys.stdout.write(''.join('FROM a AS s%d\n' % i for i in range(100000)))|.
many arguments|sys.stdout.write('FROM a\n' + ''.join('ARG A%d=1\n' % i for i in range(100000)))|.
a heredoc that does not end|sys.stdout.write('FROM a\nRUN <<END\n' + 'x\n' * 100000)|unterminated|END
many heredocs|sys.stdout.write('FROM a\nRUN ' + '<<E ' * 10000 + '\n' + 'E\n' * 10000)|.
NUL bytes|sys.stdout.write('FROM a\nRUN echo \0 x\n')|.
UTF-16|sys.stdout.buffer.write('FROM a\nRUN echo\n'.encode('utf-16'))|.
a byte order mark|sys.stdout.buffer.write(b'\xef\xbb\xbfFROM a\n')|.
nothing but comments|sys.stdout.write('# x\n' * 1000000)|no build stage|empty|.
deep JSON|sys.stdout.write('FROM a\nRUN ' + '[' * 60000 + ']' * 60000)|.
END

printf 'FROM localhost/base\nARG A=%s\nRUN true\n' "$(python3 -c "print('\${a:-' * 10000 + 'x' + '}' * 10000)")" >"$context/Dockerfile"
cost --progress plain build "$context"
like 'nested substitutions end by themselves' "$status" '^[03]$'
like 'in little time and memory' "$((tenths < 50 && megabytes < 200))" 1
{
	echo FROM localhost/base
	echo 'ARG A=xxxxxxxxxxxxxxxx'
	for i in $(seq 40); do echo "ARG A=\$A\$A"; done
	echo 'RUN echo $A'
} >"$context/Dockerfile"
cost --progress plain build "$context"
is 'an argument that doubles is refused' "$status" 3
like 'by its size' "$err" 'longer|large|limit|bytes'
like 'in little memory' "$((megabytes < 200))" 1
for stage in one two; do
	echo "FROM localhost/base AS $stage"
	for i in $(seq 4000); do echo "ENV V$i=value$i"; done
	[ $stage = two ] || echo "RUN printf \"\$V1 \$V4000\" > /seen"
done >"$context/Dockerfile"
printf 'COPY --from=one /seen /seen\nRUN echo "$(cat /seen) $V17" >/all\n' >>"$context/Dockerfile"
cost --progress plain build -t localhost/many "$context"
is 'eight thousand ENV in two stages are built' "$status" 0
like "in little time ($tenths/10 s) and memory ($megabytes MB)" "$((tenths < 200 && megabytes < 200))" 1
is 'and are all set' "$(mpemu run localhost/many cat /all)" 'value1 value4000 value17'
cost --progress plain build -t localhost/many "$context"
is 'and are built again from the cache' "$status $(mpemu run localhost/many cat /all)" '0 value1 value4000 value17'

while IFS='|' read -r name text expression; do
	printf '%b' "$text" >"$context/Dockerfile"
	build
	refused "$name" "$expression"
done <<'END'
a stage from itself|FROM localhost/base AS a\nCOPY --from=a /x /y\n|from|itself|circular|own|a
an output that climbs|FROM localhost/base\nCOPY --from=0 /x /y\n|0|from
a trigger of a trigger|FROM localhost/base\nONBUILD ONBUILD RUN true\n|ONBUILD
a trigger that changes the base|FROM localhost/base\nONBUILD FROM localhost/base\n|ONBUILD
a user that is none|FROM localhost/base\nUSER 99999999999:0\nRUN true\n|99999999999
a negative user|FROM localhost/base\nUSER -5\nRUN true\n|-5
a shell that is no list|FROM localhost/base\nSHELL /bin/sh\n|JSON|SHELL
an ADD of a local scheme|FROM localhost/base\nADD file:///etc/passwd /x\n|file|not found
END

# Users by a passwd file that lies.
cat >"$context/Dockerfile" <<'END'
FROM localhost/base
RUN printf 'big:x:4294967296:0::/:\nneg:x:-1:0::/:\nname:x:0x10:0::/:\nok:x:12:13::/:\n12:x:0:0::/:\n' >> /etc/passwd
END
build -t localhost/users
for user in big neg name; do
	run mpemu run -u "$user" localhost/users id -u
	like "user '$user' of a file that lies is nobody" "$status" '^3$'
done
run mpemu run -u 12 localhost/users sh -c 'id -u; id -g'
like 'a number is that number, or the user of that name' "$(echo $out)" '^(12 (0|13)|0 0)$'

# ---- contexts ----

rm -rf "$context" && mkdir "$context"
echo secret >"$scratch/outside"
ln -s ../outside "$context/link"
ln -s /etc/passwd "$context/passwd"
mkfifo "$context/pipe"
mknod "$context/null" c 1 3
python3 -c "import socket, sys; s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1])" "$context/socket"
printf 'FROM localhost/base\nCOPY link passwd /c/\n' >"$context/Dockerfile"
build -t localhost/out
if [ "$status" = 0 ]; then
	run mpemu run localhost/out sh -c 'cat /c/link; head -c 4 /c/passwd'
	unlike 'links of a context are not followed out of it' "$out" secret
else
	like 'links out of a context are refused' "$err" 'link|passwd|not found'
fi
for special in pipe null socket; do
	printf 'FROM localhost/base\nCOPY %s /c/\n' "$special" >"$context/Dockerfile"
	build
	like "a $special of a context: no hang" "$status" '^[03]$'
done
rm "$context/pipe" "$context/null" "$context/socket" "$context/Dockerfile"
mkfifo "$context/Dockerfile"
build
refused 'a Dockerfile that is a pipe' 'Dockerfile'
rm "$context/Dockerfile" && ln -s /dev/zero "$context/Dockerfile"
build
refused 'a Dockerfile that is a device' 'Dockerfile'
rm "$context/Dockerfile" && mkdir "$context/Dockerfile"
build
refused 'a Dockerfile that is a directory' 'Dockerfile'
rm -rf "$context/Dockerfile"
python3 -c "print('**/a**/a**/a**/a**/b\n' * 20000)" >"$context/.dockerignore"
mkdir -p "$context/a/a/a/a/a/a/a/a" && touch "$context/a/a/a/a/a/a/a/a/c"
printf 'FROM localhost/base\nCOPY a /a\n' >"$context/Dockerfile"
cost --progress plain build "$context"
like 'patterns of many stars end' "$status" '^[03]$'
like "in time (took $tenths/10)" "$((tenths < 100))" 1
rm "$context/.dockerignore"

# ---- layouts ----

layout() { # a new one in $scratch/layout
	rm -rf "$scratch/layout" && mkdir "$scratch/layout"
	mpemu export localhost/base 2>/dev/null | tar -C "$scratch/layout" -xf - 2>/dev/null ||
		mpemu copy localhost/base "oci:$scratch/layout" >/dev/null 2>&1
}
printf 'FROM localhost/base\n' >"$context/Dockerfile"
run mpemu build --platform linux/amd64 --output "type=oci,tar=false,dest=$scratch/layout.new" "$context"
if [ "$status" = 0 ]; then
	layer=$(jq -r '.manifests[0].digest' "$scratch/layout.new/index.json" | cut -d: -f2)
	for attack in link pipe huge; do
		rm -rf "$scratch/layout" && cp -a "$scratch/layout.new" "$scratch/layout"
		case $attack in
		link) ln -sf /etc/shadow "$scratch/layout/blobs/sha256/$layer" ;;
		pipe) rm "$scratch/layout/index.json" && mkfifo "$scratch/layout/index.json" ;;
		huge) truncate -s 1G "$scratch/layout/index.json" ;;
		esac
		printf 'FROM lay\n' >"$context/Dockerfile"
		cost --root "$scratch/other" build --build-context "lay=oci-layout://$scratch/layout" "$context"
		like "a layout with a $attack is refused" "$status" '^[2358]$'
		like "a layout with a $attack: at once and in little memory" "$((tenths < 30 && megabytes < 100))" 1
		unlike "a layout with a $attack: nothing of it is said" "$err" 'root:'
	done
else
	skip 'layouts' "$err"
fi

# ---- the store ----

printf 'FROM localhost/base\nRUN echo one > /file\nRUN echo two >> /file\n' >"$context/Dockerfile"
build -t localhost/out
is 'a build to attack' "$status" 0
blob=$(mpemu inspect --raw localhost/out | jq -r '.layers[-1].digest' | cut -d: -f2)
[ "$blob" != null ] || blob=$(mpemu inspect --raw --platform linux/amd64 localhost/out | jq -r '.layers[-1].digest' | cut -d: -f2)
cp "$store/oci/blobs/sha256/$blob" "$scratch/blob"
printf 'x' | dd of="$store/oci/blobs/sha256/$blob" bs=1 seek=40 conv=notrunc 2>/dev/null
run mpemu build --platform linux/amd64 --output "type=oci,dest=$scratch/out.tar" -t localhost/out2 "$context"
if [ "$status" = 0 ]; then
	tar -xOf "$scratch/out.tar" "blobs/sha256/$blob" 2>/dev/null | sha256sum >"$scratch/sum"
	like 'a changed blob is not handed on' "$(cat "$scratch/sum")" "^($blob|e3b0c44298fc1c)"
else
	is 'a changed blob is found out' "$status" 8
	like 'and named' "$err" "blob sha256:$blob: content is "
fi
cp "$scratch/blob" "$store/oci/blobs/sha256/$blob"
rm "$store/oci/blobs/sha256/$blob" && ln -s "$scratch/blob" "$store/oci/blobs/sha256/$blob"
run mpemu fsck
like 'a blob that is a link is not one' "$status$err$out" '[1-9]|link|damage|missing'
rm "$store/oci/blobs/sha256/$blob" && cp "$scratch/blob" "$store/oci/blobs/sha256/$blob"

mode=$(stat -c %a "$store")
chmod 777 "$store"
run mpemu images
is 'a store that anybody can write to is refused' "$status" 9
like 'with what to do' "$err" 'everybody may write to it: chmod o-w'
chmod "$mode" "$store"
for kind in layers work mounts; do
	is "$kind: nobody else can look in" "$(stat -c %a "$store/$kind" 2>/dev/null || echo 700)" 700
done

# A place for temporary files where somebody waits.
mkdir "$scratch/tmp" && chmod 1777 "$scratch/tmp"
echo mine >"$scratch/victim"
for pid in $(seq 20); do
	ln -s "$scratch/victim" "$scratch/tmp/.mpemu-overlay-$(($$ + pid))"
done
TMPDIR=$scratch/tmp
export TMPDIR
build --no-cache
is 'links in TMPDIR do no harm' "$status $(cat "$scratch/victim")" '0 mine'
is 'and nothing is left there' "$(find "$scratch/tmp" -type f -o -type d -mindepth 1 | wc -l)" 0

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Without root: a user with subordinate ids imports, builds and runs foreign images.
. "$(dirname "$0")/../lib.sh"
need_root
need_command jq setpriv unshare newuidmap

plain_user 4242

run as_user sh -c 'unshare -Ur true'
[ "$status" = 0 ] || skip_all "no user namespaces without root: $err"

base_tar arm64
cp "$base" "$scratch/home/arm64.tar"
cp "$MPEMU" "$scratch/mpemu"
chmod 755 "$scratch/mpemu"
MPEMU=$scratch/mpemu

run as_user "$MPEMU" import --platform linux/arm64 "$scratch/home/arm64.tar" localhost/base
is 'import' "$status" 0
[ "$status" = 0 ] || echo "$err" | sed 's/^/# /'

mkdir "$scratch/context"
cat >"$scratch/context/Dockerfile" <<'END'
FROM localhost/base
COPY --chown=1000:1001 file /file
RUN chown 65000:65001 /file && echo x > /new && chown 7:8 /new && uname -m > /machine
RUN rm /file && mkdir /dir && touch /dir/a
USER 33:33
RUN id -u > /tmp/uid
END
echo content >"$scratch/context/file"
chmod 755 "$scratch/context"
run as_user "$MPEMU" --progress plain build --platform linux/arm64 -t localhost/out "$scratch/context"
is 'build' "$status" 0
[ "$status" = 0 ] || echo "$err" | sed 's/^/# /'
run as_user "$MPEMU" run --platform linux/arm64 localhost/out \
	sh -c 'cat /machine /tmp/uid; stat -c "%u %g" /new; ls /file'
like 'run, with owners and deletions as built' "$(echo $out)" '^aarch64 33 7 8$'
run as_user "$MPEMU" inspect --raw localhost/out
digest=$(echo "$out" | jq -r '.layers[2].digest')
is 'owners in the layer are those of the image' "$(
	tar --numeric-owner -tvzf "$scratch/home/store/oci/blobs/sha256/${digest#sha256:}" |
	awk '$6 == "new" || $6 == "file" { print $2 }' | sort | tr '\n' ' ')" '65000/65001 7/8 '
is 'nothing in the store belongs to root' "$(find "$scratch/home/store" -user 0 | head -n 3)" ''
run as_user "$MPEMU" --progress plain build --platform linux/arm64 -t localhost/out "$scratch/context"
unlike 'the second build runs nothing' "$err" 'RUN.*DONE'

# Mounts of RUN: as in 65-mounts.t, with owners that only exist by subordinate ids.
echo hush >"$scratch/home/secret"
chmod 644 "$scratch/home/secret"
cat >"$scratch/context/Dockerfile" <<'END'
FROM localhost/base AS build
RUN mkdir /data && echo built > /data/file && chown 7:8 /data/file
FROM localhost/base
RUN --mount=type=cache,target=/c,uid=1000,gid=1001 touch /c/x && chown 33:34 /c/x && ls -lnd /c | awk '{print $3,$4}' > /owner
RUN --mount=type=cache,target=/c,uid=1000,gid=1001 ls -ln /c/x | awk '{print $3,$4}' >> /owner
RUN --mount=from=build,source=/data,target=/d,rw ls -ln /d/file | awk '{print $3,$4}' >> /owner && rm /d/file
RUN --mount=target=/src ls -ln /src/file | awk '{print $3,$4}' >> /owner
RUN --mount=type=secret,id=s,uid=5 ls -ln /run/secrets/s | awk '{print $3,$4}' >> /owner
END
run as_user "$MPEMU" --progress plain build --platform linux/arm64 -t localhost/out \
	--secret "id=s,src=$scratch/home/secret" "$scratch/context"
is 'mounts of RUN' "$status" 0
[ "$status" = 0 ] || echo "$err" | sed 's/^/# /'
run as_user "$MPEMU" run --platform linux/arm64 localhost/out cat /owner
is 'with their owners' "$(echo $out)" '1000 1001 33 34 7 8 0 0 5 0'

# Nobody here may make device nodes, so that none of us has to listen to calls: programs can.
if make_guest "$scratch/home/guest" "$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')"; then
	echo store >"$scratch/home/.dockerignore"
	cat >"$scratch/home/Dockerfile" <<-'END'
		FROM localhost/base
		COPY --chmod=755 guest /guest
		RUN /guest call=prctl,38,1,0,0,0 listen >/listened; mknod /null c 1 3 2>/dev/null || echo none >>/listened
	END
	run as_user "$MPEMU" --quiet build --platform linux/arm64 -t localhost/listened "$scratch/home"
	run as_user "$MPEMU" run --platform linux/arm64 localhost/listened cat /listened
	is 'a step can listen to its own calls' "$(echo $out)" '0 3 none'
else
	skip 'a step can listen to its own calls' "no compiler: $(cat "$scratch/.log")"
fi

# Volumes, with the owners that the image has; a group beyond our ids is none.
run as_user "$MPEMU" run --platform linux/arm64 -v kept:/dir localhost/base sh -c 'chown 7:8 /dir && echo x >/dir/x'
run as_user "$MPEMU" run --platform linux/arm64 -v kept:/y localhost/base sh -c 'stat -c "%u %g" /y /y/x'
is 'a volume keeps owners' "$(echo $out)" '7 8 0 0'
run as_user "$MPEMU" run --platform linux/arm64 --group-add 65537 localhost/base true
is 'a group that we have no id for' "$status" 9
like 'is named' "$err" 'group 65537: only ids below 65537 are available'
run as_user "$MPEMU" volume rm kept
is 'a volume is removed' "$status $(ls "$scratch/home/store/volumes" "$scratch/home/store/work" | grep -v :)" '0 '

# A network of its own: the device is everybody's, as it is on most machines.
sed '1i mknod "'"$scratch"'/tun" c 10 200 && chmod 666 "'"$scratch"'/tun" && \
	mount --bind "'"$scratch"'/tun" /dev/net/tun || exit 1' "$scratch/as-user" >"$scratch/as-user-tun"
cat >"$scratch/serve.py" <<'END'
import socket, sys
s = socket.socket(); s.bind(('0.0.0.0', 0)); s.listen(16); s.settimeout(60)
open(sys.argv[1], 'w').write(str(s.getsockname()[1]) + '\n')
while True:
    c, _ = s.accept(); c.sendall(b'outside\n'); c.close()
END
if [ ! -e /dev/net/tun ] || ! ip -4 route get 192.0.2.1 >/dev/null 2>&1 || ! command -v python3 >/dev/null; then
	skip 'a private network' 'needs a tap device, an address and python3'
else
	python3 "$scratch/serve.py" "$scratch/port" 2>/dev/null &
	test_children="$test_children $!"
	for _ in $(seq 100); do
		[ -s "$scratch/port" ] && break
		sleep 0.05
	done
	port=$(cat "$scratch/port")
	run unshare -m sh "$scratch/as-user-tun" "$MPEMU" run --platform linux/arm64 --network private \
		--add-host host:host-gateway localhost/base sh -c "nc -w 3 host $port </dev/null; \
		nc -w 3 127.0.0.1 $port </dev/null; nc -w 3 10.0.2.2 $port </dev/null; ls /sys/class/net"
	case $err in
	*'neither pasta nor slirp4netns is installed'*) skip 'a private network' "$err" ;;
	*) is 'a private network reaches this host by its address, and not its loopback' \
		"$(echo $out)" 'outside lo tap0' ;;
	esac
fi

mkdir "$scratch/cached"
printf 'FROM localhost/base\nRUN echo x >/x && chown 7:8 /x\nCOPY file /\n' >"$scratch/cached/Dockerfile"
echo content >"$scratch/cached/file"
chmod 755 "$scratch/cached"
run as_user "$MPEMU" build --platform linux/arm64 --cache-to "type=local,dest=$scratch/home/cache" \
	"$scratch/cached"
is 'a cache goes to a directory of the user' "$status" 0
[ "$status" = 0 ] || echo "$err" | sed 's/^/# /'
run as_user sh -c "rm -f $scratch/home/store/cache.db*"
run as_user "$MPEMU" --progress plain build --platform linux/arm64 \
	--cache-from "type=local,src=$scratch/home/cache" "$scratch/cached"
is 'and comes from there' "$status $(printf '%s\n' "$err" | grep -c CACHED)" '0 2'

echo "tester:3000000:1000" >"$scratch/subid"
rm -rf "$scratch/home/store"
run as_user "$MPEMU" import --platform linux/arm64 "$scratch/home/arm64.tar" localhost/base
run as_user "$MPEMU" --progress plain build --platform linux/arm64 "$scratch/context"
is 'an id outside of the range fails' "$(test "$status" -ne 0 && echo yes)" yes
like 'and says which' "$err" '65000|subuid|range|Invalid argument'

# What goes has owners that only exist by subordinate ids.
run as_user "$MPEMU" fsck
is 'fsck' "$status $out" '0 '
run as_user "$MPEMU" rm localhost/out
run as_user "$MPEMU" prune --all
is 'prune' "$status" 0
[ "$status" = 0 ] || echo "$err" | sed 's/^/# /'
is 'its layers and caches are gone' "$(find "$scratch/home/store/layers" -name uid | head -n 3
	ls "$scratch/home/store/work" "$scratch/home/store/mounts" | grep -v :)" ''

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Which network programs have: none, this host's, or one of their own, from which the outside is
# reached, but neither this host's loopback nor what is link-local nor its abstract sockets.  The
# outside is an address of a network namespace that the test makes for itself.
. "$(dirname "$0")/../lib.sh"
need_root
need_command timeout unshare ip python3
case ${1-} in
inside) rm -rf "$scratch" && scratch=$2 store=$2/store ;;
*)
	base_tar amd64 && mpemu import --platform linux/amd64 "$base" localhost/base:amd64 >/dev/null
	base_tar arm64 && mpemu import --platform linux/arm64 "$base" localhost/base:arm64 >/dev/null
	mpemu index create localhost/base localhost/base:amd64 localhost/base:arm64 >/dev/null
	trap - EXIT
	outside=$scratch
	status=0
	unshare --net --mount sh "$0" inside "$outside" || status=$?
	rm -rf "$outside"
	exit $status
	;;
esac

# ---- in a network of the test's own ----

ip link set lo up && ip addr add 10.99.0.1/32 dev lo && ip addr add 169.254.169.254/32 dev lo &&
	ip route add default dev lo || skip_all 'cannot set up a network'
echo 'nameserver 10.99.0.1
search test' >"$scratch/resolv.conf"
mount --bind "$scratch/resolv.conf" /etc/resolv.conf
cat >"$scratch/serve.py" <<'END'
import socket, sys, threading
def http(address, text):
    s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((address, 8080)); s.listen(16)
    def loop():
        while True:
            c, _ = s.accept(); c.sendall(text); c.close()
    threading.Thread(target=loop).start()
http('127.0.0.1', b'loopback\n'); http('10.99.0.1', b'outside\n'); http('169.254.169.254', b'metadata\n')
u = socket.socket(socket.AF_UNIX); u.bind('\0mpemu-test'); u.listen(1)
d = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); d.bind(('10.99.0.1', 53))
open(sys.argv[1], 'w').close()
while True:
    q, who = d.recvfrom(512)
    end = 12
    while q[end]: end += q[end] + 1
    kind = q[end + 1:end + 3]
    a = b'\xc0\x0c\0\1\0\1\0\0\0\5\0\4' + bytes([10, 99, 0, 1]) if kind == b'\0\1' else b''
    d.sendto(q[:2] + b'\x81\x80\0\1\0' + (b'\1' if a else b'\0') + b'\0\0\0\0' + q[12:end + 5] + a, who)
END
python3 "$scratch/serve.py" "$scratch/serving" &
server=$!
test_children=$server
for _ in $(seq 100); do
	[ -e "$scratch/serving" ] && break
	sleep 0.05
done

ask() { # NETWORK ADDRESS: what the server at an address says
	run timeout 30 "$MPEMU" --root "$store" run --platform "$platform" --network "$1" localhost/base \
		sh -c "nc -w 3 $2 8080 </dev/null"
	out=$(echo $out)
}

run "$MPEMU" --root "$store" run --network private localhost/base true
private=private
if [ "$status" != 0 ]; then
	skip 'private networks' "$err"
	private=
fi
for platform in linux/amd64 linux/arm64; do
	run "$MPEMU" --root "$store" run --network none --platform "$platform" localhost/base true
	if [ "$status" != 0 ]; then
		skip "$platform" "$err"
		continue
	fi
	ask host 127.0.0.1
	is "$platform: host: loopback is reached" "$out" loopback
	ask host 10.99.0.1
	is "$platform: host: so is the outside" "$out" outside
	for address in 127.0.0.1 10.99.0.1 169.254.169.254; do
		ask none $address
		is "$platform: none: $address is not" "$out" ''
	done
	run "$MPEMU" --root "$store" run --platform "$platform" --network none localhost/base ls /sys/class/net
	is "$platform: none: there is only loopback" "$out" lo
	[ "$private" ] || continue
	ask private 10.99.0.1
	is "$platform: private: the outside is reached" "$out" outside
	for address in 127.0.0.1 10.0.2.2 169.254.169.254; do
		ask private $address
		is "$platform: private: $address is not" "$out" ''
	done
	run "$MPEMU" --root "$store" run --platform "$platform" --network private localhost/base \
		sh -c 'nslookup name.test | sed -n "s/^Address: */is /p"; cat /etc/resolv.conf; ls /sys/class/net'
	like "$platform: private: names are found" "$out" '^is 10.99.0.1$'
	like "$platform: private: by the helper" "$(echo $out)" ' nameserver 10.0.2.3 search test lo tap0$'
done
platform=linux/amd64

run "$MPEMU" --root "$store" run localhost/base sh -c 'nc -w 3 127.0.0.1 8080 </dev/null; nc -w 3 10.99.0.1 8080 </dev/null'
if [ "$private" ]; then
	is 'it is the default' "$out" outside
else
	like 'without helpers the default is the network of the host' "$(echo $out)" 'loopback outside'
	like 'with a warning' "$err" "share this host's network"
fi
run "$MPEMU" --root "$store" run --network some localhost/base true
is 'another one is refused' "$status" 2

# ---- in builds: one network for all steps, and what a step asks for ----

mkdir "$scratch/build"
build() {
	run timeout 60 "$MPEMU" --root "$store" --progress plain build --no-cache --platform linux/amd64 \
		-t localhost/out "$@" "$scratch/build"
}
in_image() {
	run "$MPEMU" --root "$store" run --network none localhost/out "$@"
}
if [ "$private" ]; then
	cat >"$scratch/build/Dockerfile" <<-'END'
		FROM localhost/base
		RUN nc -w 3 10.99.0.1 8080 </dev/null >/a; nc -w 3 127.0.0.1 8080 </dev/null >>/a; true
		RUN --network=none nc -w 3 10.99.0.1 8080 </dev/null >/b; true
		RUN --network=default nc -w 3 10.99.0.1 8080 </dev/null >/c; readlink /proc/self/ns/net >/net
		RUN readlink /proc/self/ns/net >>/net; uniq /net | wc -l >/nets
	END
	build
	is 'steps have it too' "$status" 0
	in_image sh -c 'cat /a; echo -; cat /b; echo -; cat /c; cat /nets'
	is 'all of them the same one, but for those that want none' "$(echo $out)" 'outside - - outside 1'
fi
printf 'FROM localhost/base\nRUN --network=host nc -w 3 127.0.0.1 8080 </dev/null >/a\n' >"$scratch/build/Dockerfile"
build
is 'a step gets no network of the host by itself' "$status" 3
like 'and is told how' "$err" 'Dockerfile:2: .*RUN --network=host is not allowed: say --allow network.host'
build --allow network.host
is 'unless the caller allows it' "$status" 0
in_image cat /a
is 'then it is the one of the host' "$out" loopback
build --network host
is 'as where all have it' "$status" 0

# ---- sockets without a file, and packets of others ----

if make_guest "$scratch/build/guest" amd64; then
	printf 'FROM localhost/base\nCOPY --chmod=755 guest /guest\n' >"$scratch/build/Dockerfile"
	build
	for network in host none $private; do
		run "$MPEMU" --root "$store" run --network "$network" localhost/out \
			/guest call=socket,17,3,0x300 call=sethostname,x,1
		want='3 -1'
		[ "$network" != host ] || want='-1 -1'
		is "$network: packets of the host are not to be had" "$(echo $out)" "$want"
	done
fi
kill $server 2>/dev/null

# ---- what goes away ----

if [ "$private" ]; then
	for signal in INT KILL; do
		"$MPEMU" --root "$store" run --network private localhost/base sleep 77 &
		running=$!
		for _ in $(seq 100); do
			pgrep -f '^sleep 77' >/dev/null && break
			sleep 0.05
		done
		[ "$signal" != INT ] || kill -INT $running
		kill -$signal $running
		wait $running 2>/dev/null
		left=
		for _ in $(seq 20); do
			left=$(find /proc/[0-9]*/ns/net -maxdepth 0 -lname "$(readlink /proc/self/ns/net | tr '[]' '??')" \
				2>/dev/null | cut -d/ -f3 | while read -r pid; do
					grep -lE 'mpemu|slirp|pasta' "/proc/$pid/comm" 2>/dev/null
				done)
			[ "$left" ] || break
			sleep 0.05
		done
		is "after SIG$signal no helper is left" "$left" ''
	done
fi

# The helper leaves this host's mounts alone, also where they are shared, as those of systemd are.
if [ "$private" ]; then
	mkdir "$scratch/mounts"
	cat >"$scratch/look-at-mounts" <<-'END'
		mount -t tmpfs none "$1" && mount --make-rshared "$1" && mkdir "$1/inner" &&
		mount -t tmpfs none "$1/inner" && touch "$1/inner/there" || exit
		shift
		"$@"
	END
	run env DIR="$scratch/mounts" unshare --mount --propagation private sh "$scratch/look-at-mounts" "$scratch/mounts" \
		sh -c '"$@" && sleep 0.3; ls "$DIR/inner"' - "$MPEMU" --root "$store" run --network private localhost/base true
	is 'mounts of this host are as before' "$status $out" '0 there'
fi

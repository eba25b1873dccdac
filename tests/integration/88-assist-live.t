#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What a step installs runs natively in the same step, if it is what its package's archive says, and
# what the step leaves is the same.
# shellcheck disable=SC2016   # variables of scripts that run inside
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/assist/lib.sh
. "$(dirname "$0")/../assist/lib.sh"
need_command jq dpkg-deb

# An image without m4, and an archive in it, from which either platform has its own.
context=$(tmpdir)
mkdir "$context/debs"
for arch in amd64 arm64; do
	for deb in "$test_debian/debs-$arch"/m4_*.deb; do
		cp "$deb" "$context/debs/$arch.deb"
		dpkg-deb -f "$deb"
		printf 'Filename: ./%s.deb\nSize: %s\nSHA256: %s\n\n' $arch "$(stat -c %s "$deb")" \
			"$(sha256sum <"$deb" | cut -d' ' -f1)"
	done
done >"$context/debs/Packages"
cat >"$context/Dockerfile" <<'END'
FROM localhost/debian
COPY debs /debs/
RUN dpkg --force-all --purge m4 >/dev/null 2>&1; rm -f /etc/apt/sources.list.d/*; \
    echo 'deb [trusted=yes] file:/debs ./' >/etc/apt/sources.list
END
run mpemu build --assist safe --platform linux/amd64,linux/arm64 -t localhost/less "$context"
is 'an image without a tool' "$status" 0

build() { # OPTION...: the context's Dockerfile
	run mpemu --progress json build --platform linux/arm64 "$@" "$context"
}
ran() { # PROGRAM: how it ran in the last build
	printf '%s\n' "$err" | jq -r --arg name "$1" \
		'select(.event == "step-assist") | [.programs[] | select(.name == $name).why][0] // "natively"'
}
notes() { printf '%s\n' "$err" | jq -r 'select(.event == "note").text'; }

printf 'FROM localhost/less\nRUN apt-get update && apt-get install -y m4\n' >"$context/Dockerfile"
build --assist safe
is 'a step that installs a tool' "$status" 0
unlike 'has nothing installed for it, as long as it does not run it' "$(notes)" 'tools of this step'

# Its end does not wait for what is being installed then.
cat >"$context/Dockerfile" <<'END'
FROM localhost/less
RUN apt-get update && apt-get install -y m4 && { echo 'eval(6*7)' | m4 >/dev/null 2>&1 & } && sleep 0.1
END
build --no-cache --assist safe
is 'a step may end while somebody in it waits for a twin' "$status" 0
is 'and nothing of it stays mounted' "$(grep -c "$store/work" /proc/self/mountinfo)" 0

cat >"$context/Dockerfile" <<'END'
FROM localhost/less
RUN apt-get update && apt-get install -y m4 && echo 'eval(6*7)' | m4 >/answer && cat /answer && \
    rm -rf /var/log/apt /var/log/dpkg.log /var/cache/apt /var/cache/ldconfig /var/lib/apt/lists/*
END
build --no-cache --assist safe
is 'a step that runs what it installs' "$status" 0
is 'runs it natively' "$(ran m4)" natively
build --no-cache --assist verify
is 'what it leaves is the same, byte for byte' "$status" 0
like 'as compared' "$(notes)" 'left the same with native assist and without'

# Questions that nobody has, of programs that are nowhere: 64 bytes each, as the dispatcher has them.
cat >"$context/Dockerfile" <<'END'
FROM localhost/less
RUN printf 'assi\010\0\002\0\377\377\377\377\001\0\0\0m4%046d' 0 >/q && \
    for i in 1 2 3 4 5 6 7; do cat /q /q >/qq && mv /qq /q; done && [ $(stat -c %s /q) = 8192 ] && \
    for i in 1 2 3 4 5 6 7 8 9; do cat /q >/proc/tty/driver/records; done; rm /q; echo asked
END
build --no-cache --assist safe
is 'a step that asks for no reason is none the slower' "$status" 0
like 'and ends' "$err" asked

run mpemu run --platform linux/arm64 --assist safe -v "$tests/assist/live.sh:/live.sh:ro" \
	localhost/less sh /live.sh
is 'what is changed runs as it is, and else natively' "$out" 'genuine: 1.4.19, native
written in place: 9.9.99, emulated
genuine: 1.4.19, native
put in its place: 9.9.99, emulated
genuine: 1.4.19, native
with a database that lies: 9.9.99, emulated
mapped: 1.4.19
written by a mapping: 9.9.99
genuine: 1.4.19, native
written by a mapping: 9.9.99'

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A step that installs a compiler from the network and compiles with it, as root and without: all that
# takes time in it runs natively, and what it leaves is the same.
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/assist/lib.sh
. "$(dirname "$0")/../assist/lib.sh"
need_command jq setpriv unshare newuidmap

context=$scratch/context
mkdir "$context" "$scratch/home"
cat >"$context/a.c" <<'END'
#include <math.h>
#include <stdio.h>
int main(int count, char **words) { return printf("%s %g\n", words[0], floor(count + 0.5)) < 0; }
END
printf 'a: a.c\n\tgcc -g -O2 -Wall a.c -o a -lm\n' >"$context/Makefile"
cat >"$context/bare" <<'END'
FROM localhost/debian
RUN apt-get purge -y gcc gcc-14 g++ g++-14 make m4 libc6-dev libgcc-14-dev libstdc++-14-dev fakeroot && \
    apt-get purge -y 'cpp*' 'binutils*' libbinutils && ! command -v gcc as make
END
cat >"$context/Dockerfile" <<'END'
FROM localhost/bare
COPY a.c Makefile /src/
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends gcc make libc6-dev && \
    cd /src && make && ./a && rm -rf /var/log /var/cache /var/lib/apt/lists
END

built() { # COMMAND...: builds both, and sees what ran in the second
	run "$@" build --assist safe --platform linux/amd64,linux/arm64 -t localhost/bare \
		-f "$context/bare" "$context"
	is 'an image without compilers' "$status" 0
	[ "$status" = 0 ] || skip_all "no image without compilers: $err"
	run "$@" --progress json build --assist safe --platform linux/arm64 "$context"
	case $err in
	*'no cross toolchain'*) skip_all "no compilers: $(printf '%s\n' "$err" | grep 'no cross toolchain')" ;;
	esac
	is 'a step that installs a compiler and uses it' "$status" 0
	is 'runs it natively, with all its parts' "$(printf '%s\n' "$err" |
		jq -r 'select(.event == "step-assist") | .programs[].name' |
		grep -xE 'make|gcc|cc1|collect2|as|ld')" ''
}

built mpemu
run mpemu --progress plain build --no-cache --assist verify --platform linux/arm64 "$context"
is 'what it leaves is the same, byte for byte' "$status" 0
like 'as compared' "$err" 'left the same with native assist and without'

plain_user 4244
cp "$MPEMU" "$scratch/mpemu"
chmod -R a+rX "$context" "$scratch/mpemu" "$scratch/home"
chown -R "$user:$user" "$scratch/home"
user_mpemu() { as_user "$scratch/mpemu" "$@"; }
for arch in amd64 arm64; do
	ln "$test_debian/$arch.tar" "$scratch/$arch.tar" 2>/dev/null ||
		cp "$test_debian/$arch.tar" "$scratch/$arch.tar"
	user_mpemu import --platform linux/$arch "$scratch/$arch.tar" localhost/debian:$arch >/dev/null
done
user_mpemu index create localhost/debian localhost/debian:amd64 localhost/debian:arm64 >/dev/null
built user_mpemu

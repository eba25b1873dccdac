#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Other targets than arm64: one with words of 32 bits, where what is compiled for the linker to
# compile on is the emulated compiler's work and tools may have narrower numbers, and another one of
# 64 bits.
. "$(dirname "$0")/../lib.sh"
need_root
need_command jq
need_platform linux/arm/v7
need_platform linux/riscv64
[ "$(uname -m)" = x86_64 ] || skip_all 'wants a machine that is amd64'
unshare -Urm sh -c 'mount -t binfmt_misc none /mnt' 2>/dev/null ||
	skip_all 'this kernel has no binfmt_misc of a user namespace'

context=$(tmpdir)
cat >"$context/a.c" <<'END'
#include <math.h>
#include <stdio.h>
static const long double big = 3.14159265358979323846264338327950288L * 1.5L;
int main(int count, char **words) { return printf("%s %g %Lf\n", words[0], floor(count + 0.5), big) < 0; }
END
cat >"$context/b.cc" <<'END'
#include <iostream>
#include <regex>
#include <unordered_map>
int main(int count, char **words)
{
	std::unordered_map<std::string, double> map;
	for (int i = 0; i < count; i++)
		map[std::regex_replace(words[i], std::regex("[a-z]+([0-9]*)"), "$1")] += i * 0.1;
	std::cout << map.size() << "\n";
}
END
cat >"$context/Dockerfile" <<'END'
FROM localhost/target
COPY . /src
RUN cd /src && gcc -g -O2 -Wall a.c -o a -lm && ./a && g++ -g -O2 b.cc -o b && \
    gcc -Os -static a.c -o c -lm && gcc -S -O3 -fverbose-asm a.c && ar rcD l.a b && strip -o s c
RUN cd /src && gcc -O2 -flto -frandom-seed=1 -c a.c && gcc -flto -frandom-seed=2 a.o -o d -lm && ./d
END

folder=${MPEMU_DEBIAN:-$MPEMU_BASE/../debian}/trixie-targets
for target in armhf:linux/arm/v7 riscv64:linux/riscv64; do
	platform=${target#*:} arch=${target%%:*}
	"$tests/demo/debian.sh" "$folder" trixie "$arch" amd64 -- apt gcc g++ libc6-dev 2>"$scratch/.log" ||
		skip_all "no packages to make root file systems from: $(cat "$scratch/.log")"
	mpemu import --platform linux/amd64 "$folder/amd64.tar" localhost/target:amd64 >/dev/null
	mpemu import --platform "$platform" "$folder/$arch.tar" "localhost/target:$arch" >/dev/null
	mpemu index create localhost/target localhost/target:amd64 "localhost/target:$arch" >/dev/null
	run mpemu --progress json build --no-cache --assist verify --platform "$platform" "$context"
	case $err in
	*'no cross toolchain'*) skip_all "no compilers: $(printf '%s\n' "$err" | grep 'no cross toolchain')" ;;
	esac
	is "what compilers for $arch leave is the same, byte for byte" "$status" 0
	[ "$status" = 0 ] || printf '%s\n' "$err" | jq -r 'select(.text).text' | tail -n 20 | sed 's/^/# /'
	unlike 'they run natively' "$(printf '%s\n' "$err" |
		jq -r 'select(.event == "step-assist" and .step == 3) | .programs[].name')" '^(cc1|cc1plus|as|collect2)$'
	for mode in off safe; do
		mpemu --progress plain run --platform "$platform" --assist $mode \
			-v "$tests/assist/tools.sh:/tools.sh:ro" localhost/target bash /tools.sh small \
			>"$scratch/$mode" 2>"$scratch/$mode.err"
	done
	run diff "$scratch/off" "$scratch/safe"
	is "tools for $arch say and do the same" "$out" ''
	like 'natively' "$(cat "$scratch/safe.err")" '[0-9]{3} programs ran native'
done

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Compilers that run natively, from a cross toolchain that is installed for them, start the same
# programs with the same arguments as under emulation, and what a step leaves is the same.
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/assist/lib.sh
. "$(dirname "$0")/../assist/lib.sh"
need_command jq

context=$(tmpdir)
cat >"$context/a.c" <<'END'
#include <math.h>
#include <stdio.h>
int main(int count, char **words) { return printf("%s %g\n", words[0], floor(count + 0.5)) < 0; }
END
cat >"$context/b.cc" <<'END'
#include <map>
#include <string>
int main(int, char **words) { return std::map<std::string, int>{{words[0], 1}}.size() != 1; }
END
cat >"$context/Dockerfile" <<'END'
FROM localhost/debian
COPY . /src
RUN cd /src && gcc -g -O2 -Wall a.c -o a -lm && ./a && g++ -g b.cc -o b && ./b && \
    gcc -O2 -flto -frandom-seed=1 -c a.c && gcc -flto=2 -frandom-seed=2 a.o -o c -lm && ./c && \
    gcc-ar rcs l.a a.o && gcc-nm l.a >names && ar --plugin=/nosuch.so t l.a && ar --plugin /nosuch.so t l.a
END
run mpemu --progress json build --no-cache --assist safe --platform linux/arm64 "$context"
case $err in
*'no cross toolchain'*) skip_all "no compilers: $(printf '%s\n' "$err" | grep 'no cross toolchain')" ;;
esac
is 'a step that compiles' "$status" 0
emulated=$(printf '%s\n' "$err" | jq -r 'select(.event == "step-assist") | .programs[] | "\(.name) \(.count) \(.why)"')
unlike 'its compilers run natively, and so do their drivers' "$emulated" \
	'^(gcc [0-9]+ no twin|(g\+\+|cc1|cc1plus|lto1|collect2|ld|as|nm) )'
# The linker's plugin gives its compiler a file of arguments, and each part those of the driver.
like 'but for one that has its arguments in a file' "$emulated" '^gcc 1 its arguments'
like 'and a tool for archives that is given another plugin' "$emulated" '^ar 2 its arguments'
run mpemu --progress plain build --no-cache --assist verify --platform linux/arm64 "$context"
is 'what it leaves is the same, byte for byte' "$status" 0
like 'as compared' "$err" 'left the same with native assist and without'

# Its toolchain stands on the base image: what steps change, here or for other platforms, is nothing
# to it.
cat >"$context/Dockerfile" <<'END'
FROM localhost/debian
COPY . /src
RUN cd /src && gcc -c a.c && cp a.o /usr/lib/
RUN cd /src && gcc a.c -o a -lm && ./a
END
run mpemu --progress plain build --assist safe --platform linux/amd64,linux/arm64 "$context"
is 'two platforms' "$status" 0
unlike 'have the toolchain that there is' "$err" 'installing the cross toolchain'
unlike 'in all steps' "$err" 'gcc [0-9]+ \(no twin'

for mode in off safe; do
	mpemu run --platform linux/arm64 --assist $mode -v "$tests/assist/driver.sh:/driver.sh:ro" \
		localhost/debian bash /driver.sh >"$scratch/driver.$mode" 2>/dev/null
done
like 'the drivers ran to their end' "$(tail -n 1 "$scratch/driver.off")" ' linked$'
run diff "$scratch/driver.off" "$scratch/driver.safe"
is 'a driver starts the same programs, in the same way' "$out" ''

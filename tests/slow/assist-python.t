#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A whole python, where a native one finds modules of the target: it has the twins of some, and for
# the others the step is run again without it.
# shellcheck disable=SC2016   # variables of scripts that run inside
. "$(dirname "$0")/../lib.sh"
debian_folder=trixie-python
debian_packages='apt python3'
# shellcheck source=tests/assist/lib.sh
. "$(dirname "$0")/../assist/lib.sh"
need_command jq

context=$(tmpdir)
printf '# coding: euc-jp\nx = "\244\242 \306\374\313\334"\n' >"$context/japanese.py"
printf '# coding: big5\nx = "\244\244\244\345"\n' >"$context/chinese.py"
cat >"$context/packing.py" <<'END'
import _bz2, _lzma, bz2, lzma

text = open("/usr/lib/python3.13/argparse.py", "rb").read()
assert lzma.decompress(bz2.decompress(bz2.compress(lzma.compress(text)))) == text
open("/n/packed", "wb").write(bz2.compress(text) + lzma.compress(text, preset=9))
print(_bz2.__file__, _lzma.__file__, file=open("/n/places", "w"))
END
cat >"$context/Dockerfile" <<'END'
FROM localhost/debian
COPY *.py /n/
RUN touch -d @1000 /n/*.py && python3 -m compileall -q /usr/lib/python3.13/json /n/japanese.py /n/chinese.py && \
    md5sum /n/__pycache__/*
RUN mkdir -p /usr/local/lib/python3.13/dist-packages && \
    echo 'import sys; sys.dont_write_bytecode = True; sys.path.append("/n"); import packing' \
    >/usr/local/lib/python3.13/dist-packages/x.pth && \
    touch -d @1000 /n/packing.py && py3versions -d && grep -q aarch64 /n/places
END
run mpemu --progress json build --no-cache --assist verify --platform linux/arm64 "$context"
is 'what python compiles and packs with modules that have twins is the same' "$status" 0
[ "$status" = 0 ] || printf '%s\n' "$err" | jq -r 'select(.text).text' | tail -n 20 | sed 's/^/# /'
ran() { # PROGRAM: how it ran in the last build
	printf '%s\n' "$err" | jq -r --arg name "$1" \
		'select(.event == "step-assist") | .programs[] | select(.name == $name).why' | sort | uniq
}
is 'natively' "$(ran python3)" ''
unlike 'at the first go' "$err" 'once more'

# Processes that talk to each other load others; and one that was altered has no twin.
cat >"$context/Dockerfile" <<'END'
FROM localhost/debian
COPY japanese.py /n/
RUN touch -d @1000 /n/japanese.py && python3 -m compileall -q -j2 /n/japanese.py
RUN echo >>/usr/lib/python3.13/lib-dynload/_bz2.cpython-313-aarch64-linux-gnu.so
RUN python3 -m compileall -q -f /n/japanese.py
END
run mpemu --progress json build --no-cache --assist verify --platform linux/arm64 "$context"
is 'nor differs what is compiled where a module has no twin' "$status" 0
[ "$status" = 0 ] || printf '%s\n' "$err" | jq -r 'select(.text).text' | tail -n 20 | sed 's/^/# /'
is 'only where it could not be seen before is a step run once more' \
	"$(printf '%s\n' "$err" | jq -r 'select(.text).text' | grep 'once more' | grep -c -- '-f /n')" 1
like 'others are emulated from the beginning' "$(ran python3)" 'its arguments'

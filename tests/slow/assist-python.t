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
show_failure
is 'natively' "$(ran python3)" ''
unlike 'at the first go' "$err" 'once more'

# Processes that talk to each other; and a module that was altered has no twin.
cat >"$context/Dockerfile" <<'END'
FROM localhost/debian
COPY japanese.py /n/
RUN touch -d @1000 /n/japanese.py && python3 -m compileall -q -j2 /n/japanese.py
RUN echo >>/usr/lib/python3.13/lib-dynload/_lzma.cpython-313-aarch64-linux-gnu.so
RUN python3 -m compileall -q -f /n/japanese.py
END
run mpemu --progress json build --no-cache --assist verify --platform linux/arm64 "$context"
is 'nor differs what is compiled where a module has no twin' "$status" 0
show_failure
is 'only where it could not be seen before is a step run once more' \
	"$(printf '%s\n' "$err" | jq -r 'select(.text).text' | grep 'once more' | grep -c -- '-f /n')" 1

# Where the module that is always loaded has no twin, nothing is tried.
cat >"$context/Dockerfile" <<'END'
FROM localhost/debian
RUN echo >>/usr/lib/python3.13/lib-dynload/_bz2.cpython-313-aarch64-linux-gnu.so
RUN mkdir /n && python3 -m compileall -q -f /usr/lib/python3.13/json
END
run mpemu --progress json build --no-cache --assist safe --platform linux/arm64 "$context"
is 'a python without twins of its modules runs' "$status" 0
like 'emulated' "$(ran python3)" 'its modules'
unlike 'from the beginning' "$err" 'once more'

# What is no number, made in all ways.
cat >"$context/nan.py" <<'END'
x = 1e999 - 1e999
y = 1e999 * 0
import faulthandler, math, signal, struct

faulthandler.enable()
signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
inf, zero, nan = float("inf"), float("0"), float("nan")
made = [x, y, inf - inf, inf / inf, zero * inf, -inf + inf, -(inf - inf), nan, -nan, inf - nan,
        complex(inf, 1) * complex(0, 1), complex(inf, inf) - complex(inf, 0)]
values = [part for number in made for part in (complex(number).real, complex(number).imag)]
print([struct.pack(">d", value).hex() for value in values])
print([[a < b, a <= b, a > b, a >= b, a == b, a != b] for a in (nan, inf - inf, 1.5) for b in (nan, 2.5, -inf)])
print(sorted([3.5, nan, 1.5, inf - inf, 2.5]), max(nan, 1.0), min(1.0, nan), math.isnan(x), bool(nan), round(1.5))
END

# Any script, in full mode: it is told what the target's python would say.
cat >"$context/own.py" <<'END'
import fcntl, glob, locale, os, signal, subprocess, sys, tempfile, threading
import _hashlib, _ssl

with open("/n/own", "w") as out:
    print(sys.argv, os.readlink("/proc/self/exe"), _ssl.__file__, _ssl.OPENSSL_VERSION, file=out)
    print({name: getattr(os, name) for name in dir(os) if isinstance(getattr(os, name), int)}, file=out)
    print(locale.CHAR_MAX, signal.getsignal(signal.SIGFPE), tempfile._bin_openflags, file=out)
    print(os.confstr("CS_GNU_LIBC_VERSION"), os.sysconf("SC_OPEN_MAX") > 0, file=out)
    folder = os.open("/usr", os.O_RDONLY | os.O_DIRECTORY)
    print(fcntl.fcntl(folder, fcntl.F_GETFL) & os.O_DIRECTORY, os.get_blocking(folder), file=out)
    for flags in os.O_DIRECTORY, os.O_NOFOLLOW:
        try:
            os.open("/etc/alternatives/awk", flags)
        except OSError as error:
            print(error, file=out)
    print(sorted(glob.glob("/usr/share/*/python3*")), tempfile.TemporaryFile().write(b"x"), file=out)
    print(subprocess.check_output(["uname", "-m"]), subprocess.check_output([sys.executable, "-c", """
import os, sys, threading
threading.Thread(target=lambda: print(os.uname().machine, sys.argv)).start()"""]), file=out)
END
cat >"$context/Dockerfile" <<'END'
FROM localhost/debian
COPY own.py nan.py /n/
RUN cd /n && PYTHONHASHSEED=0 python3 -B own.py one two && grep -q "b'aarch64" own
RUN cd /n && touch -d @1000 *.py && python3 -m py_compile nan.py && python3 nan.py >/n/numbers
END
run mpemu --progress json build --no-cache --assist verify-full --platform linux/arm64 "$context"
is 'what any script sees is the same' "$status" 0
show_failure
is 'natively' "$(ran python3)" ''
unlike 'at the first go' "$err" 'once more'

# What only the target can answer, or would be called by what the target's takes.
cat >"$context/Dockerfile" <<'END'
FROM localhost/debian
RUN python3 -c 'import math; print(math.erf(0.3), math.hypot(3.1, 4.7))' >/n1
RUN python3 -c 'import os; print(os.sysconf("SC_CHAR_MIN"))' >/n2
RUN python3 -c 'import os; print(os.confstr("CS_LFS64_CFLAGS"))' >/n3
RUN python3 -c 'import locale; print(locale.localeconv())' >/n4
RUN python3 -c 'import ctypes; print(ctypes.CDLL(None).getppid() > 0, ctypes.sizeof(ctypes.c_long))' >/n5
RUN python3 -c 'import sqlite3; print(sqlite3.connect(":memory:").execute("select 0.1 + 0.2").fetchall())' >/n6
END
run mpemu --progress json build --no-cache --assist verify-full --platform linux/arm64 "$context"
is 'nor differs what a script asks that only the target knows' "$status" 0
show_failure
is 'those steps are run once more' \
	"$(printf '%s\n' "$err" | jq -r 'select(.text).text' | grep -c 'once more')" 6
like 'which is told with what it came to' "$err" 'came to confstr'

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Interpreters that compute natively: python for the scripts that compile its modules, and awk.  What
# they leave is the same, and where it could not be, the step is run again without them.
# shellcheck disable=SC2016   # variables of scripts that run inside
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/assist/lib.sh
. "$(dirname "$0")/../assist/lib.sh"
need_command jq python3

context=$(tmpdir)
# Constants that a compiler computes, and numbers for awk's functions: the same ones each time.
python3 - "$context" <<'END'
import random, sys

random.seed(7)
folder = sys.argv[1]


def number():
    return random.choice([random.uniform(0, 10), random.lognormvariate(0, 20), random.randrange(1, 50) + .5])


with open(folder + "/constants.py", "w") as out:
    for i in range(150):
        print(f"a{i} = {number()!r} {random.choice(['+', '-', '*', '/', '//', '%'])} {number()!r}", file=out)
        print(f"b{i} = {random.uniform(0, 100)!r} ** {random.uniform(-30, 30)!r}", file=out)
        print(f"c{i} = ({number()!r} + {number()!r}j) {random.choice('*/')} ({number()!r} - {number()!r}j)",
              file=out)
        print(f"d{i} = {{{number()!r}, {i}, 'text {i}', b'{i}'}}, frozenset, -{i} ** {i % 9 + 40}", file=out)
with open(folder + "/numbers", "w") as out:
    for i in range(3000):
        print(repr(number() * random.choice([1, -1])), repr(random.uniform(0, 20)), file=out)
END
# What a script can ask python for, asked where it runs natively.
cat >"$context/probe.py" <<'END'
import importlib.machinery, locale, os, platform, struct, sys, sysconfig

with open("/n/seen", "w") as out:
    for name in sorted(set(dir(sys)) & {
            "abiflags", "api_version", "argv", "base_exec_prefix", "base_prefix", "builtin_module_names",
            "byteorder", "exec_prefix", "executable", "flags", "float_info", "float_repr_style", "hash_info",
            "hexversion", "implementation", "int_info", "maxsize", "maxunicode", "orig_argv", "path", "platform",
            "platlibdir", "prefix", "pycache_prefix", "stdlib_module_names", "thread_info", "version"}):
        value = getattr(sys, name)
        print(name, sorted(value) if isinstance(value, frozenset) else value, file=out)
    print(importlib.machinery.all_suffixes(), os.uname().machine, platform.machine(), platform.architecture(),
          platform.libc_ver(), platform.python_compiler(), platform.python_build(), platform.platform(),
          sysconfig.get_platform(), sysconfig.get_paths(), sysconfig.get_makefile_filename(), file=out)
    print({name: value for name, value in sysconfig.get_config_vars().items()}, file=out)
    print([struct.calcsize(letter) for letter in "@bhilqnPfd"[1:]], locale.getpreferredencoding(),
          os.cpu_count() > 0, os.sysconf("SC_PAGE_SIZE"), os.confstr("CS_PATH"), os.environ.get("_"), file=out)
    print(1e16, 0.1 + 0.2, 2.0 ** 0.5, repr(1e22), "%.30f" % 0.1, float("1e-320"), hash(1.5), hash("") == 0, file=out)
END
cat >"$context/Dockerfile" <<'END'
FROM localhost/debian
COPY *.py numbers /n/
RUN cd /n && touch -d @1000 *.py && python3 -m py_compile constants.py && \
    python3.13 -E -S /usr/lib/python3.13/py_compile.py /usr/lib/python3.13/json/*.py && \
    py3compile -p python3-minimal /usr/share/python3 && py3versions -i && \
    find / -xdev -name '*.pyc' | xargs md5sum | sort >/n/compiled && py3clean -p python3-minimal
RUN mkdir -p /usr/local/lib/python3.13/dist-packages && \
    echo 'import sys; sys.dont_write_bytecode = True; sys.path.append("/n"); import probe' \
    >/usr/local/lib/python3.13/dist-packages/x.pth && py3versions -d && grep -q aarch64 /n/seen
RUN awk '{ x = $1; if (x < 0) x = -x; printf "%.17g %.17g %.17g %.17g %.17g %.17g %.17g\n", sin($1), cos($1), \
    atan2($1, $2), exp($2 * 3), log(x), sqrt(x), x ^ $2; printf "%d %s %s %e %x\n", $1, $1, $1 * $2, $1 / $2, x }' \
    /n/numbers >/n/computed && test $(wc -l </n/computed) = 6000 && \
    awk 'BEGIN { srand(3); print rand(), rand(), srand(); print 2^9999, -2^9999, log(0), 2^53 + 1, 10 % 3.3, \
    substr("hello", 0, 2), int(-3.9), "3x" + 4, 1e300 * 1e300, sprintf("%c%5.2f|%-8s|%i", 65, 2.345, "x", 2^70) }' \
    >>/n/computed
END
run mpemu --progress json build --no-cache --assist verify --platform linux/arm64 "$context"
is 'modules that python compiles, and numbers that awk computes, are the same' "$status" 0
show_failure
is 'natively' "$(ran python3)$(ran python3.13)$(ran awk)" ''
unlike 'at the first go' "$err" 'once more'

# What cannot be the same: a NaN that is made has a sign here, and a module of nobody's is the target's.
cat >"$context/Dockerfile" <<'END'
FROM localhost/debian
RUN mkdir /n && awk 'BEGIN { print log(-1), -log(-1), int(2^9999 - 2^9999) }' >/n/awk
RUN mkdir -p /usr/local/lib/python3.13/dist-packages && cp /usr/lib/python3.13/lib-dynload/_ssl.* /n && \
    echo 'import sys; sys.path.insert(0, "/n"); import _ssl; sys.stdout.write(_ssl.__file__[:3] + chr(10))' \
    >/usr/local/lib/python3.13/dist-packages/x.pth && test "$(py3versions -d | tr '\n' ' ')" = '/n/ python3.13 '
RUN python3 -c 'import importlib.machinery as m, os, platform, sys, sysconfig; print(os.uname().machine, \
    platform.machine(), sysconfig.get_platform(), sys.implementation._multiarch, m.EXTENSION_SUFFIXES)' \
    >/n/machine && grep aarch64 /n/machine
END
run mpemu --progress json build --no-cache --assist verify --platform linux/arm64 "$context"
is 'nor differs what can only be made right by the emulator' "$status" 0
show_failure
is 'each such step is run once more' \
	"$(printf '%s\n' "$err" | jq -r 'select(.text).text' | grep -c 'once more')" 2
like 'a script that nobody has reviewed is emulated' "$(ran python3)" 'its script'

# Any script, in full mode.
cat >"$context/Dockerfile" <<'END'
FROM localhost/debian
COPY probe.py /n/
RUN python3 -B /n/probe.py
RUN printf 'print(__import__("sys").implementation._multiarch)' | python3 - >/n/input && grep aarch64 /n/input
RUN printf '#!/usr/bin/env python3\nprint(__file__, __import__("os").uname().machine)' >/n/x && chmod +x /n/x && \
    /n/x >/n/script && ln -s /usr/bin/python3 /n/python && /n/python -c 'import sys; print(sys.executable)' >>/n/script
END
run mpemu --progress json build --no-cache --assist verify-full --platform linux/arm64 "$context"
is 'what any script sees is the same' "$status" 0
show_failure
is 'natively' "$(ran python3)" ''
unlike 'at the first go' "$err" 'once more'

#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What gcc's drivers start, in which order, with which arguments and variables: run with native
# twins and without, it must be the same.
# shellcheck disable=SC2016
exec 2>&1
mkdir -p /tmp/driver/lib/sub
cd /tmp/driver || exit 1
export TMPDIR=/tmp/driver/lib

cat >/tmp/wrapper <<'END_WRAPPER'
#!/bin/bash
printf '[%s]' "$@" "${!COLLECT_@}" "$COLLECT_GCC" "$COLLECT_GCC_OPTIONS" "$COLLECT_LTO_WRAPPER" \
	"$COMPILER_PATH" "$LIBRARY_PATH"
echo
exec "$@"
END_WRAPPER
chmod 755 /tmp/wrapper

printf '#include <math.h>\nint f(int x) { return x + 1; }\nint main(int c, char **v) { return f((int)floor(c + 0.5)) - 2; }\n' >a.c
printf '#include <string>\nint main(int c, char **v) { std::string s(v[0]); return s.empty(); }\n' >b.cc
printf '.globl s\ns:\n' >c.s
printf '#define X s2\n.globl X\nX:\n' >d.S
printf 'int h(void);\n' >h.h
printf '*cc1:\n+ -DOF_THE_SPECS\n\n' >my.specs
gcc -c a.c -o e.o
cp e.o odd.unknown

run() { # DRIVER ARGUMENT...: temporary names are random, and so are seeds
	local driver=$1
	shift
	echo "## $driver $*"
	"$driver" -wrapper /tmp/wrapper "$@" 2>&1 </dev/null |
		sed 's/cc[A-Za-z0-9]\{6\}\([.\x27" ]\|$\)/ccXXXXXX\1/g; s/0x[0-9a-f]\{16\}/0xSEED/g'
	echo "= ${PIPESTATUS[0]}"
}

ask() { # DRIVER ARGUMENT...
	echo "## $*"
	"$@" </dev/null
	echo "= $?"
}

for driver in gcc g++ cpp; do
	ask $driver -dumpmachine -dumpversion
	ask $driver -print-search-dirs
	ask $driver -print-file-name=crt1.o
	ask $driver
done
ask cc -print-prog-name=cc1
ask gcc -print-prog-name=ld
ask gcc -print-multi-os-directory
ask gcc --version
ask gcc -print-sysroot
ask gcc -v
ask g++ -o

for driver in gcc g++; do
	run $driver a.c -o x -O2 -g -Wall -lm
	run $driver -c a.c -MD -MF x.d -MT y
	run $driver b.cc c.s d.S e.o
	run $driver -shared -fPIC e.o -o x.so -Wl,-soname,foo
	run $driver -static e.o
	run $driver -O2 -flto -frandom-seed=1 a.c
	run $driver odd.unknown
	run $driver -fopenmp e.o
	run $driver -nostdlib e.o
	run $driver -xc h.h
done
run gcc -S a.c -o -
run gcc -no-pie e.o -rdynamic
run gcc -save-temps -pipe a.c
run gcc -B/tmp/driver/lib e.o
run gcc --sysroot=/nowhere -c a.c
LIBRARY_PATH=/tmp/driver/lib:/usr/lib run gcc e.o
COMPILER_PATH=/tmp/driver/lib CPATH=/x run gcc -c a.c
GCC_EXEC_PREFIX=/usr/lib/gcc/ run gcc -c a.c
run gcc -mcpu=cortex-a72 -mbranch-protection=standard -c a.c
run gcc -specs=my.specs -c a.c
run gcc -gsplit-dwarf -c a.c
run gcc -lm -lgfortran e.o
run gcc -Wl,-lm e.o -Xlinker -lm
for offload in -foffload-options=-l_GCC_m -foffload=disable; do
	run gcc -c a.c $offload
	run gcc e.o -lm $offload
	run g++ e.o $offload
done
run g++ h.h
run g++ -c a.c b.cc -o x
run g++ nosuch.c -nosuch
run cpp a.c -P

# The linker is found as by the foreign driver: by its bare name, in the directories of PATH too.
printf '#!/bin/sh\necho "this is no linker"\nexit 3\n' >lib/ld
chmod 755 lib/ld
PATH=/tmp/driver/lib:$PATH ask gcc e.o -lm
ask gcc -B/tmp/driver/lib/ e.o -lm
mv lib/ld lib/aarch64-linux-gnu-ld
PATH=/tmp/driver/lib:$PATH ask gcc e.o -lm -o linked
ask ./linked

# Called from elsewhere and by other names.
ln -s /usr/bin/gcc lib/my-gcc
ask lib/my-gcc -c a.c -o 1.o
ask lib/my-gcc nosuch.c
(exec -a /opt/bin/gcc gcc -print-search-dirs)
echo '-c a.c -o 2.o -DX' >arguments
ask gcc @arguments
md5sum ./*.o x linked

#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What compilers of other languages say of themselves, which files they look for, and what they
# write: run with native twins and without, it must be the same.  Prints it; nothing else stays.
#
#     languages.sh clang|folding|logarithm|rust|cargo|go|conversion
# shellcheck disable=SC2016,SC2086   # options are words
exec 2>&1
export TMPDIR=/tmp/languages/tmp HOME=/tmp/languages/home LC_ALL=C
rm -rf /tmp/languages
mkdir -p $TMPDIR $HOME
cd /tmp/languages || exit 1
ln -sf gcc /usr/bin/cc

# Temporary names are random.
try() { # COMMAND...
	echo "## $*"
	"$@" </dev/null 2>&1 | sed 's/\([a-z]-\)[0-9a-f]\{6\}\(\.[a-z]*\)/\1XXXXXX\2/g'
	echo "= ${PIPESTATUS[0]}"
}
sums() { # COMMAND... ; what it leaves
	try "$@"
	find . -maxdepth 1 -type f -newer mark | sort | while read -r file; do md5sum "$file"; done
	touch mark
}
touch mark

clang_part() {
	printf '#include <stdio.h>\n#include <math.h>\nint f(int x) { return x + 1; }\nint main(int c, char **v) { return printf("%%d %%g\\n", f(c), floor(c + 0.5)) < 0; }\n' >a.c
	printf '#include <string>\n#include <map>\nint main(int c, char **v) { std::map<std::string, double> m{{v[0], c * 0.1}}; return m.size() == 9; }\n' >b.cc
	printf '.globl s\ns:\n ret\n' >c.s
	printf 'int g(int x) { return x * 3; }\n' >d.c
	printf '#define X 1\n' >h.h
	touch -d @1000000000 h.h
	touch mark
	for driver in clang clang++; do
		try $driver --version
		try $driver -v
		try $driver -dumpmachine
		try $driver -print-search-dirs
		try $driver -print-resource-dir
		try $driver -print-effective-triple
		try $driver -print-file-name=crt1.o
		try $driver -print-libgcc-file-name
		try $driver -print-multi-lib
	done
	try clang -print-prog-name=ld
	try clang -print-targets
	try clang -print-supported-cpus
	try clang -'###' a.c b.cc -o x -lm -flto -fuse-ld=lld
	try clang -'###' --target=x86_64-linux-gnu a.c
	try clang -mcpu=native -'###' -c a.c
	try clang -E -dM -x c /dev/null
	try clang -v -c a.c -o v.o
	try ld.lld --version
	try ld.lld --help
	try llvm-ar --version
	for options in -O0 -O2 '-g -O1' '-Os -fPIC' '-O3 -mcpu=cortex-a72' '-g3 -gdwarf-4' \
		'-O2 -flto' '-O2 -flto=thin' '-g -grecord-command-line' -frecord-command-line \
		'-O2 -fembed-bitcode' \
		'-fprofile-instr-generate -fcoverage-mapping' '-O2 -fsanitize=undefined' '-MD -MF d'; do
		sums clang $options -c a.c -o a.o
	done
	sums clang -O2 --target=x86_64-linux-gnu -c d.c -o x86.o
	sums clang -S -emit-llvm -O1 a.c -o a.ll
	sums clang a.c -save-temps -o saved -lm
	sums clang -c c.s -o c.o
	sums clang++ -g -O2 b.cc c.o -o b
	try ./b
	sums clang a.c -o a -lm -O2 -flto -fuse-ld=lld
	try ./a
	sums clang a.c -o a -lm -O2 -flto=thin -fuse-ld=lld -Wl,--build-id=sha1
	sums clang a.c -o a -lm -fuse-ld=lld -Wl,--icf=all,-O2,--gc-sections
	sums clang -c a.c -o r.o
	sums ld.lld -r r.o -o rr.o
	sums llvm-ar rcD l.a r.o
	sums clang -x c-header h.h -o h.pch
	sums clang -include-pch h.pch -c a.c -o p.o
	try clang nosuch.c
	try clang -nosuch a.c
	try clang -fplugin=/nowhere.so -c a.c -o n.o
	echo '-c a.c -o 2.o -DX' >arguments
	sums clang @arguments
	CPATH=/x LIBRARY_PATH=/y try clang -v -c a.c -o v.o
	LD_LIBRARY_PATH=/tmp/languages sums clang -c a.c -o v.o

	# By other names and from elsewhere.
	mkdir bin
	ln -s /usr/bin/clang bin/my-cc
	ln -s /usr/bin/clang bin/x86_64-linux-gnu-clang
	ln -s /usr/bin/clang bin/clang-cl
	for name in my-cc x86_64-linux-gnu-clang clang-cl; do
		try bin/$name -v
		try bin/$name -print-resource-dir
	done
	PATH=$PWD/bin:$PATH try my-cc -print-resource-dir
	(exec -a /nowhere/clang clang -print-resource-dir)
	(exec -a clang-nosuch clang -print-resource-dir)
	(exec -a '' clang -print-resource-dir)
	(cd /usr/bin && ./clang -print-search-dirs)
	cp -L /usr/bin/clang bin/copied
	try bin/copied -print-resource-dir
	try /usr/lib/llvm-*/bin/clang -cc1 -version
}

# What LLVM computes at compile time by functions of the C library.
folding_part() {
	{
		echo '#include <math.h>'
		for name in sin cos tan asin acos atan sinh cosh tanh exp exp2 log log2 log10 log1p \
			expm1 cbrt sqrt erf; do
			for type in '' f; do
				echo "double t_$name${type}[200]; void f_$name$type(void) {"
				awk -v name=$name$type 'BEGIN {
					srand(7)
					for (i = 0; i < 200; i++)
						printf "t_%s[%d] = %s(%.17g);\n", name, i, name, rand() * (i % 4 ? 1 : 30)
				}'
				echo '}'
			done
		done
		for name in pow atan2 fmod hypot; do
			echo "double t_${name}[200]; void f_$name(void) {"
			awk -v name=$name 'BEGIN {
				srand(9)
				for (i = 0; i < 200; i++)
					printf "t_%s[%d] = %s(%.17g, %.17g);\n", name, i, name, rand() * 9, rand() * 5
			}'
			echo '}'
		done
		echo 'long double l[9]; void g(void) {'
		echo 'l[0] = sqrtl(2.0L); l[1] = sinl(0.7L); l[2] = expl(1.3L); l[3] = powl(2.1L, 0.3L); }'
		echo 'int p(int x) { return __builtin_expect_with_probability(x > 3, 1, 0.7131) ? x : -x; }'
	} >fold.c
	touch mark
	sums clang -O2 -fno-math-errno -c fold.c -o fold.o
	sums clang -O2 -S -emit-llvm fold.c -o fold.ll
	grep -c 'store double 0x' fold.ll
}

# The only one that some builds of LLVM compute, and others do not.
logarithm_part() {
	printf '#include <math.h>\nlong double f(void) { return logl(2.0L); }\n' >logl.c
	touch mark
	sums clang -O2 -S logl.c -o logl.s
}

rust_part() {
	rustc() { command rustc --edition 2021 "$@"; }
	printf 'pub fn sum(v: &[f64]) -> f64 { v.iter().map(|x| x.sin() * 0.3_f64.ln()).sum() }\npub fn name() -> &%sstatic str { std::env::consts::ARCH }\n' "'" >lib.rs
	printf 'fn main() { println!("{} {:.9}", lib::name(), lib::sum(&[0.5, 1.5])); }\n' >main.rs
	printf 'use proc_macro::TokenStream;\n#[proc_macro]\npub fn arch(_: TokenStream) -> TokenStream { format!("{:?}", std::env::consts::ARCH).parse().unwrap() }\n' >mac.rs
	printf 'pub use mac::arch;\n' >user.rs
	printf 'fn main() { println!("{}", user::arch!()); }\n' >second.rs
	printf 'fn main() { let x: i32 = "no"; }\n' >bad.rs
	touch mark
	try rustc -vV
	try rustc --version
	try rustc --print host-tuple
	try rustc --print=host-tuple
	for what in sysroot cfg target-libdir file-names crate-name target-list; do
		try rustc --print $what --crate-name x --crate-type lib -
	done
	try rustc --print cfg -C target-cpu=native
	sums rustc --crate-type lib lib.rs
	sums rustc --crate-type lib -O -g lib.rs
	sums rustc --crate-type staticlib -O -C panic=abort lib.rs -o lib.a
	sums rustc --crate-type cdylib -O lib.rs -o c.so
	sums rustc --crate-type dylib -C prefer-dynamic lib.rs -o d.so
	sums rustc --emit asm,llvm-ir,obj,metadata,dep-info --crate-type lib -O lib.rs
	sums rustc -O -C codegen-units=1 main.rs --extern lib=liblib.rlib
	try ./main
	sums rustc -g main.rs -L . --target aarch64-unknown-linux-gnu
	sums rustc -g main.rs -L . --target=aarch64-unknown-linux-gnu
	sums rustc --test lib.rs -o tests
	try rustc bad.rs
	try rustc nosuch.rs
	printf '%s\n' --crate-type lib lib.rs >arguments
	sums rustc @arguments

	# Macros, which are the target's code: direct, and by way of a crate that has them.
	mkdir deps
	try rustc --crate-type proc-macro --extern proc_macro mac.rs -C extra-filename=-0123456789abcdef --out-dir deps
	try rustc --crate-type lib user.rs --extern mac=deps/libmac-0123456789abcdef.so \
		-C extra-filename=-1123456789abcdef --out-dir deps -L dependency=deps
	sums rustc second.rs --extern user=deps/libuser-1123456789abcdef.rlib -L dependency=deps
	try ./second
	sums rustc second.rs --extern=user=deps/libuser-1123456789abcdef.rlib -Ldeps
	sums rustc --crate-type lib lib.rs -L dependency=deps
	md5sum deps/*
	cp deps/libmac-0123456789abcdef.so deps/libmac.so
	sums rustc --crate-type lib lib.rs -L deps
}

# A package with a library, a build script and macros.
cargo_part() {
	mkdir -p src util/src macros/src
	printf '[package]\nname = "app"\nversion = "0.1.0"\nedition = "2021"\n[dependencies]\nutil = { path = "util" }\nmacros = { path = "macros" }\n[profile.release]\ndebug = 1\n' >Cargo.toml
	printf '[package]\nname = "util"\nversion = "0.1.0"\nedition = "2021"\nbuild = "build.rs"\n' >util/Cargo.toml
	printf '[package]\nname = "macros"\nversion = "0.1.0"\nedition = "2021"\n[lib]\nproc-macro = true\n' >macros/Cargo.toml
	printf 'fn main() { println!("cargo:rustc-env=BUILT={} {} {}", std::env::var("CARGO_CFG_TARGET_ARCH").unwrap(), std::env::var("HOST").unwrap(), std::env::consts::ARCH); }\n' >util/build.rs
	printf 'pub fn built() -> &%sstatic str { env!("BUILT") }\n' "'" >util/src/lib.rs
	printf 'use proc_macro::TokenStream;\n#[proc_macro]\npub fn arch(_: TokenStream) -> TokenStream { format!("{:?}", std::env::consts::ARCH).parse().unwrap() }\n' >macros/src/lib.rs
	printf 'fn main() { println!("{} {}", util::built(), macros::arch!()); }\n' >src/main.rs
	export CARGO_HOME=/tmp/languages/cargo CARGO_TERM_PROGRESS_WHEN=never
	try cargo --version
	cargo build --release --offline -j1 >log 2>&1
	echo "= $?"
	grep -c Compiling log
	try target/release/app
	md5sum target/release/app target/release/deps/*.so target/release/deps/*.rlib
	try cargo test --release --offline -j1 -q | sed 's/finished in .*//'
	cargo build --release --offline -j1 --target aarch64-unknown-linux-gnu >log 2>&1
	echo "= $?"
	md5sum target/aarch64-unknown-linux-gnu/release/app
}

# What a number that does not fit becomes is for the processor to say, of the target.
conversion_part() {
	printf 'package main\n\nfunc main() {\n\tx, n := 1e100, 0.0\n\tprintln(int64(x), int32(-x), int64(n-n))\n}\n' >main.go
	touch mark
	sums go tool compile -p main -o main.o main.go
}

go_part() {
	export GOCACHE=/tmp/languages/cache GOPATH=/tmp/languages/path GOFLAGS=-mod=mod GOTOOLCHAIN=local
	printf 'module example.org/hello\n\ngo 1.19\n' >go.mod
	printf 'package main\n\nimport "runtime"\n\nfunc main() {\n\tx := 1.5\n\tprintln(runtime.GOARCH, x*0.3+0.7, add(1, 2))\n}\n' >main.go
	printf 'package main\n\nfunc add(a, b int) int { return a+b }\n' >add.go
	printf 'package main\n\nimport "testing"\n\nfunc TestAdd(t *testing.T) {\n\tif add(1, 2) != 3 {\n\t\tt.Fail()\n\t}\n}\n' >add_test.go
	mkdir c
	printf 'package main\n\n// static int three(void) { return 3; }\nimport "C"\n\nfunc main() { println(C.three()) }\n' >c/main.go
	touch mark
	try go version
	try go env GOARCH GOHOSTARCH GOTOOLDIR GOARM64 CGO_ENABLED CC GOROOT
	try go tool dist list
	for tool in asm compile link cgo cover vet pack buildid; do
		try go tool $tool -V=full
		tool_path=$(go env GOTOOLDIR)/$tool
		[ ! -e "$tool_path" ] || try env -u GOARCH "$tool_path" -V=full
	done
	sums go build -o hello .
	try ./hello
	sums go build -trimpath -ldflags '-s -w' -o small .
	try go version -m hello
	try go vet .
	try go list -f '{{.Target}} {{.GoFiles}} {{.Stale}}' .
	CGO_ENABLED=1 sums go build -o with-c ./c
	try ./with-c
	GOARCH=amd64 sums go build -o other .
	GOARCH=riscv64 sums go tool compile -p main -o rv.o add.go
	sums go tool compile -p main -o add.o add.go
	sums go build -buildmode=c-archive -o x.a ./c
	try go run .
	try gofmt -d add.go
	try go build ./nosuch
	try go test -count=1 -v -run Add -vet=off . | sed 's/([0-9.]*s)//; s/[0-9.]*s$//'
}

"$1_part"
cd /
rm -rf /tmp/languages /usr/bin/cc
echo "## the end of $1"

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Go and Rust as their own images have them, unpacked below /usr/local and in no package: they run
# natively where the two variants of the image have the same, and what they leave is the same.
. "$(dirname "$0")/../lib.sh"
debian_folder=trixie-unpacked
debian_packages="apt gcc libc6-dev golang-go rustc cargo patchelf"
need_root
need_command jq
need_platform linux/arm64
[ "$(uname -m)" = x86_64 ] || skip_all 'wants a machine that is amd64'
unshare -Urm sh -c 'mount -t binfmt_misc none /mnt' 2>/dev/null ||
	skip_all 'this kernel has no binfmt_misc of a user namespace'
debian_tars trixie

mkdir "$scratch/tools"
tar -C "$scratch/tools" -xf "$test_debian/amd64.tar" --wildcards './usr/bin/patchelf' \
	'./usr/lib/*/ld-linux*' './usr/lib/*/lib[cm].so.6' './usr/lib/*/libstdc++.so*' \
	'./usr/lib/*/libgcc_s.so*'
for arch in amd64 arm64; do
	"$tests/assist/unpacked.sh" "$test_debian/$arch.tar" "$scratch/root" "$scratch/$arch.tar" \
		"$scratch/tools" >"$scratch/.log" 2>&1 || skip_all "no image: $(cat "$scratch/.log")"
	mpemu import --platform linux/$arch "$scratch/$arch.tar" localhost/tools:$arch >/dev/null
	rm -rf "$scratch/root" "$scratch/$arch.tar"
done
index() { # NAME NATIVE
	mpemu index create "localhost/$1" "localhost/$2:amd64" localhost/tools:arm64 >/dev/null
}
index tools tools

context=$(tmpdir)
build() { # OPTION...: what stands on standard input
	cat >"$context/Dockerfile"
	run mpemu --progress json build --no-cache "$@" "$context"
}
said() { printf '%s\n' "$err" | jq -r 'select(.event == "step-output").text'; }
# How a program ran in the last step: "natively", or why not.
ran() { # PROGRAM
	printf '%s\n' "$err" | jq -rs --arg name "$1" '[.[] | select(.event == "step-assist")][-1] |
		if . then [.programs[] | select(.name == $name) | .reason // .why][0] // "natively" else "emulated" end'
}

# ---- what is left of them ----

mkdir "$context/go" "$context/go/c" "$context/rust"
printf 'module example.org/hello\n\ngo 1.19\n' >"$context/go/go.mod"
printf 'package main\n\nfunc add(a, b int) int\n\nfunc main() { println(add(1, 2), 1.5*0.3+0.7) }\n' \
	>"$context/go/main.go"
printf '#include "textflag.h"\n\nTEXT ·add(SB), NOSPLIT, $0-24\n\tMOVD a+0(FP), R0\n\tMOVD b+8(FP), R1\n\tADD R1, R0\n\tMOVD R0, ret+16(FP)\n\tRET\n' \
	>"$context/go/add_arm64.s"
printf 'package main\n\n// static int three(void) { return 3; }\nimport "C"\n\nfunc main() { println(C.three()) }\n' \
	>"$context/go/c/main.go"
cat >"$context/rust/lib.rs" <<-END
	pub fn sum(v: &[f64]) -> f64 { v.iter().map(|x| x.sin() * 0.3_f64.ln()).sum() }
END
cat >"$context/rust/main.rs" <<-END
	fn main() { println!("{} {:.9}", std::env::consts::ARCH, lib::sum(&[0.5, 1.5])); }
END
cat >"$context/rust/mac.rs" <<-END
	use proc_macro::TokenStream;
	#[proc_macro]
	pub fn arch(_: TokenStream) -> TokenStream { format!("{:?}", std::env::consts::ARCH).parse().unwrap() }
END
echo 'fn main() { println!("{}", mac::arch!()); }' >"$context/rust/user.rs"
verify() { # NAME WANT: both ways leave the same, and a program says WANT
	run mpemu --progress plain build --no-cache --assist verify --platform linux/arm64 \
		--output "type=local,dest=$scratch/$1" "$context"
	is "$1: a step with it" "$status" 0
	is "$1: what was made works" "$(xargs <"$scratch/$1/said")" "$2"
	like "$1: both ways are compared, and equal" "$err" \
		'left the same with native assist and without'
	# But for what go counts of itself.
	is "$1: in all that was made" "$(printf '%s\n' "$err" | grep 'makes anew:' |
		sed 's/.*makes anew://; s#[^;]*/go/telemetry/local/[^;]*##g; s/[; ]//g')" ''
}

cat >"$context/Dockerfile" <<-END
	FROM localhost/tools AS work
	COPY go /go
	WORKDIR /go
	ENV GOTOOLCHAIN=local CC=gcc
	RUN CGO_ENABLED=0 go build -o hello . && ./hello 2>/said && gofmt -l . && \
	    ! ls /root/.config/go/telemetry/local | grep amd64 && \
	    CGO_ENABLED=1 go build -o with-c ./c && ./with-c 2>>/said && rm -rf /root/.cache
	FROM scratch
	COPY --from=work /said /
END
verify go '3 +1.150000e+000 3'
unlike 'go: its tools run natively' "$err" '(compile|asm|link|cgo|gofmt) [0-9]+ \(no twin'

cat >"$context/Dockerfile" <<-END
	FROM localhost/tools AS work
	COPY rust /rust
	WORKDIR /rust
	RUN rustc -O -g --crate-type lib lib.rs && rustc -C linker=gcc main.rs --extern lib=liblib.rlib && ./main >/said
	FROM scratch
	COPY --from=work /said /
END
verify rust 'aarch64 -1.778172147'
unlike 'rust: its compiler runs natively' "$err" 'rustc [0-9]+ \('

# Macros are the target's libraries.
cat >"$context/Dockerfile" <<-END
	FROM localhost/tools AS work
	COPY rust /rust
	WORKDIR /rust
	RUN rustc --edition 2021 -C linker=gcc --crate-type proc-macro --extern proc_macro mac.rs && \
	    rustc --edition 2021 -C linker=gcc user.rs --extern mac=libmac.so && ./user >/said
	FROM scratch
	COPY --from=work /said /
END
verify macros aarch64
like 'macros: the compiler is emulated that has to load them' "$err" 'rustc 1 \(its arguments'

# A constant that does not fit is for the processor to say.
cat >"$context/Dockerfile" <<-END
	FROM localhost/tools AS work
	RUN printf 'package p\n\nfunc F() (int64, int64) {\n\tx, n := 1e100, 0.0\n\treturn int64(x), int64(n - n)\n}\n' >/p.go && \
	    /usr/local/go/pkg/tool/linux_arm64/compile -p p -o /p.o /p.go && echo compiled >/said
	FROM scratch
	COPY --from=work /said /
END
verify constants compiled

# ---- where they come from ----

# Compiles, and says for which machine the object is.
source='package p\n\nfunc F() int { return 7 }\n'
compile="cd /tmp && printf '$source' >p.go && \
/usr/local/go/pkg/tool/linux_arm64/compile -p p -o p.o p.go && grep -ao -m 1 'go object linux [a-z0-9]*' p.o"
arm="--platform linux/arm64"
works() { # NAME HOW: `compile` ran so, and what it left is the target's
	is "$1: builds" "$status" 0
	is "$1: is right" "$(said | tail -n 1)" 'go object linux arm64'
	like "$1: how it ran" "$(ran compile)" "^$2\$"
}

build --platform linux/amd64,linux/arm64 <<-END
	FROM localhost/tools
	RUN cd /tmp && printf '$source' >p.go && /usr/local/go/pkg/tool/linux_*/compile -p p -o p.o p.go
END
is 'with this machine built, too: builds' "$status" 0
is 'with this machine built, too: it runs natively' "$(ran compile)" natively
build $arm <<-END
	FROM scratch
	COPY --from=localhost/tools /usr/local/go /usr/local/go
	COPY --from=localhost/tools /usr/bin/bash /usr/bin/grep /bin/
	COPY --from=localhost/tools /lib/ld-linux-aarch64.so.1 /lib/
	COPY --from=localhost/tools /usr/lib/aarch64-linux-gnu/libc.so.6 \
		/usr/lib/aarch64-linux-gnu/libtinfo.so.6 /usr/lib/aarch64-linux-gnu/libpcre2-8.so.0 /lib/
	WORKDIR /tmp
	SHELL ["/bin/bash", "-c"]
	RUN $compile
END
works 'copied of an image' natively
build $arm <<-END
	FROM localhost/tools AS go
	FROM localhost/tools:arm64
	RUN rm -rf /usr/local/go
	COPY --from=go /usr/local/go /usr/local/go
	RUN $compile
END
works 'copied of a stage' natively
run mpemu run $arm --assist safe localhost/tools /usr/local/go/pkg/tool/linux_arm64/asm -V
like 'mpemu run: is right' "$out" '^asm version go1'
like 'mpemu run: runs it natively' "$err" '1 programs ran native, 0 emulated'

# ---- what steps change ----

build $arm <<-END
	FROM localhost/tools
	RUN cp /usr/bin/echo /usr/local/go/pkg/tool/linux_arm64/compile
	RUN /usr/local/go/pkg/tool/linux_arm64/compile is another
END
is 'a replaced tool: builds' "$status" 0
is 'a replaced tool: is what runs' "$(said)" 'is another'
is 'a replaced tool: has no twin' "$(ran compile)" 'it is not as its package has it'
build $arm <<-END
	FROM localhost/tools
	RUN sed -i 's/^go1.*/go1.999/' /usr/local/go/VERSION
	RUN $compile
END
works 'another VERSION' 'it is no reviewed tool'
build $arm <<-END
	FROM localhost/tools
	RUN echo '// more' >>/usr/local/go/src/cmd/compile/main.go
	RUN $compile
END
works 'sources that a step changes' natively
build $arm <<-END
	FROM localhost/tools
	RUN cp /usr/lib/aarch64-linux-gnu/libz.so.1 /usr/local/rustup/toolchains/*/lib/ && echo 'pub fn f() {}' >/l.rs
	RUN rustc --crate-type lib /l.rs && echo done
END
is 'a library beside those of rustc: builds' "$(said | tail -n 1)" 'done'
like 'a library beside those of rustc: it is emulated' "$(ran rustc)" 'without what is beside it'

# ---- variants that are not alike ----

variant() { # NAME COMMAND: of the native one alone
	printf 'FROM localhost/tools\nRUN %s\n' "$2" >"$context/Dockerfile"
	mpemu build --platform linux/amd64 -t "localhost/$1:amd64" "$context" >/dev/null 2>&1
	index "$1" "$1"
	build $arm <<-END
		FROM localhost/$1
		RUN $compile
	END
}
variant newer "sed -i 's/^go1.*/go1.24.99/' /usr/local/go/VERSION"
works 'variants of other versions' 'the native root has unpacked/golang-1.24-go 1.24.99'
variant liar "echo '// more' >>/usr/local/go/src/cmd/compile/main.go"
works 'a variant of other sources' '.*, of other sources'
variant fake 'cd /usr/local/go/pkg/tool/linux_amd64 && cp asm compile'
works 'a variant with another compiler' '.*, whose programs are not all of its version'

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Compilers of other languages, with native twins and without: what they say of themselves and what
# they write is the same, byte for byte.  Emulated, most of it takes minutes.
. "$(dirname "$0")/../lib.sh"
debian_folder=trixie-languages
debian_packages="apt make gcc g++ libc6-dev file clang lld llvm rustc cargo golang-go"
# shellcheck source=tests/assist/lib.sh
. "$(dirname "$0")/../assist/lib.sh"

context=$(tmpdir)
cp "$tests/assist/languages.sh" "$context/"

part() { # NAME of a part of languages.sh
	cat >"$context/Dockerfile" <<-END
		FROM localhost/debian AS work
		COPY languages.sh /
		RUN bash /languages.sh $1 >/said
		FROM scratch
		COPY --from=work /said /
	END
	run mpemu --progress plain build --no-cache --assist verify --platform linux/arm64 \
		--output "type=local,dest=$scratch/$1" "$context"
	is "$1: a step with it" "$status" 0
	like "$1: it ran to its end" "$(tail -n 1 "$scratch/$1/said")" "the end of $1"
	like "$1: both ways are compared, and equal" "$err" \
		'left the same with native assist and without'
	unlike "$1: in all that it said" "$err" 'each run makes anew'
}

for name in clang folding rust cargo go; do
	part $name
	unlike "$name: its compilers run natively" "$err" \
		'(clang|clang\+\+|ld\.lld|rustc|compile|asm|link|cgo|vet) [0-9]+ \(no twin'
done

# What a native one would do otherwise is done by the foreign one.
part logarithm
like 'a logarithm that only this LLVM computes is left to the other' "$err" 'may compute in long double'
part conversion
like "a constant that is the CPU's to say is left to the other" "$err" 'may compute what is no number'

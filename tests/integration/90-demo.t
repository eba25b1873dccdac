# SPDX-License-Identifier: Apache-2.0
#
# What a newcomer sees first works: `make demo`, in a store of the test's own and without touching
# the machine's registered emulators.
. "$(dirname "$0")/../lib.sh"
need_command jq
base_tar arm64
need_platform linux/arm64

# PLATFORM: what uname and the order of bytes must say of it.
expected='
linux/arm64    aarch64 little
linux/arm/v7   armv[78]l little
linux/mips64le mips64 little
linux/ppc64le  ppc64le little
linux/riscv64  riscv64 little
linux/s390x    s390x big
'

run env DEMO_STORE="$store" DEMO_SETUP=no sh "$tests/demo/demo.sh" "$MPEMU"
is 'the demo runs to its end' "$status" 0
[ "$status" = 0 ] || printf '%s\n' "$out" "$err" | tail -n 40 | sed 's/^/# /'

"$tests/demo/base.sh" "$MPEMU_BASE" 2>/dev/null >"$scratch/base"
echo "$expected" | while read -r platform machine order; do
	if [ "$platform" ] && grep -q "^$platform " "$scratch/base"; then
		echo "$platform: hello world from $platform: uname says $machine, $order endian"
	fi
done >"$scratch/wanted"
while read -r line; do
	like "it greets from ${line%%: *}" "$out" "^${line#*: }\$"
done <"$scratch/wanted"

run mpemu run --platform linux/arm64 localhost/demo/hello you there
like 'arguments replace CMD and not ENTRYPOINT' "$out" '^hello you there from linux/arm64: '

run mpemu index inspect localhost/demo/hello
while read -r platform _; do
	like "the index has $platform" "$out" "$platform( |\$)"
done <"$scratch/base"

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What mpemu is for, in one go: one Dockerfile, built and run for many CPU architectures.
#
#     tests/demo/demo.sh MPEMU      all it makes lies below build/demo and build/base
#
# DEMO_STORE and DEMO_SETUP=no let a test have it elsewhere, and the machine as it is.
set -eu
mpemu=$(realpath "$1")
cd "$(dirname "$0")/../.."

store=${DEMO_STORE:-$PWD/build/demo}
base=localhost/demo/busybox
image=localhost/demo/hello

if [ -t 1 ]; then bold=$(printf '\033[1m') plain=$(printf '\033[0m'); else bold='' plain=''; fi

title() {
	printf '\n%s==> %s%s\n' "$bold" "$*" "$plain"
}

# Show a command the way one would type it, then run it.
show() {
	printf '%s$ mpemu %s%s\n' "$bold" "$*" "$plain"
	"$mpemu" --root "$store" "$@" >&3
}
exec 3>&1

began=$(date +%s)

title 'Let this machine run programs of other architectures'
if [ "${DEMO_SETUP-}" = no ]; then
	echo 'Left out.'
elif [ "$(id -u)" = 0 ]; then
	show setup ||
		echo 'That did not go all the way; going on with private entries for each build.'
else
	echo 'Only root can do that for all programs; going on with private entries for each build.'
fi

title "A base image for each platform, from Debian's own busybox-static packages"
bases=$(tests/demo/base.sh build/base)
platforms='' parts=''
while read -r platform tar; do
	part=$base:$(basename "$tar" .tar)
	show import --platform "$platform" "$tar" "$part" 3>/dev/null
	platforms=$platforms,$platform
	parts="$parts $part"
done <<END
$bases
END
platforms=${platforms#,}
# shellcheck disable=SC2086 # a list of names
show index create "$base" $parts

title 'One build for all of them'
show build --platform "$platforms" -t "$image" tests/demo

title 'The same image, run as each platform'
for platform in $(echo "$platforms" | tr , ' '); do
	show run --platform "$platform" "$image"
done

title 'What was made: one index that names an image for each platform'
show index inspect "$image"

printf '\nDone in %d s.  It lies in %s, a plain OCI layout: try\n' \
	$(($(date +%s) - began)) "${store#"$PWD"/}"
printf '    %s --root %s run --platform linux/arm64 %s you\n' \
	"${mpemu#"$PWD"/}" "${store#"$PWD"/}" "$image"
[ "$(id -u)" != 0 ] || printf 'To undo the setup: %s setup --remove\n' "${mpemu#"$PWD"/}"

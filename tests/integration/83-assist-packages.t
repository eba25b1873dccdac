#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The same for packages and packers: they do natively what they do under emulation, and installing a
# package leaves the same.
# shellcheck disable=SC2016   # variables of scripts that run inside
. "$(dirname "$0")/../lib.sh"
need_root
need_platform linux/arm64
[ "$(uname -m)" = x86_64 ] || skip_all 'wants a machine that is amd64'
unshare -Urm sh -c 'mount -t binfmt_misc none /mnt' 2>/dev/null ||
	skip_all 'this kernel has no binfmt_misc of a user namespace'

debian_image trixie localhost/debian || skip_all 'no image could be made'

inside() { # MODE COMMAND...
	test_mode=$1
	shift
	run mpemu run --platform linux/arm64 --assist "$test_mode" \
		-v "$tests/assist/tools.sh:/tools.sh:ro" localhost/debian "$@"
}

inside off bash /tools.sh packages
is 'the emulated tools ran' "$status" 0
printf '%s\n' "$out" >"$scratch/off"
inside full bash /tools.sh packages
printf '%s\n' "$out" >"$scratch/full"
is 'the last one too' "$(tail -n 1 "$scratch/off")" "$(tail -n 1 "$scratch/full")"
run diff "$scratch/off" "$scratch/full"
is 'native ones say and do the same' "$out" ''

context=$(tmpdir)
cat >"$context/Dockerfile" <<'END'
FROM localhost/debian
RUN mkdir -p p/DEBIAN p/opt && echo content >p/opt/file && printf '#!/bin/sh\necho configured >/opt/done\n' >p/DEBIAN/postinst && \
    chmod 755 p/DEBIAN/postinst && \
    printf 'Package: p\nVersion: 1\nArchitecture: arm64\nMaintainer: m <m@m>\nDescription: d\n' >p/DEBIAN/control && \
    SOURCE_DATE_EPOCH=1 dpkg-deb -b p p.deb && dpkg --log=/dev/null -i p.deb && dpkg -s p | grep Architecture && cat /opt/done
END
run mpemu build --no-cache --assist verify --platform linux/arm64 "$context"
is 'a package that is installed natively leaves the same layer, byte for byte' "$status" 0

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The same for packages and packers: they do natively what they do under emulation, and installing a
# package leaves the same.
# shellcheck disable=SC2016   # variables of scripts that run inside
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/assist/lib.sh
. "$(dirname "$0")/../assist/lib.sh"

tools_compare packages
tools_compare scripts

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

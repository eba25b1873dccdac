#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The same for packages and packers: they do natively what they do under emulation, and installing a
# package leaves the same.
# shellcheck disable=SC2016   # variables of scripts that run inside
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/assist/lib.sh
. "$(dirname "$0")/../assist/lib.sh"
need_command jq dpkg-deb

tools_compare packages

context=$(tmpdir)
cat >"$context/Dockerfile" <<'END'
FROM localhost/debian
RUN mkdir -p p/DEBIAN p/opt && echo content >p/opt/file && printf '#!/bin/sh\necho configured >/opt/done\n' >p/DEBIAN/postinst && \
    chmod 755 p/DEBIAN/postinst && \
    printf 'Package: p\nVersion: 1\nArchitecture: arm64\nMaintainer: m <m@m>\nDescription: d\n' >p/DEBIAN/control && \
    SOURCE_DATE_EPOCH=1 dpkg-deb -b p p.deb && dpkg --log=/dev/null -i p.deb && dpkg -s p | grep Architecture && cat /opt/done
RUN echo 'x x/y string z' | debconf-set-selections && mkdir -p /etc/pam.d && \
    DEBIAN_FRONTEND=noninteractive pam-auth-update --force --package
END
run mpemu build --no-cache --assist verify --platform linux/arm64 "$context"
is 'a package that is installed natively, and what perl does for it, leave the same, byte for byte' "$status" 0

# A tool that an earlier step installed, and that the native base does not have: here it can be had
# from an archive in the base.
ran() { # PROGRAM: how it ran in the last build
	printf '%s\n' "$err" | jq -r --arg name "$1" \
		'select(.event == "step-assist") | [.programs[] | select(.name == $name).why][0] // "natively"'
}
set -- "$test_debian"/debs-amd64/m4_*.deb
cp "$1" "$context/m4.deb"
{
	dpkg-deb -f "$1"
	printf 'Filename: m4.deb\nSize: %s\nSHA256: %s\n' "$(stat -c %s "$1")" \
		"$(sha256sum "$1" | cut -d' ' -f1)"
} >"$context/Packages"
cat >"$context/Dockerfile" <<'END'
FROM localhost/debian
COPY m4.deb Packages /debs/
RUN dpkg --force-all --purge m4 >/dev/null 2>&1; echo 'deb [trusted=yes] file:/debs ./' >/etc/apt/sources.list
END
mpemu build --platform linux/amd64 -t localhost/less:amd64 "$context" >/dev/null 2>&1
mpemu index create localhost/less localhost/less:amd64 localhost/debian:arm64 >/dev/null
printf 'FROM localhost/less\nRUN echo "eval(6*7)" | m4\n' >"$context/Dockerfile"
run mpemu --progress json build --assist safe --platform linux/arm64 "$context"
is 'a tool that an earlier step installed' "$status" 0
is 'runs natively' "$(ran m4)" natively
like 'for it was installed for this machine, which is told' \
	"$(printf '%s\n' "$err" | jq -r 'select(.event == "note").text')" \
	'installing the tools of this step, natively and for no image'

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Users and groups: the programs that make them run natively, and leave the same files.
# shellcheck disable=SC2016   # variables of scripts that run inside
. "$(dirname "$0")/../lib.sh"
debian_folder=trixie-users
debian_packages='apt passwd adduser'
# shellcheck source=tests/assist/lib.sh
. "$(dirname "$0")/../assist/lib.sh"
need_command jq

context=$(tmpdir)
cat >"$context/Dockerfile" <<'END'
FROM localhost/debian
RUN touch /var/log/faillog /etc/subuid /etc/subgid && cp -n /usr/share/base-files/profile /etc/profile; \
    pwconv && grpconv && groupadd -r -g 77 sysg && groupadd games2 && \
    useradd -m -u 1234 -G games,daemon -s /bin/bash -c 'A b,c' -f 5 -e 2040-01-01 tester && \
    useradd -r sysu && useradd -D >/defaults && groupmod -n sysh sysg && groupdel sysh && pwck -r >/checked; \
    grpck -r >>/checked; useradd tester; test $? = 9 && grpunconv && pwunconv && pwconv && grpconv && \
    cat /etc/passwd /etc/group /etc/shadow /etc/gshadow /etc/subuid /etc/subgid >/all && \
    stat -c '%n %a %u %g %s' /var/log/faillog /etc/passwd /etc/shadow /home/tester >>/all && \
    find /home -exec touch -h -d @1000 {} +
END
run mpemu --progress json build --no-cache --assist verify --platform linux/arm64 "$context"
is 'users and groups that are made natively are the same' "$status" 0
show_failure
unlike 'nothing of it is emulated' "$(printf '%s\n' "$err" |
	jq -r 'select(.event == "step-assist") | .programs[].name')" '^(user|group|pw|grp)'

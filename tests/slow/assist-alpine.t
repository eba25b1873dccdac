#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Native assist where there is musl, busybox and apk's database: what a script sees and leaves is the
# same, and what it costs is less.  Slow the first time: busybox and bash are built for both machines.
# shellcheck disable=SC2016   # variables of scripts that run inside
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/assist/foreign.sh
. "$(dirname "$0")/../assist/foreign.sh"
foreign_image alpine

same_traps
like 'busybox is native' "$err" '[1-9][0-9][0-9] programs ran native'
build safe 'ls / && uname -m && busybox cat /etc/os-release && ln -s /bin/busybox /bin/another && sed -n 1p /etc/os-release'
is 'what busybox is called decides: ls' "$(ran ls)" natively
is 'uname' "$(ran uname)" 'its arguments'
is 'and nothing' "$(ran busybox)" 'its arguments'
tripped 'printf %.2f 0.045'
verified 'head -c 4096 /dev/zero >z && touch -d @1 z && tar -cf /x.tar z && gzip -n </x.tar >/x.gz && sed -n 1p /etc/os-release >/y && adduser -D -H zz && bash -c "echo \$MACHTYPE" >/m && find /bin | sort | sha256sum >/s'
cheaper 10

# Libraries are looked for where the image says, which may be elsewhere.
spoil 'echo /opt/lib >/etc/ld-musl-aarch64.path'
build safe 'cat /etc/os-release'
is 'a search path of its own leaves nothing native' "$(natively)" ''
is 'and the step runs' "$status" 0
spoil 'sed "s/^V:1.35.0-r29/V:1.35.0-r30/" -i /lib/apk/db/installed'
build safe 'busybox true; bash -c :'
is 'another version than the native one has no twin' "$(reason busybox)" 'the native root has busybox 1.35.0-r29'

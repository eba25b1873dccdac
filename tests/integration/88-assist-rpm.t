#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Native assist where rpm installed the packages and libraries are in lib64: what a script sees and
# leaves is the same, the database decides, and what it costs is less.
# shellcheck disable=SC2016   # variables of scripts that run inside
. "$(dirname "$0")/../lib.sh"
need_command rpm rpmbuild qemu-aarch64-static
# shellcheck source=tests/assist/foreign.sh
. "$(dirname "$0")/../assist/foreign.sh"
foreign_image fedora

same_traps
like 'coreutils are native' "$err" '[1-9][0-9]* programs ran native'
unlike 'all of them' "$err" ' cat [0-9]'
tripped 'printf %.2f 0.045'
verified 'head -c 4096 /dev/zero | tar -cf /x.tar --mtime=@1 --owner=0 --group=0 -C /usr/bin sed; sed -n 1p /etc/os-release >/y; xz -9 <x.tar >/x.xz; printf "all:;@echo \$(MAKE_HOST) >/z\n" | make -f -'
cheaper 5

# The database that counts is the image's, not what the step made of it.
build safe 'cp /usr/bin/cat /tmp/cat && cp /usr/bin/sed /usr/bin/cat && echo x | cat s/x/y/'
is 'a tool that is replaced is another one' "$(ran cat)" 'no twin'
spoil 'cp /usr/bin/sed /usr/bin/cat'
build safe 'echo x | cat s/x/y/'
like 'a tool that is not as its package has it has no twin' "$(reason cat)" 'not as its package has it'
spoil 'rm /usr/lib/sysimage/rpm/rpmdb.sqlite; echo x >/usr/lib/sysimage/rpm/Packages.db'
build safe 'cat /etc/os-release'
like 'a database of an older format is named' "$(notes)" "no native assist: rpm's database is of an older format"
spoil 'head -c 5000 /dev/urandom >/usr/lib/sysimage/rpm/rpmdb.sqlite'
build safe 'cat /etc/os-release'
like 'one that is damaged, too' "$(notes)" 'no native assist: the package database is damaged'

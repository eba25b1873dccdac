#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The native variant of a base image is fetched when a step for another platform is to run, and only
# that of the very same index.
. "$(dirname "$0")/../lib.sh"
need_root
need_command jq docker-registry
need_platform linux/arm64
[ "$(uname -m)" = x86_64 ] || skip_all 'wants a machine that is amd64'
unshare -Urm sh -c 'mount -t binfmt_misc none /mnt' 2>/dev/null ||
	skip_all 'this kernel has no binfmt_misc of a user namespace'
debian_tars trixie
unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY all_proxy

# As little of Debian as sed and a shell need, with what dpkg knows of it.
context=$(tmpdir)
for arch in amd64 arm64; do
	mkdir "$scratch/$arch"
	tar -C "$scratch/$arch" -xf "$test_debian/$arch.tar" --wildcards --no-anchored \
		./bin ./lib ./lib64 './usr/bin/sed' './usr/bin/dash' './usr/bin/sh' './usr/lib/ld-linux*' \
		'./usr/lib64/ld-linux*' './usr/lib/*/ld-linux*' './usr/lib/*/libc.so*' './usr/lib/*/libm.so*' \
		'./usr/lib/*/libacl.so*' './usr/lib/*/libattr.so*' './usr/lib/*/libselinux.so*' \
		'./usr/lib/*/libpcre2-8.so*' ./var/lib/dpkg/status '*info/sed.md5sums' '*info/dash.md5sums' \
		'*info/lib*.md5sums' 2>/dev/null
	tar -C "$scratch/$arch" -cf "$scratch/$arch.tar" .
	mpemu import --platform linux/$arch "$scratch/$arch.tar" localhost/small:$arch >/dev/null
done
small=$(mpemu index create localhost/small localhost/small:amd64 localhost/small:arm64 | grep -o 'sha256:[0-9a-f]*')
start_registry
mpemu tag localhost/small "$registry/small" >/dev/null
ok 'an image of two platforms is in a registry' mpemu push "$registry/small"

# Another index under the same name, whose native variant has no package at all.
mkdir "$scratch/bare"
tar -C "$scratch/bare" -cf "$scratch/bare.tar" .
mpemu import --platform linux/amd64 "$scratch/bare.tar" localhost/bare:amd64 >/dev/null
mpemu index create localhost/bare localhost/bare:amd64 localhost/small:arm64 >/dev/null
mpemu tag localhost/bare "$registry/bare" >/dev/null
ok 'as is another one' mpemu push "$registry/bare"

fresh() { # NAME: an empty store
	store=$scratch/store-$1
}
# "NATIVE EMULATED" of each step, and what was told.
ran() { printf '%s\n' "$err" | jq -r 'select(.event == "step-assist") | "\(.native) \(.emulated)"' | xargs; }
notes() { printf '%s\n' "$err" | jq -r 'select(.event == "note").text'; }
build() { # OPTION...: for the other platform alone
	run mpemu --progress json build --platform linux/arm64 "$@" "$context"
	is "$what: builds" "$status" 0
}
cat >"$context/Dockerfile" <<END
FROM $registry/small
RUN echo a | sed s/a/b/ >/b
RUN sed s/b/c/ /b >/c
END

what='a base that only the registry has'
fresh one
build
is "$what: tools of its native variant run" "$(ran)" '2 0 2 0'
is "$what: which is fetched once" \
	"$(notes | grep -c 'pulling .*/small:latest for linux/amd64, for its native tools')" 1

what='all steps known'
build
unlike "$what: nothing is fetched" "$(notes)" 'pulling'

what='without native assist'
fresh two
build --assist off
unlike "$what: nothing is fetched but what is built" "$(notes)" 'native tools'

# Before the other variant is asked for, the name becomes another index's.
what='a name that was moved'
for name in three four five; do
	fresh $name
	ok "$what: one platform is there" mpemu pull --platform linux/arm64 "$registry/small"
done
store=$scratch/store
mpemu tag localhost/bare "$registry/small" >/dev/null
ok "$what: the registry has another index" mpemu push "$registry/small"
fresh three
build
is "$what: the variant is that of the index that is built on" "$(ran)" '2 0 2 0'
like "$what: which the name still stands for" "$(mpemu inspect --raw "$registry/small" | sha256sum)" \
	"^${small#sha256:} "
fresh four
run mpemu run --platform linux/arm64 --assist safe "$registry/small" sed -n 1p /proc/self/cmdline
is 'mpemu run takes that one, too' "$status" 0
like 'which is told' "$err" 'pulling .*/small:latest@sha256:[0-9a-f]* for this machine, for its native tools'
unlike 'and can be had' "$err" 'no native'

what='a new store'
fresh six
build
is "$what: has the index that the name was moved to, without native tools" "$(ran)" ''

# Nobody answers any more.
what='offline'
kill "$test_children"
wait "$test_children" 2>/dev/null
test_children=
fresh five
build
is "$what: steps are emulated" "$(ran)" ''
is "$what: which is told once" "$(notes | grep -c 'no native tools of .*/small:latest: ')" 1
run mpemu run --platform linux/arm64 --assist safe "$registry/small" sed --version
is 'mpemu run goes on, too' "$status" 0
like 'and tells it' "$err" 'no native tools: '

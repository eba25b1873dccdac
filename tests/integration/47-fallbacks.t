#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What kernels may lack and containers refuse, one by one: what there is instead, or what is said.
. "$(dirname "$0")/../lib.sh"
need_root
need_command cc setpriv timeout unshare

cc -std=gnu2x -D_GNU_SOURCE -O1 -o "$scratch/refuse" "$tests/guest/refuse.c" -lseccomp \
	2>"$scratch/.log" || skip_all "no compiler or libseccomp: $(head -n 1 "$scratch/.log")"
base_tar amd64
mpemu import --platform linux/amd64 "$base" localhost/base >/dev/null
run mpemu run --platform linux/amd64 localhost/base true
[ "$status" = 0 ] || skip_all "$(head -n 1 "$scratch/.err")"
run "$scratch/refuse" clone3=EPERM -- true
[ "$status" = 0 ] || skip_all "no filters with a listener: $err"

mkdir "$scratch/build"
cat >"$scratch/build/Dockerfile" <<-'END'
	FROM localhost/base
	COPY Dockerfile /copied
	RUN echo made >/made && chown 7:8 /made && rm /copied
END

# RULES... -- COMMAND...
without() {
	run timeout 120 "$scratch/refuse" "$@"
}

box() { # COMMAND: what runs one in a sandbox, as words
	echo "$MPEMU --root $store run --platform linux/amd64 --network none localhost/base"
}

# ---- there is another way ----

# A run and a build that do the same as ever.
lacks() { # NAME RULES...
	lacks_name=$1
	shift
	# shellcheck disable=SC2046 # words
	without "$@" -- $(box) sh -c 'touch /x && chown 7:8 /x && stat -c %u:%g /x'
	is "$lacks_name: a run" "$status $out $err" '0 7:8 '
	without "$@" -- "$MPEMU" --root "$store" --quiet build --platform linux/amd64 --no-cache \
		-t localhost/made "$scratch/build"
	is "$lacks_name: a build" "$status $err" '0 '
	run mpemu run --platform linux/amd64 localhost/made stat -c %u:%g /made /copied
	is "$lacks_name: what was built" "$status $out" '1 7:8'
}
lacks 'nothing' acct=EPERM
lacks 'layers of an overlay one by one' fsconfig:lowerdir+=EINVAL
# Sandboxes that begin at the same time do not get in each other's way.
mkdir "$scratch/many"
{
	for i in $(seq 12); do printf 'FROM localhost/base AS s%s\nRUN echo %s >/made\n' "$i" "$i"; done
	echo FROM scratch
	for i in $(seq 12); do echo "COPY --from=s$i /made /$i"; done
} >"$scratch/many/Dockerfile"
without fsconfig:lowerdir+=EINVAL -- "$MPEMU" --root "$store" --quiet build --platform linux/amd64 \
	--network none --no-cache -t localhost/many "$scratch/many"
is 'many sandboxes at once, layers not one by one' "$status $err" '0 '
lacks 'Landlock' landlock_create_ruleset=ENOSYS
lacks 'keyrings' keyctl=ENOSYS
lacks 'handles of processes' pidfd_open=ENOSYS
lacks 'io_uring' io_uring_setup=ENOSYS
lacks 'copies within the kernel' copy_file_range=EOPNOTSUPP

# Without id-mapped mounts root is root: that is said.
# shellcheck disable=SC2046
without mount_setattr:idmap=EINVAL -- $(box) sh -c 'touch /x && chown 7:8 /x && stat -c %u:%g /x'
is 'id-mapped mounts: a run' "$status $out" '0 7:8'
like 'which warns' "$err" '^warning: .*root in the sandbox is root on this host'

# Emulators of the sandbox's own, which may be registered with the host instead.
if "$MPEMU" status 2>/dev/null | grep -q '^linux/arm64 *ready'; then
	base_tar arm64
	mpemu import --platform linux/arm64 "$base" localhost/foreign >/dev/null
	without fsopen:binfmt_misc=EPERM -- "$MPEMU" --root "$store" run --platform linux/arm64 \
		localhost/foreign uname -m
	is 'emulators of its own: not run' "$status" 9
	like 'but it is said what to do' "$err" 'mpemu setup --platform linux/arm64'
	# Registered, in a namespace that stands for this host: all is emulated, without native help.
	printf 'FROM localhost/foreign\nRUN uname -m\nRUN true\n' >"$scratch/foreign"
	cat >"$scratch/registered" <<-END
		mount -t binfmt_misc none /proc/sys/fs/binfmt_misc &&
		"$MPEMU" setup --platform linux/arm64 --no-persist >/dev/null &&
		exec "$scratch/refuse" fsopen:binfmt_misc=EPERM -- "$MPEMU" --root "$store" --progress plain \
			build --platform linux/arm64 --network none --no-cache - <"$scratch/foreign"
	END
	run timeout 120 unshare -Urm sh "$scratch/registered"
	is 'emulators of the host: a build' "$status" 0
	like 'runs' "$err" '^#2 .*aarch64$'
	is 'without native assist, as is said once' "$(printf '%s\n' "$err" |
		grep -c '^no native assist: .*Linux 6.7')" 1
else
	skip 'emulators of its own' 'linux/arm64 is registered, or has no emulator'
fi

# ---- there is none ----

refuses() { # CALL WANT
	# shellcheck disable=SC2046
	without "$1" -- $(box) true
	is "$1: the status" "$status" 9
	like "$1: the reason" "$err" "$2"
}
refuses clone3=ENOSYS 'user namespaces are forbidden here; in a container'
refuses mount_setattr=ENOSYS 'it takes Linux 5.12; in a container'
refuses fsopen=ENOSYS 'it takes Linux 5.12; in a container'
refuses openat2=ENOSYS 'it takes Linux 5.12; in a container'
refuses statx=ENOSYS 'it takes Linux 5.12; in a container'
refuses close_range=ENOSYS 'it takes Linux 5.12; in a container'

# ---- in other containers, without a privilege ----

setpriv --reuid 4242 --regid 4242 --clear-groups unshare --user --map-root-user true 2>/dev/null ||
	skip_all 'users may not have user namespaces'
cp "$MPEMU" "$scratch/mpemu"
cp -a "$store" "$scratch/user-store"
chown -R 4242:4242 "$scratch/user-store"
inner="$scratch/mpemu --root $scratch/user-store"

as_user() { # COMMAND...
	run setpriv --reuid 4242 --regid 4242 --clear-groups timeout 120 "$@"
}

# shellcheck disable=SC2086
nested() { # NAME COMMAND...: what runs a program in another container, as words
	nested_name=$1
	shift
	as_user "$@" $inner run --network none localhost/base sh -c 'echo x >/x && stat -c %u:%g /x'
	is "$nested_name: a run" "$status $out" '0 0:0'
	as_user "$@" $inner --quiet build --no-cache --network none -t localhost/made "$scratch/plain"
	is "$nested_name: a build" "$status" 0
	as_user "$@" $inner run --network none localhost/made stat -c %u:%g /made
	is "$nested_name: what was built" "$status $out" '0 0:0'
}
chmod 755 "$scratch/build"
mkdir "$scratch/plain"
printf 'FROM localhost/base\nRUN echo made >/made\n' >"$scratch/plain/Dockerfile"
nested 'no subordinate ids' env
like 'which is warned of' "$err" 'warning: ids of images cannot be told apart: .*(usermod|uidmap)'
# shellcheck disable=SC2086
as_user $inner build --no-cache --network none -t localhost/made "$scratch/build"
is 'other ids are not to be had' "$status" 4
like 'as a program is told' "$err$out" 'chown: /made: Invalid argument'
nested 'unshare --map-root-user' unshare --user --map-root-user --mount
if command -v bwrap >/dev/null; then
	nested 'bwrap' bwrap --unshare-all --bind / / --proc /proc --dev /dev
	nested 'bwrap with capabilities' bwrap --unshare-all --uid 0 --gid 0 --cap-add ALL \
		--bind / / --proc /proc --dev /dev
	# shellcheck disable=SC2086
	as_user bwrap --unshare-all --uid 0 --gid 0 --bind / / --proc /proc --dev /dev \
		$inner run localhost/base true
	is 'bwrap with no more than the name of root' "$status" 9
	like 'says what to do' "$err" 'root of this container has no capabilities'
else
	skip 'bwrap' 'not installed'
fi

# In a sandbox of our own.
run timeout 60 "$MPEMU" --root "$store" run --platform linux/amd64 --network none -v /:/host:ro \
	localhost/base chroot /host "$scratch/mpemu" --root /tmp/none status
like 'in a sandbox of ours, status says so' "$out" '^user namespaces +no'
like 'and of the emulators' "$out" '^own binfmt_misc +no'

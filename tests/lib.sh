# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
#
# What integration tests share.  A test is a shell script, tests/integration/NN-name.t, run by
# tests/run.sh (or alone: `MPEMU=build/debug/mpemu sh tests/integration/NN-name.t`):
#
#     . "$(dirname "$0")/../lib.sh"
#     need_root
#     ok 'an empty store has no images' mpemu images
#     run mpemu inspect nothing
#     is 'what is missing ends with 5' "$status" 5
#     like 'and is named' "$err" 'nothing'
#
# Counting, the plan and cleaning up happen at exit.  $scratch is a directory of the test's own;
# `mpemu` works on the store $store below it.

: "${MPEMU:=$PWD/build/debug/mpemu}"
: "${MPEMU_BASE:=$PWD/build/base}"
[ -x "$MPEMU" ] || {
	echo "Bail out! there is no program $MPEMU: run make"
	exit 1
}
tests=$(cd "$(dirname "$0")/.." && pwd)
PATH=$PATH:$(dirname "$tests")/build/tools/docker-registry/usr/bin:/usr/sbin:/sbin
scratch=$(mktemp -d "${TMPDIR:-/tmp}/test-XXXXXX")
store=$scratch/store
chmod 755 "$scratch"

test_count=0 test_failures=0 test_planned='' test_children=''

test_exit() {
	test_status=$?
	trap - EXIT
	for test_child in $test_children; do
		kill "$test_child" 2>/dev/null
	done
	rm -rf "$scratch" 2>/dev/null
	[ "$test_planned" ] || echo "1..$test_count"
	if [ "$test_status" -ne 0 ]; then
		echo "# the script itself ended with status $test_status"
		exit "$test_status"
	fi
	[ "$test_failures" -eq 0 ] || exit 1
	exit 0
}
trap test_exit EXIT
trap 'exit 130' INT TERM

mpemu() {
	"$MPEMU" --root "$store" "$@"
}

# ---- asserting ----

# Only where the number must be fixed beforehand; else it is told at the end.
plan() { # COUNT
	test_planned=$1
	echo "1..$1"
}

pass() { # NAME
	test_count=$((test_count + 1))
	echo "ok $test_count - $1"
}

fails() { # NAME DIAGNOSTICS
	test_count=$((test_count + 1))
	test_failures=$((test_failures + 1))
	echo "not ok $test_count - $1"
	printf '%s\n' "$2" | head -n 40 | sed 's/^/# /'
}

skip() { # NAME REASON
	test_count=$((test_count + 1))
	echo "ok $test_count - $1 # SKIP $2"
}

skip_all() { # REASON
	test_planned=0
	echo "1..0 # SKIP $*"
	exit 0
}

# The command succeeds.
ok() { # NAME COMMAND...
	test_name=$1
	shift
	if "$@" >"$scratch/.log" 2>&1; then
		pass "$test_name"
	else
		fails "$test_name" "status $? of: $*
$(cat "$scratch/.log")"
	fi
}

is() { # NAME GOT WANT
	if [ "$2" = "$3" ]; then
		pass "$1"
	else
		fails "$1" "got:  $2
want: $3"
	fi
}

# Some line of TEXT matches the extended regular expression.
like() { # NAME TEXT EXPRESSION
	if printf '%s\n' "$2" | grep -Eq -e "$3"; then
		pass "$1"
	else
		fails "$1" "no match for: $3
in: $2"
	fi
}

unlike() { # NAME TEXT EXPRESSION
	if printf '%s\n' "$2" | grep -Eq -e "$3"; then
		fails "$1" "match for: $3
in: $2"
	else
		pass "$1"
	fi
}

# Run a command: $status, $out and $err are what came of it.
# shellcheck disable=SC2034
run() { # COMMAND...
	status=0
	"$@" >"$scratch/.out" 2>"$scratch/.err" || status=$?
	out=$(cat "$scratch/.out")
	err=$(cat "$scratch/.err")
}

# On machines that are emulated, all takes $TEST_SLOWER times as long.
if [ "${TEST_SLOWER-}" ]; then
	timeout() { # SECONDS COMMAND...
		test_seconds=$(($1 * TEST_SLOWER))
		shift
		command timeout "$test_seconds" "$@"
	}
fi

# ---- what a test needs ----

need_root() {
	[ "$(id -u)" = 0 ] || skip_all 'needs root'
}

# Nothing else may run meanwhile: tests/run.sh looks for this line.
need_machine() {
	:
}

need_command() { # COMMAND...
	for test_command; do
		command -v "$test_command" >/dev/null || skip_all "needs $test_command"
	done
}

# Programs for PLATFORM can be run here, natively, as registered or by private entries.
need_platform() { # PLATFORM
	"$MPEMU" status --json 2>/dev/null |
	jq -e --arg platform "$1" 'any(.. | objects;
		.platform? == $platform and (.state | IN("native", "emulated", "ready")))' \
		>/dev/null || skip_all "needs an emulator for $1"
}

# ---- what a test works on ----

# A new directory, gone at exit.
tmpdir() {
	mktemp -d "$scratch/XXXXXX"
}

# A user without rights but with subordinate ids, in copies of the files that only its processes see:
# $user, at home in $scratch/home.
plain_user() { # ID
	user=$1
	for test_file in passwd group; do cp "/etc/$test_file" "$scratch/$test_file"; done
	echo "tester:x:$user:$user::$scratch/home:/bin/sh" >>"$scratch/passwd"
	echo "tester:x:$user:" >>"$scratch/group"
	echo "tester:3000000:65536" >"$scratch/subid"
	mkdir -p "$scratch/home"
	chown "$user:$user" "$scratch/home"
	cat >"$scratch/as-user" <<-END
		for file in passwd group; do mount --bind "$scratch/\$file" /etc/\$file || exit 1; done
		touch /etc/subuid /etc/subgid
		for file in subuid subgid; do mount --bind "$scratch/subid" /etc/\$file || exit 1; done
		exec setpriv --reuid $user --regid $user --clear-groups env HOME="$scratch/home" \
			MPEMU_ROOT="$scratch/home/store" "\$@"
	END
}

as_user() { # COMMAND...
	unshare -m sh "$scratch/as-user" "$@"
}

# A root file system with busybox for ARCH (as Debian names it), as a tar.
base_tar() { # ARCH
	if [ ! -e "$MPEMU_BASE/$1.tar" ]; then
		flock "$MPEMU_BASE.lock" "$tests/demo/base.sh" "$MPEMU_BASE" >/dev/null \
			2>"$scratch/.log" ||
			skip_all "no packages to make root file systems from: $(cat "$scratch/.log")"
	fi
	[ -e "$MPEMU_BASE/$1.tar" ] || skip_all "no busybox-static for $1"
	base=$MPEMU_BASE/$1.tar
}

make_rootfs() { # DIR ARCH
	base_tar "$2"
	mkdir -p "$1"
	tar -C "$1" -xf "$base"
}

# Roots of Debian SUITE with the tools that builds use, for amd64 and arm64, as an image of both;
# the package lz4 is beside them, in $test_debian/debs-ARCH.  Who wants other packages sets both.
debian_folder=
debian_packages='apt make gcc g++ libc6-dev xz-utils procps fakeroot file patch m4 python3-minimal bzip2'
debian_tars() { # SUITE
	test_debian=${MPEMU_DEBIAN:-$MPEMU_BASE/../debian}/${debian_folder:-$1}
	if [ ! -e "$test_debian/amd64.tar" ] || [ ! -e "$test_debian/arm64.tar" ]; then
		mkdir -p "$test_debian"
		# shellcheck disable=SC2086
		flock "$test_debian.lock" "$tests/demo/debian.sh" "$test_debian" "$1" amd64 arm64 \
			-- $debian_packages -- lz4 2>"$scratch/.log" ||
			skip_all "no packages to make root file systems from: $(cat "$scratch/.log")"
	fi
}

debian_image() { # SUITE NAME
	debian_tars "$1"
	for test_arch in amd64 arm64; do
		mpemu import --platform "linux/$test_arch" "$test_debian/$test_arch.tar" \
			"$2:$test_arch" >/dev/null || return 1
	done
	mpemu index create "$2" "$2:amd64" "$2:arm64" >/dev/null
}

# A registry on a port of its own: $registry is its address.  With USER and PASSWORD it asks.
start_registry() { # [USER PASSWORD]
	need_command docker-registry
	test_registry=$(tmpdir)
	cat >"$test_registry/config.yml" <<-END
		version: 0.1
		log: { level: info, accesslog: { disabled: true } }
		storage: { filesystem: { rootdirectory: $test_registry/data }, delete: { enabled: true } }
		http: { addr: 127.0.0.1:0 }
	END
	if [ $# -eq 2 ]; then
		printf '%s:' "$1" >"$test_registry/users"
		perl -e 'print crypt($ARGV[0], "\$2y\$05\$abcdefghijklmnopqrstuu"), "\n"' "$2" \
			>>"$test_registry/users"
		echo "auth: { htpasswd: { realm: test, path: $test_registry/users } }" \
			>>"$test_registry/config.yml"
	fi
	docker-registry serve "$test_registry/config.yml" >"$test_registry/log" 2>&1 &
	test_children="$test_children $!"
	registry=
	for _ in $(seq 100); do
		# It picks a free port and says which.
		registry=$(sed -n 's/.*listening on \([0-9.]*:[0-9]*\).*/\1/p' "$test_registry/log")
		[ ! "$registry" ] || return 0
		kill -0 $! 2>/dev/null || break
		sleep 0.1
	done
	echo "Bail out! docker-registry did not start: $(cat "$test_registry/log")"
	exit 1
}

# tests/guest/NAME.c for an architecture (as platforms name it; 386 is old.c's), as FILE.
make_guest() { # FILE ARCH
	case $2 in
	"$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')") set -- "$1" cc guest ;;
	arm64) set -- "$1" aarch64-linux-gnu-gcc guest ;;
	amd64) set -- "$1" x86_64-linux-gnu-gcc guest ;;
	386) set -- "$1" 'cc -m32 -fno-pie -no-pie' old ;;
	*) set -- "$1" false guest ;;
	esac
	# shellcheck disable=SC2086 # words
	$2 -std=gnu2x -static -nostdlib -O1 -fno-builtin -fno-stack-protector -o "$1" \
		"$tests/guest/$3.c" 2>"$scratch/.log"
}

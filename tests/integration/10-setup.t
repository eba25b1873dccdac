#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# mpemu setup and status on this host's own binfmt_misc, which is left as it was.  A host that has
# entries qemu-* already is not put at risk: then all of it happens in a user namespace.
misc=/proc/sys/fs/binfmt_misc
conf=/etc/binfmt.d/mpemu.conf
if [ -z "${MPEMU_TEST_NAMESPACE-}" ] && [ "$(id -u)" = 0 ] && ls $misc/qemu-* >/dev/null 2>&1 &&
	unshare --user --map-root-user --mount mount -t binfmt_misc none $misc 2>/dev/null; then
	MPEMU_TEST_NAMESPACE=yes exec unshare --user --map-root-user --mount \
		sh -c "mount -t binfmt_misc none $misc && exec sh \"\$0\"" "$0"
fi

. "$(dirname "$0")/../lib.sh"
need_root
need_machine
need_command jq unshare
[ -d $misc ] || skip_all 'needs a kernel with binfmt_misc'
! ls $misc/qemu-* >/dev/null 2>&1 || skip_all 'this host has entries qemu-* already'
[ ! -e $conf ] || skip_all "this host has a $conf already"
case $(uname -m) in
aarch64) foreign=s390x emulator=qemu-s390x ;;
*) foreign=arm64 emulator=qemu-aarch64 ;;
esac
static=$(command -v $emulator-static) || skip_all "needs $emulator-static"
host=$(mpemu platform normalize "$(uname -m)" 2>/dev/null || echo "linux/$(dpkg --print-architecture)")

was_mounted=$([ -e $misc/status ] && echo yes)
restore() {
	mpemu setup --remove >/dev/null 2>&1
	[ ! -e $misc/test-other ] || echo -1 >$misc/test-other
	rm -f $conf
	if [ ! "$was_mounted" ] && [ -e $misc/status ]; then
		umount $misc
	fi
}
finish() {
	test_saved=$?
	restore
	return "$test_saved"
}
trap 'finish; test_exit' EXIT

field() { # PLATFORM FIELD: of the array that setup printed
	printf '%s\n' "$out" | jq -r --arg p "linux/$1" --arg f "$2" \
		'.[] | select(.platforms | index($p)) | .[$f]'
}

# ---- registering ----

run mpemu setup --check --platform $foreign
is 'before setup, --check fails' "$status" 1
like 'and says what to do' "$err" "linux/$foreign: installed, not registered: try 'mpemu setup'"

run mpemu setup --platform $foreign --dry-run
is 'a dry run succeeds' "$status" 0
like 'and says what it would do' "$out" "^linux/$foreign .* would register"
is 'and does not' "$(ls $misc/$emulator 2>/dev/null)" ''

run mpemu setup --platform $foreign
is 'setup succeeds' "$status" 0
like 'and prints a line for the platform' "$out" \
	"^linux/$foreign +emulated +$emulator +[0-9.]+ +POF +$static +registered$"
like 'the entry has its flags' "$(cat $misc/$emulator)" '^flags: POF$'
like 'and its interpreter' "$(cat $misc/$emulator)" "^interpreter $static\$"

run mpemu setup --platform $foreign --json
is 'setup again changes nothing' "$(field $foreign action)" none
is 'and finds it working' "$(field $foreign state)" emulated
ok '--check agrees' mpemu setup --check --platform $foreign

run mpemu setup --platform $foreign --credentials --json
is 'other flags replace the entry' "$(field $foreign action)" replace
is 'and are told' "$(field $foreign flags)" POCF

echo 0 >$misc/$emulator
run mpemu setup --check --platform $foreign
is '--check sees an entry that is switched off' "$status" 1
run mpemu setup --platform $foreign --json
is 'a disabled entry is replaced' "$(field $foreign reason)" 'was disabled'

echo -1 >$misc/$emulator
printf ':%s:M::\\x7fELF\\x02\\x01\\x01\\x00wrong::/bin/true:' $emulator >$misc/register
run mpemu setup --platform $foreign --json
is 'an entry for something else is replaced' "$(field $foreign action)" replace
is 'and works then' "$(field $foreign state)" emulated

# A copy of its own is upgraded: the kernel holds the old file, only setup can know.
mkdir "$scratch/qemu"
cp "$static" "$scratch/qemu/"
run mpemu setup --platform $foreign --qemu-dir "$scratch/qemu" --json
is 'the emulator of another directory takes over' "$(field $foreign path)" \
	"$scratch/qemu/$emulator-static"
sleep 0.05
cp "$static" "$scratch/qemu/new"
mv "$scratch/qemu/new" "$scratch/qemu/$emulator-static"
run mpemu setup --platform $foreign --qemu-dir "$scratch/qemu" --json
is 'an upgraded emulator is registered anew' "$(field $foreign reason)" \
	'the emulator was updated since'

# ---- what it leaves alone ----

printf ':test-other:M::TEST-OTHER::/bin/true:' >$misc/register
run mpemu setup
is 'setup of all that is installed succeeds' "$status" 0
like 'the host needs no emulator' "$out" "^$host +native +-"
unlike 'and gets none' "$(ls $misc)" "^qemu-$(uname -m)\$"
is 'nothing is broken' "$(printf '%s\n' "$out" | grep -c ' broken ')" 0
ok 'the host still runs its own programs' /bin/true
run mpemu setup --check
is 'all of it is found working' "$status" 0

# ---- persisting ----

run mpemu setup --platform $foreign --persist
is 'persisting succeeds' "$status" 0
is 'one rule is written' "$(grep -c '^:' $conf)" 1
like 'as binfmt.d(5) has it' "$(cat $conf)" "^:$emulator:M::"'(\\x[0-9a-f]{2})+:(\\x[0-9a-f]{2})+:/.*:POF$'
rule=$(grep '^:' $conf)
echo -1 >$misc/$emulator
printf '%s\n' "$rule" >$misc/register
ok 'the kernel takes that line, as systemd-binfmt gives it' \
	mpemu setup --check --platform $foreign

# ---- status ----

run mpemu status
is 'status succeeds' "$status" 0
like 'the host is native' "$out" "^$host +native"
like 'the foreign platform is emulated' "$out" "^linux/$foreign +emulated +$emulator"
like 'the kernel is told' "$out" "^kernel +Linux $(uname -r | sed 's/[.+]/\\&/g')"
run mpemu status --json
is 'the same for machines' "$(printf '%s\n' "$out" |
	jq -r --arg p "linux/$foreign" '.platforms[] | select(.platform == $p) | .state')" emulated
is 'with the host' "$(printf '%s\n' "$out" | jq -r '.host.kernel')" "$(uname -r)"

# ---- failing ----

run mpemu setup --platform $foreign --qemu-dir "$scratch"
is 'an entry that works is enough' "$status" 0
echo -1 >$misc/$emulator
run mpemu setup --platform $foreign --qemu-dir "$scratch"
is 'a missing emulator ends with 5' "$status" 5
like 'and names what is missing' "$err" "$emulator-static is not installed in $scratch: package "
run mpemu setup --platform plan9/amd64
is 'an unknown platform ends with 5' "$status" 5
run mpemu setup --check --remove
is 'contradictions end with 2' "$status" 2
if [ -z "${MPEMU_TEST_NAMESPACE-}" ] && command -v setpriv >/dev/null; then
	cp "$MPEMU" "$scratch/mpemu"
	run setpriv --reuid 65534 --regid 65534 --clear-groups "$scratch/mpemu" --root "$store" \
		setup --platform $foreign
	is 'without root it ends with 9' "$status" 9
	like 'and says what to do' "$err" 'sudo mpemu setup'
	run setpriv --reuid 65534 --regid 65534 --clear-groups "$scratch/mpemu" --root "$store" \
		setup --check --platform riscv64
	is 'but may be checked' "$status" 0
else
	skip 'without root it ends with 9' 'in a user namespace'
fi

# ---- removing ----

run mpemu setup --remove --platform riscv64
is 'one is removed' "$out" 'removed qemu-riscv64'
is 'and is gone' "$(ls $misc/qemu-riscv64 2>/dev/null)" ''
ok 'another is not' test -e $misc/qemu-s390x
run mpemu setup --remove
is 'all are removed' "$status" 0
is 'none is left' "$(ls -d $misc/qemu-* 2>/dev/null)" ''
ok 'what is not ours is left' test -e $misc/test-other
ok 'the file for the next boot is gone' test ! -e $conf
run mpemu setup --remove
is 'removing nothing is fine' "$status:$out" '0:nothing is registered'

# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# shellcheck disable=SC2016,SC2154   # variables of scripts that run inside, and of tests/lib.sh
#
# What the suites of systems that are not Debian's share, read after tests/lib.sh.

need_root
need_command jq aarch64-linux-gnu-gcc dpkg-deb
need_platform linux/arm64
[ "$(uname -m)" = x86_64 ] || skip_all 'wants a machine that is amd64'
unshare -Urm sh -c 'mount -t binfmt_misc none /mnt' 2>/dev/null ||
	skip_all 'this kernel has no binfmt_misc of a user namespace'
context=$(tmpdir)

# The image localhost/NAME for both platforms, made by tests/assist/NAME.sh.
foreign_image() { # NAME
	foreign=localhost/$1
	test_roots=$(dirname "$tests")/build/$1
	"$tests/assist/$1.sh" "$test_roots" >"$scratch/.log" 2>&1 ||
		skip_all "no roots can be made here: $(tail -n 1 "$scratch/.log")"
	for test_arch in amd64 arm64; do
		mpemu import --platform "linux/$test_arch" "$test_roots/$test_arch.tar" \
			"$foreign:$test_arch" >/dev/null
	done
	mpemu index create "$foreign" "$foreign:amd64" "$foreign:arm64" >/dev/null
}

inside() { # MODE
	run mpemu run --platform linux/arm64 --assist "$1" \
		-v "$tests/assist/foreign-traps.sh:/traps.sh:ro" "$foreign" sh /traps.sh
}

same_traps() {
	inside off
	is 'the emulated script ran' "$status" 0
	printf '%s\n' "$out" >"$scratch/off"
	like 'to its end' "$out" '^scripts: no-hash'
	inside safe
	printf '%s\n' "$out" >"$scratch/safe"
	run_err=$err
	run diff "$scratch/off" "$scratch/safe"
	is 'native tools say and do the same' "$out" ''
	err=$run_err
}

build() { # MODE SCRIPT [ARGUMENTS...]: one step on the image
	printf 'FROM %s\nRUN %s\n' "$foreign" "$2" >"$context/Dockerfile"
	test_mode=$1
	shift 2
	run mpemu --progress json build --no-cache --assist "$test_mode" --platform linux/arm64 \
		"$@" "$context"
}

# How a program ran in the last build, and why it has no twin.
ran() { # PROGRAM
	printf '%s\n' "$err" | jq -r --arg name "$1" \
		'select(.event == "step-assist") | [.programs[] | select(.name == $name).why][0] // "natively"'
}

reason() { # PROGRAM
	printf '%s\n' "$err" | jq -r --arg name "$1" \
		'select(.event == "step-assist") | [.programs[] | select(.name == $name).reason][0] // "none"'
}

# How many programs of the last build did; nothing where none did.
natively() {
	printf '%s\n' "$err" | jq -r 'select(.event == "step-assist" and .native > 0).native'
}

notes() {
	printf '%s\n' "$err" | jq -r 'select(.event == "note").text'
}

# The arm64 image altered by a command; the one for amd64 stays.
spoil() { # COMMAND
	printf 'FROM %s:arm64\nRUN %s\n' "${foreign%-spoilt}" "$1" >"$context/Dockerfile"
	mpemu build --assist off --platform linux/arm64 -t "${foreign%-spoilt}-spoilt:arm64" \
		"$context" >/dev/null 2>&1
	foreign=${foreign%-spoilt}-spoilt
	mpemu index create "$foreign" "${foreign%-spoilt}:amd64" "$foreign:arm64" >/dev/null
}

# Bash, which may read long doubles, starts natively and gives way where it does.
tripped() { # COMMAND
	build safe "bash -c '$1; echo'"
	is 'a step that reads a long double is run again' "$status" 0
	like 'with the programs that may, emulated' "$(reason bash)" 'long double'
}

verified() { # SCRIPT
	build verify "$1"
	is 'what a step leaves is the same, byte for byte' "$status" 0
	[ "$status" = 0 ] || printf '%s\n' "$err" | tail -n 3 | sed 's/^/# /'
}

# A script as ./configure is one: hundreds of small programs.  CPU time, natively and not.
cheaper() { # TIMES
	cat >"$context/configure" <<-'END'
		i=0
		while [ $i -lt 20 ]; do
			x=$(echo "checking for $i" | sed 's/checking for \(.*\)/\1/' | tr 0-9 a-j)
			cat >conftest.$i <<EOF
		int main(void) { return $x; }
		EOF
			grep -c return conftest.$i >/dev/null && cat conftest.$i | wc -l >/dev/null
			cp conftest.$i c && rm -f c conftest.$i
			i=$((i + 1))
		done
		cat /proc/$$/stat
	END
	for test_mode in off safe; do
		printf 'FROM %s\nCOPY configure /\nRUN sh /configure\n' "$foreign" >"$context/Dockerfile"
		run mpemu --progress plain build --no-cache --assist "$test_mode" \
			--platform linux/arm64 "$context"
		# Of its children: user and system, in ticks.
		test_ticks=$(printf '%s\n' "$err" | sed -n 's/.* [0-9]* ([a-z]*) [RS] //p' | tail -n 1 |
			awk '{ print $13 + $14 }')
		[ "$test_mode" != off ] || test_emulated=$test_ticks
	done
	echo "# $test_emulated ticks of CPU time emulated, $test_ticks with native tools"
	ok "a script of many small programs takes less than a ${1}th of the CPU time" \
		[ "$((test_ticks * $1))" -lt "$test_emulated" ]
}

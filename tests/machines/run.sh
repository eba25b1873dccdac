#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Run suites on kernels of Debian that are not this machine's:
#
#     tests/machines/run.sh BUILD [MACHINE...]        default: all below
#     TEST='unit tests/integration/76-limits.t' tests/machines/run.sh BUILD trixie
#     RUN='mount; ls -l /proc/sys' tests/machines/run.sh BUILD trixie
#
# BUILD was built for this machine, against Debian 12, which they all have as their root; for another
# architecture there is build/ARCH, which is made with the libraries of that root.  User mode Linux is a kernel that is a program: system calls are slow there, but not what is
# between them.  On qemu-system all takes ten times as long as here, and more.  A network is needed
# only to fetch kernels and packages for the first time, into build/machines; root, for owners.
# shellcheck disable=SC2046,SC2086   # words
set -eu
cd "$(dirname "$0")/../.."

# Name, architecture, kind and release of the kernel, what comes first, control groups.  User mode
# Linux 6.12 panics where a fork fails, as in 76-limits.t; 7.2 does not.
machines='
	uml-sid         amd64 uml   sid      none  v2
	uml-6.12        amd64 uml   trixie   none  v2
	uml-6.1         amd64 uml   bookworm setup v2
	uml-v1          amd64 uml   bookworm setup v1
	uml-hybrid      amd64 uml   bookworm setup hybrid
	trixie          amd64 cloud trixie   none  v2
	bookworm        amd64 cloud bookworm setup v2
	trixie-arm64    arm64 cloud trixie   none  v2
	bookworm-arm64  arm64 cloud bookworm setup v2'
foreign=linux/386,linux/amd64,linux/arm64,linux/arm/v7,linux/ppc64le,linux/riscv64,linux/s390x

# What depends on the kernel; the rest is the same everywhere.
suites=${TEST:-unit $(echo tests/integration/10-setup.t tests/integration/20-store.t \
	tests/integration/4[0127]-*.t tests/integration/6[03]-*.t tests/integration/7[56]-*.t tests/integration/88-*.t)}

die() { echo "machines: $*" >&2; exit 1; }

# A file system of a directory, with room for what tests write.
image() { # FILE DIR ROOM_MB
	size=$(du -sm --apparent-size "$2" | cut -f 1)
	rm -f "$1.new"
	mke2fs -q -t ext4 -d "$2" -E lazy_itable_init=1 "$1.new" "$((size + size / 5 + $3))M" >/dev/null
	mv "$1.new" "$1"
}

# ---- what machines share ----

# The packages that tests use, of which one compiles for the other machine, and Debian's own names for
# the compiler.
root_make() { # ARCH
	[ ! -e "$work/root-$1.img" ] || return 0
	packages=$(packaging/deps.sh list build run test)
	[ "$1" = amd64 ] || packages=$(echo $packages |
		sed 's/gcc-aarch64-linux-gnu libc6-dev-arm64-cross/gcc-x86-64-linux-gnu libc6-dev-amd64-cross/')
	tests/demo/debian.sh "$work/root" bookworm "$1" -- $packages mount kmod e2fsprogs passwd
	rm -rf "$work/root/$1"
	mkdir "$work/root/$1"
	tar -C "$work/root/$1" -xpf "$work/root/$1.tar"
	for link in cc:gcc c++:g++; do
		ln -s "${link#*:}" "$work/root/$1/usr/bin/${link%:*}"
	done
	image "$work/root-$1.img" "$work/root/$1" 6000
	rm -rf "$work/root/$1"
}

busybox_make() { # ARCH
	tests/demo/base.sh build/base >/dev/null
	[ -e "build/base/$1.tar" ] || die "no busybox for $1"
	tar -xOf "build/base/$1.tar" ./bin/busybox >"$work/busybox-$1.$$"
	chmod 755 "$work/busybox-$1.$$"
	mv "$work/busybox-$1.$$" "$work/busybox-$1"
}

# Roots of Debian that lib.sh's debian_image makes, where a suite wants some and they are here.
stores_make() {
	stores=
	grep -qs debian_image $suites || return 0
	[ -e build/debian/bookworm/amd64.tar ] || return 0
	stores=$work/stores.img
	[ ! -e "$stores" ] || return 0
	rm -rf "$work/stores"
	for release in build/debian/*/; do
		mkdir -p "$work/stores/debian/$(basename "$release")"
		cp -r "$release"/*.tar "$release"/debs-* "$work/stores/debian/$(basename "$release")"
	done
	image "$stores" "$work/stores" 50
	rm -rf "$work/stores"
}

# Where sandboxes have no emulators of their own, foreign programs want those of `mpemu setup`, which
# 10-setup.t does not.
job_write() { # none|setup
	first='' rest=''
	for suite in $suites; do
		case $suite in
		*/10-setup.t) first=$suite ;;
		*) rest="$rest $suite" ;;
		esac
	done
	if [ "${RUN-}" ]; then
		printf '%s\n' "$RUN"
	elif [ "$1" = setup ]; then
		echo 'status=0'
		[ ! "$first" ] || echo "tests/run.sh $build $first || status=1"
		[ ! "$rest" ] || echo "$build/mpemu setup --platform $foreign && tests/run.sh $build $rest || status=1"
		echo 'exit $status'
	else
		echo "tests/run.sh $build $suites"
	fi
}

# The sources, what was built of them, and what is to be done.
tree_make() { # INTO ARCH none|setup GROUPS
	rm -rf "$TMPDIR/tree"
	mkdir -p "$TMPDIR/tree/build/tools" "$TMPDIR/tree/$build/tests"
	git ls-files -z -c -o --exclude-standard | xargs -0 cp --parents -t "$TMPDIR/tree"
	cp "$work/busybox-$2" "$TMPDIR/tree/busybox"
	cp "$build/mpemu" "$TMPDIR/tree/$build"
	cp "$build/tests/units" "$TMPDIR/tree/$build/tests"
	cp -rL build/base "$TMPDIR/tree/build"
	[ ! -d build/tools/docker-registry ] || cp -r build/tools/docker-registry "$TMPDIR/tree/build/tools"
	printf '%s\n' "groups=$4" "SUITE_SECONDS=${SUITE_SECONDS:-3000}" >"$TMPDIR/tree/machine"
	job_write "$3" >"$TMPDIR/tree/job"
	chown -R 0:0 "$TMPDIR/tree"
	image "$1" "$TMPDIR/tree" 200
	rm -rf "$TMPDIR/tree"
}

# What is tested, as a program of the machine's.
build_make() { # ARCH
	build=$given
	[ "$1" != "$(dpkg --print-architecture)" ] || return 0
	build=build/$1 sysroot=$work/sysroot-$1
	case $1 in
	amd64) tuple=x86_64-linux-gnu ;;
	arm64) tuple=aarch64-linux-gnu ;;
	esac
	if [ ! -d "$sysroot" ]; then
		rm -rf "$sysroot.new"
		mkdir "$sysroot.new"
		tar -C "$sysroot.new" -xpf "$work/root/$1.tar"
		mv "$sysroot.new" "$sysroot"
	fi
	PKG_CONFIG_SYSROOT_DIR=$sysroot \
	PKG_CONFIG_LIBDIR=$sysroot/usr/lib/$tuple/pkgconfig:$sysroot/usr/share/pkgconfig \
		make -s BUILD="$build" CC="$tuple-gcc --sysroot=$sysroot" AR=$tuple-ar OBJCOPY=$tuple-objcopy \
		"$build/mpemu" "$build/tests/units" >"$work/build-$1.log" 2>&1 ||
		die "no build for $1: $(tail -n 3 "$work/build-$1.log")"
}

# ---- one machine ----

emulator() { # ARCH
	case $1 in
	amd64) echo qemu-system-x86_64 -machine q35 -cpu max ;;
	arm64) echo qemu-system-aarch64 -machine virt -cpu max,pauth-impdef=on ;;
	esac
}

console() { # ARCH
	case $1 in
	amd64) echo ttyS0 ;;
	arm64) echo ttyAMA0 ;;
	esac
}

# What they write is forgotten: the images stay as they are.
boot_cloud() { # KERNEL ARCH DISK...
	kernel=$1 arch=$2 drives='' number=0
	shift 2
	for disk; do
		drives="$drives -drive file=$disk,format=raw,if=none,id=d$number,snapshot=on,cache=unsafe,file.locking=off"
		drives="$drives -device virtio-blk-pci,drive=d$number"
		number=$((number + 1))
	done
	$(emulator $arch) -accel tcg,thread=multi -smp 2 -m "$memory" \
		-nodefaults -no-user-config -display none -no-reboot -serial stdio \
		-kernel "$kernel/vmlinuz" -initrd "$kernel/initrd" \
		-append "console=$(console $arch) quiet panic=-1" $drives
}

# It is a program of the release that it is of, and wants that one's libraries.
boot_uml() { # KERNEL ARCH DISK...
	kernel=$1 drives='' letter=a
	shift 2
	for disk; do
		drives="$drives ubd$letter=$TMPDIR/$letter.cow,$disk"
		letter=$(echo $letter | tr a-y b-z)
	done
	cc -shared -fPIC -O1 -o "$TMPDIR/xstate.so" tests/machines/xstate.c
	mkdir -p "$kernel/root/proc" "$kernel/root/dev" "$kernel/root$work"
	# shellcheck disable=SC2016 # for the inner shell
	unshare -m sh -c 'mount --rbind /proc "$1/proc" && mount --rbind /dev "$1/dev" &&
		mount --bind "$2" "$1$2" && shift 2 &&
		HOME=$TMPDIR LD_PRELOAD=$TMPDIR/xstate.so exec chroot "$@"' sh \
		"$kernel/root" "$work" "$kernel/root" /usr/bin/linux.uml mem=$memory \
		initrd="$kernel/initrd" $drives con=null con0=null,fd:1 ssl=null quiet panic=-1
}

machine() { # NAME ARCH KIND SUITE none|setup GROUPS
	kernel=$work/$4-$2-$3
	root_make "$2"
	build_make "$2"
	busybox_make "$2"
	tests/machines/kernel.sh "$kernel" "$4" "$2" "$3" "$work/busybox-$2"
	TMPDIR=$work/$1.tmp
	rm -rf "$TMPDIR"
	mkdir "$TMPDIR"
	export TMPDIR
	tree_make "$TMPDIR/tree.img" "$2" "$5" "$6"
	echo "== $1"
	boot_$3 "$kernel" "$2" "$work/root-$2.img" "$TMPDIR/tree.img" $stores </dev/null |
	sed -u 's,\r,,g' | tee "$work/$1.log"
	rm -rf "$TMPDIR"
	unset TMPDIR
	grep -q '^machine: status 0$' "$work/$1.log"
}

[ $# -ge 1 ] || die "usage: $0 BUILD [MACHINE...]"
[ "$(id -u)" = 0 ] || die 'needs root'
given=$1
shift
[ $# -gt 0 ] || set -- $(echo "$machines" | awk '{ print $1 }')
work=$PWD/build/machines memory=${MEMORY:-3G}
mkdir -p "$work"
failed=
stores_make
for name; do
	line=$(echo "$machines" | awk -v name="$name" '$1 == name')
	[ "$line" ] || die "no machine '$name'; there are:$machines"
	machine $line || failed="$failed $name"
done
[ ! "$failed" ] || die "these failed:$failed"

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Debian root file systems for tests and benchmarks of native assist, as tars:
#
#     tests/assist/root.sh DIR ARCH SUITE PACKAGE...      prints DIR/ARCH-SUITE.tar
#
# Packages come from the archive that apt itself is configured for, with all that they depend on
# and all essential ones.  They are unpacked, not configured: no program of ARCH is run, and what
# the tests need of maintainer scripts (users, alternatives) is done here.  What was made before is
# there at once.
# shellcheck disable=SC2016   # apt's own $(...)
set -eu

say() { echo "root: $*" >&2; }
die() { say "$@"; exit 1; }

[ $# -ge 4 ] || die "usage: $0 DIR ARCH SUITE PACKAGE..."
mkdir -p "$1"
dir=$(cd "$1" && pwd) arch=$2 suite=$3
shift 3
tar=$dir/$arch-$suite.tar
list="$dir/$arch-$suite.list"
if [ -e "$tar" ] && [ "$(cat "$list" 2>/dev/null)" = "$*" ]; then
	echo "$tar"
	exit
fi
work=$dir/work-$arch-$suite
apt=$work/apt root=$work/root
rm -rf "$work"
mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$root"
trap 'rm -rf "$work"' EXIT

uri=$(apt-get indextargets --format '$(REPO_URI) $(COMPONENT) $(LABEL)' 'Created-By: Packages' |
	awk '$2 == "main" && ($3 == "Debian" || $1 ~ /\/debian\/?$/) { print $1; exit }')
[ "$uri" ] || die "no Debian archive among apt's sources"
key=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb [target=Packages${key:+ signed-by=$key}] $uri $suite main" >"$apt/sources.list"
: >"$apt/status"
cat >"$apt/conf" <<-END
	#clear APT::Update;
	#clear APT::Architectures;
	APT::Architecture "$arch";
	APT::Architectures { "$arch"; };
	APT::Sandbox::User "root";
	APT::Install-Recommends "false";
	Acquire::Languages "none";
	Acquire::PDiffs "false";
	Acquire::Retries "3";
	Dir::State "$apt";
	Dir::State::lists "$apt/lists";
	Dir::State::status "$apt/status";
	Dir::Cache "$apt/cache";
	Dir::Cache::pkgcache "";
	Dir::Cache::srcpkgcache "";
	Dir::Etc::sourcelist "$apt/sources.list";
	Dir::Etc::sourceparts "-";
	Dir::Etc::preferences "-";
	Dir::Etc::preferencesparts "-";
END
quietly() {
	"$@" >"$work/log" 2>&1 || { sed 's/^/  /' "$work/log" >&2; die "this failed: $*"; }
}
say "fetching $suite for $arch"
quietly apt-get -qq -c "$apt/conf" update
quietly apt-get -qq -y -c "$apt/conf" --download-only install '?essential' "$@"

# What is in /bin and /lib is in /usr, whether the packages know that yet or not.
for name in bin sbin lib; do
	mkdir -p "$root/usr/$name"
	ln -s "usr/$name" "$root/$name"
done
case $arch in
amd64 | ppc64el | mips64el | s390x) ln -s usr/lib64 "$root/lib64"; mkdir -p "$root/usr/lib64" ;;
esac

info=$root/var/lib/dpkg/info
mkdir -p "$info" "$root/var/lib/dpkg/updates" "$root/var/lib/dpkg/alternatives"
: >"$root/var/lib/dpkg/diversions"
: >"$root/var/lib/dpkg/statoverride"
echo "$arch" >"$root/var/lib/dpkg/arch"

add() { # DEB
	mkdir "$work/control"
	dpkg-deb --fsys-tarfile "$1" | tar -C "$root" -x --keep-directory-symlink
	dpkg-deb -e "$1" "$work/control"
	name=$(sed -n 's/^Package: //p' "$work/control/control")
	if grep -q '^Multi-Arch: same' "$work/control/control"; then
		name=$name:$arch
	fi
	dpkg-deb --fsys-tarfile "$1" | tar -t | sed 's,^\./*,/,; s,/$,,; s,^$,/.,' >"$info/$name.list"
	sed 's/^Package: .*/&\nStatus: install ok installed/' "$work/control/control" \
		>>"$root/var/lib/dpkg/status"
	if [ -e "$work/control/conffiles" ]; then
		{
			echo "Conffiles:"
			grep '^/' "$work/control/conffiles" | while read -r file; do
				echo " $file $(md5sum <"$root$file" | cut -c 1-32)"
			done
		} >>"$root/var/lib/dpkg/status"
	fi
	echo >>"$root/var/lib/dpkg/status"
	rm "$work/control/control"
	for file in "$work"/control/*; do
		[ ! -e "$file" ] || mv "$file" "$info/$name.${file##*/}"
	done
	rm -r "$work/control"
}

say "unpacking"
for deb in "$apt"/cache/archives/*.deb; do
	add "$deb"
done

# As base-passwd and update-alternatives would do it.
cp "$root/usr/share/base-passwd/passwd.master" "$root/etc/passwd"
cp "$root/usr/share/base-passwd/group.master" "$root/etc/group"
sed -i 's/:\*:/:x:/' "$root/etc/passwd" "$root/etc/group"
alternative() { # NAME TARGET...: the first that is there
	link=/usr/bin/$1 name=$1
	shift
	for target; do
		if [ -e "$root$target" ]; then
			mkdir -p "$root/etc/alternatives"
			ln -sf "/etc/alternatives/$name" "$root$link"
			ln -sf "$target" "$root/etc/alternatives/$name"
			return
		fi
	done
}
alternative awk /usr/bin/gawk /usr/bin/mawk
alternative cc /usr/bin/gcc
alternative c++ /usr/bin/g++
alternative c89 /usr/bin/c89-gcc
alternative c99 /usr/bin/c99-gcc
alternative which /usr/bin/which.debianutils
alternative pager /bin/more
echo "deb [trusted=yes] $uri $suite main" >"$root/etc/apt/sources.list" 2>/dev/null || true
rm -rf "$root/etc/apt/sources.list.d"
tar -C "$root" --sort=name --format=gnu --numeric-owner -cf "$tar.new" .
mv "$tar.new" "$tar"
echo "$*" >"$list"
echo "$tar"

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# From a root of Debian with its packages of Go and Rust, one that has them as the images golang and
# rust do: unpacked below /usr/local, and unknown to dpkg.
#
#     unpacked.sh FROM.tar ROOT TO.tar TOOLS
#
# TOOLS is a directory with what runs here of an amd64 root: patchelf and its libraries.
set -eu

root=$2
patchelf="$4/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 --library-path $4/usr/lib/x86_64-linux-gnu $4/usr/bin/patchelf"
mkdir "$root"
tar -C "$root" -xf "$1" --exclude=./usr/share/doc --exclude=./usr/share/man
go=$root/usr/local/go
rmdir "$root/usr/local/go" 2>/dev/null || true
mkdir -p "$root/usr/local/bin"
packed=$(echo "$root"/usr/lib/go-1.*)
mv "$packed" "$go"
find "$go" -type l -delete
for part in "$root/usr/share/${packed##*/}"/*; do
	case $part in
	*/pkg) mv "$part/include" "$go/pkg/" ;;
	*) mv "$part" "$go/" ;;
	esac
done
rm -f "$root"/usr/bin/go "$root"/usr/bin/gofmt
ln -s ../go/bin/go ../go/bin/gofmt "$root/usr/local/bin/"

# A toolchain of rustup's, which finds its libraries by where it is.
triple=$(cd "$root/usr/lib/rustlib" && echo *-linux-gnu)
gnu=$(echo "$triple" | sed s/-unknown//)
version=$(grep -aoE '1\.[0-9]+\.[0-9]+ \([0-9a-f]{9} [0-9]{4}-[0-9]{2}-[0-9]{2}\)' \
	"$root/usr/lib/$gnu"/librustc_driver-*.so | head -n 1)
toolchain=/usr/local/rustup/toolchains/${version%% *}-$triple
mkdir -p "$root$toolchain/bin" "$root$toolchain/lib"
mv "$root/usr/bin/rustc" "$root/usr/bin/cargo" "$root$toolchain/bin/"
mv "$root/usr/lib/$gnu"/librustc_driver-*.so "$root$toolchain/lib/"
for library in "$root/usr/lib/$gnu"/libstd-*.so; do
	[ ! -e "$library" ] || mv "$library" "$root$toolchain/lib/"
done
mv "$root/usr/lib/rustlib" "$root$toolchain/lib/"
# Links that led to where the libraries were.
find "$root$toolchain/lib/rustlib" -xtype l | while read -r link; do
	ln -sf "../../../$(basename "$link")" "$link"
done
for file in "$root$toolchain"/bin/rustc "$root$toolchain"/lib/*.so; do
	$patchelf --set-rpath "\$ORIGIN/../lib" "$file"
done
printf 'manifest-version = "2"\n\n[pkg.rustc]\nversion = "%s"\n' "$version" \
	>"$root$toolchain/lib/rustlib/multirust-channel-manifest.toml"
ln -s "$toolchain/bin/rustc" "$toolchain/bin/cargo" "$root/usr/local/bin/"

# dpkg forgets them.
awk -v RS= -v ORS='\n\n' '!/^Package: (golang|rustc|cargo|libstd-rust|patchelf)/' \
	"$root/var/lib/dpkg/status" >"$root/var/lib/dpkg/status.new"
mv "$root/var/lib/dpkg/status.new" "$root/var/lib/dpkg/status"
rm -f "$root"/var/lib/dpkg/info/golang* "$root"/var/lib/dpkg/info/rustc* \
	"$root"/var/lib/dpkg/info/cargo* "$root"/var/lib/dpkg/info/libstd-rust*
tar -C "$root" --sort=name -cf "$3" .

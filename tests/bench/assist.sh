#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Native assist: builds with Debian's own toolchain (trixie, whose cross compilers are of the same
# revision as its native ones), for this machine, for linux/arm64 with native twins, under plain
# emulation, and by others.
#
#     tests/bench/assist.sh [MPEMU [CASE...]]   "all": every case, which takes hours of emulation
#
# MODES    what is measured, of: native assisted full emulated buildah docker (default: the first,
#          second and fourth)
# ROOTS    where root file systems, sources and packages are kept (default: build/debian/bench)
# VERIFY   set: instead of measuring, run each case with --assist verify
# LOGS     a directory for what each build said, --progress plain
# ROUNDS   of what takes less than 10 seconds; what takes longer is measured once
# shellcheck disable=SC2086,SC2317   # lists of names are words; functions are called by their names
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"
[ $# -eq 0 ] || shift
suite=trixie
roots=$(realpath -m "${ROOTS:-build/debian/bench}")
modes=${MODES:-native assisted emulated}
logs=${LOGS:-$scratch/logs}
case ${1-} in
'') set -- execs lua hello ;;
all) set -- execs lua hello zlib jsoncpp libyaml redis apt python node both clang rust go ;;
esac
mkdir -p "$logs"

# ---- what it takes: a root with all tools, sources, and packages to install ----

packages='apt make gcc g++ libc6-dev xz-utils procps file patch m4 bzip2 perl python3 python3-pip
	python3-setuptools python3-wheel
	cmake ninja-build pkgconf autoconf automake libtool nodejs rollup terser'
sources='hello lua5.4 zlib libjsoncpp libyaml redis ply node-luxon'
# In a root of their own, which few cases need.
languages='apt make gcc libc6-dev xz-utils clang lld rustc cargo golang-go'
installed='git curl wget jq tree rsync sqlite3 less nano zip unzip bc ca-certificates openssl locales
	gawk bison flex gettext time psmisc lsof ncurses-term'
epoch=1700000000

# What follows is run in a shell of its own: apt's state is below $1.
apt_state() { # DIRECTORY ARCHITECTURE
	apt=$1 arches=$2
	. tests/demo/archive.sh
	# shellcheck disable=SC2046
	set -- $(archive)
	uri=$1
	apt_prepare
	cat >>"$apt/conf" <<-END
		APT::Architecture "$arches";
		APT::Install-Recommends "false";
	END
}

# The upstream sources of Debian's packages: what Debian added to them a mirror may have lost.
source_of() { # NAME
	for source_file in "$roots"/src/"$1"_*.orig.tar.*z; do
		[ -e "$source_file" ] && echo "$source_file" && return
	done
	return 1
}

sources_fetch() {
	mkdir -p "$roots/src"
	for source_name in $sources; do
		source_of "$source_name" >/dev/null || source_missing=1
	done
	[ "${source_missing-}" ] || return 0
	(
		apt_state "$roots/apt-src" amd64
		key=/usr/share/keyrings/debian-archive-keyring.gpg
		echo "deb-src [signed-by=$key] $uri $suite main" >"$apt/sources.list"
		cd "$roots/src" && apt-get -qq -c "$apt/conf" update || exit 1
		for source_name in $sources; do
			apt-get -qq -c "$apt/conf" source --download-only "$source_name"
		done
	) >"$scratch/log" 2>&1
	for source_name in $sources; do
		source_of "$source_name" >/dev/null || die "no source of $source_name: $(cat "$scratch/log")"
	done
}

# A crate without dependencies, as Debian has its source in a package.
crate_fetch() {
	mkdir -p "$roots/src"
	[ ! -e "$roots/src/regex-syntax.deb" ] || return 0
	(
		apt_state "$roots/apt-crate" amd64
		source_line $suite amd64 >"$apt/sources.list"
		cd "$roots/src" && apt-get -qq -c "$apt/conf" update &&
			apt-get -qq -c "$apt/conf" download librust-regex-syntax-dev &&
			mv librust-regex-syntax-dev_*.deb regex-syntax.deb
	) >"$scratch/log" 2>&1 || die "no crate: $(cat "$scratch/log")"
}

# A repository of what the root lacks for $installed.
repository_make() { # ARCHITECTURE
	repository=$roots/repository/$1
	[ ! -e "$repository/Packages" ] || return 0
	mkdir -p "$repository/partial"
	(
		apt_state "$roots/apt-$1" "$1"
		source_line $suite "$1" >"$apt/sources.list"
		tar -xOf "$roots/$1.tar" ./var/lib/dpkg/status >"$apt/status" &&
			apt-get -qq -c "$apt/conf" update &&
			apt-get -qq -y -c "$apt/conf" -o Debug::NoLocking=1 \
				-o Dir::Cache::archives="$repository" --download-only install $installed
	) >"$scratch/log" 2>&1 || die "no packages: $(cat "$scratch/log")"
	for deb in "$repository"/*.deb; do
		dpkg-deb -f "$deb"
		printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "${deb##*/}" "$(stat -c %s "$deb")" \
			"$(sha256sum <"$deb" | cut -d' ' -f1)"
	done >"$repository/Packages.new"
	rmdir "$repository/partial"
	rm -f "$repository/lock"
	mv "$repository/Packages.new" "$repository/Packages"
}

image_prepare() { # NAME DIRECTORY PACKAGE...
	image_name=$1 image_roots=$2
	shift 2
	tests/demo/debian.sh "$image_roots" $suite amd64 arm64 -- "$@" || exit 1
	for arch in amd64 arm64; do
		[ ! "$(find "$store/$image_name-$arch" -newer "$image_roots/$arch.tar" 2>/dev/null)" ] ||
			continue
		mpemu import --platform "linux/$arch" "$image_roots/$arch.tar" \
			"localhost/$image_name:$arch" >/dev/null || exit 1
		: >"$store/$image_name-$arch"
	done
	mpemu index create "localhost/$image_name" "localhost/$image_name:amd64" \
		"localhost/$image_name:arm64" >/dev/null || exit 1
}

prepare() { # CASE...
	for prepare_case do
		case $prepare_case in
		clang | rust | go) image_prepare bench-languages "$roots/languages" $languages ;;
		*) image_prepare bench "$roots" $packages ;;
		esac
	done
	sources_fetch
}

# ---- the cases ----

# A build of sources, of which only what is installed stays.
project() { # NAME SOURCE COMMAND [IMAGE]
	mkdir -p "$scratch/$1/src"
	tar -C "$scratch/$1/src" --strip-components=1 -xf "$(source_of "$2")" || die "unpack $2"
	cat >"$scratch/$1/Dockerfile" <<-END
		FROM localhost/${4:-bench}
		COPY src /src
		ENV SOURCE_DATE_EPOCH=$epoch
		RUN cd /src && ($(echo "$3" | tr -s '\n\t' '  ')) >/tmp/log 2>&1 || { tail -n 50 /tmp/log; exit 1; }; rm -rf /src /tmp/log
	END
}

hello_build='./configure && make -j2 && make install DESTDIR=/out'
lua_build='make -j2 posix && make install INSTALL_TOP=/out'
case_hello() { project hello hello "$hello_build"; }
case_lua() { project lua lua5.4 "$lua_build"; }
case_zlib() { project zlib zlib './configure --prefix=/out && make -j2 && make install'; }
case_jsoncpp() {
	project jsoncpp libjsoncpp 'cmake -S . -B b -G Ninja -DCMAKE_BUILD_TYPE=Release
		-DJSONCPP_WITH_TESTS=OFF -DCMAKE_INSTALL_PREFIX=/out && ninja -C b -j2 install'
}
case_libyaml() {
	# The names that Debian's alternatives would lead to.
	project libyaml libyaml 'export ACLOCAL=aclocal-1.17 AUTOMAKE=automake-1.17; autoreconf -fi &&
		./configure --prefix=/out && make -j2 && make install'
}
case_redis() {
	project redis redis 'make -j2 install PREFIX=/out CC=gcc CXX=g++ MALLOC=libc'
}
case_python() {
	# pip reads all certificates, whatever it is to do.
	project python ply 'cat /usr/share/ca-certificates/*/*.crt >/etc/ssl/certs/ca-certificates.crt &&
		python3 -m pip install --no-index --no-build-isolation --no-deps
		--break-system-packages . && python3 -m compileall -q -j1 /usr/lib/python3.13'
}
case_node() {
	project node node-luxon 'rollup src/luxon.js --file bundle.js --format cjs &&
		terser -c -m -o /out.js bundle.js'
}

case_clang() {
	project clang lua5.4 'make -j2 posix CC=clang MYLDFLAGS=-fuse-ld=lld &&
		make install INSTALL_TOP=/out' bench-languages
}
case_rust() {
	crate_fetch
	mkdir -p "$scratch/rust/src"
	dpkg-deb --fsys-tarfile "$roots/src/regex-syntax.deb" |
		tar -C "$scratch/rust/src" --strip-components=6 -x || die 'unpack the crate'
	# Without what it is tested with, which is not there.
	printf '%s\n' '[package]' 'name = "regex-syntax"' 'version = "0.1.0"' 'edition = "2021"' \
		'[features]' 'default = ["std", "unicode-gencat", "unicode-script"]' 'std = []' \
		'unicode-gencat = []' 'unicode-script = []' >"$scratch/rust/src/Cargo.toml"
	cat >"$scratch/rust/Dockerfile" <<-END
		FROM localhost/bench-languages
		COPY src /src
		RUN ln -s gcc /usr/bin/cc && cd /src && export CARGO_HOME=/tmp/cargo && \\
		    cargo build --release --offline && cp target/release/libregex_syntax.rlib / && \\
		    rm -rf /src /tmp/cargo
	END
}
case_go() {
	mkdir -p "$scratch/go"
	cat >"$scratch/go/Dockerfile" <<-END
		FROM localhost/bench-languages
		RUN export GOCACHE=/tmp/cache GOPATH=/tmp/path HOME=/tmp && \\
		    go build -trimpath -o /gofmt cmd/gofmt && echo "package x" | /gofmt && rm -rf /tmp/*
	END
}

case_apt() {
	mkdir -p "$scratch/apt"
	for arch in amd64 arm64; do
		repository_make $arch
		cp -r "$roots/repository/$arch" "$scratch/apt/"
	done
	# Times and inodes are in logs and caches.
	cat >"$scratch/apt/Dockerfile" <<-END
		FROM localhost/bench
		ARG TARGETARCH
		COPY \$TARGETARCH /repository
		ENV DEBIAN_FRONTEND=noninteractive
		RUN echo 'deb [trusted=yes] file:/repository ./' >/etc/apt/sources.list && \\
		    echo 'APT::Sandbox::User "root";' >/etc/apt/apt.conf.d/root && \\
		    (apt-get update && apt-get install -y --no-install-recommends $(echo "$installed" | tr -s '\n\t' '  ')) \\
		    >/tmp/log 2>&1 || { tail -n 50 /tmp/log; exit 1; }; \\
		    rm -rf /tmp/log /var/log/* /var/cache/* /var/lib/apt/lists/*
	END
}

# Two platforms at once, as most people build.
case_both() {
	case_hello
	case_lua
	mkdir -p "$scratch/both"
	mv "$scratch/hello/src" "$scratch/both/hello"
	mv "$scratch/lua/src" "$scratch/both/lua"
	cat >"$scratch/both/Dockerfile" <<-END
		FROM localhost/bench
		COPY . /src
		RUN cd /src/hello && ($hello_build) >/dev/null 2>&1
		RUN cd /src/lua && ($lua_build) >/dev/null 2>&1
	END
	foreign=linux/amd64,linux/arm64
}

# What an exec costs that has no twin.
case_execs() {
	mkdir -p "$scratch/execs"
	printf 'FROM localhost/bench\nRUN i=0; while [ $i -lt 200 ]; do /usr/bin/arch; /usr/bin/arch; %s\n' \
		'i=$((i+1)); done >/dev/null' >"$scratch/execs/Dockerfile"
}

# ---- others ----

buildah_prepare() {
	private_emulator linux/arm64
	echo '{ "default": [ { "type": "insecureAcceptAnything" } ] }' >"$scratch/policy.json"
	buildah manifest create localhost/bench >/dev/null || die 'buildah manifest create'
	for arch in amd64 arm64; do
		from=$(buildah from --arch $arch scratch) &&
			buildah add --quiet "$from" "$roots/$arch.tar" / &&
			buildah commit --quiet --rm --signature-policy "$scratch/policy.json" \
				--manifest localhost/bench "$from"
	done >/dev/null || die 'buildah commit'
}

buildx() {
	DOCKER_HOST=unix://$scratch/engine/docker.sock DOCKER_CONFIG=$scratch/engine \
		"$scratch/engine-root/usr/libexec/docker/cli-plugins/docker-buildx" "$@"
}

# Docker's engine of Debian's next release, unpacked and not installed.
docker_prepare() {
	tests/demo/debian.sh "$roots/engine" sid amd64 -- docker.io docker-buildx containerd runc mount \
		iproute2 ca-certificates || exit 1
	mkdir "$scratch/engine-root" "$scratch/engine" "$scratch/base"
	tar -C "$scratch/engine-root" -xf "$roots/engine/amd64.tar" || exit 1
	tests/bench/engine.sh start "$scratch/engine" "$scratch/engine-root" >"$scratch/engine/said" &
	bench_children="${bench_children-} $!"
	until [ -s "$scratch/engine/said" ]; do
		kill -0 $! 2>/dev/null || die 'the engine did not start'
		sleep 0.1
	done
	for arch in amd64 arm64; do
		ln "$roots/$arch.tar" "$scratch/base/" 2>/dev/null || cp "$roots/$arch.tar" "$scratch/base/"
	done
	printf 'FROM scratch\nARG TARGETARCH\nADD $TARGETARCH.tar /\n' >"$scratch/base/Dockerfile"
	# Platforms that are written at once may be in each other's way: "ref ... locked".
	for docker_try in 1 2 3; do
		buildx build --provenance false --platform linux/amd64,linux/arm64 \
			--tag localhost/bench "$scratch/base" >"$scratch/log" 2>&1 && break
		[ $docker_try -lt 3 ] || die "docker buildx: $(cat "$scratch/log")"
	done
	rm -rf "$scratch/base"
}

# ---- measuring ----

ours() { # OPTION...
	"$MPEMU" --root "$store" --progress plain build --no-cache "$@" "$scratch/$name"
}
run_native() { ours --platform linux/amd64; }
run_assisted() { ours --platform "$foreign" --assist safe; }
run_full() { ours --platform "$foreign" --assist full; }
run_emulated() { ours --platform "$foreign" --assist off; }
run_verified() { ours --platform linux/arm64 --assist verify; }

run_buildah() {
	buildah build --isolation chroot --signature-policy "$scratch/policy.json" --pull-never \
		--no-cache --layers --platform "$foreign" --jobs 2 "$scratch/$name"
}
run_docker() {
	buildx build --no-cache --network none --provenance false --platform "$foreign" "$scratch/$name"
}

seconds() { # MODE
	bench_began=$(date +%s%N)
	"run_$1" >"$logs/$name.$1" 2>&1 </dev/null || return 1
	echo "$bench_began $(date +%s%N)" | awk '{ printf "%.2f\n", ($2 - $1) / 1e9 }'
}

# The median of some rounds, or the only one of what takes long.
measure() { # MODE
	: >"$scratch/times"
	for _ in $(seq "$ROUNDS"); do
		measure_time=$(seconds "$1") || return 1
		echo "$measure_time" >>"$scratch/times"
		[ "${measure_time%.*}" -lt 10 ] || break
	done
	sort -n "$scratch/times" | awk '{ n[NR] = $1 } END { print n[int((NR + 1) / 2)] }'
}

row() { # CASE
	name=$1 row_cells=''
	for mode in $modes; do
		if row_time=$(measure $mode); then
			row_cells="$row_cells $row_time |"
		else
			row_cells="$row_cells failed |"
			tail -n 20 "$logs/$name.$mode" | sed 's/^/# /' >&2
			status=1
		fi
	done
	echo "| $name |$row_cells"
}

verify() { # CASE
	name=$1
	if run_verified >"$logs/$name.verified" 2>&1; then
		echo "| $name | equal |"
	else
		echo "| $name | $(tail -n 1 "$logs/$name.verified") |"
		status=1
	fi
}

ROUNDS=$(((ROUNDS + 4) / 5)) status=0
prepare "$@"
case " $modes " in *' buildah '*) buildah_prepare ;; esac
case " $modes " in *' docker '*) docker_prepare ;; esac
if [ "${VERIFY-}" ]; then
	printf '\n| case | native assist and emulation leave |\n|---|---|\n'
else
	printf '\n| case, seconds | %s |\n|---|%s\n' "$(echo $modes | sed 's/ / | /g')" \
		"$(echo $modes | sed 's/[a-z]*/---:|/g; s/ //g')"
fi
for case do
	foreign=linux/arm64
	"case_$case" || exit 1
	if [ "${VERIFY-}" ]; then verify "$case"; else row "$case"; fi
	rm -rf "${scratch:?}/$case"
done
exit $status

# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# shellcheck disable=SC2016,SC2154   # apt's own $(...); variables of whoever sources this
#
# The Debian archive that this machine's apt is configured for, through a private apt state: the
# system's own lists and dpkg architectures stay as they are.  Wants $apt, a directory for that
# state, $arches, the architectures it knows, and $uri from archive().

say() { echo "$(basename "$0" .sh): $*" >&2; }
die() { say "$@"; exit 1; }

# The archive's address and release, as apt itself reads them from its configuration: "URI SUITE".
# Labels are known only once the lists were fetched; before, every source is a candidate.
archive() {
	apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT) $(ORIGIN) $(LABEL)' \
		'Created-By: Packages' |
	awk '
		$3 == "main" && $2 !~ /-(updates|backports|security|proposed-updates)|\// {
			if ($4 == "Debian" && $5 == "Debian" && !known)
				known = $1 " " $2
			else if ($1 ~ /\/debian\/?$/ && !guess)
				guess = $1 " " $2
		}
		END { print known ? known : guess }'
}

# A source of this archive: the same key as Debian's own, and nothing but the package lists.
source_line() { # SUITE ARCH...
	suite=$1
	shift
	key=/usr/share/keyrings/debian-archive-keyring.gpg
	options="target=Packages arch=$(echo "$@" | tr ' ' ,)"
	if [ -r "$key" ]; then
		options="$options signed-by=$key"
	fi
	echo "deb [$options] $uri $suite main"
}

apt_prepare() {
	mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
	: >"$apt/status"
	cat >"$apt/conf" <<-END
		#clear APT::Update;
		#clear APT::Architectures;
		APT::Architectures { "$(echo "$arches" | sed 's/ /"; "/g')"; };
		APT::Sandbox::User "root";
		Acquire::Languages "none";
		Acquire::PDiffs "false";
		Acquire::Retries "3";
		Dir::State "$apt";
		Dir::State::lists "$apt/lists";
		Dir::State::status "$apt/status";
		Dir::Cache "$apt/cache";
		Dir::Cache::pkgcache "pkgcache.bin";
		Dir::Cache::srcpkgcache "srcpkgcache.bin";
		Dir::Etc::sourcelist "$apt/sources.list";
		Dir::Etc::sourceparts "-";
		Dir::Etc::preferences "-";
		Dir::Etc::preferencesparts "-";
	END
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/packages.h"
#include "tests/tap.h"

#include <stdlib.h>

static const char status[] = "Package: sed\n"
			     "Essential: yes\n"
			     "Status: install ok installed\n"
			     "Architecture: arm64\n"
			     "Version: 4.9-1\n"
			     "Description: editor\n"
			     " Package: not-this\n"
			     "\n"
			     "Package: libc6\n"
			     "Status: hold ok installed\n"
			     "Multi-Arch: same\n"
			     "Architecture: arm64\n"
			     "Version: 2.36-9+deb12u10\n"
			     "\n"
			     "Package: gone\n"
			     "Status: deinstall ok config-files\n"
			     "Architecture: arm64\n"
			     "Version: 1\n"
			     "\n"
			     "Package: half\n"
			     "Status: install ok unpacked\n"
			     "Architecture: arm64\n"
			     "Version: 1\n"
			     "\n"
			     "Package: ../../etc/evil\n"
			     "Status: install ok installed\n"
			     "Architecture: arm64\n"
			     "Version: 1\n"
			     "\n"
			     "Package: nameless\n"
			     "Status: install ok installed\n"
			     "Version: 1";

static struct packages *parse_dpkg(const char *text)
{
	struct packages *packages = NULL;
	struct error err = {};

	if (dpkg_status_parse(text, strlen(text), &packages, &err))
		CHECK_STR(err.text, "");
	return packages;
}

TEST(dpkg_has_the_packages_that_are_installed_and_no_others)
{
	owned(packages) struct packages *packages = parse_dpkg(status);

	CHECK(packages->count == 2);
	CHECK_STR(packages->items[0].name, "libc6");
	CHECK(packages->items[0].multi_arch);
	CHECK_STR(packages->items[1].version, "4.9-1");
	CHECK(packages_find(packages, "sed", "arm64") == &packages->items[1]);
	CHECK(packages_find(packages, "sed", NULL) == &packages->items[1]);
	CHECK(!packages_find(packages, "sed", "amd64"));
	CHECK(!packages_find(packages, "gone", NULL));
}

TEST(one_package_may_be_there_for_two_architectures)
{
	owned(packages) struct packages *packages =
		parse_dpkg("Package: zlib1g\nStatus: install ok installed\nArchitecture: arm64\n"
			   "Version: 2\n\nPackage: zlib1g\nStatus: install ok installed\n"
			   "Architecture: amd64\nVersion: 1\n");

	CHECK(packages->count == 2);
	CHECK_STR(packages_find(packages, "zlib1g", "amd64")->version, "1");
	CHECK_STR(packages_find(packages, "zlib1g", "arm64")->version, "2");
	CHECK_STR(packages_find(packages, "zlib1g", NULL)->arch, "amd64");
}

TEST(dpkg_sums_keep_to_files_of_the_package)
{
	static const char sums[] = "900150983cd24fb0d6963f7d28e17f72  usr/bin/sed\n"
				   "d41d8cd98f00b204e9800998ecf8427e  bin/a b\n"
				   "d41d8cd98f00b204e9800998ecf8427e  ./bin/dotted\n"
				   "d41d8cd98f00b204e9800998ecf8427e  ../etc/passwd\n"
				   "d41d8cd98f00b204e9800998ecf8427e  usr/../../etc/passwd\n"
				   "d41d8cd98f00b204e9800998ecf8427e  /etc/passwd\n"
				   "D41D8CD98F00B204E9800998ECF8427E  upper\n"
				   "d41d8cd98f00b204e9800998ecf8427e\tusr/tab\n"
				   "d41d8cd9  usr/short\n"
				   "\n"
				   "d41d8cd98f00b204e9800998ecf8427e  \x1b[2J\n"
				   "d41d8cd98f00b204e9800998ecf8427e  last";
	owned(packages) struct packages *packages = parse_dpkg(status);
	struct package *package = packages_find(packages, "sed", NULL);
	struct error err;

	CHECK(!dpkg_sums_parse(packages, package, sums, strlen(sums), &err));
	CHECK(package->loaded);
	CHECK(package->file_count == 4);
	CHECK_STR(package->files[0].path, "/bin/a b");
	CHECK_STR(package->files[1].path, "/bin/dotted");
	CHECK_STR(package->files[2].path, "/last");
	CHECK(package_file_find(package, "/usr/bin/sed")->sum.bytes[0] == 0x90);
	CHECK(package_file_find(package, "/usr/bin/sed")->sum.bytes[15] == 0x72);
	CHECK(!package_file_find(package, "/usr/bin/awk"));
}

TEST(diverted_paths_are_known)
{
	static const char text[] = "/usr/bin/sh\n/usr/bin/sh.distrib\ndash\n"
				   "/bin/uname\n/bin/uname.real\n:\n"
				   "../x\nrelative\n:\n";
	owned(strings) struct strings paths = {};
	struct error err;

	CHECK(!dpkg_diversions_parse(text, strlen(text), &paths, &err));
	CHECK(paths.count == 4);
	CHECK(strings_have(&paths, "/usr/bin/sh"));
	CHECK(strings_have(&paths, "/bin/uname.real"));
}

TEST(apk_has_packages_and_their_files)
{
	static const char text[] = "C:Q1pnDkkxiYq/yBIX4FPUHCpNNyCbE=\n"
				   "P:busybox\n"
				   "V:1.36.1-r5\n"
				   "A:aarch64\n"
				   "F:bin\n"
				   "R:busybox\n"
				   "a:0:0:755\n"
				   "Z:Q12jmj7l5rSw0yVb/vlWAYkK/YBwk=\n"
				   "R:no-sum\n"
				   "F:\n"
				   "R:top\n"
				   "Z:Q12jmj7l5rSw0yVb/vlWAYkK/YBwk=\n"
				   "F:../etc\n"
				   "R:passwd\n"
				   "Z:Q12jmj7l5rSw0yVb/vlWAYkK/YBwk=\n"
				   "F:etc\n"
				   "R:a/b\n"
				   "Z:Q12jmj7l5rSw0yVb/vlWAYkK/YBwk=\n"
				   "R:bad-sum\n"
				   "Z:Q12jmj7l5rSw0yVb/vlWAYkK/YBw!=\n"
				   "\n"
				   "P:musl\n"
				   "V:1.2.4-r2\n"
				   "A:aarch64\n";
	owned(packages) struct packages *packages = NULL;
	const struct package *busybox;
	struct error err;

	CHECK(!apk_installed_parse(text, strlen(text), &packages, &err));
	CHECK(packages->count == 2);
	busybox = packages_find(packages, "busybox", "aarch64");
	CHECK(busybox && busybox->loaded && busybox->file_count == 2);
	CHECK_STR(busybox->files[0].path, "/bin/busybox");
	/* sha1 of the empty text */
	CHECK(busybox->files[0].sum.kind == SUM_SHA1);
	CHECK(busybox->files[0].sum.bytes[0] == 0xda && busybox->files[0].sum.bytes[19] == 0x09);
	CHECK_STR(busybox->files[1].path, "/top");
	CHECK_STR(packages->items[1].version, "1.2.4-r2");
}

TEST(rebuilds_have_their_source_version)
{
	static const struct {
		const char *version;
		size_t length;
	} cases[] = {
		{ "1.2-3+b1", 5 },
		{ "1.2-3+b12", 5 },
		{ "1.2-3", 5 },
		{ "1.2+b", 5 },
		{ "1.2-3+deb12u1", 13 },
		{ "+b1", 3 },
		{ "1+b1", 1 },
		{ "", 0 },
		{ "7", 1 },
		{ "1.2-3+b1+b2", 8 },
	};

	for (size_t i = 0; i < countof(cases); i++)
		tap_check(version_source_length(cases[i].version) == cases[i].length, __FILE__,
			  __LINE__, "%s: %zu", cases[i].version,
			  version_source_length(cases[i].version));
}

TEST(more_packages_than_the_limit_are_refused)
{
	owned(buf) struct buf text = {};
	struct packages *packages = NULL;
	struct error err = {};

	for (size_t i = 0; i <= PACKAGES_MAX; i++)
		buf_printf(&text,
			   "Package: p%zu\nStatus: install ok installed\nVersion: 1\n"
			   "Architecture: a\n\n",
			   i);
	CHECK(dpkg_status_parse(text.data, text.length, &packages, &err) == FAILED);
	CHECK(err.fault == FAULT_INPUT && !packages);
	CHECK_STR(err.text, "package database: more than 65536 packages");
}

/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Which packages a native root is made of, for a foreign root that has them.
 */
#include "tests/unit/runner_roots.h"

static void recipes_are(struct bed *bed, const char *status, const char *packages)
{
	const struct twin_source source = { .native = bed->native, .peer = -1 };
	const struct twin_request request = { .foreign = bed->foreign,
					      .target = { "linux", "arm64", "" },
					      .host = { "linux", "amd64", "" },
					      .sources = &source,
					      .source_count = 1 };
	owned(twin_recipes) struct twin_recipes *recipes = NULL;
	owned(buf) struct buf got = {};
	struct error err;

	put_text(bed->foreign, "var/lib/dpkg/status", status);
	CHECK(!twin_recipes_find(&(struct ctx){}, &request, &recipes, &err));
	for (size_t i = 0; i < recipes->count; i++) {
		for (size_t j = 0; j < recipes->items[i].packages.count; j++)
			buf_printf(&got, "%s ", recipes->items[i].packages.items[j]);
		CHECK(strstr(recipes->items[i].script, "apt-get -qq -y"));
		CHECK(!strpbrk(recipes->items[i].script, "&()`<>?\"'\\"));
	}
	CHECK_STR(buf_text(&got), packages);
}

#define INSTALLED(name, version)                                                                  \
	"Package: " name "\nStatus: install ok installed\nArchitecture: arm64\nVersion: " version \
	"\n\n"

TEST(a_compiler_asks_for_the_cross_toolchain_of_its_version)
{
	struct bed bed;

	bed_make(&bed);
	recipes_are(&bed, INSTALLED("sed", "4.9-1"), "");
	recipes_are(&bed, INSTALLED("gcc-12-base", "12.2.0-14") INSTALLED("gcc", "4:12.2.0-3"), "");
	recipes_are(
		&bed,
		INSTALLED("gcc-12", "12.2.0-14") INSTALLED("cpp-12", "12.2.0-14")
			INSTALLED("binutils-aarch64-linux-gnu", "2.40-2"),
		"binutils-aarch64-linux-gnu cpp-12-aarch64-linux-gnu gcc-12-aarch64-linux-gnu ");
	recipes_are(&bed,
		    INSTALLED("gcc-14", "14.2.0-19")
			    INSTALLED("gcc-14-aarch64-linux-gnu", "14.2.0-19"),
		    "gcc-14-aarch64-linux-gnu ");
	put_status(bed.native, "gcc-14-aarch64-linux-gnu", "14.2.0-19cross1", "amd64");
	recipes_are(&bed, INSTALLED("gcc-14-aarch64-linux-gnu", "14.2.0-19"), "");
	recipes_are(&bed, INSTALLED("gcc-14-aarch64-linux-gnu", "14.2.0-20"),
		    "gcc-14-aarch64-linux-gnu ");
	recipes_are(&bed, INSTALLED("gcc-12;rm -rf x", "1") INSTALLED("gcc-1x", "1"), "");
	recipes_are(&bed, INSTALLED("gcc-12", "1 & reboot") INSTALLED("binutils", "1`x`"), "");
	bed_drop(&bed);
}

TEST(tools_that_earlier_steps_installed_are_asked_for_where_they_are_worth_it)
{
	struct bed bed;

	bed_make(&bed);
	recipes_are(&bed, INSTALLED("make", "4.4.1-2"), "make ");
	recipes_are(&bed, INSTALLED("sed", "4.9-1") INSTALLED("unzip", "6.0-28"), "");
	recipes_are(&bed, INSTALLED("cmake-data", "3.31.6-2") INSTALLED("cmake", "3.31.6-2"),
		    "cmake ");
	recipes_are(&bed,
		    INSTALLED("make", "4.4.1-2") INSTALLED("cpp-12", "12.2.0-14")
			    INSTALLED("perl", "5.40.1-6"),
		    "cpp-12-aarch64-linux-gnu make perl ");
	recipes_are(&bed, INSTALLED("make", "1;reboot") INSTALLED("git", "$(x)"), "");
	recipes_are(&bed, INSTALLED("gettext&x", "1") INSTALLED("git", "-o"), "");
	put_status(bed.native, "make", "4.4.1-2+b1", "amd64");
	recipes_are(&bed, INSTALLED("make", "4.4.1-2"), "");
	bed_drop(&bed);
}

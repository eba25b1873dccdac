/* SPDX-License-Identifier: Apache-2.0 */
#include "base/platform.h"
#include "tests/tap.h"

static const struct {
	const char *text, *want; /* want NULL: refused */
} cases[] = {
	{ "linux/amd64", "linux/amd64" },
	{ "linux/aarch64", "linux/arm64" },
	{ "Linux/ARM64", "linux/arm64" },
	{ "linux/arm64/v8", "linux/arm64" },
	{ "linux/arm64/9", "linux/arm64/v9" },
	{ "linux/arm", "linux/arm/v7" },
	{ "linux/arm/6", "linux/arm/v6" },
	{ "linux/armel", "linux/arm/v6" },
	{ "armhf", "linux/arm/v7" },
	{ "arm/v6", "linux/arm/v6" },
	{ "arm64", "linux/arm64" },
	{ "x86_64", "linux/amd64" },
	{ "linux/amd64/v1", "linux/amd64" },
	{ "linux/amd64/v3", "linux/amd64/v3" },
	{ "i386", "linux/386" },
	{ "ppc64el", "linux/ppc64le" },
	{ "linux/", NULL },
	{ "/arm64", NULL },
	{ "", NULL },
	{ "*", NULL },
	{ "linux/arm 64", NULL },
	{ "linux/arm/v7/x", NULL },
	{ "linux/aarch64aarch64aarch64", NULL },
};

TEST(platform_parses_and_normalises)
{
	for (size_t i = 0; i < countof(cases); i++) {
		struct platform platform;
		struct error err = {};
		char text[PLATFORM_TEXT_MAX];
		bool failed = platform_parse(cases[i].text, &platform, &err);

		if (!cases[i].want) {
			tap_check(failed && err.fault == FAULT_INPUT, __FILE__, __LINE__,
				  "'%s' should be refused", cases[i].text);
			continue;
		}
		if (CHECK(!failed))
			CHECK_STR(platform_text(&platform, text), cases[i].want);
	}
}

static const struct {
	const char *offered, *wanted;
	int distance;
} distances[] = {
	{ "linux/arm64", "linux/arm64", 1 },     { "linux/arm/v6", "linux/arm/v7", 2 },
	{ "linux/arm/v5", "linux/arm/v7", 3 },   { "linux/arm/v7", "linux/arm/v6", 0 },
	{ "linux/amd64", "linux/amd64/v3", 3 },  { "linux/amd64/v3", "linux/amd64", 0 },
	{ "linux/386", "linux/amd64", 0 },       { "linux/arm/v7", "linux/arm64", 0 },
	{ "linux/arm64", "linux/arm64/v9", 22 }, { "linux/arm64/v9", "linux/arm64", 0 },
	{ "linux/riscv64", "linux/riscv64", 1 }, { "windows/amd64", "linux/amd64", 0 },
};

TEST(platform_distance_prefers_the_best_variant)
{
	for (size_t i = 0; i < countof(distances); i++) {
		struct platform offered, wanted;
		struct error err = {};
		int got;

		if (!CHECK(!platform_parse(distances[i].offered, &offered, &err) &&
			   !platform_parse(distances[i].wanted, &wanted, &err)))
			continue;
		got = platform_distance(&offered, &wanted);
		tap_check(got == distances[i].distance, __FILE__, __LINE__,
			  "%s for %s: %d, want %d", distances[i].offered, distances[i].wanted, got,
			  distances[i].distance);
	}
}

TEST(platforms_parse_drops_doubles_and_keeps_the_order)
{
	struct platform platforms[PLATFORMS_MAX];
	struct error err = {};
	char text[PLATFORM_TEXT_MAX];
	size_t count = 0;

	if (CHECK(!platforms_parse("arm64,linux/amd64,linux/aarch64", platforms, &count, &err)) &&
	    CHECK(count == 2))
		CHECK_STR(platform_text(&platforms[0], text), "linux/arm64");
	CHECK(platforms_parse("arm64,", platforms, &count, &err) && err.fault == FAULT_INPUT);
	CHECK(count == 2);
}

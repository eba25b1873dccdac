/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fd.h"
#include "base/mem.h"
#include "registry/registry.h"
#include "tests/tap.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

/** Entries by platform; "!" in front: an attestation. */
static struct index index_of(const char *const *platforms, size_t count)
{
	struct index index = { .count = count };

	index.manifests = xcalloc(count, sizeof(*index.manifests));
	for (size_t i = 0; i < count; i++) {
		struct descriptor *entry = &index.manifests[i];
		struct error err = {};
		bool is_attestation = platforms[i][0] == '!';

		entry->media = MEDIA_MANIFEST;
		entry->digest = digest_of(platforms[i], strlen(platforms[i]));
		entry->size = i + 1;
		CHECK(!platform_parse(platforms[i] + is_attestation, &entry->platform, &err));
		if (is_attestation)
			entry->platform = (struct platform){ "unknown", "unknown", "" };
	}
	return index;
}

static const char *const offered[] = {
	"linux/amd64",  "linux/arm/v6",   "linux/arm/v5", "!linux/amd64",
	"linux/arm/v7", "linux/amd64/v2", "linux/arm64",
};

static const struct {
	const char *wanted;
	int want; /* -1: none */
} choices[] = {
	{ "linux/amd64", 0 },      { "linux/amd64/v2", 5 }, { "linux/amd64/v3", 5 },
	{ "linux/arm/v7", 4 },     { "linux/arm/v6", 1 },   { "linux/arm/v8", 4 },
	{ "linux/arm64/v9", 6 },   { "linux/s390x", -1 },   { "linux/386", -1 },
	{ "unknown/unknown", -1 },
};

TEST(index_choose_takes_the_nearest_variant)
{
	owned(index) struct index index = index_of(offered, countof(offered));

	for (size_t i = 0; i < countof(choices); i++) {
		struct platform wanted;
		struct descriptor got = {};
		struct error err = {};
		bool failed;

		if (!CHECK(!platform_parse(choices[i].wanted, &wanted, &err)))
			continue;
		failed = index_choose(&index, &wanted, &got, &err);
		tap_check(choices[i].want < 0 ? failed && err.fault == FAULT_MISSING
					      : !failed && got.size == (size_t)choices[i].want + 1,
			  __FILE__, __LINE__, "%s: entry %d, %s", choices[i].wanted,
			  (int)got.size - 1, err.text);
	}
}

TEST(index_choose_lists_what_there_is)
{
	static const char *const two[] = { "linux/amd64", "linux/arm64", "!linux/amd64" };
	owned(index) struct index index = index_of(two, 3);
	struct index none = {};
	struct platform wanted = { "linux", "s390x", "" };
	struct descriptor got;
	struct error err = {};

	CHECK(index_choose(&index, &wanted, &got, &err));
	CHECK_STR(err.text, "no linux/s390x; has linux/amd64, linux/arm64");
	CHECK(index_choose(&none, &wanted, &got, &err));
	CHECK_STR(err.text, "no linux/s390x; has no image of any platform");
}

TEST(index_choose_takes_the_first_among_equals)
{
	static const char *const twice[] = { "linux/arm64", "linux/arm64" };
	owned(index) struct index index = index_of(twice, 2);
	struct platform wanted = { "linux", "arm64", "" };
	struct descriptor got = {};
	struct error err = {};

	CHECK(!index_choose(&index, &wanted, &got, &err) && got.size == 1);
}

TEST(index_choose_base_takes_any_platform_of_a_lone_image_alone)
{
	static const char *const one[] = { "linux/amd64" };
	static const struct {
		bool is_lone, is_artifact, taken;
	} cases[] = { { true, false, true }, { false, false, false }, { true, true, false } };
	struct platform wanted = { "linux", "arm64", "" };

	for (size_t i = 0; i < countof(cases); i++) {
		owned(index) struct index index = index_of(one, 1);
		struct descriptor got = {};
		struct error err = {};

		if (cases[i].is_artifact)
			index.manifests[0].platform = (struct platform){};
		index.is_lone = cases[i].is_lone;
		CHECK(index_choose(&index, &wanted, &got, &err));
		CHECK(!index_choose_base(&index, &wanted, &got, &err) == cases[i].taken);
		if (cases[i].taken)
			CHECK_STR(got.platform.arch, "amd64");
		else
			CHECK(err.fault == FAULT_MISSING);
	}
}

TEST(index_merge_keeps_the_order_and_puts_attestations_last)
{
	static const char *const first[] = { "linux/riscv64", "!linux/riscv64" };
	static const char *const second[] = { "linux/amd64", "linux/riscv64" };
	owned(index) struct index a = index_of(first, 2), b = index_of(second, 2);
	struct index_source sources[] = { { "a", &a }, { "b", &b } };
	struct descriptor *merged = NULL;
	struct error err = {};
	size_t count = 0;

	if (!CHECK(!index_merge(sources, 2, &merged, &count, &err)) || !CHECK(count == 3))
		return;
	CHECK_STR(merged[0].platform.arch, "riscv64");
	CHECK_STR(merged[1].platform.arch, "amd64");
	CHECK_STR(merged[2].platform.arch, "unknown");
	free(merged);
}

TEST(index_merge_names_both_sources_of_one_platform)
{
	static const char *const one[] = { "linux/arm64" };
	owned(index) struct index a = index_of(one, 1), b = index_of(one, 1);
	struct index_source sources[] = { { "demo:a", &a }, { "demo:b", &b } };
	struct descriptor *merged = NULL;
	struct error err = {};
	size_t count;

	b.manifests[0].digest.bytes[0] ^= 1;
	CHECK(index_merge(sources, 2, &merged, &count, &err) && err.fault == FAULT_INPUT);
	CHECK_STR(err.text, "demo:a and demo:b both have an image for linux/arm64");
}

/** An image of no layers in the store. */
static struct descriptor image_for(struct store *store, const char *arch)
{
	struct platform platform = { .os = "linux" };
	owned(image) struct image *image = NULL;
	struct descriptor at = {};
	struct error err = {};

	strcpy(platform.arch, arch);
	image = image_new(&platform);
	CHECK(!image_write(store, image, NULL, &at, &err));
	return at;
}

TEST(index_is_read_as_it_was_written)
{
	char path[] = "/tmp/mpemu-unit-XXXXXX";
	owned(store) struct store *store = NULL;
	owned(index) struct index index = {}, single = {};
	struct descriptor images[2], at, again;
	struct error err = {};

	if (!CHECK(mkdtemp(path)) || !CHECK(!store_open(NULL, path, &store, &err)))
		return;
	images[0] = image_for(store, "riscv64");
	images[1] = image_for(store, "arm64");
	CHECK(!index_write(store, images, 2, NULL, &at, &err));
	CHECK(!index_write(store, images, 2, NULL, &again, &err));
	CHECK(digest_equal(&at.digest, &again.digest));
	CHECK(!index_read(store, &at, &index, &err) && index.count == 2);
	CHECK_STR(index.manifests[0].platform.arch, "riscv64");

	images[1].platform = (struct platform){};
	CHECK(!index_read(store, &images[1], &single, &err) && single.count == 1);
	CHECK_STR(single.manifests[0].platform.arch, "arm64");
	CHECK(!remove_tree(AT_FDCWD, path, &err));
}

TEST(index_entries_without_a_platform_ask_their_config)
{
	char path[] = "/tmp/mpemu-unit-XXXXXX";
	owned(store) struct store *store = NULL;
	owned(index) struct index index = {};
	struct descriptor images[2], at;
	struct error err = {};

	if (!CHECK(mkdtemp(path)) || !CHECK(!store_open(NULL, path, &store, &err)))
		return;
	images[0] = image_for(store, "riscv64");
	images[1] = images[0];
	images[1].digest.bytes[0] ^= 1; /* not in the store */
	images[0].platform = images[1].platform = (struct platform){};
	CHECK(!index_write(store, images, 2, NULL, &at, &err));
	if (CHECK(!index_read(store, &at, &index, &err))) {
		CHECK_STR(index.manifests[0].platform.arch, "riscv64");
		CHECK_STR(index.manifests[1].platform.os, "");
	}
	CHECK(!remove_tree(AT_FDCWD, path, &err));
}

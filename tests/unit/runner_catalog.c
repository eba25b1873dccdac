/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/cache_options.h"
#include "runner/catalog.h"
#include "tests/tap.h"

#include <stdio.h>

static struct digest number(unsigned n)
{
	return digest_of(&n, sizeof(n));
}

static struct layer layer_of(unsigned n)
{
	return (struct layer){
		.blob = { .media = MEDIA_LAYER_GZIP, .size = n, .digest = number(n) },
		.diff_id = number(n + 1000),
	};
}

static void add(struct catalog *catalog, unsigned key, unsigned layer, int64_t made, int64_t used)
{
	const struct digest digest = number(key);
	const struct layer what = layer_of(layer);

	catalog_add(catalog, &digest, &what, made, used, "RUN make");
}

static unsigned layer_found(const struct catalog *catalog, unsigned key)
{
	const struct digest digest = number(key);
	const struct catalog_step *step = catalog_find(catalog, &digest);

	return step ? (unsigned)catalog->layers[step->layer].blob.size : 0;
}

TEST(catalogs_come_back_as_they_were_written)
{
	owned(catalog) struct catalog catalog = {}, back = {};
	owned(buf) struct buf config = {}, manifest = {}, again = {};
	struct descriptor found = {};
	enum catalog_kind kind;
	struct error err = {};

	add(&catalog, 1, 10, 5, 7);
	add(&catalog, 2, 11, 6, 8);
	add(&catalog, 3, 10, 7, 9);
	catalog_config(&catalog, &config);
	catalog_manifest(&catalog, &config, &manifest);
	CHECK(catalog.layer_count == 2);
	CHECK(!catalog_look(&manifest, &kind, &found, &err) && kind == CATALOG_OURS);
	CHECK(found.size == config.length);
	CHECK(!catalog_parse(&manifest, &config, &back, &err));
	CHECK_STR(err.text, "");
	CHECK(back.step_count == 3 && layer_found(&back, 3) == 10 && layer_found(&back, 2) == 11);
	CHECK(back.steps[1].made == 6 && back.steps[1].used == 8);
	catalog_config(&back, &again);
	for (unsigned i = 0; i < 20; i++)
		add(&back, 100 + i, 100 + i, 1, 1);
	CHECK(back.step_count == 23 && layer_found(&back, 119) == 119);
	CHECK_STR(buf_text(&again), buf_text(&config));
}

TEST(catalogs_keep_what_is_newer_and_drop_what_is_unused)
{
	owned(catalog) struct catalog catalog = {}, other = {};

	add(&catalog, 1, 10, 5, 5);
	add(&catalog, 2, 11, 5, 9);
	add(&other, 1, 12, 6, 4);
	add(&other, 2, 13, 5, 4);
	add(&other, 3, 14, 1, 1);
	catalog_merge(&catalog, &other);
	CHECK(layer_found(&catalog, 1) == 12);
	CHECK(layer_found(&catalog, 2) == 11);
	CHECK(layer_found(&catalog, 3) == 14);
	CHECK(catalog.steps[0].used == 5);
	/* The layer that nobody has any more goes before any step does. */
	CHECK(catalog_trim(&catalog, 3, 100) == 0 && catalog.layer_count == 3);
	CHECK(catalog_trim(&catalog, 2, 100) == 1 && layer_found(&catalog, 3) == 0);
	CHECK(catalog_trim(&catalog, 100, 1) == 1 && layer_found(&catalog, 2) == 11);
	CHECK(catalog.layer_count == 1);
}

/** As large as another may be, and all too many layers: no minute of work. */
TEST(a_large_catalog_is_trimmed_to_what_was_used_last)
{
	enum { STEPS = 6000, LAYERS = 3000, LAYERS_LEFT = 500 };
	owned(catalog) struct catalog catalog = {};
	struct digest newest = {}, oldest = {};

	for (uint32_t i = 0; i < STEPS; i++) {
		struct layer layer = { .blob = { .media = MEDIA_LAYER_GZIP } };
		uint32_t number = i % LAYERS;
		struct digest key = {};

		memcpy(layer.diff_id.bytes, &number, sizeof(number));
		memcpy(key.bytes, &i, sizeof(i));
		catalog_add(&catalog, &key, &layer, 1, 1 + i * 7919 % STEPS, "RUN");
		if (i * 7919 % STEPS == STEPS - 1)
			newest = key;
		if (i * 7919 % STEPS == 0)
			oldest = key;
	}
	CHECK(catalog_trim(&catalog, LAYERS_LEFT, STEPS) >= STEPS / 2);
	CHECK(catalog.layer_count == LAYERS_LEFT);
	CHECK(catalog_find(&catalog, &newest) && !catalog_find(&catalog, &oldest));
}

TEST(catalogs_tell_what_else_a_manifest_is)
{
	static const struct {
		const char *text;
		enum catalog_kind kind;
	} cases[] = {
		{ "{\"config\":{\"mediaType\":\"" CATALOG_MEDIA "\",\"size\":1,\"digest\":\"sha256:"
		  "0000000000000000000000000000000000000000000000000000000000000000\"}}",
		  CATALOG_OURS },
		{ "{\"config\":{\"mediaType\":\"application/"
		  "vnd.oci.image.config.v1+json\",\"size\":"
		  "1,\"digest\":\"sha256:"
		  "0000000000000000000000000000000000000000000000000000000000000000\"}}",
		  CATALOG_IMAGE },
		{ "{\"config\":{\"mediaType\":\"application/vnd.buildkit.cacheconfig.v0\",\"size\":"
		  "1,\"digest\":\"sha256:"
		  "0000000000000000000000000000000000000000000000000000000000000000\"}}",
		  CATALOG_BUILDKIT },
		{ "{\"manifests\":[]}", CATALOG_INDEX },
		{ "{\"manifests\":[{\"mediaType\":\"application/vnd.buildkit.cacheconfig.v0\"}]}",
		  CATALOG_BUILDKIT },
		{ "{}", CATALOG_OTHER },
	};

	for (size_t i = 0; i < countof(cases); i++) {
		owned(buf) struct buf text = {};
		struct descriptor config;
		enum catalog_kind kind;
		struct error err = {};

		buf_add_str(&text, cases[i].text);
		CHECK(!catalog_look(&text, &kind, &config, &err));
		CHECK_STR(err.text, "");
		CHECK(kind == cases[i].kind);
	}
}

TEST(catalogs_have_limits)
{
	static const struct {
		const char *config, *error;
	} cases[] = {
		{ "{\"version\":2}", "version 2 of a newer mpemu" },
		{ "{\"version\":1,\"diff_ids\":[\"x\"]}", "0 layers, but 1 diff_ids" },
		{ "{\"version\":1,\"steps\":[{\"key\":\"sha256:"
		  "0000000000000000000000000000000000000000000000000000000000000000\",\"layer\":0,"
		  "\"made\":0,\"used\":0,\"title\":\"\"}]}",
		  "cache.steps[0]: there is no layer 0" },
	};

	for (size_t i = 0; i < countof(cases); i++) {
		owned(catalog) struct catalog catalog = {};
		owned(buf) struct buf manifest = {}, config = {};
		struct error err = {};

		buf_add_str(&manifest, "{\"layers\":[]}");
		buf_add_str(&config, cases[i].config);
		CHECK(catalog_parse(&manifest, &config, &catalog, &err));
		CHECK(err.fault == FAULT_INPUT);
		CHECK_STR(err.text, cases[i].error);
	}
}

TEST(places_of_caches_are_read_as_buildx_reads_them)
{
	static const struct {
		bool to;
		const char *text;
		enum cache_kind kind;
		const char *where, *tag;
		bool all_steps, ignore_error;
	} cases[] = {
		{ false, "user/app:cache", CACHE_REGISTRY, "user/app:cache", "", false, false },
		{ true, "user/app:cache", CACHE_REGISTRY, "user/app:cache", "", false, false },
		{ true, "type=registry,ref=a/b,mode=max", CACHE_REGISTRY, "a/b", "", true, false },
		{ true, "type=local,dest=d", CACHE_LOCAL, "d", "latest", false, false },
		{ true, "type=local,dest=d,tag=t,ignore-error=true", CACHE_LOCAL, "d", "t", false,
		  true },
		{ false, "type=local,src=d,tag=t", CACHE_LOCAL, "d", "t", false, false },
		{ false, "type=local,\"src=d,e\"", CACHE_LOCAL, "d,e", "latest", false, false },
		{ true, "type=inline", CACHE_INLINE, "", "", false, false },
		{ true, "type=inline,mode=min", CACHE_INLINE, "", "", false, false },
		{ true, "type=local,dest=d,compression=gzip", CACHE_LOCAL, "d", "latest", false,
		  false },
		{ true, "type=registry,ref=a/b,MODE=min,image-manifest=true,oci-mediatypes=true",
		  CACHE_REGISTRY, "a/b", "", false, false },
	};

	for (size_t i = 0; i < countof(cases); i++) {
		struct cache_places places = {};
		struct error err = {};
		const struct cache_place *place;

		CHECK(!(cases[i].to ? cache_to_add : cache_from_add)(&places, cases[i].text, &err));
		CHECK_STR(err.text, "");
		place = places.items;
		CHECK(place && place->kind == cases[i].kind &&
		      place->all_steps == cases[i].all_steps &&
		      place->ignore_error == cases[i].ignore_error);
		CHECK_STR(place && place->where ? place->where : "", cases[i].where);
		CHECK_STR(place && place->tag ? place->tag : "", cases[i].tag);
		cache_places_drop(&places);
	}
}

TEST(places_of_caches_that_make_no_sense_are_refused)
{
	static const struct {
		bool to;
		const char *text, *error;
	} cases[] = {
		{ true, "", "--cache-to : type= is missing" },
		{ true, "mode=max", "--cache-to mode=max: type= is missing" },
		{ true, "type=ftp",
		  "--cache-to type=ftp: unknown type 'ftp': want registry, local "
		  "or inline" },
		{ true, "type=s3",
		  "--cache-to type=s3: type=s3 is not supported yet by this "
		  "version of mpemu: want registry or local" },
		{ true, "type=local,src=x", "--cache-to type=local,src=x: type=local has no src" },
		{ false, "type=local,dest=x",
		  "--cache-from type=local,dest=x: type=local has no dest" },
		{ true, "type=local", "--cache-to type=local: dest= is missing" },
		{ true, "type=registry", "--cache-to type=registry: ref= is missing" },
		{ true, "type=local,dest=x,mode=all",
		  "--cache-to type=local,dest=x,mode=all: "
		  "mode=all: want min or max" },
		{ true, "type=local,dest=x,tga=y",
		  "--cache-to type=local,dest=x,tga=y: unknown "
		  "field 'tga' (did you mean tag?)" },
		{ true, "type=local,dest=x,compression=zstd",
		  "--cache-to type=local,dest=x,compression=zstd: compression=zstd is not "
		  "supported "
		  "yet by this version of mpemu" },
		{ true, "type=inline,mode=max",
		  "--cache-to type=inline,mode=max: mode=max: an "
		  "image holds its own steps alone" },
		{ false, "type=inline",
		  "--cache-from type=inline: type=inline: say "
		  "type=registry,ref=NAME of the image" },
	};

	for (size_t i = 0; i < countof(cases); i++) {
		struct cache_places places = {};
		struct error err = {};

		CHECK((cases[i].to ? cache_to_add : cache_from_add)(&places, cases[i].text, &err));
		CHECK(err.fault == FAULT_USAGE && places.count == 0);
		CHECK_STR(err.text, cases[i].error);
		cache_places_drop(&places);
	}
}

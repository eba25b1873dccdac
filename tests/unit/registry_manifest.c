/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fd.h"
#include "base/mem.h"
#include "registry/manifest.h"
#include "registry/registry.h"
#include "tests/tap.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define ZEROS   "0000000000000000000000000000000000000000000000000000000000000000"
#define SHA     "\"sha256:" ZEROS "\""
#define OCI     "application/vnd.oci.image."
#define INDEX   "\"mediaType\":\"" OCI "index.v1+json\""
#define IMAGE   "\"mediaType\":\"" OCI "manifest.v1+json\""
#define VERSION "\"schemaVersion\":2"

static const struct {
	const char *text;
	enum media expected, want; /* want MEDIA_UNKNOWN: refused */
	const char *why;           /* part of the message */
} documents[] = {
	{ "{" VERSION "," INDEX ",\"manifests\":[]}", MEDIA_INDEX, MEDIA_INDEX, NULL },
	{ "{" VERSION ",\"manifests\":[]}", MEDIA_INDEX, MEDIA_INDEX, NULL },
	{ "{" VERSION ",\"manifests\":[]}", MEDIA_UNKNOWN, MEDIA_INDEX, NULL },
	{ "{" VERSION "," IMAGE ",\"layers\":[]}", MEDIA_UNKNOWN, MEDIA_MANIFEST, NULL },
	{ "{" VERSION ",\"config\":{}}", MEDIA_UNKNOWN, MEDIA_MANIFEST, NULL },
	/* CVE-2021-41190 */
	{ "{" VERSION "," INDEX ",\"manifests\":[],\"layers\":[]}", MEDIA_INDEX, MEDIA_UNKNOWN,
	  "both an index and a manifest" },
	{ "{" VERSION "," IMAGE ",\"config\":{},\"manifests\":[]}", MEDIA_MANIFEST, MEDIA_UNKNOWN,
	  "both an index and a manifest" },
	{ "{" VERSION "," INDEX ",\"manifests\":[]}", MEDIA_MANIFEST, MEDIA_UNKNOWN,
	  "says an index where its descriptor says a manifest" },
	{ "{" VERSION "," INDEX ",\"layers\":[]}", MEDIA_INDEX, MEDIA_UNKNOWN,
	  "says that it is an index but is a manifest" },
	{ "{" VERSION ",\"manifests\":[]}", MEDIA_MANIFEST, MEDIA_UNKNOWN, "but is an index" },
	{ "{" VERSION ",\"mediaType\":\"text/plain\"}", MEDIA_MANIFEST, MEDIA_UNKNOWN,
	  "doc.mediaType: 'text/plain' is neither" },
	{ "{" VERSION "}", MEDIA_UNKNOWN, MEDIA_UNKNOWN, "neither" },
	{ "{\"schemaVersion\":1,\"fsLayers\":[]}", MEDIA_UNKNOWN, MEDIA_UNKNOWN, "schema 1" },
	{ "{\"schemaVersion\":1,\"layers\":[]}", MEDIA_UNKNOWN, MEDIA_UNKNOWN, "only 2" },
	{ "{\"schemaVersion\":3,\"layers\":[]}", MEDIA_UNKNOWN, MEDIA_UNKNOWN, "from 0 to 2" },
	{ "{\"layers\":[]}", MEDIA_UNKNOWN, MEDIA_UNKNOWN, "doc.schemaVersion: missing" },
	{ "[]", MEDIA_UNKNOWN, MEDIA_UNKNOWN, "want an object" },
	{ "{" VERSION "," VERSION "}", MEDIA_UNKNOWN, MEDIA_UNKNOWN, "not JSON" },
	{ "", MEDIA_UNKNOWN, MEDIA_UNKNOWN, "not JSON" },
};

TEST(document_is_what_it_says_and_only_that)
{
	for (size_t i = 0; i < countof(documents); i++) {
		owned(json) json_t *json = NULL;
		struct error err = {};
		enum media media = MEDIA_UNKNOWN;
		bool failed = document_parse(documents[i].text, strlen(documents[i].text), "doc",
					     documents[i].expected, &json, &media, &err);

		if (documents[i].why)
			tap_check(failed && err.fault == FAULT_INPUT &&
					  strstr(err.text, documents[i].why),
				  __FILE__, __LINE__, "%s gives: %s", documents[i].text, err.text);
		else
			tap_check(!failed && media == documents[i].want, __FILE__, __LINE__,
				  "%s is %d: %s", documents[i].text, media, err.text);
	}
}

#define LAYER "\"mediaType\":\"" OCI "layer.v1.tar\",\"size\":1,\"digest\":" SHA

static const struct {
	const char *text, *why; /* NULL: fine */
} descriptors[] = {
	{ "{" LAYER "}", NULL },
	{ "{" LAYER ",\"platform\":{\"os\":\"linux\",\"architecture\":\"aarch64\"}}", NULL },
	{ "{" LAYER ",\"annotations\":null}", NULL },
	{ "{\"mediaType\":\"x\",\"size\":0,\"digest\":" SHA "}", NULL },
	{ "{" LAYER ",\"annotations\":{\"a\":1}}", "d.annotations: wrong type, want strings" },
	{ "{" LAYER ",\"annotations\":[]}", "d.annotations: wrong type, want an object" },
	{ "{" LAYER ",\"platform\":{\"os\":\"linux\"}}", "d.platform.architecture: missing" },
	{ "{" LAYER ",\"platform\":{\"os\":\"../..\",\"architecture\":\"a\"}}", "odd character" },
	{ "{" LAYER ",\"platform\":{\"os\":\"linuxlinuxlinuxlinux\",\"architecture\":\"a\"}}",
	  "longer than 15" },
	{ "{\"mediaType\":\"x\",\"size\":-1,\"digest\":" SHA "}", "d.size" },
	{ "{\"mediaType\":\"x\",\"size\":1e3,\"digest\":" SHA "}", "d.size" },
	{ "{\"mediaType\":\"x\",\"size\":99999999999999999999,\"digest\":" SHA "}", "JSON" },
	{ "{\"mediaType\":\"x\",\"size\":1,\"digest\":\"sha256:../../x\"}", "d: digest" },
	{ "{\"mediaType\":\"x\",\"size\":1}", "d.digest: missing" },
	{ "{\"size\":1,\"digest\":" SHA "}", "d.mediaType: missing" },
	{ "null", "JSON" },
	{ "[]", "want an object" },
};

TEST(descriptor_errors_say_the_path)
{
	for (size_t i = 0; i < countof(descriptors); i++) {
		owned(json) json_t *json = NULL;
		struct descriptor descriptor;
		struct error err = {};
		struct json_at at;
		bool failed = json_parse(descriptors[i].text, strlen(descriptors[i].text), "d",
					 &json, &err);

		at = json_root(json, "d");
		failed = failed || descriptor_read(&at, &descriptor, &err);
		tap_check(descriptors[i].why ? failed && strstr(err.text, descriptors[i].why)
					     : !failed,
			  __FILE__, __LINE__, "%s gives: %s", descriptors[i].text, err.text);
	}
}

TEST(descriptor_round_trips_with_its_platform_normalised)
{
	static const char text[] = "{" LAYER ",\"annotations\":{\"k\":\"v\"},"
				   "\"platform\":{\"os\":\"linux\",\"architecture\":\"arm\"}}";
	owned(json) json_t *json = NULL, *again = NULL;
	owned(str) char *written = NULL;
	struct descriptor descriptor;
	struct error err = {};
	struct json_at at;

	if (!CHECK(!json_parse(text, strlen(text), "d", &json, &err)))
		return;
	at = json_root(json, "d");
	if (!CHECK(!descriptor_read(&at, &descriptor, &err)))
		return;
	again = descriptor_json(&descriptor);
	written = json_text(again, false);
	CHECK_STR(written, "{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar\","
			   "\"digest\":\"sha256:" ZEROS "\",\"size\":1,"
			   "\"annotations\":{\"k\":\"v\"},"
			   "\"platform\":{\"architecture\":\"arm\",\"os\":\"linux\","
			   "\"variant\":\"v7\"}}");
}

TEST(manifest_has_at_most_1000_layers)
{
	for (int count = LAYERS_MAX; count <= LAYERS_MAX + 1; count++) {
		owned(buf) struct buf text = {};
		owned(json) json_t *json = NULL;
		owned(manifest) struct manifest manifest = {};
		struct error err = {};
		enum media media;

		buf_add_str(&text, "{" VERSION ",\"config\":{" LAYER "},\"layers\":[");
		for (int i = 0; i < count; i++)
			buf_printf(&text, "%s{" LAYER "}", i ? "," : "");
		buf_add_str(&text, "]}");
		if (!CHECK(!document_parse(text.data, text.length, "m", MEDIA_MANIFEST, &json,
					   &media, &err)))
			return;
		CHECK(!!manifest_read(json, &manifest, &err) == (count > LAYERS_MAX));
	}
}

TEST(index_has_at_most_10000_entries)
{
	for (int count = INDEX_ENTRIES_MAX; count <= INDEX_ENTRIES_MAX + 1; count++) {
		owned(buf) struct buf text = {};
		owned(json) json_t *json = NULL;
		owned(index) struct index index = {};
		struct error err = {};
		enum media media;

		buf_add_str(&text, "{" VERSION ",\"manifests\":[");
		for (int i = 0; i < count; i++)
			buf_printf(&text, "%s{" LAYER "}", i ? "," : "");
		buf_add_str(&text, "]}");
		if (!CHECK(!document_parse(text.data, text.length, "i", MEDIA_INDEX, &json, &media,
					   &err)))
			return;
		CHECK(!!index_parse(json, &index, &err) == (count > INDEX_ENTRIES_MAX));
	}
}

static const struct {
	const char *text, *why;
} configs[] = {
	{ "{\"os\":\"linux\",\"architecture\":\"amd64\",\"rootfs\":{\"type\":\"layers\","
	  "\"diff_ids\":[" SHA "]},\"moby\":1e999}",
	  "JSON" },
	{ "{\"os\":\"linux\",\"architecture\":\"amd64\",\"rootfs\":{\"diff_ids\":null}}", NULL },
	{ "{\"os\":\"linux\",\"architecture\":\"amd64\"}", "config.rootfs: missing" },
	{ "{\"os\":\"linux\",\"rootfs\":{}}", "config.architecture: missing" },
	{ "{\"os\":\"linux\",\"architecture\":\"amd64\",\"rootfs\":{\"type\":\"x\"}}",
	  "want 'layers'" },
	{ "{\"os\":\"linux\",\"architecture\":\"amd64\",\"rootfs\":{\"diff_ids\":[\"md5:1\"]}}",
	  "config.rootfs.diff_ids[0]: digest" },
	{ "{\"os\":\"linux\",\"architecture\":\"amd64\",\"rootfs\":{\"diff_ids\":[1]}}",
	  "diff_ids[0]: wrong type" },
	{ "{\"os\":\"li\\u0000nux\",\"architecture\":\"amd64\",\"rootfs\":{}}", "JSON" },
};

TEST(config_errors_say_the_path)
{
	for (size_t i = 0; i < countof(configs); i++) {
		owned(json) json_t *json = NULL;
		struct digest *diff_ids = NULL;
		struct platform platform;
		struct error err = {};
		size_t count;
		bool failed = json_parse(configs[i].text, strlen(configs[i].text), "config", &json,
					 &err) ||
			      config_read(json, &platform, &diff_ids, &count, &err);

		tap_check(configs[i].why ? failed && strstr(err.text, configs[i].why) : !failed,
			  __FILE__, __LINE__, "%s gives: %s", configs[i].text, err.text);
		free(diff_ids);
	}
}

/* ---- images, through a store ---- */

static struct store *scratch(char path[])
{
	struct error err = {};
	struct store *store = NULL;

	if (!mkdtemp(path) || store_open(NULL, path, &store, &err))
		tap_check(false, __FILE__, __LINE__, "%s: %s", path, err.text);
	return store;
}

static void scratch_end(struct store *store, const char *path)
{
	struct error err = {};

	store_drop(&store);
	CHECK(!remove_tree(AT_FDCWD, path, &err));
}

TEST(image_is_written_in_a_fixed_order_and_keeps_unknown_fields)
{
	char path[] = "/tmp/mpemu-unit-XXXXXX";
	struct store *store = scratch(path);
	struct platform platform = { "linux", "arm", "v7" };
	owned(image) struct image *image = image_new(&platform), *again = NULL;
	owned(buf) struct buf text = {};
	owned(str) char *config = NULL;
	struct descriptor at, repeat;
	struct error err = {};

	json_object_set_new(image->config, "x-unknown", json_pack("{s:[i]}", "a", 1));
	json_object_set_new(image->config, "config", json_pack("{s:[s]}", "Cmd", "sh"));
	json_object_set_new(image->config, "created", json_string("1970-01-01T00:00:00Z"));
	image->layers = xnew(struct layer);
	image->layer_count = 1;
	CHECK(!store_put(store, MEDIA_LAYER_TAR, "tar", 3, &image->layers[0].blob, &err));
	image->layers[0].diff_id = image->layers[0].blob.digest;
	if (!CHECK(!image_write(store, image, NULL, &at, &err)))
		return;
	CHECK(!store_read(store, &at, MANIFEST_BYTES_MAX, &text, &err));
	CHECK(starts_with(text.data, "{\n  \"schemaVersion\": 2,\n  \"mediaType\": "));
	CHECK(platform_equal(&at.platform, &platform));
	if (CHECK(!image_read(store, &at, &again, &err))) {
		config = json_text(again->config, false);
		CHECK_STR(config,
			  "{\"created\":\"1970-01-01T00:00:00Z\",\"architecture\":\"arm\","
			  "\"variant\":\"v7\",\"os\":\"linux\",\"config\":{\"Cmd\":[\"sh\"]},"
			  "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:"
			  "90aebae315675cbf04612de4f7d5874850f48e0b8dd82becbeaa47ca93f5ebfb"
			  "\"]},\"x-unknown\":{\"a\":[1]}}");
		CHECK(!image_write(store, again, NULL, &repeat, &err));
		CHECK(digest_equal(&repeat.digest, &at.digest));
	}
	scratch_end(store, path);
}

TEST(image_read_wants_as_many_diff_ids_as_layers)
{
	static const char config[] = "{\"os\":\"linux\",\"architecture\":\"amd64\",\"rootfs\":{"
				     "\"diff_ids\":[" SHA "," SHA "]}}";
	char path[] = "/tmp/mpemu-unit-XXXXXX";
	struct store *store = scratch(path);
	owned(json) json_t *config_json = NULL;
	owned(str) char *config_text = NULL;
	owned(buf) struct buf text = {};
	owned(image) struct image *image = NULL;
	struct descriptor config_at, at;
	struct error err = {};

	if (!CHECK(!store_put(store, MEDIA_CONFIG, config, strlen(config), &config_at, &err)))
		return;
	config_json = descriptor_json(&config_at);
	config_text = json_text(config_json, false);
	buf_printf(&text, "{" VERSION "," IMAGE ",\"config\":%s,\"layers\":[{" LAYER "}]}",
		   config_text);
	CHECK(!store_put(store, MEDIA_MANIFEST, text.data, text.length, &at, &err));
	CHECK(image_read(store, &at, &image, &err) && err.fault == FAULT_INPUT);
	CHECK(strstr(err.text, "manifest has 1 layers but config.rootfs.diff_ids has 2"));
	scratch_end(store, path);
}

TEST(image_of_docker_stays_docker_unless_that_cannot_say_it)
{
	char path[] = "/tmp/mpemu-unit-XXXXXX";
	struct store *store = scratch(path);
	struct platform platform = { "linux", "amd64", "" };
	owned(image) struct image *image = image_new(&platform);
	owned(json) json_t *annotations = json_pack("{s:s}", "k", "v");
	struct descriptor at;
	struct error err = {};

	CHECK(!image_write(store, image, NULL, &at, &err) && !at.is_docker);
	image->manifest.is_docker = true;
	CHECK(!image_write(store, image, NULL, &at, &err) && at.is_docker);
	CHECK(!image_write(store, image, annotations, &at, &err) && !at.is_docker);
	scratch_end(store, path);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/manifest.h"

#include "base/mem.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

/** A descriptor that is written again reads as itself. */
static void check_descriptor(const struct descriptor *descriptor)
{
	owned(json) json_t *json = descriptor_json(descriptor);
	struct json_at at = json_root(json, "again");
	struct descriptor again;
	struct error err = {};

	if (descriptor->media == MEDIA_UNKNOWN)
		return;
	if (descriptor_read(&at, &again, &err) || again.media != descriptor->media ||
	    again.is_docker != descriptor->is_docker || again.size != descriptor->size ||
	    !digest_equal(&again.digest, &descriptor->digest) ||
	    !platform_equal(&again.platform, &descriptor->platform))
		abort();
}

static void check_index(const json_t *json)
{
	owned(index) struct index index = {};
	struct platform wanted = platform_host();
	struct descriptor chosen;
	struct error err = {};

	if (index_parse(json, &index, &err))
		return;
	for (size_t i = 0; i < index.count; i++)
		check_descriptor(&index.manifests[i]);
	if (!index_choose(&index, &wanted, &chosen, &err) && descriptor_is_attestation(&chosen))
		abort();
}

static void check_manifest(const json_t *json)
{
	owned(manifest) struct manifest manifest = {};
	struct error err = {};

	if (manifest_read(json, &manifest, &err))
		return;
	check_descriptor(&manifest.config);
	for (size_t i = 0; i < manifest.layer_count; i++)
		check_descriptor(&manifest.layers[i]);
}

static void check_config(const char *text, size_t size)
{
	owned(json) json_t *json = NULL;
	struct digest *diff_ids = NULL;
	struct platform platform;
	struct error err = {};
	size_t count;

	if (json_parse(text, size, "config", &json, &err))
		return;
	if (!config_read(json, &platform, &diff_ids, &count, &err) && !platform.os[0])
		abort();
	free(diff_ids);
}

/** Any bytes are an index, a manifest, a config, or an error; never two of the first. */
void fuzz_one(const char *text, size_t size)
{
	owned(json) json_t *json = NULL;
	struct error err = {};
	enum media media;

	check_config(text, size);
	if (document_parse(text, size, "document", MEDIA_UNKNOWN, &json, &media, &err))
		return;
	if (json_object_get(json, "manifests") && json_object_get(json, "layers"))
		abort();
	if (media == MEDIA_INDEX)
		check_index(json);
	else
		check_manifest(json);
}

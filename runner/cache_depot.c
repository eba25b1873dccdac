/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/cache_depot.h"

#include "base/fd.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { ENTRIES_MAX = 10000 };

result cache_depot_open(const struct ctx *ctx, const struct cache_place *place,
			const struct transport *transport, bool writes, struct depot **out,
			char **tag, struct error *err)
{
	struct transport how = *transport;
	char digest[DIGEST_TEXT_MAX];
	struct reference ref;

	if (place->kind == CACHE_LOCAL) {
		if (depot_open_layout(place->where, writes, out, err))
			return FAILED;
		*tag = xstrdup(place->tag);
		return OK;
	}
	how.insecure |= place->insecure;
	if (reference_parse(place->where, &ref, err) ||
	    depot_open_repository(ctx, &ref, writes, &how, out, err))
		return FAILED;
	*tag = xstrdup(ref.pinned ? digest_text(&ref.digest, digest) : ref.tag);
	return OK;
}

/** A small blob, through a file in memory. */
static result blob_load(const struct ctx *ctx, struct depot *depot, const struct descriptor *blob,
			struct buf *out, struct error *err)
{
	owned(fd) int fd = memfd_create("config", MFD_CLOEXEC);

	if (fd < 0)
		return fail_sys(err, "memfd_create");
	if (depot_blob(ctx, depot, blob, fd, err))
		return FAILED;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return fail_sys(err, "seek");
	return read_all(fd, CATALOG_BYTES_MAX, out, err);
}

static result manifest_load(const struct ctx *ctx, struct depot *depot, const char *name,
			    struct buf *manifest, struct catalog *out, enum catalog_kind *kind,
			    struct digest *top, struct error *err)
{
	struct descriptor config = {}, found;
	owned(buf) struct buf text = {};

	if (depot_manifest(ctx, depot, name, manifest, &found, err))
		return FAILED;
	*top = found.digest;
	if (catalog_look(manifest, kind, &config, err))
		return FAILED;
	if (*kind != CATALOG_OURS && *kind != CATALOG_IMAGE)
		return OK;
	if (blob_load(ctx, depot, &config, &text, err))
		return FAILED;
	return *kind == CATALOG_OURS ? catalog_parse(manifest, &text, out, err)
				     : catalog_parse_image(manifest, &text, out, err);
}

/** The platform of an index's entry, as text: "linux/arm/v7". */
static char *entry_platform(const struct json_at *entry)
{
	const json_t *platform = json_object_get(entry->value, "platform");
	const char *os = json_string_value(json_object_get(platform, "os"));
	const char *machine = json_string_value(json_object_get(platform, "architecture"));
	const char *variant = json_string_value(json_object_get(platform, "variant"));

	return xasprintf("%s/%s%s%s", os ? os : "", machine ? machine : "", variant ? "/" : "",
			 variant ? variant : "");
}

static bool entry_is_wanted(const struct json_at *entry, const struct platform platforms[],
			    size_t count)
{
	owned(str) char *text = entry_platform(entry);
	struct error ignored = {};
	struct platform platform;

	if (platform_parse(text, &platform, &ignored))
		return false;
	for (size_t i = 0; i < count; i++) {
		if (platform_equal(&platforms[i], &platform))
			return true;
	}
	return false;
}

static result index_load(const struct ctx *ctx, struct depot *depot, const struct buf *text,
			 const struct platform platforms[], size_t platform_count,
			 struct catalog *out, struct error *err)
{
	owned(json) json_t *json = NULL;
	struct json_at root, list;
	size_t count;

	if (json_parse(buf_text(text), text->length, "index", &json, err))
		return FAILED;
	root = json_root(json, "index");
	if (json_get(&root, "manifests", &list, err) ||
	    json_length(&list, ENTRIES_MAX, &count, err))
		return FAILED;
	for (size_t i = 0; i < count; i++) {
		struct json_at entry = json_element(&list, i);
		owned(catalog) struct catalog one = {};
		owned(buf) struct buf manifest = {};
		enum catalog_kind kind;
		char text_of[DIGEST_TEXT_MAX];
		struct digest digest, same;
		const char *said;

		if (!entry_is_wanted(&entry, platforms, platform_count))
			continue;
		/* Anything else would be asked for as a name. */
		if (json_get_string(&entry, "digest", &said, err) ||
		    digest_parse(said, &digest, err) ||
		    manifest_load(ctx, depot, digest_text(&digest, text_of), &manifest, &one, &kind,
				  &same, err))
			return FAILED;
		catalog_merge(out, &one);
	}
	return OK;
}

result cache_depot_load(const struct ctx *ctx, struct depot *depot, const char *tag,
			const struct platform platforms[], size_t platform_count,
			struct catalog *out, enum catalog_kind *kind, struct digest *top,
			struct error *err)
{
	owned(catalog) struct catalog made = {};
	owned(buf) struct buf manifest = {};
	struct digest unused;

	if (manifest_load(ctx, depot, tag, &manifest, &made, kind, top ? top : &unused, err) ||
	    (*kind == CATALOG_INDEX &&
	     index_load(ctx, depot, &manifest, platforms, platform_count, &made, err)))
		return FAILED;
	*out = made;
	made = (struct catalog){};
	return OK;
}

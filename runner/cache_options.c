/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/cache_options.h"

#include "base/mem.h"
#include "registry/registry.h"
#include "runner/fields.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { PLACES_MAX = 32, TO = 1 << 8, FROM = 1 << 9 };

#define KIND(kind) (1u << (kind))

/* clang-format off */
static const struct {
	const char *name;
	enum cache_kind kind;
	unsigned directions;
} types[] = {
	{ "registry", CACHE_REGISTRY, TO | FROM },
	{ "local",    CACHE_LOCAL,    TO | FROM },
	{ "inline",   CACHE_INLINE,   TO },
};
/* clang-format on */

/** Of BuildKit, and not there. */
static const char *const unknown_types[] = { "gha", "s3", "azblob" };

static void place_drop(struct cache_place *place)
{
	free(place->where);
	free(place->tag);
	*place = (struct cache_place){};
}

void cache_places_drop(struct cache_places *places)
{
	for (size_t i = 0; i < places->count; i++)
		place_drop(&places->items[i]);
	free(places->items);
	*places = (struct cache_places){};
}

const char *cache_place_text(const struct cache_place *place)
{
	return place->where ? place->where : "the image";
}

/* ---- fields ---- */

static result set_where(void *to, const char *name, const char *value, struct error *err)
{
	struct cache_place *out = to;

	if (!*value)
		return fail(err, FAULT_USAGE, "%s= is empty", name);
	free(out->where);
	out->where = xstrdup(value);
	return OK;
}

static result set_tag(void *to, const char *name, const char *value, struct error *err)
{
	struct cache_place *out = to;

	if (!*value)
		return fail(err, FAULT_USAGE, "%s= is empty", name);
	free(out->tag);
	out->tag = xstrdup(value);
	return OK;
}

static result set_digest(void *to, const char *name, const char *value, struct error *err)
{
	struct digest digest;

	if (digest_parse(value, &digest, err)) {
		err->fault = FAULT_USAGE;
		return fail_in(err, "%s", name);
	}
	return set_tag(to, name, value, err);
}

static result set_mode(void *to, const char *name, const char *value, struct error *err)
{
	struct cache_place *out = to;

	out->all_steps = strcmp(value, "max") == 0;
	if (!out->all_steps && strcmp(value, "min") != 0)
		return fail(err, FAULT_USAGE, "%s=%s: want min or max", name, value);
	return OK;
}

static result set_ignore(void *to, const char *name, const char *value, struct error *err)
{
	struct cache_place *out = to;

	return field_bool(name, value, &out->ignore_error, err);
}

static result set_merge(void *to, const char *name, const char *value, struct error *err)
{
	struct cache_place *out = to;
	bool merges = true;

	if (field_bool(name, value, &merges, err))
		return FAILED;
	out->replaces = !merges;
	return OK;
}

static result set_insecure(void *to, const char *name, const char *value, struct error *err)
{
	struct cache_place *out = to;

	return field_bool(name, value, &out->insecure, err);
}

/** Layers go as they are, which is gzip for those that steps of a build made. */
static result set_compression(void *to, const char *name, const char *value, struct error *err)
{
	(void)to;
	if (strcmp(value, "gzip") == 0)
		return OK;
	return fail(err, FAULT_USAGE, "%s=%s is not supported yet by this version of mpemu", name,
		    value);
}

/** What is done anyway. */
static result set_always(void *to, const char *name, const char *value, struct error *err)
{
	bool set = true;

	(void)to;
	if (field_bool(name, value, &set, err))
		return FAILED;
	if (!set)
		return fail(err, FAULT_USAGE, "%s=%s is not supported: caches are OCI manifests",
			    name, value);
	return OK;
}

enum { REMOTE = 1 << CACHE_REGISTRY, LOCAL = 1 << CACHE_LOCAL, IN = 1 << CACHE_INLINE };

/* clang-format off */
static const struct field fields[] = {
	{ "ref",               REMOTE | TO | FROM,          set_where },
	{ "dest",              LOCAL | TO,                  set_where },
	{ "src",               LOCAL | FROM,                set_where },
	{ "tag",               LOCAL | TO | FROM,           set_tag },
	{ "digest",            LOCAL | FROM,                set_digest },
	{ "mode",              REMOTE | LOCAL | IN | TO,    set_mode },
	{ "ignore-error",      REMOTE | LOCAL | TO,         set_ignore },
	{ "merge",             REMOTE | LOCAL | TO,         set_merge },
	{ "image-manifest",    REMOTE | LOCAL | TO,         set_always },
	{ "oci-mediatypes",    REMOTE | LOCAL | TO,         set_always },
	{ "compression",       REMOTE | LOCAL | TO,         set_compression },
	{ "registry.insecure", REMOTE | TO | FROM,          set_insecure },
};
/* clang-format on */

static const struct field_table table = { fields, countof(fields) };

/* ---- the whole ---- */

static result type_set(const struct strings *parts, unsigned direction, struct cache_place *out,
		       const char **type, struct error *err)
{
	const char *name = env_get(parts, "type");

	if (!name)
		return fail(err, FAULT_USAGE, "type= is missing");
	for (size_t i = 0; i < countof(types); i++) {
		if (strcmp(types[i].name, name) != 0)
			continue;
		if (!(types[i].directions & direction))
			return fail(err, FAULT_USAGE,
				    "type=%s: say type=registry,ref=NAME of the image", name);
		out->kind = types[i].kind;
		*type = types[i].name;
		return OK;
	}
	for (size_t i = 0; i < countof(unknown_types); i++) {
		if (strcmp(unknown_types[i], name) == 0)
			return fail(err, FAULT_USAGE,
				    "type=%s is not supported yet by this version of mpemu: want "
				    "registry or local",
				    name);
	}
	return fail(err, FAULT_USAGE, "unknown type '%s': want registry, local%s", name,
		    direction == TO ? " or inline" : "");
}

static result place_check(struct cache_place *out, unsigned direction, struct error *err)
{
	struct reference ref;

	if (out->kind == CACHE_INLINE)
		return out->all_steps ? (result)fail(err, FAULT_USAGE,
						     "mode=max: an image holds its own steps alone")
				      : OK;
	if (!out->where)
		return fail(err, FAULT_USAGE, "%s= is missing",
			    out->kind == CACHE_REGISTRY ? "ref"
			    : direction == TO           ? "dest"
							: "src");
	if (out->kind == CACHE_LOCAL && !out->tag)
		out->tag = xstrdup("latest");
	if (out->kind == CACHE_LOCAL)
		return OK;
	if (reference_parse(out->where, &ref, err)) {
		err->fault = FAULT_USAGE;
		return fail_in(err, "ref");
	}
	if (direction == TO && ref.pinned)
		return fail(err, FAULT_USAGE, "ref=%s: a cache goes to a tag, not to a digest",
			    out->where);
	return OK;
}

static result typed_parse(const struct strings *parts, unsigned direction, struct cache_place *out,
			  struct error *err)
{
	const char *type = NULL;

	if (type_set(parts, direction, out, &type, err))
		return FAILED;
	for (size_t i = 0; i < parts->count; i++) {
		owned(str) char *name = NULL;
		const char *value;

		if (field_cut(parts->items[i], &name, &value, err))
			return FAILED;
		if (strcasecmp(name, "type") != 0 &&
		    field_set(&table, direction | KIND(out->kind), type, out, name, value, err))
			return FAILED;
	}
	return place_check(out, direction, err);
}

static result place_parse(const char *text, unsigned direction, struct cache_place *out,
			  struct error *err)
{
	owned(strings) struct strings parts = {};

	if (fields_split(text, &parts, err))
		return FAILED;
	if (parts.count != 1 || !*text || strchr(text, '='))
		return typed_parse(&parts, direction, out, err);
	out->kind = CACHE_REGISTRY;
	out->where = xstrdup(parts.items[0]);
	return place_check(out, direction, err);
}

static result place_add(struct cache_places *places, const char *option, const char *text,
			unsigned direction, struct error *err)
{
	struct cache_place place = {};

	if (places->count >= PLACES_MAX)
		return fail(err, FAULT_USAGE, "%s: more than %d", option, PLACES_MAX);
	if (place_parse(text, direction, &place, err)) {
		place_drop(&place);
		return fail_in(err, "%s %s", option, text);
	}
	array_grow(places->items, places->count);
	places->items[places->count++] = place;
	return OK;
}

result cache_to_add(struct cache_places *places, const char *text, struct error *err)
{
	return place_add(places, "--cache-to", text, TO, err);
}

result cache_from_add(struct cache_places *places, const char *text, struct error *err)
{
	return place_add(places, "--cache-from", text, FROM, err);
}

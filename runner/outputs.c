/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/outputs.h"

#include "base/mem.h"
#include "runner/fields.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define KIND(kind) (1u << (kind))

enum {
	IMAGES = KIND(OUTPUT_IMAGE) | KIND(OUTPUT_OCI) | KIND(OUTPUT_DOCKER),
	FILES = KIND(OUTPUT_LOCAL) | KIND(OUTPUT_TAR),
	EPOCH_MAX = 0x7fffffff, /* gzip and old tars have 32 bits */
};

static const struct {
	const char *name;
	enum output_kind kind;
	bool push;
	bool wants_dest;
} types[] = {
	{ "image", OUTPUT_IMAGE, false, false },    { "registry", OUTPUT_IMAGE, true, false },
	{ "oci", OUTPUT_OCI, false, true },         { "docker", OUTPUT_DOCKER, false, false },
	{ "local", OUTPUT_LOCAL, false, true },     { "tar", OUTPUT_TAR, false, true },
	{ "cacheonly", OUTPUT_NONE, false, false },
};

void output_drop(struct output *output)
{
	free(output->dest);
	strings_drop(&output->names);
	annotations_drop(&output->form.annotations);
	*output = (struct output){};
}

/* ---- fields ---- */

static result set_dest(void *to, const char *name, const char *value, struct error *err)
{
	struct output *out = to;

	if (!*value)
		return fail(err, FAULT_USAGE, "%s: is empty", name);
	free(out->dest);
	out->dest = xstrdup(value);
	return OK;
}

static result set_name(void *to, const char *name, const char *value, struct error *err)
{
	struct output *out = to;

	(void)name;
	(void)err;
	strings_split(&out->names, value, ',');
	return OK;
}

static result set_push(void *to, const char *name, const char *value, struct error *err)
{
	struct output *out = to;

	return field_bool(name, value, &out->push, err);
}

static result set_by_digest(void *to, const char *name, const char *value, struct error *err)
{
	struct output *out = to;

	return field_bool(name, value, &out->by_digest, err);
}

static result set_insecure(void *to, const char *name, const char *value, struct error *err)
{
	struct output *out = to;

	return field_bool(name, value, &out->insecure, err);
}

static result set_tar(void *to, const char *name, const char *value, struct error *err)
{
	struct output *out = to;
	bool is_tar = true;

	if (field_bool(name, value, &is_tar, err))
		return FAILED;
	out->is_directory = !is_tar;
	return OK;
}

static result set_split(void *to, const char *name, const char *value, struct error *err)
{
	struct output *out = to;
	bool split = false;

	if (field_bool(name, value, &split, err))
		return FAILED;
	out->split = split ? SPLIT_YES : SPLIT_NO;
	return OK;
}

static result set_compression(void *to, const char *name, const char *value, struct error *err)
{
	struct output *out = to;
	static const struct {
		const char *name;
		enum compression compression;
	} list[] = {
		{ "gzip", COMPRESSION_GZIP },
		{ "zstd", COMPRESSION_ZSTD },
		{ "uncompressed", COMPRESSION_NONE },
	};

	for (size_t i = 0; i < countof(list); i++) {
		if (strcmp(value, list[i].name) == 0) {
			out->form.has_compression = true;
			out->form.compression = list[i].compression;
			return OK;
		}
	}
	return fail(err, FAULT_USAGE, "%s=%s: want gzip, zstd or uncompressed", name, value);
}

static result set_level(void *to, const char *name, const char *value, struct error *err)
{
	(void)to;
	return fail(err, FAULT_USAGE, "%s=%s is not supported yet by this version of mpemu", name,
		    value);
}

static result set_force(void *to, const char *name, const char *value, struct error *err)
{
	struct output *out = to;

	return field_bool(name, value, &out->form.force, err);
}

static result set_oci(void *to, const char *name, const char *value, struct error *err)
{
	struct output *out = to;
	bool is_oci = true;

	if (field_bool(name, value, &is_oci, err))
		return FAILED;
	out->form.is_docker = !is_oci;
	return OK;
}

static result set_rewrite(void *to, const char *name, const char *value, struct error *err)
{
	struct output *out = to;

	return field_bool(name, value, &out->form.rewrite, err);
}

static result set_epoch(void *to, const char *name, const char *value, struct error *err)
{
	struct output *out = to;

	return epoch_parse(name, value, &out->form.epoch, err);
}

/** Fields whose one value is what is done anyway. */
static result set_always(void *to, const char *name, const char *value, struct error *err)
{
	bool set = false;

	(void)to;
	if (field_bool(name, value, &set, err))
		return FAILED;
	if (!set)
		return fail(err, FAULT_USAGE, "%s=%s is not supported yet by this version of mpemu",
			    name, value);
	return OK;
}

/* clang-format off */
static const struct field fields[] = {
	{ "dest",              IMAGES | FILES,                        set_dest },
	{ "name",              IMAGES,                                set_name },
	{ "push",              KIND(OUTPUT_IMAGE),                    set_push },
	{ "push-by-digest",    KIND(OUTPUT_IMAGE),                    set_by_digest },
	{ "name-canonical",    KIND(OUTPUT_IMAGE),                    set_always },
	{ "store",             KIND(OUTPUT_IMAGE),                    set_always },
	{ "registry.insecure", KIND(OUTPUT_IMAGE),                    set_insecure },
	{ "tar",               KIND(OUTPUT_OCI) | KIND(OUTPUT_DOCKER), set_tar },
	{ "platform-split",    FILES,                                 set_split },
	{ "compression",       IMAGES,                                set_compression },
	{ "compression-level", IMAGES,                                set_level },
	{ "force-compression", IMAGES,                                set_force },
	{ "oci-mediatypes",    IMAGES,                                set_oci },
	{ "rewrite-timestamp", IMAGES,                                set_rewrite },
	{ "source-date-epoch", IMAGES | KIND(OUTPUT_TAR),             set_epoch },
};
/* clang-format on */

static const struct field_table table = { fields, countof(fields) };

/** Annotations have names of their own: annotation[-PLACE][PLATFORM].NAME. */
static result output_field(struct output *out, const char *type, const char *name,
			   const char *value, struct error *err)
{
	if (starts_with(name, "annotation") && (KIND(out->kind) & IMAGES))
		return annotations_field(name, value, &out->form.annotations, err);
	return field_set(&table, KIND(out->kind), type, out, name, value, err);
}

/* ---- the whole ---- */

static result type_find(const struct strings *parts, struct output *out, const char **type,
			bool *wants_dest, struct error *err)
{
	const char *name = env_get(parts, "type");

	if (!name)
		return fail(err, FAULT_USAGE, "type= is missing");
	for (size_t i = 0; i < countof(types); i++) {
		if (strcmp(types[i].name, name) != 0)
			continue;
		out->kind = types[i].kind;
		out->push = types[i].push;
		*wants_dest = types[i].wants_dest;
		*type = types[i].name;
		return OK;
	}
	return fail(err, FAULT_USAGE,
		    "unknown type '%s': want image, registry, oci, docker, local, tar or cacheonly",
		    name);
}

static result dest_check(struct output *out, bool wants_dest, struct error *err)
{
	bool is_stdout = out->dest && strcmp(out->dest, "-") == 0;

	if (out->kind == OUTPUT_IMAGE && out->dest)
		return fail(err, FAULT_USAGE, "an image in the store has no dest: say type=oci");
	if (wants_dest && !out->dest && (out->kind == OUTPUT_LOCAL || out->is_directory))
		return fail(err, FAULT_USAGE, "dest=DIRECTORY is missing");
	if (is_stdout && (out->kind == OUTPUT_LOCAL || out->is_directory))
		return fail(err, FAULT_USAGE, "a directory cannot go to standard output");
	if (out->is_directory && !out->dest)
		return fail(err, FAULT_USAGE, "tar=false: dest=DIRECTORY is missing");
	if (out->by_digest && !out->names.count)
		return fail(err, FAULT_USAGE, "push-by-digest=true: name= is missing");
	if (wants_dest && !out->dest)
		out->dest = xstrdup("-");
	return OK;
}

static result typed_parse(const struct strings *parts, struct output *out, struct error *err)
{
	const char *type = NULL;
	bool wants_dest = false;

	if (type_find(parts, out, &type, &wants_dest, err))
		return FAILED;
	for (size_t i = 0; i < parts->count; i++) {
		owned(str) char *name = NULL;
		const char *value;

		if (field_cut(parts->items[i], &name, &value, err))
			return FAILED;
		if (strcasecmp(name, "type") != 0 && output_field(out, type, name, value, err))
			return FAILED;
	}
	return dest_check(out, wants_dest, err);
}

result output_parse(const char *text, struct output *out, struct error *err)
{
	owned(strings) struct strings parts = {};
	owned(output) struct output made = { .form = { .epoch = -1 } };
	bool is_bare;

	if (fields_split(text, &parts, err))
		return fail_in(err, "--output %s", text);
	is_bare = parts.count == 1 && *text && !strchr(text, '=');
	if (is_bare) {
		made.kind = strcmp(text, "-") == 0 ? OUTPUT_TAR : OUTPUT_LOCAL;
		made.dest = xstrdup(text);
	} else if (typed_parse(&parts, &made, err)) {
		return fail_in(err, "--output %s", text);
	}
	*out = made;
	made = (struct output){};
	return OK;
}

result epoch_parse(const char *name, const char *text, int64_t *out, struct error *err)
{
	uint64_t seconds;

	if (number_parse(text, EPOCH_MAX, &seconds, err))
		return fail(err, FAULT_USAGE, "%s=%s: want seconds since 1970", name, text);
	*out = (int64_t)seconds;
	return OK;
}

static bool annotations_equal(const struct annotations *a, const struct annotations *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		const struct annotation *one = &a->items[i], *other = &b->items[i];

		if (one->place != other->place ||
		    !platform_equal(&one->platform, &other->platform) ||
		    strcmp(one->name, other->name) != 0 || strcmp(one->value, other->value) != 0)
			return false;
	}
	return true;
}

bool form_equal(const struct form *a, const struct form *b)
{
	return a->has_compression == b->has_compression && a->compression == b->compression &&
	       a->force == b->force && a->rewrite == b->rewrite && a->is_docker == b->is_docker &&
	       a->epoch == b->epoch && annotations_equal(&a->annotations, &b->annotations);
}

/* SPDX-License-Identifier: Apache-2.0 */
/**
 * `mpemu index`: images of several platforms under one name.
 *
 * Every change computes a new index from the one that is named and moves the name only if nobody
 * else moved it in between; else it begins again.  So jobs that each add their platform to one name
 * do not lose each other's.
 */
#include "runner/command.h"
#include "runner/contents.h"
#include "runner/table.h"

#include "base/mem.h"
#include "base/progress.h"

#include <stdlib.h>
#include <string.h>

enum { EDIT_TRIES = 100 };

struct index_options {
	struct strings annotations;
	bool replace;
	const char *platform;
};

#define ANNOTATION_OPTION                                                                  \
	{                                                                                  \
		"annotation", 0, OPTION_LIST, offsetof(struct index_options, annotations), \
			"KEY=VALUE", "an annotation of the index"                          \
	}

static const struct option create_table[] = { ANNOTATION_OPTION };

static const struct option add_table[] = {
	ANNOTATION_OPTION,
	{ "replace", 0, OPTION_FLAG, offsetof(struct index_options, replace), NULL,
	  "take the place of an image that the index has for the platform" },
};

static const struct option annotate_table[] = {
	{ "platform", 0, OPTION_TEXT, offsetof(struct index_options, platform), "PLATFORM",
	  "annotate the entry of this platform instead of the index" },
};

/* ---- what is merged ---- */

/** Indexes by the names that were typed. */
struct sources {
	struct index_source *list;
	struct index *indexes;
	size_t count;
};

static void sources_drop(struct sources *sources)
{
	for (size_t i = 0; i < sources->count; i++)
		index_drop(&sources->indexes[i]);
	free(sources->indexes);
	free(sources->list);
}

/** An attestation goes where the image goes that it attests. */
static bool has_subject(const struct index *index, size_t count, const struct descriptor *entry)
{
	const char *subject = json_string_value(
		json_object_get(entry->annotations, "vnd.docker.reference.digest"));

	for (size_t i = 0; i < count && subject; i++) {
		char text[DIGEST_TEXT_MAX];

		if (strcmp(digest_text(&index->manifests[i].digest, text), subject) == 0)
			return true;
	}
	return false;
}

/**
 * Leave out what a pull of some platforms did not fetch: an index with holes could not be pushed.
 * Attestations stand behind their images.
 */
static void index_trim(struct store *store, const char *name, const struct ctx *ctx,
		       struct index *index)
{
	size_t kept = 0;

	for (size_t i = 0; i < index->count; i++) {
		struct descriptor entry = index->manifests[i];
		bool is_attestation = descriptor_is_attestation(&entry), is_here;
		char text[PLATFORM_TEXT_MAX];

		is_here = store_has(store, &entry.digest);
		if (!is_here && !is_attestation)
			progress_note(ctx, "%s: %s is not in the store and is left out", name,
				      platform_text(&entry.platform, text));
		if (is_here && (!is_attestation || has_subject(index, kept, &entry)))
			index->manifests[kept++] = entry;
	}
	index->count = kept;
}

static result source_read(const struct ctx *ctx, struct store *store, const char *name,
			  struct index *out, struct error *err)
{
	struct descriptor at;
	struct reference ref;

	if (name_resolve(store, name, &ref, &at, err))
		return FAILED;
	if (index_read(store, &at, out, err))
		return fail_in(err, "%s", name);
	index_trim(store, name, ctx, out);
	if (out->count == 0)
		return fail(err, FAULT_MISSING, "%s: none of its images is in the store", name);
	return OK;
}

static result sources_read(struct invocation *in, struct store *store, int first,
			   struct sources *out, struct error *err)
{
	size_t count = (size_t)(in->argc - first);

	out->indexes = xcalloc(count, sizeof(*out->indexes));
	out->list = xcalloc(count, sizeof(*out->list));
	for (size_t i = 0; i < count; i++) {
		const char *name = in->argv[(size_t)first + i];

		if (source_read(in->ctx, store, name, &out->indexes[i], err))
			return FAILED;
		out->list[i] = (struct index_source){ name, &out->indexes[i] };
		out->count++;
	}
	return OK;
}

/* ---- an index being changed ---- */

struct draft {
	struct descriptor *entries;
	size_t count;
	json_t *annotations;       /* of the index; owned */
	json_t *entry_annotations; /* an array of what entries have borrowed; owned */
};

static void draft_drop(struct draft *draft)
{
	free(draft->entries);
	json_decref(draft->annotations);
	json_decref(draft->entry_annotations);
}

static struct draft draft_new(const json_t *index)
{
	struct draft draft = { .entry_annotations = json_array() };
	const json_t *annotations = json_object_get(index, "annotations");

	draft.annotations =
		json_is_object(annotations) ? json_deep_copy(annotations) : json_object();
	return draft;
}

static result annotations_add(json_t *annotations, const char *text, struct error *err)
{
	const char *equals = strchr(text, '=');
	owned(str) char *key = equals ? xstrndup(text, (size_t)(equals - text)) : NULL;

	if (!key || !*key)
		return fail(err, FAULT_USAGE, "annotation '%s': want KEY=VALUE", text);
	if (json_object_set_new(annotations, key, json_string(equals + 1)) < 0)
		return fail(err, FAULT_USAGE, "annotation '%s': not UTF-8", key);
	return OK;
}

static result annotations_add_all(json_t *annotations, const struct strings *texts,
				  struct error *err)
{
	for (size_t i = 0; i < texts->count; i++) {
		if (annotations_add(annotations, texts->items[i], err))
			return FAILED;
	}
	return OK;
}

static result draft_write(struct store *store, const struct draft *draft, struct descriptor *out,
			  struct error *err)
{
	return index_write(store, draft->entries, draft->count, draft->annotations, out, err);
}

static result draft_print(const struct reference *ref, const struct descriptor *at,
			  struct error *err)
{
	owned(buf) struct buf out = {};
	char digest[DIGEST_TEXT_MAX], name[REFERENCE_TEXT_MAX];

	buf_printf(&out, "%s  %s\n", digest_text(&at->digest, digest), reference_text(ref, name));
	return stdout_write(&out, err);
}

/** One change: fills `draft` from what the name stands for now. */
struct edit {
	struct invocation *in;
	const struct sources *sources;
	struct platform platform;
	result (*apply)(const struct edit *edit, const char *name, struct index *old,
			struct draft *draft, struct error *err);
};

static result edit_once(const struct edit *edit, struct store *store, const struct reference *ref,
			struct descriptor *out, bool *moved, struct error *err)
{
	owned(index) struct index old = {};
	owned(draft) struct draft draft = {};
	struct descriptor at;

	if (store_resolve(store, ref, &at, err))
		return FAILED;
	if (index_read(store, &at, &old, err))
		return fail_in(err, "%s", edit->in->argv[0]);
	draft = draft_new(old.json);
	if (edit->apply(edit, edit->in->argv[0], &old, &draft, err) ||
	    draft_write(store, &draft, out, err))
		return FAILED;
	return store_move(store, ref, &at.digest, out, moved, err);
}

static result edit_run(const struct edit *edit, struct store *store, struct error *err)
{
	struct descriptor at;
	struct reference ref;
	bool moved = false;

	if (name_parse_new(edit->in->argv[0], &ref, err))
		return FAILED;
	for (int tries = 0; !moved; tries++) {
		if (tries == EDIT_TRIES)
			return fail(err, FAULT_SYSTEM, "%s: others keep changing it",
				    edit->in->argv[0]);
		if (edit_once(edit, store, &ref, &at, &moved, err))
			return FAILED;
	}
	return draft_print(&ref, &at, err);
}

/* ---- create ---- */

static result create_run(struct invocation *in, struct error *err)
{
	const struct index_options *wanted = in->options;
	owned(store) struct store *store = NULL;
	owned(sources) struct sources sources = {};
	owned(draft) struct draft draft = draft_new(NULL);
	struct descriptor at;
	struct reference ref;

	if (name_parse_new(in->argv[0], &ref, err) ||
	    annotations_add_all(draft.annotations, &wanted->annotations, err) ||
	    store_open(in->ctx, in->globals->root, &store, err) ||
	    sources_read(in, store, 1, &sources, err) ||
	    index_merge(sources.list, sources.count, &draft.entries, &draft.count, err) ||
	    draft_write(store, &draft, &at, err) || store_tag(store, &ref, &at, err))
		return FAILED;
	return draft_print(&ref, &at, err);
}

static const struct command command_create = {
	.name = "create",
	.arguments = "[OPTIONS] NAME SOURCE...",
	.summary = "Merge images and indexes of several platforms into one index",
	.example = "mpemu index create app:1 app:1-amd64 app:1-arm64",
	.text = "The platforms stand in the order of the sources. Two different images for one\n"
		"platform are refused.",
	.options = create_table,
	.option_count = countof(create_table),
	.options_size = sizeof(struct index_options),
	.arguments_min = 2,
	.arguments_max = -1,
	.run = create_run,
};

/* ---- add ---- */

static bool sources_have(const struct sources *sources, const struct platform *platform)
{
	for (size_t i = 0; i < sources->count; i++) {
		for (size_t j = 0; j < sources->indexes[i].count; j++) {
			const struct descriptor *entry = &sources->indexes[i].manifests[j];

			if (!descriptor_is_attestation(entry) &&
			    platform_equal(&entry->platform, platform))
				return true;
		}
	}
	return false;
}

/** Take out the images that `gone` says, and what attested them. */
static void index_thin(struct index *index, const struct edit *edit,
		       bool (*gone)(const struct edit *edit, const struct descriptor *entry))
{
	struct index images = { .manifests = xcalloc(index->count, sizeof(*images.manifests)) };
	size_t kept = 0;

	for (size_t i = 0; i < index->count; i++) {
		const struct descriptor *entry = &index->manifests[i];

		if (!descriptor_is_attestation(entry) && !gone(edit, entry))
			images.manifests[images.count++] = *entry;
	}
	for (size_t i = 0; i < index->count; i++) {
		struct descriptor entry = index->manifests[i];

		if (descriptor_is_attestation(&entry) ? has_subject(&images, images.count, &entry)
						      : !gone(edit, &entry))
			index->manifests[kept++] = entry;
	}
	index->count = kept;
	index_drop(&images);
}

static bool is_replaced(const struct edit *edit, const struct descriptor *entry)
{
	return sources_have(edit->sources, &entry->platform);
}

static result add_apply(const struct edit *edit, const char *name, struct index *old,
			struct draft *draft, struct error *err)
{
	const struct index_options *wanted = edit->in->options;
	const struct sources *sources = edit->sources;
	struct index_source *all = xcalloc(sources->count + 1, sizeof(*all));
	result merged;

	if (wanted->replace)
		index_thin(old, edit, is_replaced);
	all[0] = (struct index_source){ name, old };
	memcpy(all + 1, sources->list, sources->count * sizeof(*all));
	merged = index_merge(all, sources->count + 1, &draft->entries, &draft->count, err);
	free(all);
	if (merged)
		return FAILED;
	return annotations_add_all(draft->annotations, &wanted->annotations, err);
}

static result add_run(struct invocation *in, struct error *err)
{
	owned(store) struct store *store = NULL;
	owned(sources) struct sources sources = {};
	struct edit edit = { .in = in, .sources = &sources, .apply = add_apply };

	if (store_open(in->ctx, in->globals->root, &store, err) ||
	    sources_read(in, store, 1, &sources, err))
		return FAILED;
	return edit_run(&edit, store, err);
}

static const struct command command_add = {
	.name = "add",
	.arguments = "[OPTIONS] NAME SOURCE...",
	.summary = "Add the images of other names to an index",
	.example = "mpemu index add app:1 app:1-riscv64",
	.options = add_table,
	.option_count = countof(add_table),
	.options_size = sizeof(struct index_options),
	.arguments_min = 2,
	.arguments_max = -1,
	.run = add_run,
};

/* ---- remove ---- */

static bool has_platform(const struct edit *edit, const struct descriptor *entry)
{
	return platform_equal(&entry->platform, &edit->platform);
}

/** The entries of the index as they are now become the draft's. */
static void draft_fill(struct draft *draft, const struct index *index)
{
	draft->entries = xcalloc(index->count, sizeof(*draft->entries));
	memcpy(draft->entries, index->manifests, index->count * sizeof(*draft->entries));
	draft->count = index->count;
}

static result remove_apply(const struct edit *edit, const char *name, struct index *old,
			   struct draft *draft, struct error *err)
{
	size_t before = old->count;
	char text[PLATFORM_TEXT_MAX];

	index_thin(old, edit, has_platform);
	if (old->count == before)
		return fail(err, FAULT_MISSING, "%s has no image for %s", name,
			    platform_text(&edit->platform, text));
	if (old->count == 0)
		return fail(err, FAULT_INPUT,
			    "%s is the last platform of %s: 'mpemu rm' removes the name",
			    platform_text(&edit->platform, text), name);
	draft_fill(draft, old);
	return OK;
}

static result remove_run(struct invocation *in, struct error *err)
{
	owned(store) struct store *store = NULL;
	struct edit edit = { .in = in, .apply = remove_apply };

	if (platform_argument(in->argv[1], &edit.platform, err) ||
	    store_open(in->ctx, in->globals->root, &store, err))
		return FAILED;
	return edit_run(&edit, store, err);
}

static const struct command command_remove = {
	.name = "remove",
	.arguments = "NAME PLATFORM",
	.summary = "Take a platform out of an index",
	.example = "mpemu index remove app:1 linux/386",
	.arguments_min = 2,
	.arguments_max = 2,
	.run = remove_run,
};

/* ---- annotate ---- */

/** The entry's annotations become a copy that may be changed and that the draft owns. */
static json_t *entry_annotations(struct draft *draft, struct descriptor *entry)
{
	json_t *copy = entry->annotations ? json_deep_copy(entry->annotations) : json_object();

	json_array_append_new(draft->entry_annotations, copy);
	entry->annotations = copy;
	return copy;
}

static result annotate_apply(const struct edit *edit, const char *name, struct index *old,
			     struct draft *draft, struct error *err)
{
	const struct index_options *wanted = edit->in->options;
	json_t *annotations = wanted->platform ? NULL : draft->annotations;
	char text[PLATFORM_TEXT_MAX];

	draft_fill(draft, old);
	for (size_t i = 0; i < draft->count && !annotations; i++) {
		if (has_platform(edit, &draft->entries[i]))
			annotations = entry_annotations(draft, &draft->entries[i]);
	}
	if (!annotations)
		return fail(err, FAULT_MISSING, "%s has no image for %s", name,
			    platform_text(&edit->platform, text));
	for (int i = 1; i < edit->in->argc; i++) {
		if (annotations_add(annotations, edit->in->argv[i], err))
			return FAILED;
	}
	return OK;
}

static result annotate_run(struct invocation *in, struct error *err)
{
	const struct index_options *wanted = in->options;
	owned(store) struct store *store = NULL;
	struct edit edit = { .in = in, .apply = annotate_apply };

	if (platform_argument(wanted->platform, &edit.platform, err) ||
	    store_open(in->ctx, in->globals->root, &store, err))
		return FAILED;
	return edit_run(&edit, store, err);
}

static const struct command command_annotate = {
	.name = "annotate",
	.arguments = "[OPTIONS] NAME KEY=VALUE...",
	.summary = "Set annotations of an index or of one of its entries",
	.example = "mpemu index annotate app:1 org.opencontainers.image.licenses=MIT",
	.options = annotate_table,
	.option_count = countof(annotate_table),
	.options_size = sizeof(struct index_options),
	.arguments_min = 2,
	.arguments_max = -1,
	.run = annotate_run,
};

static const struct command *const subcommands[] = {
	&command_create, &command_index_inspect, &command_add,
	&command_remove, &command_annotate,      NULL,
};

const struct command command_index = {
	.name = "index",
	.arguments = "COMMAND",
	.summary = "Make and change indexes: one name for images of several platforms",
	.example = "mpemu index create app:1 app:1-amd64 app:1-arm64",
	.subcommands = subcommands,
};

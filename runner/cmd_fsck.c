/* SPDX-License-Identifier: Apache-2.0 */
/**
 * `mpemu fsck`: whether everything in the store is there and intact.
 *
 * Blobs are read first, all of them; then names are followed to what they need.  A repair only
 * removes: damaged blobs, images that need what is damaged or missing, names that lead to nothing.
 * What remains is whole, and a pull or build brings the rest again.
 */
#include "runner/cache.h"
#include "runner/command.h"
#include "runner/layers.h"
#include "runner/table.h"
#include "runner/workdir.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/progress.h"

#include <stdlib.h>
#include <string.h>

enum { STATUS_DAMAGED = 8 };

struct fsck_options {
	bool repair, json;
};

static const struct option options[] = {
	{ "repair", 0, OPTION_FLAG, offsetof(struct fsck_options, repair), NULL,
	  "remove what is damaged" },
	{ "json", 0, OPTION_FLAG, offsetof(struct fsck_options, json), NULL, "one JSON array" },
};

/** Something that is not as it should be. */
struct damage {
	struct digest digest;
	char *problem;
	struct strings names; /* that use it */
};

struct fsck {
	const char *root;
	struct store *store;
	struct cache *cache;
	struct store_blob *blobs;
	size_t blob_count;
	struct damage *damages;
	size_t damage_count;
	struct descriptor *broken; /* indexes and manifests that lack something */
	size_t broken_count;
	struct strings layers; /* directories in ROOT/layers that go with damaged blobs */
	size_t steps, steps_gone;
};

static void fsck_drop(struct fsck *fsck)
{
	for (size_t i = 0; i < fsck->damage_count; i++) {
		free(fsck->damages[i].problem);
		strings_drop(&fsck->damages[i].names);
	}
	free(fsck->damages);
	free(fsck->broken);
	free(fsck->blobs);
	strings_drop(&fsck->layers);
	cache_drop(&fsck->cache);
	store_drop(&fsck->store);
}

static int digest_compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct digest)); /* the first field of a blob */
}

static const struct store_blob *blob_find(const struct fsck *fsck, const struct digest *digest)
{
	return fsck->blob_count ? bsearch(digest, fsck->blobs, fsck->blob_count,
					  sizeof(*fsck->blobs), digest_compare)
				: NULL;
}

/* ---- finding ---- */

/** Each thing once, with all names that use it; the first problem with it is the one told. */
static struct damage *damage_add(struct fsck *fsck, const struct digest *digest, const char *name,
				 const char *problem)
{
	struct damage *damage = NULL;

	for (size_t i = 0; i < fsck->damage_count && !damage; i++) {
		if (digest_equal(&fsck->damages[i].digest, digest))
			damage = &fsck->damages[i];
	}
	if (!damage) {
		array_grow(fsck->damages, fsck->damage_count);
		damage = &fsck->damages[fsck->damage_count++];
		*damage = (struct damage){ .digest = *digest, .problem = xstrdup(problem) };
	}
	if (*name && !strings_have(&damage->names, name))
		strings_add(&damage->names, name);
	return damage;
}

static void broken_add(struct fsck *fsck, const struct descriptor *at)
{
	array_grow(fsck->broken, fsck->broken_count);
	fsck->broken[fsck->broken_count] = *at;
	fsck->broken[fsck->broken_count++].annotations = NULL;
}

/** What is wrong with something that a name leads to; "" where nothing is. */
static void problem_text(const struct fsck *fsck, const struct reached *reached, struct buf *out)
{
	const struct store_blob *blob = blob_find(fsck, &reached->blob->digest);

	if (reached->why)
		buf_printf(out, "cannot be read: %s", reached->why->text);
	else if (!blob && reached->lead != LEAD_ENTRY)
		buf_add_str(out, "missing");
	else if (blob && blob->damaged)
		buf_add_str(out, "content has another digest");
	else if (blob && blob->size != reached->blob->size)
		buf_printf(out, "has %llu bytes, its descriptor says %llu",
			   (unsigned long long)blob->size, (unsigned long long)reached->blob->size);
}

static result on_reached(void *arg, const struct reached *reached, bool *enter, struct error *err)
{
	owned(buf) struct buf problem = {};
	struct fsck *fsck = arg;

	(void)err;
	problem_text(fsck, reached, &problem);
	if (!problem.length)
		return OK;
	*enter = false;
	damage_add(fsck, &reached->blob->digest, reached->name, buf_text(&problem));
	/* Also where an index or name says another size: what is pulled for it says its own. */
	if (reached->lead != LEAD_PART)
		broken_add(fsck, reached->blob);
	/* An index without one of its images is whole: that one counts as not pulled. */
	if (reached->lead == LEAD_PART)
		broken_add(fsck, reached->parent);
	return OK;
}

static void on_step(void *arg, const struct digest *key, const struct layer *layer)
{
	const struct store_blob *blob = blob_find(arg, &layer->blob.digest);
	struct fsck *fsck = arg;
	char hex[DIGEST_HEX_MAX];

	(void)key;
	fsck->steps++;
	fsck->steps_gone += !blob;
	if (blob && blob->damaged)
		strings_add(&fsck->layers, digest_hex(&layer->diff_id, hex));
}

static void garbage_check(struct fsck *fsck)
{
	for (size_t i = 0; i < fsck->blob_count; i++) {
		if (fsck->blobs[i].damaged)
			damage_add(fsck, &fsck->blobs[i].digest, "", "content has another digest");
	}
}

static result find(const struct ctx *ctx, struct fsck *fsck, struct error *err)
{
	if (store_blobs(fsck->store, &fsck->blobs, &fsck->blob_count, err) ||
	    store_verify(ctx, fsck->store, fsck->blobs, fsck->blob_count, err) ||
	    store_walk(fsck->store, on_reached, fsck, err) ||
	    cache_each(fsck->cache, on_step, fsck, err))
		return FAILED;
	garbage_check(fsck);
	return OK;
}

/* ---- repairing ---- */

/** Unpacked layers of images that had a damaged one: made again from what is pulled or built. */
static void layers_find(struct fsck *fsck)
{
	for (size_t i = 0; i < fsck->broken_count; i++) {
		owned(image) struct image *image = NULL;
		struct error ignored;
		bool damaged = false;

		if (fsck->broken[i].media != MEDIA_MANIFEST ||
		    image_read(fsck->store, &fsck->broken[i], &image, &ignored))
			continue;
		for (size_t j = 0; j < image->layer_count; j++) {
			const struct store_blob *blob =
				blob_find(fsck, &image->layers[j].blob.digest);

			damaged |= blob && blob->damaged;
		}
		if (damaged)
			layers_known(fsck->root, image, &fsck->layers);
	}
}

static result blobs_remove(struct fsck *fsck, struct error *err)
{
	for (size_t i = 0; i < fsck->broken_count; i++) {
		if (store_remove(fsck->store, &fsck->broken[i].digest, err))
			return FAILED;
	}
	for (size_t i = 0; i < fsck->blob_count; i++) {
		if (fsck->blobs[i].damaged &&
		    store_remove(fsck->store, &fsck->blobs[i].digest, err))
			return FAILED;
	}
	return OK;
}

static result names_remove(struct fsck *fsck, struct error *err)
{
	struct store_entry *entries = NULL;
	struct reference ref;
	size_t count = 0;
	result done = OK;

	if (store_list(fsck->store, &entries, &count, err))
		return FAILED;
	for (size_t i = 0; i < count && !done; i++) {
		if (!store_has(fsck->store, &entries[i].target.digest))
			done = reference_parse(entries[i].name, &ref, err)
				       ? FAILED
				       : store_untag(fsck->store, &ref, err);
	}
	free(entries);
	return done;
}

static result repair(struct fsck *fsck, struct error *err)
{
	layers_find(fsck);
	for (size_t i = 0; i < fsck->layers.count; i++) {
		if (workdir_discard(fsck->root, "layers", fsck->layers.items[i], err))
			return FAILED;
	}
	if (blobs_remove(fsck, err))
		return FAILED;
	return names_remove(fsck, err);
}

struct remaining {
	struct store *store;
	size_t count;
};

/** What others put into index.json without a name stays there, and may lead to nothing. */
static result on_remaining(void *arg, const struct reached *reached, bool *enter, struct error *err)
{
	struct remaining *remaining = arg;

	(void)err;
	*enter = false;
	if (!store_has(remaining->store, &reached->blob->digest))
		remaining->count++;
	return OK;
}

/* ---- telling ---- */

static const char *remedy(const struct damage *damage, bool repaired)
{
	if (repaired)
		return damage->names.count ? "removed: pull or build it again" : "removed";
	return damage->names.count ? "run 'mpemu fsck --repair', then pull or build it again"
				   : "run 'mpemu fsck --repair'";
}

static void names_text(const struct damage *damage, struct buf *out)
{
	for (size_t i = 0; i < damage->names.count; i++)
		buf_printf(out, "%s%s", i ? ", " : "", damage->names.items[i]);
	if (!damage->names.count)
		buf_add_str(out, "no name");
}

static void damages_text(const struct fsck *fsck, bool repaired, struct buf *out)
{
	for (size_t i = 0; i < fsck->damage_count; i++) {
		const struct damage *damage = &fsck->damages[i];
		char digest[DIGEST_TEXT_MAX];

		buf_printf(out, "blob %s: %s; used by ", digest_text(&damage->digest, digest),
			   damage->problem);
		names_text(damage, out);
		buf_printf(out, "; %s\n", remedy(damage, repaired));
	}
}

static void damages_json(const struct fsck *fsck, bool repaired, struct buf *out)
{
	owned(json) json_t *list = json_array();
	owned(str) char *text = NULL;

	for (size_t i = 0; i < fsck->damage_count; i++) {
		const struct damage *damage = &fsck->damages[i];
		json_t *names = json_array();
		char digest[DIGEST_TEXT_MAX];

		for (size_t j = 0; j < damage->names.count; j++)
			json_array_append_new(names, json_string(damage->names.items[j]));
		json_array_append_new(list,
				      json_pack("{s:s, s:s, s:o, s:b, s:s}", "digest",
						digest_text(&damage->digest, digest), "problem",
						damage->problem, "names", names, "repaired",
						repaired, "remedy", remedy(damage, repaired)));
	}
	text = json_text(list, true);
	buf_printf(out, "%s\n", text);
}

static void summary_tell(const struct ctx *ctx, const struct fsck *fsck, bool repaired)
{
	uint64_t bytes = 0;
	char size[SIZE_TEXT_MAX];

	for (size_t i = 0; i < fsck->blob_count; i++)
		bytes += fsck->blobs[i].size;
	progress_note(ctx,
		      "%zu blobs (%s), %zu cached steps (%zu of them without their layer): "
		      "%zu damaged%s",
		      fsck->blob_count, size_text(bytes, size), fsck->steps, fsck->steps_gone,
		      fsck->damage_count, repaired ? ", repaired" : "");
}

/** Documents of the store that make no sense are damage here, not bad input. */
static result as_damage(struct error *err)
{
	if (err->fault == FAULT_INPUT)
		err->fault = FAULT_INTEGRITY;
	return FAILED;
}

/** Without names nothing is found damaged: what they are read from comes first. */
static result names_check(const struct ctx *ctx, struct fsck *fsck, bool repairs, struct error *err)
{
	struct store_entry *entries = NULL;
	struct error why = {};
	size_t count;

	if (!store_list(fsck->store, &entries, &count, &why)) {
		free(entries);
		return OK;
	}
	if (why.fault != FAULT_INPUT && why.fault != FAULT_INTEGRITY) {
		*err = why;
		return FAILED;
	}
	if (!repairs)
		return fail(err, FAULT_INTEGRITY,
			    "%s; 'mpemu fsck --repair' keeps it as index.json.bad and begins a new "
			    "one without any names",
			    why.text);
	progress_warn(ctx, "%s; it is kept as index.json.bad: pull or build images again",
		      why.text);
	return store_forget_names(fsck->store, err);
}

static result fsck_run(struct invocation *in, struct error *err)
{
	const struct fsck_options *wanted = in->options;
	owned(fsck) struct fsck fsck = { .root = in->globals->root };
	owned(buf) struct buf out = {};
	bool repaired = false;

	if (store_open(in->ctx, fsck.root, &fsck.store, err))
		return as_damage(err);
	if ((wanted->repair && store_lock(fsck.store, err)) ||
	    names_check(in->ctx, &fsck, wanted->repair, err) ||
	    cache_open(in->ctx, fsck.root, &fsck.cache, err))
		return FAILED;
	if (find(in->ctx, &fsck, err))
		return as_damage(err);
	if (wanted->repair && fsck.damage_count) {
		struct remaining remaining = { .store = fsck.store };

		if (repair(&fsck, err) || store_walk(fsck.store, on_remaining, &remaining, err))
			return FAILED;
		repaired = remaining.count == 0;
	}
	if (wanted->json)
		damages_json(&fsck, repaired, &out);
	else
		damages_text(&fsck, repaired, &out);
	summary_tell(in->ctx, &fsck, repaired);
	in->status = fsck.damage_count && !repaired ? STATUS_DAMAGED : 0;
	return stdout_write(&out, err);
}

const struct command command_fsck = {
	.name = "fsck",
	.arguments = "[OPTIONS]",
	.summary = "Check that everything in the store is there and intact",
	.example = "mpemu fsck --repair",
	.text = "Each damage is one line: what, which names use it, what to do.  Exit status 8 "
		"where "
		"damage\nwas found, unless --repair took all of it away: it removes damaged blobs, "
		"the images that\nneed what is damaged or missing, and names that then lead to "
		"nothing.  An index.json\nthat cannot be read is kept as index.json.bad and begun "
		"anew.",
	.options = options,
	.option_count = countof(options),
	.options_size = sizeof(struct fsck_options),
	.needs_ids = true,
	.run = fsck_run,
};

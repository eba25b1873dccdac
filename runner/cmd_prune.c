/* SPDX-License-Identifier: Apache-2.0 */
/**
 * `mpemu prune`: remove what no name leads to and no cached step needs.
 *
 * First all that is needed is marked, then the rest goes: cached steps, directories, blobs.  Where
 * that is interrupted, less has gone, and nothing that is left leads to what is not.
 */
#include "runner/cache.h"
#include "runner/command.h"
#include "runner/layers.h"
#include "runner/table.h"
#include "runner/workdir.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/progress.h"

#include <dirent.h>
#include <errno.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct prune_options {
	bool all, volumes, json, dry_run;
};

static const struct option options[] = {
	{ "all", 0, OPTION_FLAG, offsetof(struct prune_options, all), NULL,
	  "the build cache and cache mounts, too" },
	{ "volumes", 0, OPTION_FLAG, offsetof(struct prune_options, volumes), NULL,
	  "volumes of run, too" },
	{ "dry-run", 0, OPTION_FLAG, offsetof(struct prune_options, dry_run), NULL,
	  "only tell what would be removed" },
	{ "json", 0, OPTION_FLAG, offsetof(struct prune_options, json), NULL, "one JSON object" },
};

/** What there is to count. */
enum kind { BLOBS, LAYERS, STEPS, MOUNTS, VOLUMES, LEFTOVERS, KIND_COUNT };

static const struct {
	const char *one, *many, *key;
} kinds[KIND_COUNT] = {
	[BLOBS] = { "blob", "blobs", "blobs" },
	[LAYERS] = { "layer", "layers", "layers" },
	[STEPS] = { "cached step", "cached steps", "steps" },
	[MOUNTS] = { "cache mount", "cache mounts", "mounts" },
	[VOLUMES] = { "volume", "volumes", "volumes" },
	[LEFTOVERS] = { "leftover", "leftovers", "leftovers" },
};

struct prune {
	const struct prune_options *wanted;
	const char *root;
	struct store *store;
	struct cache *cache;
	struct store_blob *blobs;
	bool *needed; /* of each blob */
	size_t blob_count;
	struct strings keep;  /* directories in ROOT/layers; sorted once all are known */
	struct digest *stale; /* keys of cached steps that go */
	size_t stale_count;
	size_t counts[KIND_COUNT];
	uint64_t freed;
};

static void prune_drop(struct prune *prune)
{
	strings_drop(&prune->keep);
	free(prune->stale);
	free(prune->needed);
	free(prune->blobs);
	cache_drop(&prune->cache);
	store_drop(&prune->store);
}

/* ---- what is needed ---- */

static bool mark_blob(struct prune *prune, const struct digest *digest)
{
	for (size_t low = 0, high = prune->blob_count; low < high;) {
		size_t at = low + (high - low) / 2;
		int order = memcmp(digest, &prune->blobs[at].digest, sizeof(*digest));

		if (order == 0) {
			prune->needed[at] = true;
			return true;
		}
		if (order < 0)
			high = at;
		else
			low = at + 1;
	}
	return false;
}

/** What cannot be read may need anything. */
static result on_reached(void *arg, const struct reached *reached, bool *enter, struct error *err)
{
	struct prune *prune = arg;
	owned(image) struct image *image = NULL;
	struct error not_an_image;

	(void)enter;
	if (reached->why) {
		*err = *reached->why;
		return fail_in(err, "%s: run 'mpemu fsck --repair' first", reached->name);
	}
	if (mark_blob(prune, &reached->blob->digest) && reached->blob->media == MEDIA_MANIFEST &&
	    !image_read(prune->store, reached->blob, &image, &not_an_image))
		layers_known(prune->root, image, &prune->keep);
	return OK;
}

/** A step whose layer is gone is as good as one that never ran. */
static void on_step(void *arg, const struct digest *key, const struct layer *layer)
{
	struct prune *prune = arg;
	char hex[DIGEST_HEX_MAX];

	if (!prune->wanted->all && mark_blob(prune, &layer->blob.digest)) {
		strings_add(&prune->keep, digest_hex(&layer->diff_id, hex));
		return;
	}
	array_grow(prune->stale, prune->stale_count);
	prune->stale[prune->stale_count++] = *key;
}

static result mark(struct prune *prune, struct error *err)
{
	if (store_blobs(prune->store, &prune->blobs, &prune->blob_count, err))
		return FAILED;
	prune->needed = xcalloc(prune->blob_count + 1, sizeof(*prune->needed));
	if (store_walk(prune->store, on_reached, prune, err) ||
	    (prune->cache && cache_each(prune->cache, on_step, prune, err)))
		return FAILED;
	strings_sort(&prune->keep);
	return OK;
}

/* ---- what goes ---- */

/** What a tree takes on the disk; what cannot be looked at counts nothing. */
static uint64_t tree_size(const char *path)
{
	char *const paths[] = { (char *)path, NULL };
	FTS *walk = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
	uint64_t blocks = 0;
	FTSENT *entry;

	while (walk && (entry = fts_read(walk))) {
		const struct stat *status = entry->fts_statp;

		if (entry->fts_info == FTS_DP || entry->fts_info == FTS_NS)
			continue;
		/* Of a file with several names, each counts its share. */
		blocks += (uint64_t)status->st_blocks /
			  (status->st_nlink && entry->fts_info != FTS_D ? status->st_nlink : 1);
	}
	if (walk)
		fts_close(walk);
	return blocks * 512;
}

/** Names in ROOT/PLACE, all read before the first one goes. */
static void names_in(const char *root, const char *place, struct strings *out)
{
	owned(str) char *path = xasprintf("%s/%s", root, place);
	DIR *dir = opendir(path);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			strings_add(out, entry->d_name);
	}
	if (dir)
		closedir(dir);
}

static result trees_remove(const struct ctx *ctx, struct prune *prune, const char *place,
			   enum kind kind, struct error *err)
{
	owned(strings) struct strings names = {};

	names_in(prune->root, place, &names);
	for (size_t i = 0; i < names.count; i++) {
		owned(str) char *path = xasprintf("%s/%s/%s", prune->root, place, names.items[i]);
		uint64_t size;

		if (kind == LAYERS && strings_have_sorted(&prune->keep, names.items[i]))
			continue;
		if (cancel_check(ctx, err))
			return FAILED;
		size = tree_size(path);
		if (!prune->wanted->dry_run &&
		    workdir_discard(prune->root, place, names.items[i], err))
			return FAILED;
		prune->freed += size;
		prune->counts[kind]++;
	}
	return OK;
}

static result blobs_remove(const struct ctx *ctx, struct prune *prune, struct error *err)
{
	for (size_t i = 0; i < prune->blob_count; i++) {
		if (prune->needed[i])
			continue;
		if (cancel_check(ctx, err) ||
		    (!prune->wanted->dry_run &&
		     store_remove(prune->store, &prune->blobs[i].digest, err)))
			return FAILED;
		prune->freed += prune->blobs[i].size;
		prune->counts[BLOBS]++;
	}
	return OK;
}

static result steps_remove(struct prune *prune, struct error *err)
{
	prune->counts[STEPS] = prune->stale_count;
	if (prune->wanted->dry_run)
		return OK;
	if (prune->wanted->all)
		return cache_clear(prune->cache, err);
	for (size_t i = 0; i < prune->stale_count; i++) {
		if (cache_forget(prune->cache, &prune->stale[i], err))
			return FAILED;
	}
	return cache_notes_expire(prune->cache, err);
}

/**
 * On a full disk steps are forgotten last: that takes some room, and nobody minds a step whose
 * layer is gone.
 */
static result sweep(const struct ctx *ctx, struct prune *prune, struct error *err)
{
	struct error full = {};
	bool again = prune->cache && steps_remove(prune, &full);

	if (trees_remove(ctx, prune, "work", LEFTOVERS, err) ||
	    (prune->wanted->all && trees_remove(ctx, prune, "spare", LEFTOVERS, err)) ||
	    trees_remove(ctx, prune, "layers", LAYERS, err))
		return FAILED;
	if (prune->wanted->all && (trees_remove(ctx, prune, "mounts", MOUNTS, err) ||
				   trees_remove(ctx, prune, "recall", LEFTOVERS, err) ||
				   trees_remove(ctx, prune, "twins", LEFTOVERS, err) ||
				   trees_remove(ctx, prune, "emulators", LEFTOVERS, err)))
		return FAILED;
	if (prune->wanted->volumes && trees_remove(ctx, prune, "volumes", VOLUMES, err))
		return FAILED;
	if (store_sweep(prune->store, prune->wanted->dry_run, &prune->counts[LEFTOVERS], err))
		return FAILED;
	if (blobs_remove(ctx, prune, err))
		return FAILED;
	return again ? steps_remove(prune, err) : OK;
}

/**
 * A full disk must not keep anybody from making room on it: what was left behind goes first, and
 * where that is not enough to open the cache, all that only the cache needs.
 */
static result cache_open_full(const struct ctx *ctx, struct prune *prune, struct error *err)
{
	struct error why = {};

	if (!cache_open(ctx, prune->root, &prune->cache, &why))
		return OK;
	if (!prune->wanted->dry_run && trees_remove(ctx, prune, "work", LEFTOVERS, err))
		return FAILED;
	if (cache_open(ctx, prune->root, &prune->cache, &why))
		progress_warn(ctx, "%s; what only cached steps need goes, too", why.text);
	return OK;
}

/* ---- telling ---- */

static void counts_text(const struct prune *prune, struct buf *out)
{
	char size[SIZE_TEXT_MAX];

	buf_printf(out, "%s %s: ", prune->wanted->dry_run ? "would free" : "freed",
		   size_text(prune->freed, size));
	for (enum kind kind = 0; kind < KIND_COUNT; kind++) {
		size_t count = prune->counts[kind];

		if (count || kind <= LAYERS)
			buf_printf(out, "%s%zu %s", kind ? ", " : "", count,
				   count == 1 ? kinds[kind].one : kinds[kind].many);
	}
	buf_add_char(out, '\n');
}

static void counts_json(const struct prune *prune, struct buf *out)
{
	owned(json) json_t *json = json_pack("{s:b, s:I}", "dryRun", prune->wanted->dry_run,
					     "freed", (json_int_t)prune->freed);
	owned(str) char *text = NULL;

	for (enum kind kind = 0; kind < KIND_COUNT; kind++)
		json_object_set_new(json, kinds[kind].key,
				    json_integer((json_int_t)prune->counts[kind]));
	text = json_text(json, true);
	buf_printf(out, "%s\n", text);
}

static result prune_run(struct invocation *in, struct error *err)
{
	owned(prune) struct prune prune = { .wanted = in->options, .root = in->globals->root };
	owned(buf) struct buf out = {};

	if (store_open(in->ctx, prune.root, &prune.store, err) ||
	    (!prune.wanted->dry_run && store_lock(prune.store, err)) ||
	    cache_open_full(in->ctx, &prune, err) || mark(&prune, err) ||
	    sweep(in->ctx, &prune, err))
		return FAILED;
	if (prune.wanted->json)
		counts_json(&prune, &out);
	else
		counts_text(&prune, &out);
	return stdout_write(&out, err);
}

const struct command command_prune = {
	.name = "prune",
	.arguments = "[OPTIONS]",
	.summary = "Remove what no name leads to and no cached step needs",
	.example = "mpemu prune --all --dry-run",
	.text = "That is blobs, unpacked layers, and what processes that were killed left behind.\n"
		"Nothing is removed while another mpemu uses the store; one that starts meanwhile "
		"waits.",
	.options = options,
	.option_count = countof(options),
	.options_size = sizeof(struct prune_options),
	.needs_ids = true,
	.run = prune_run,
};

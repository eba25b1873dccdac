/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/cache_export.h"

#include "base/mem.h"
#include "base/progress.h"
#include "runner/cache_depot.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	ROUNDS_MAX = 50,    /* of putting, until nobody was faster */
	DAY = 24 * 60 * 60, /* how exactly it is kept when a step was used */
	WAIT_MS = 50,       /* at least, before it is looked at again */
	WAIT_MS_MAX = 5000,
};

/* ---- what is told ---- */

/** What the step itself made; nothing where it made nothing. */
static void step_add(const struct build *build, const struct step *step, struct catalog *out)
{
	const struct snapshot *made = step->result;
	struct catalog_step *added;

	if (!made || digest_is_zero(&made->key))
		return;
	added = catalog_add(out, &made->key, &made->layers[made->layer_count - 1], made->time,
			    build->time - build->time % DAY, step->name);
	if (!digest_is_zero(&made->asked))
		added->asked = made->asked;
}

static void image_add(const struct build *build, const struct step *final, struct catalog *out)
{
	for (const struct step *step = final; step; step = step->previous)
		step_add(build, step, out);
}

static void build_catalog(const struct build *build, bool all_steps, struct catalog *out)
{
	const struct plan *plan = build->plan;

	for (size_t i = 0; all_steps && i < plan->step_count; i++)
		step_add(build, plan->steps[i], out);
	for (size_t i = 0; !all_steps && i < plan->final_count; i++) {
		if (plan->finals[i]->result)
			image_add(build, plan->finals[i], out);
	}
}

void catalog_of_image(const struct build *build, const struct step *final, struct catalog *out)
{
	image_add(build, final, out);
	/* The numbers mean the image's layers, those of its base too. */
	for (const struct step *step = final; step; step = step->previous) {
		struct catalog_step *told;

		if (!step->result || digest_is_zero(&step->result->key))
			continue;
		told = (struct catalog_step *)catalog_find(out, &step->result->key);
		told->layer = step->result->layer_count - 1;
	}
}

/* ---- putting it there ---- */

/** One export. */
struct export
{
	const struct ctx *ctx;
	const struct build *build;
	const struct cache_place *place;
	struct depot *depot;
	char *tag;
	struct catalog ours;
};

static void export_drop(struct export *export)
{
	depot_drop(&export->depot);
	free(export->tag);
	catalog_drop(&export->ours);
}

static result layers_put(struct export *export, struct error *err)
{
	const struct catalog *ours = &export->ours;
	struct descriptor *blobs = xcalloc(ours->layer_count + 1, sizeof(*blobs));
	result status;

	for (size_t i = 0; i < ours->layer_count; i++)
		blobs[i] = ours->layers[i].blob;
	status = depot_put_blobs(export->ctx, export->depot, export->build->store, blobs,
				 ours->layer_count, err);
	free(blobs);
	return status;
}

/**
 * What is there now, and its digest: all zero where there is nothing.  That is no fault, nor is
 * another program's cache, which is replaced.
 */
static result theirs_load(struct export *export, struct catalog *out, struct digest *top,
			  struct error *err)
{
	enum catalog_kind kind = CATALOG_OURS;
	struct error why = {};

	*top = (struct digest){};
	if (cache_depot_load(export->ctx, export->depot, export->tag, NULL, 0, out, &kind, top,
			     &why)) {
		if (why.fault == FAULT_MISSING)
			return OK;
		/* What cannot be read as a cache is replaced by one that can. */
		if (why.fault != FAULT_INPUT && why.fault != FAULT_INTEGRITY) {
			*err = why;
			return FAILED;
		}
		progress_warn(export->ctx, "the cache at %s is replaced: %s",
			      cache_place_text(export->place), why.text);
		return OK;
	}
	if (kind == CATALOG_IMAGE || kind == CATALOG_INDEX)
		return fail(err, FAULT_INPUT,
			    "%s is there, which a cache must not replace: give it another name",
			    catalog_kind_text(kind));
	return OK;
}

/** What the tag means now: all zero where there is nothing. */
static result tag_read(struct export *export, struct digest *out, struct error *err)
{
	owned(buf) struct buf body = {};
	struct descriptor found = {};
	struct error why = {};

	if (depot_manifest(export->ctx, export->depot, export->tag, &body, &found, &why) &&
	    why.fault != FAULT_MISSING) {
		*err = why;
		return FAILED;
	}
	*out = found.digest;
	return OK;
}

/** With `expected`, only where the tag still means that; `*put` tells. */
static result catalog_put(struct export *export, const struct catalog *catalog,
			  const struct digest *expected, bool *put, struct error *err)
{
	owned(buf) struct buf config = {}, manifest = {};
	struct descriptor blob;
	struct digest now;

	*put = false;
	catalog_config(catalog, &config);
	catalog_manifest(catalog, &config, &manifest);
	/* Kept in the store only on its way: no name leads to it. */
	if (store_put(export->build->store, MEDIA_UNKNOWN, buf_text(&config), config.length, &blob,
		      err) ||
	    depot_put_blobs(export->ctx, export->depot, export->build->store, &blob, 1, err) ||
	    (expected && tag_read(export, &now, err)))
		return FAILED;
	if (expected && !digest_equal(&now, expected))
		return OK;
	*put = true;
	return depot_put_manifest(export->ctx, export->depot, export->tag, &manifest, err);
}

static bool has_all(const struct catalog *catalog, const struct catalog *ours)
{
	for (size_t i = 0; i < ours->step_count; i++) {
		const struct catalog_step *step = catalog_find(catalog, &ours->steps[i].key);

		if (!step || step->used < ours->steps[i].used || step->made < ours->steps[i].made)
			return false;
	}
	return true;
}

enum round {
	ROUND_PUT,
	ROUND_OUTRUN, /* somebody put between our reading and our putting: nothing was put */
	ROUND_DONE,   /* all of ours was there before */
};

/** Read, merge, put. */
static result round_run(struct export *export, bool merges, bool is_shared, enum round *out,
			struct error *err)
{
	owned(catalog) struct catalog theirs = {};
	struct digest before = {};
	size_t dropped;
	bool put;

	is_shared = is_shared && merges;
	if (merges && theirs_load(export, &theirs, &before, err))
		return FAILED;
	*out = ROUND_DONE;
	if (merges && theirs.step_count && has_all(&theirs, &export->ours))
		return OK;
	catalog_merge(&theirs, &export->ours);
	dropped = catalog_trim(&theirs, CATALOG_LAYERS_MAX, CATALOG_STEPS_MAX);
	if (dropped)
		progress_note(export->ctx,
			      "cache at %s: the %zu steps that were longest unused "
			      "had to go",
			      cache_place_text(export->place), dropped);
	if (catalog_put(export, &theirs, is_shared ? &before : NULL, &put, err))
		return FAILED;
	*out = put ? ROUND_PUT : ROUND_OUTRUN;
	return OK;
}

static double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/** Longer than a round took, as who read before us may only put after us; and not all as long. */
static void round_wait(const struct export *export, double took)
{
	struct pollfd poll_fd = { .fd = cancel_fd(export->ctx->cancel), .events = POLLIN };
	double wait = WAIT_MS + 2000 * took + (double)(getpid() % WAIT_MS);

	(void)poll(&poll_fd, 1, wait > WAIT_MS_MAX ? WAIT_MS_MAX : (int)wait);
}

/**
 * A registry has no lock: two that read, merge and put at the same time may each undo the other.
 * So the tag is looked at again right before it is put, and what was put after a while, and put
 * again where something is missing.
 */
static result put_shared(struct export *export, struct error *err)
{
	const bool merges = !export->place->replaces;
	enum round round = ROUND_PUT;

	for (int i = 0; i < ROUNDS_MAX && round != ROUND_DONE; i++) {
		double start = seconds_now();

		if (cancel_check(export->ctx, err) || round_run(export, merges, true, &round, err))
			return FAILED;
		if (!merges)
			return OK;
		if (round == ROUND_PUT)
			round_wait(export, seconds_now() - start);
	}
	if (round != ROUND_DONE)
		return fail(err, FAULT_NETWORK,
			    "others change it all the time: their steps may have undone ours");
	return OK;
}

static result put_alone(struct export *export, struct error *err)
{
	enum round round;
	result status = round_run(export, !export->place->replaces, false, &round, err);

	depot_unlock(export->depot);
	return status;
}

static result export_run(struct export *export, struct error *err)
{
	bool alone;

	if (cache_depot_open(export->ctx, export->place, &export->build->request->transport, true,
			     &export->depot, &export->tag, err) ||
	    layers_put(export, err) || depot_lock(export->ctx, export->depot, &alone, err))
		return FAILED;
	return alone ? put_alone(export, err) : put_shared(export, err);
}

static result export_one(const struct build *build, const struct cache_place *place,
			 struct error *err)
{
	__attribute__((cleanup(export_drop))) struct export export = {
		.ctx = build->ctx,
		.build = build,
		.place = place,
	};

	build_catalog(build, place->all_steps, &export.ours);
	(void)catalog_trim(&export.ours, CATALOG_LAYERS_MAX, CATALOG_STEPS_MAX);
	if (export_run(&export, err))
		return fail_in(err, "cache to %s", cache_place_text(place));
	progress_note(build->ctx, "cache to %s: %zu step%s", cache_place_text(place),
		      export.ours.step_count, export.ours.step_count == 1 ? "" : "s");
	return OK;
}

result caches_export(const struct build *build, struct error *err)
{
	const struct cache_places *places = &build->request->cache_to;

	for (size_t i = 0; i < places->count; i++) {
		struct error why = {};

		if (places->items[i].kind == CACHE_INLINE ||
		    !export_one(build, &places->items[i], &why))
			continue;
		if (!places->items[i].ignore_error || cancel_fired(build->ctx->cancel)) {
			*err = why;
			return FAILED;
		}
		progress_warn(build->ctx, "%s", why.text);
	}
	return OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/live_roots.h"

#include "base/fd.h"
#include "base/mem.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	ARCHIVES_MAX = 6,             /* lists that are obtained */
	SETTLE_NS = 30 * 1000 * 1000, /* more than a tick of any kernel's clock */
};

/* ---- native roots ---- */

static struct toolchain_request toolchain_wanted(const struct live_roots *roots,
						 const struct twin_recipe *recipe)
{
	return (struct toolchain_request){
		.ctx = roots->ctx,
		.root = roots->request->root,
		.privilege = roots->request->privilege,
		.recipe = recipe,
		.lowers = roots->request->toolchain_base,
	};
}

/** The layer's path; made, if it is not there, while only those wait whom it is made for. */
static result layer_obtain(struct live_roots *roots, const struct twin_recipe *recipe,
			   const struct strings *packages, struct buf *path, struct error *err)
{
	const struct toolchain_request wanted = toolchain_wanted(roots, recipe);
	result status;

	live_line_making(roots->line, packages);
	status = toolchain_obtain(roots->request->toolchains, &wanted, path, err);
	live_line_making(roots->line, NULL);
	return status;
}

static result source_add(struct live_roots *roots, struct twin_recipe *recipe, struct error *err)
{
	owned(buf) struct buf path = {};
	struct live_source *source;

	if (layer_obtain(roots, recipe, &recipe->packages, &path, err))
		return FAILED;
	source = &roots->sources[roots->source_count++];
	strings_add(&source->lowers, buf_text(&path));
	strings_add_all(&source->lowers, roots->request->toolchain_base->items);
	strings_add_all(&source->packages, recipe->packages.items);
	return OK;
}

static bool was_tried(const struct live_roots *roots, const struct digest *key)
{
	for (size_t i = 0; i < roots->tried_count; i++) {
		if (digest_equal(&roots->tried[i], key))
			return true;
	}
	return false;
}

/**
 * One more root, if it is there or the name is what it would be made for.  That it cannot be had is
 * told where it is tried.
 */
static void recipe_follow(struct live_roots *roots, struct twin_recipe *recipe, const char *name)
{
	const struct toolchain_request wanted = toolchain_wanted(roots, recipe);
	struct error ignored;

	if (was_tried(roots, &recipe->key) || roots->tried_count == LIVE_RECIPES_MAX ||
	    roots->views->first_count + roots->source_count == TWIN_ROOTS_MAX)
		return;
	if (!toolchain_is_known(roots->request->toolchains, &wanted) &&
	    !twin_packages_serve(&recipe->packages, name)) {
		strings_add_all(&roots->pending, recipe->packages.items);
		return;
	}
	roots->tried[roots->tried_count++] = recipe->key;
	(void)source_add(roots, recipe, &ignored);
}

/** What one search has open. */
struct search {
	struct twin_live guard;
	struct twin_source sources[TWIN_ROOTS_MAX];
	size_t source_count; /* of them, the step's own follow those that it began with */
	size_t own;
};

static void search_close(struct search *search)
{
	for (size_t i = search->own; i < search->source_count; i++)
		fd_drop(&search->sources[i].native);
	fd_drop(&search->guard.archive);
}

static struct twin_request twins_wanted(const struct live_roots *roots, const struct search *search)
{
	struct twin_request want = assist_twins_wanted(roots->request, roots->trip);

	want.foreign = roots->views->view;
	want.live = &search->guard;
	want.sources = search->sources;
	want.source_count = search->source_count;
	return want;
}

static result own_open(struct live_roots *roots, struct search *search, struct error *err)
{
	for (size_t i = search->source_count - search->own; i < roots->source_count; i++) {
		struct strings *lowers = &roots->sources[i].lowers;
		struct twin_source *to = &search->sources[search->source_count];

		*to = (struct twin_source){ TWIN_TOOLCHAIN, -1, lowers, roots->views->before,
					    NULL };
		if (live_view_open(lowers, &to->native, err))
			return FAILED;
		search->source_count++;
	}
	return OK;
}

static result sources_find(struct live_roots *roots, struct search *search, const char *name,
			   struct error *err)
{
	owned(twin_recipes) struct twin_recipes *recipes = NULL;
	struct twin_request want;

	for (size_t i = 0; i < roots->views->first_count; i++)
		search->sources[search->source_count++] =
			(struct twin_source){ roots->views->origins[i], roots->views->natives[i],
					      &roots->views->first[i], roots->views->before, NULL };
	search->own = search->source_count;
	if (own_open(roots, search, err))
		return FAILED;
	want = twins_wanted(roots, search);
	if (twin_recipes_find(roots->ctx, &want, &recipes, err))
		return FAILED;
	strings_drop(&roots->pending);
	for (size_t i = 0; i < recipes->count; i++)
		recipe_follow(roots, &recipes->items[i], name);
	return cancel_check(roots->ctx, err) || own_open(roots, search, err) ? FAILED : OK;
}

/* ---- what is genuine ---- */

static result natives_read(const struct search *search, struct packages **out, struct error *err)
{
	for (size_t i = search->own; i < search->source_count; i++) {
		if (packages_open(search->sources[i].native, &out[i - search->own], err))
			return FAILED;
	}
	return OK;
}

static result archive_recipe(const struct live_roots *roots, const struct search *search,
			     struct twin_recipes **out, struct error *err)
{
	struct packages *natives[TWIN_ROOTS_MAX] = {};
	owned(strings) struct strings wanted = {};
	result status = natives_read(search, natives, err);

	if (!status) {
		live_packages_archived(roots->packages, assist_tool_mode(roots->request), natives,
				       search->source_count - search->own, &wanted);
		twin_archive_recipe(roots->request->platform, &wanted, out);
	}
	for (size_t i = 0; i < countof(natives); i++)
		packages_drop(&natives[i]);
	return status;
}

/** Open what the archive says; it is asked for the sake of a program that has a native root. */
static result archive_find(struct live_roots *roots, struct search *search, const char *name,
			   struct error *err)
{
	owned(twin_recipes) struct twin_recipes *recipes = NULL;
	owned(buf) struct buf path = {};
	owned(strings) struct strings serves = {};
	struct toolchain_request wanted;

	if (archive_recipe(roots, search, &recipes, err))
		return FAILED;
	if (!recipes->count)
		return OK;
	wanted = toolchain_wanted(roots, recipes->items);
	for (size_t i = 0; i < roots->source_count; i++)
		strings_add_all(&serves, roots->sources[i].packages.items);
	if (!toolchain_is_known(roots->request->toolchains, &wanted) &&
	    !twin_packages_serve(&serves, name)) {
		strings_add_all(&roots->pending, serves.items);
		return OK;
	}
	if (roots->archive_count == ARCHIVES_MAX)
		return fail(err, FAULT_INPUT, "it installs something else all the time");
	roots->archive_count++;
	if (layer_obtain(roots, recipes->items, &serves, &path, err))
		return FAILED;
	buf_add_str(&path, "/" ARCHIVE_ROOT);
	search->guard.archive = open(buf_text(&path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return search->guard.archive < 0 ? (result)fail_sys(err, "open %s", buf_text(&path)) : OK;
}

/* ---- twins ---- */

/** Have the roots seen: a directory of copies that has grown covers the one before. */
static result roots_mount(struct live_roots *roots, const struct assist_set *set, struct error *err)
{
	for (size_t i = 0; i < set->root_count; i++) {
		const struct strings *root = &set->roots[i];
		struct live_source *source = &roots->sources[i];

		if (source->mounted && strcmp(source->mounted, root->items[0]) == 0)
			continue;
		if (door_mount(roots->door, (const char *const *)root->items, root->count,
			       roots->views->first_count + i, err))
			return FAILED;
		free(source->mounted);
		source->mounted = xstrdup(root->items[0]);
	}
	return OK;
}

static result twins_search(struct live_roots *roots, struct search *search, const char *name,
			   struct assist_set **out, struct error *err)
{
	owned(twin_set) struct twin_set *found = NULL;
	struct twin_request want;

	if (sources_find(roots, search, name, err))
		return FAILED;
	if (!roots->source_count)
		return OK;
	if (archive_find(roots, search, name, err))
		return FAILED;
	if (search->guard.archive < 0)
		return OK;
	want = twins_wanted(roots, search);
	want.sources += search->own;
	want.source_count -= search->own;
	want.first_root = search->own;
	return twins_find(roots->ctx, &want, &found, err) ||
			       assist_set_make(found, roots->views->view, out, err) ||
			       roots_mount(roots, *out, err)
		       ? FAILED
		       : OK;
}

/** What was written before now will have another change time when it is written to again. */
static struct timespec times_settle(void)
{
	const struct timespec pause = { .tv_nsec = SETTLE_NS };
	struct timespec now;

	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	nanosleep(&pause, NULL);
	return now;
}

result live_roots_search(struct live_roots *roots, struct timespec since, const char *name,
			 struct assist_set **out, struct error *err)
{
	struct search search = {
		.guard = { roots->views->upper, -1, since, times_settle() },
	};
	owned(assist_set) struct assist_set *set = NULL;
	result status = twins_search(roots, &search, name, &set, err);

	search_close(&search);
	if (!status)
		*out = take(set);
	return status;
}

bool live_roots_serve(const struct live_roots *roots, const char *name)
{
	for (size_t i = 0; i < roots->source_count; i++) {
		if (twin_packages_serve(&roots->sources[i].packages, name))
			return true;
	}
	return false;
}

void live_roots_drop(struct live_roots *roots)
{
	for (size_t i = 0; i < roots->source_count; i++) {
		strings_drop(&roots->sources[i].lowers);
		strings_drop(&roots->sources[i].packages);
		free(roots->sources[i].mounted);
	}
	strings_drop(&roots->pending);
}

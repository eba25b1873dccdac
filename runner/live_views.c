/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/live_views.h"

#include "base/fd.h"
#include "base/mem.h"
#include "runner/twin_files.h"

#include <stdlib.h>

static result view_open(char *const *lowers, size_t count, int *out, struct error *err)
{
	return overlay_open((const char *const *)lowers, count, NULL, NULL, out, err);
}

result live_view_open(const struct strings *lowers, int *out, struct error *err)
{
	return view_open(lowers->items, lowers->count, out, err);
}

void live_views_init(struct live_views *views, const struct assist_request *request,
		     const struct assist_set *first)
{
	strings_add_all(&views->lowers, request->lowers->items);
	/* Those that were made are behind the request's. */
	for (; views->first_count < first->root_count; views->first_count++) {
		const size_t i = views->first_count;

		strings_add_all(&views->first[i], first->roots[i].items);
		views->origins[i] =
			i < request->source_count ? request->sources[i].origin : TWIN_TOOLCHAIN;
	}
	views->upper_path = xstrdup(request->upper);
	views->view = views->upper = views->before = -1;
	for (size_t i = 0; i < TWIN_ROOTS_MAX; i++)
		views->natives[i] = -1;
}

void live_views_drop(struct live_views *views)
{
	live_views_close(views);
	for (size_t i = 0; i < views->first_count; i++)
		strings_drop(&views->first[i]);
	strings_drop(&views->lowers);
	free(views->upper_path);
	views->upper_path = NULL;
}

result live_views_open(struct live_views *views, struct door *door, struct error *err)
{
	if (views->view >= 0)
		return OK;
	views->upper = twin_upper_open(views->upper_path);
	if (views->upper < 0)
		return fail(err, FAULT_SYSTEM, "%s is on no disk", views->upper_path);
	if (live_view_open(&views->lowers, &views->before, err))
		return FAILED;
	/* The first directory of each has copies, of what is below it. */
	for (size_t i = 0; i < views->first_count; i++) {
		if (view_open(views->first[i].items + 1, views->first[i].count - 1,
			      &views->natives[i], err))
			return FAILED;
	}
	return door_root(door, &views->view, err);
}

void live_views_close(struct live_views *views)
{
	fd_drop(&views->view);
	fd_drop(&views->upper);
	fd_drop(&views->before);
	for (size_t i = 0; i < views->first_count; i++)
		fd_drop(&views->natives[i]);
}

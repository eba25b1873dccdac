/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What twins of a running step's programs are looked for in: its own root, what that was before,
 * and the native roots that its sandbox began with.
 */
#ifndef RUNNER_LIVE_VIEWS_H
#define RUNNER_LIVE_VIEWS_H

#include "runner/assist_request.h"
#include "runner/assist_set.h"

struct live_views {
	struct strings lowers;
	struct strings first[TWIN_ROOTS_MAX]; /* the roots that the sandbox begins with */
	enum twin_origin origins[TWIN_ROOTS_MAX];
	size_t first_count;
	char *upper_path;

	/* Open from the first look until the sandbox ends, or -1. */
	int view, upper, before;
	int natives[TWIN_ROOTS_MAX]; /* of the first ones */
};

/** Remember where they are. */
void live_views_init(struct live_views *views, const struct assist_request *request,
		     const struct assist_set *first);
void live_views_drop(struct live_views *views);

/** Open all, once; the step's own root comes through the door. */
result live_views_open(struct live_views *views, struct door *door, struct error *err);
void live_views_close(struct live_views *views);

/** Open a stack of layers, topmost first. */
result live_view_open(const struct strings *lowers, int *out, struct error *err);

#endif

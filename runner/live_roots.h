/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Native roots for what a running step installs, and the twins in them: native packages go into
 * hidden layers, or are there already, and what the step's database says of its own is only
 * believed where the packages' archive says the same.
 */
#ifndef RUNNER_LIVE_ROOTS_H
#define RUNNER_LIVE_ROOTS_H

#include "runner/live_line.h"
#include "runner/live_packages.h"
#include "runner/live_views.h"

/** A native root that was made for this step. */
struct live_source {
	struct strings lowers, packages; /* what was installed into it */
	char *mounted;                   /* its topmost directory, where it is to be seen already */
};

enum { LIVE_RECIPES_MAX = 6 /* that are looked at */ };

/** Zeros but for what is borrowed. */
struct live_roots {
	const struct assist_request *request;
	const struct ctx *ctx;
	const struct trip *trip;
	struct door *door;
	struct live_line *line;
	struct live_views *views;
	const struct live_packages *packages;

	struct strings pending; /* packages of what would be made if somebody asked for it */
	struct live_source sources[TWIN_ROOTS_MAX];
	size_t source_count;
	struct digest tried[LIVE_RECIPES_MAX];
	size_t tried_count, archive_count;
};

void live_roots_drop(struct live_roots *roots);

/** Whether what the name may be is in a root of this step. */
bool live_roots_serve(const struct live_roots *roots, const char *name);

/**
 * Look for twins of what the step has installed; native roots are made where `name`, which somebody
 * asks for, may be in them, and the sandbox sees them.  Of the layers below, what has an older
 * change time than `since` is believed.  NULL: there is nothing for it to be found in.
 */
result live_roots_search(struct live_roots *roots, struct timespec since, const char *name,
			 struct assist_set **out, struct error *err);

#endif

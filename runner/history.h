/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The history of an image, and when it was created: completed when all steps are done, since an
 * entry without a layer has its time from those that have one.
 */
#ifndef RUNNER_HISTORY_H
#define RUNNER_HISTORY_H

#include "runner/snapshot.h"

struct history_times {
	int64_t now;   /* for layers that do not tell */
	int64_t exact; /* the build's epoch: of all entries that are its own; -1: none */
	int64_t limit; /* no entry of the build's own is later; -1: none */
};

/**
 * Append an entry as BuildKit's Dockerfile frontend writes it; with a layer it was made at the
 * snapshot's time.
 */
void history_add(struct snapshot *snapshot, const char *created_by, bool has_layer);

/** One entry a layer, a time each, and "created" of the document. */
void history_finish(struct snapshot *snapshot, const struct history_times *times);

#endif

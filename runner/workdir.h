/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Scratch of one process or step below ROOT/work: locked while in use, removed afterwards.
 *
 * A directory whose lock nobody holds belongs to a process that died; workdir_new() removes such
 * ones on its way.
 */
#ifndef RUNNER_WORKDIR_H
#define RUNNER_WORKDIR_H

#include "base/text.h"

struct workdir;

/** A fresh empty directory with the empty directories upper, work and scratch in it. */
result workdir_new(const char *root, struct workdir **out, struct error *err);

/**
 * The same below ROOT/spare, for a sandbox: unless there is something in it at the end, it stays
 * for the next one, since making and removing directories takes a disk longer than all else takes
 * us.
 */
result workdir_spare(const char *root, struct workdir **out, struct error *err);

/**
 * Have what earlier sandboxes left in spare directories removed while this one's runs: by a thread
 * that nobody waits for.
 */
void workdir_tidy(const struct workdir *dir);

/** Absolute path; borrowed. */
const char *workdir_path(const struct workdir *dir);

/** Removes it with all that is in it; a spare one only where there is something in it. */
void workdir_drop(struct workdir **dir);

/**
 * Remove the directory ROOT/PLACE/NAME as if at once: it is moved to ROOT/work first, so that a
 * crash leaves it whole or as scratch that the next process removes.
 */
result workdir_discard(const char *root, const char *place, const char *name, struct error *err);

#endif

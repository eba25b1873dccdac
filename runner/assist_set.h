/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What a search for twins came to, as far as running with them needs it.  Searching reads thousands
 * of files, so what was found is kept in STORE/twins/tables: equal stacks of layers have equal
 * twins.
 */
#ifndef RUNNER_ASSIST_SET_H
#define RUNNER_ASSIST_SET_H

#include "base/digest.h"
#include "runner/twins.h"
#include "sandbox/sandbox.h"

struct assist_set {
	struct arena *arena;
	struct buf table;          /* for the dispatcher */
	struct assist_twin *twins; /* that it was made of; of one that was kept, only `native` */
	size_t twin_count;
	struct assist_alias *aliases;
	size_t alias_count;
	struct strings *roots; /* the directories of each, topmost first */
	size_t root_count;
	struct twin_miss *misses;
	size_t miss_count;
};

void assist_set_drop(struct assist_set **set);

/** Make it of what was found; `foreign` is the root that the twins are of. */
result assist_set_make(const struct twin_set *found, int foreign, struct assist_set **out,
		       struct error *err);

/** What it says of a program of that name (without directories) that ran emulated, or NULL. */
const char *assist_set_reason(const struct assist_set *set, const char *name);

/** One that was kept by this key, if all directories that it names are there. */
bool assist_set_load(const char *root, const struct digest *key, struct assist_set **out);

/** Keep it; where that fails, it is searched for again. */
void assist_set_save(const char *root, const struct digest *key, const struct assist_set *set);

/** Begin a key: of this program, which may find others than another one, and of this CPU. */
struct hasher *assist_key_new(void);

/**
 * Add a stack of layers.  Layers are never changed, but may be removed and made again; those in
 * which nothing is where packages have their files do not count.
 */
void assist_key_add(struct hasher *key, const struct strings *lowers);

#endif

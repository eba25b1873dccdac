/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Whether Rust's compiler would have to load macros: libraries of the target's machine that cargo
 * built, which a native compiler cannot load.
 *
 * They are files *.so in the directories of -L.  In those that are only for what other crates
 * depend on (-L dependency=DIR, which is all that cargo has) they count if a crate that is used
 * (--extern NAME=FILE) tells of them: its metadata has the names of all crates that it was compiled
 * with, directly or not, by the suffix "-0123456789abcdef" that cargo gives to each.
 *
 * Freestanding, as assist_lookup.h: no memory, no library.
 */
#ifndef SANDBOX_ASSIST_PLUGINS_H
#define SANDBOX_ASSIST_PLUGINS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	PLUGIN_DIGITS = 16,
	PLUGIN_SUFFIX = 1 + PLUGIN_DIGITS, /* with its dash */
	PLUGINS_MAX = 200,
};

struct plugins {
	uint32_t count;
	bool others; /* without such a suffix, or more than can be told apart */
	char digits[PLUGINS_MAX][PLUGIN_DIGITS];
};

/** Note a file of a directory, if it is one. */
void plugins_add(struct plugins *plugins, const char *name);

/**
 * The directory that the argument at `*arguments` names, or NULL: of -LDIR, -L DIR and -L KIND=DIR;
 * not of kinds that are only for libraries of the system.
 */
const char *plugin_folder(char *const *arguments, bool *only_dependencies);

/** The file of --extern NAME=FILE at `*arguments`, or NULL. */
const char *plugin_user(char *const *arguments);

/** Whether a suffix of one of them is in these bytes. */
bool plugins_mentioned(const struct plugins *plugins, const char *bytes, size_t size);

#endif

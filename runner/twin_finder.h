/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What the files that find twins share: the search, and one file that is compared.
 */
#ifndef RUNNER_TWIN_FINDER_H
#define RUNNER_TWIN_FINDER_H

#include "runner/twin_source.h"
#include "runner/twins.h"

/** A search with all that it has found so far. */
struct finder {
	const struct ctx *ctx;
	struct twin_search search;
	struct twin_set *set;
	struct native_root *sources[TWIN_ROOTS_MAX];
	size_t source_count;
	bool has_fma;
	char *gcc_folder, *cross_folder; /* $G and $C of the source at hand */
	struct strings other_plugins;    /* of the foreign root's other compilers */
};

/** A file of a foreign package, and what it is compared with. */
struct candidate {
	struct native_root *source;
	const struct package *foreign, *native;
	const struct package_file *file;        /* as the peer has it */
	const struct package_file *native_file; /* its counterpart */
	const struct tool *tool;
	bool other_version; /* of the native package, which is why there is no counterpart */
};

/** Most texts of a program, and most directories of a compiler, that its copy has otherwise. */
enum { TWIN_EXCHANGES_MAX = 8, TWIN_REPLACEMENTS_MAX = 16 };

/** The set's twin of that foreign path, or NULL. */
struct twin *twin_of(const struct twin_set *set, const char *path);

/** The texts that tell the machine, as the row has them; how many, or `reason` says why not. */
size_t twin_exchanges(struct finder *finder, const struct candidate *candidate,
		      const struct found *foreign, const struct native *native,
		      struct exchange out[TWIN_EXCHANGES_MAX], const char **reason);

/** A cross compiler's own directories become the ones of the compiler that the target has. */
size_t twin_replacements(struct finder *finder, const char *path,
			 struct exchange out[TWIN_REPLACEMENTS_MAX]);

/**
 * Where the linker's plugin is on both sides, for the compiler's version that both have; where the
 * foreign root has several, the newest.
 */
void twin_folders_find(struct finder *finder, const struct native_root *source);

/** Add the foreign root's toolchains that are in no package, where a source may have them. */
result twin_unpacked_find(struct finder *finder, struct error *err);

/**
 * Add those of a source and of its peer, as packages; one that is not the same on both sides gets
 * a version that says so.
 */
result twin_unpacked_prepare(struct finder *finder, struct native_root *source, struct error *err);

/** The foreign side: is it a program, is it the package's, and may it have a twin at all? */
result candidate_examine(struct finder *finder, const struct candidate *candidate,
			 struct error *err);

#endif

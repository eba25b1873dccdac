/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Twins: host-native programs that are the very same package, version and file as a foreign one.
 *
 * A foreign root (what a step of another platform stands on) is matched, package by package and
 * file by file, with native roots: the same stage for the host's platform, a cross toolchain made
 * on demand, an image that the user named.  What is found says which program may be run in place
 * of which; the runtime decides when.  Of the build's file systems nothing is changed.
 *
 * What is trusted.  All roots are hostile input to the parsers: they are read through descriptors
 * that nothing leads out of, with limits.  Which content a package's file has is told by the
 * package database of the foreign root in the state that its source corresponds to (`peer`): the
 * base image as it was pulled, or the state after the same instruction that made the native root.
 * A step that alters a program is never given the genuine twin of what it replaced, even where it
 * alters the database too: the peer's list does not have the altered content.  The author of an
 * image can lie about his own packages, and gets the package that he names.
 */
#ifndef RUNNER_TWINS_H
#define RUNNER_TWINS_H

#include "base/ctx.h"
#include "base/platform.h"
#include "base/text.h"
#include "runner/cache.h"
#include "runner/native.h"
#include "runner/tools.h"

enum twin_origin {
	TWIN_SIBLING,   /* the same stage, for the host */
	TWIN_VARIANT,   /* an image, for the host: only for what its packages do not have */
	TWIN_TOOLCHAIN, /* made from a twin_recipe */
	TWIN_IMAGE,     /* --assist-from */
};

/** A native root in which twins are looked for, in the order they are given. */
struct twin_source {
	enum twin_origin origin;
	int native;             /* descriptor of its merged view (see overlay_open()) */
	struct strings *lowers; /* its layer directories, topmost first */
	/* The foreign root in the state that corresponds to this one; -1: the foreign root as it
	   is. Its package database says what content is genuine. */
	int peer;
	/* The peer's layers, where it and this one are variants of one image as its author gave
	   it: then toolchains that are in no package may have twins, too.  NULL: they may not. */
	const struct strings *published;
};

/**
 * A foreign root in which a step runs.  Everything in it may change at any time, and its package
 * database is that step's to write; see twin_settled() for what is believed of it.
 */
struct twin_live {
	int upper;   /* what the step writes to, where it is on disk; -1: nothing new is believed */
	int archive; /* a root whose database lists packages as their archive has them; -1: none */
	struct timespec since; /* what has an older change time is of the layers below */
	struct timespec begun; /* what has a younger one may still be changed unnoticed */
};

struct twin_request {
	int foreign;                  /* descriptor of the merged view that the step starts from */
	const struct twin_live *live; /* while it runs: only packages of `archive` are looked at */
	struct platform target;       /* of the foreign root */
	struct platform host;         /* of the native ones */
	enum tool_mode mode;
	const struct twin_source *sources;
	size_t source_count;
	/* Where the prepared root number N will be seen: PREFIX/N.  It is written into copies of
	   the twins, so it is short, and the same for all steps of a store. */
	const char *prefix;
	size_t first_root; /* the number of the first source's */
	/* What a twin says, and where, when it meets what it cannot do as the target would: read a
	   long double.  Then it exits with status 254, and the step is to be run again without such
	   twins (`refuse_long_double`).  NULL: there are none to begin with. */
	const struct trip *trip;
	bool refuse_long_double;
	const char *store;   /* prepared roots are kept in STORE/twins */
	struct cache *cache; /* remembers which files were verified; NULL: read all again */
};

/** Longest prefix ("/proc/scsi/abcde"), and most roots at a time. */
enum { TWIN_PREFIX_MAX = 16, TWIN_ROOTS_MAX = 8, TWIN_TRIP_MAX = 128 };

/** What names the content of a file that was looked at. */
struct twin_file {
	uint64_t inode, size;
	struct timespec mtime, ctime;
};

/** A foreign script that interpreters among the twins may run. */
struct twin_script {
	const char *path;
	struct twin_file file;
};

struct twin {
	struct twin_file file; /* the foreign one, as it was when its content was compared */
	const char *path;      /* the foreign file: absolute in the image, no links on the way */
	const char *native; /* the program to run: absolute in its twin root, no links on the way */
	size_t root;        /* number of its root: that of the set's first is `first_root` */
	const char *package; /* "sed 4.9-1" */
	const struct tool *tool;
	bool scripts_only; /* of an interpreter: known ones */
	/* The tool's, with $R (PREFIX/N), $T (the target's triple), $G and $C (where the foreign
	   root and the cross toolchain have the compiler's parts) filled in; NULL where it has
	   none. */
	const char *const *refuse, *const *insert, *const *before, *const *env;
	const char *plugin_from, *plugin_to;
	const char *loads;
};

/** A foreign program that a row speaks of, and that has no twin. */
struct twin_miss {
	const char *path;    /* no links on the way; TWIN_MISS_ALL: there are no twins at all */
	const char *package; /* "cmake 3.25.1-1" */
	const char *reason;  /* "the native root has 3.25.1-2" */
};

#define TWIN_MISS_ALL "/"

/** What is to be mounted, read-only, at PREFIX/<index>: one stack of directories. */
struct twin_root {
	/* The first one is the prepared copies: programs, loader and libraries that find each other
	   below PREFIX/<index>; twins are started by a plain exec of PREFIX/<index><native>. */
	struct strings lowers;
	const char *loader; /* path of the copy's own ld.so, for callers that want to name it */
	struct strings library_path;
};

struct twin_set {
	struct arena *arena;
	struct twin *twins; /* sorted by path */
	size_t count;
	struct twin_script *scripts;
	size_t script_count;
	struct twin_root *roots;
	size_t root_count;
	struct twin_miss *misses; /* sorted by path; for the summary */
	size_t miss_count;
};

void twin_set_drop(struct twin_set **set);

/**
 * Match a foreign root with native ones and prepare what the twins need.  Finding nothing is OK, as
 * is a root without any package database; FAILED only for what this process could not do (disk
 * full, cancelled).  Reads many files the first time, few later.
 */
result twins_find(const struct ctx *ctx, const struct twin_request *request, struct twin_set **out,
		  struct error *err);

/** Fused multiply-add decides the last bit of what the C library's functions give. */
bool host_has_fma(void);

/**
 * How to make a native root that the foreign one has no sibling for: a cross toolchain, or tools
 * that earlier steps installed.  The runtime runs `script` by /bin/sh in a sandbox on top of the
 * sibling base's layers and keeps what it leaves as a hidden layer, by `key`.
 */
struct twin_recipe {
	const char *title;       /* "cross toolchain gcc-12 for linux/arm64" */
	const char *script;      /* for /bin/sh -c as root, with network */
	struct strings packages; /* "gcc-12-aarch64-linux-gnu=12.2.0-14cross1" as apt takes them */
	struct digest key;       /* equal keys, equal content; the base's layers belong to it too */
};

/**
 * What roots would help with this foreign root: compilers, binutils and tools worth it that it has
 * and no source has a twin for.  Adds nothing where none is needed or known.
 */
struct twin_recipes {
	struct arena *arena;
	struct twin_recipe *items;
	size_t count;
};

void twin_recipes_drop(struct twin_recipes **recipes);

result twin_recipes_find(const struct ctx *ctx, const struct twin_request *request,
			 struct twin_recipes **out, struct error *err);

/**
 * What the archives have for packages ("make:arm64=4.4.1-2") of the target: ARCHIVE_ROOT of the
 * layer that the recipe leaves is a root with a database of those that could be had.
 */
void twin_archive_recipe(const struct platform *target, const struct strings *packages,
			 struct twin_recipes **out);

#define ARCHIVE_ROOT "archive"

/** Whether a program of this name (without directories) may be in one of a recipe's packages. */
bool twin_packages_serve(const struct strings *packages, const char *name);

#endif

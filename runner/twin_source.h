/* SPDX-License-Identifier: Apache-2.0 */
/**
 * One native root while twins are looked for in it: its packages, the libraries that its programs
 * need, and the copies that are made of both.
 */
#ifndef RUNNER_TWIN_SOURCE_H
#define RUNNER_TWIN_SOURCE_H

#include "runner/twin_copy.h"
#include "runner/twins.h"

/** What all sources of a request share. */
struct twin_search {
	const struct twin_request *request;
	const struct twin_arch *host, *target;
	struct packages *foreign;
	int files_fd; /* STORE/twins/files */
};

/** A file of the prepared root: where it is seen, and its copy's name. */
struct twin_entry {
	char *path; /* relative */
	char name[128];
	bool is_link; /* `name` is where it leads to */
};

struct library;
struct owner;

struct native_root {
	const struct twin_search *search;
	const struct twin_source *spec;
	size_t number;
	char root[TWIN_PREFIX_MAX + 8]; /* PREFIX/N */
	struct packages *native, *peer; /* peer: the foreign packages where there is none */
	struct packages *archive;       /* of a root in which a step runs; or NULL */
	bool own_peer;
	struct strings diverted; /* of the peer */

	struct owner *owners; /* of native files, found when first asked for */
	size_t owner_count;
	struct library *libraries;
	size_t library_count;
	bool answers_machine, has_trip; /* the copy of its C library does */
	/* Programs are told where libraries are: their loader knows directories that have too short
	   names to become the copies'.  NULL: they are not. */
	char *run_path;
	bool knows_charsets; /* of such a root, the list of character sets leads to its modules */

	struct twin_entry *entries;
	size_t entry_count;
};

void native_root_drop(struct native_root **source);

result native_root_open(const struct twin_search *search, size_t index, struct native_root **out,
			struct error *err);

/** The foreign package, with its files, as the archive has it, else the peer; or NULL. */
result native_root_genuine(struct native_root *source, const char *name, const char *arch,
			   struct package **out, struct error *err);

/** Where paths of the foreign root that the source's state had are looked up. */
int native_root_peer_fd(const struct native_root *source);

/**
 * Make sure of all libraries that a native file needs: they are their packages' own, and the
 * foreign root has the same packages, unaltered.  Leaves NULL in `*reason` where all is well.
 */
result native_root_needs(struct native_root *source, const struct native *native, bool is_cross,
			 const char **reason, struct error *err);

/**
 * The same for what a program loads by itself: each library below the directory `theirs` of the
 * foreign root has its twin below `ours`, and the other way round.
 */
result native_root_modules(struct native_root *source, const char *ours, const char *theirs,
			   const char **reason, struct error *err);

/** Make a file part of the prepared root. */
void native_root_add(struct native_root *source, const char *path, const char *name, bool is_link);

/** The package versions of both sides mean the same. */
bool versions_match(const char *native, const char *foreign, bool any_revision);

#endif

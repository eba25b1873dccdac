/* SPDX-License-Identifier: Apache-2.0 */
/**
 * One native root while twins are looked for in it: its packages and whose its files are, and what
 * is known so far of its libraries and of the copies that are made.
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

/** A library by the name that programs ask for, and what came of looking at it. */
struct library {
	char *name;
	bool is_cross;      /* it was not compared with the foreign root's */
	const char *reason; /* NULL: it is fine */
};

/** Which package a native library is of. */
struct owner {
	const char *path; /* without /usr before lib, bin and sbin */
	struct package *package;
	const struct package_file *file;
};

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

/** Have `owners` filled, for those who look at all. */
result native_root_owners(struct native_root *source, struct error *err);

/** The package of a native library at that path, or NULL. */
result native_root_owner(struct native_root *source, const char *path, const struct owner **out,
			 struct error *err);

/** Make a file part of the prepared root. */
void native_root_add(struct native_root *source, const char *path, const char *name, bool is_link);

/** The package versions of both sides mean the same. */
bool versions_match(const char *native, const char *foreign, bool any_revision);

#endif

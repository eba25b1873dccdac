/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Files of a root, as twins see them: where they really are, what they are, and whether they have
 * the content that a package says.
 */
#ifndef RUNNER_TWIN_FILES_H
#define RUNNER_TWIN_FILES_H

#include "runner/cache.h"
#include "runner/native.h"
#include "runner/packages.h"
#include "runner/twins.h"

#include <sys/stat.h>

/** A regular file that was found; `path` is absolute in its root, without links. */
struct found {
	int fd;
	char *path;
	struct stat stat;
	bool may_change; /* while it is looked at */
};

void found_drop(struct found *found);

/** Find what `path` leads to; false where it is no regular file of this root. */
bool found_open(int root_fd, const char *path, struct found *out);

/** Its first bytes tell what kind of ELF file it is. */
bool found_elf(const struct found *found, struct elf_kind *out);

/** NULL, or why it must not have a twin: "set-user-ID", "has capabilities", "not executable". */
const char *found_refusal(const struct found *found);

/** The same for a library, which need not be executable. */
const char *found_library_refusal(const struct found *found);

/**
 * Whether it has this content.  What was computed is remembered in the cache (may be NULL) by what
 * changes when content does: inode, size and both times, to the nanosecond.
 */
result found_verify(const struct found *found, const struct sum *want, struct cache *cache,
		    bool *same, struct error *err);

/** The same for a file of the foreign root; one that is not settled has no content yet. */
result foreign_verify(const struct twin_request *request, const struct found *found,
		      const struct sum *want, bool *same, struct error *err);

/**
 * Open the directory that a step writes to, for struct twin_live; -1 where its file system may not
 * tell of each change.
 */
int twin_upper_open(const char *path);

/** Find a file of the foreign root. */
bool foreign_open(const struct twin_request *request, const char *path, struct found *out);

struct twin_file found_file(const struct found *found);

/** What its content is, remembered in the cache (may be NULL) in the same way. */
result found_content(const struct found *found, struct cache *cache, struct sum *out,
		     struct error *err);

/** The same for small files of no package. */
result found_sum(const struct found *found, struct sum *out, struct error *err);

/**
 * The file in memory, for reading and for changing that copy; munmap() it.  False also where it may
 * change and did.
 */
bool found_map(const struct found *found, uint8_t **data, size_t *size);

#endif

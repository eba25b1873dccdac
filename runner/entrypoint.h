/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A program as the kernel would start it: found in PATH, its #! line followed, its loader checked.
 */
#ifndef RUNNER_ENTRYPOINT_H
#define RUNNER_ENTRYPOINT_H

#include "binfmt/binfmt.h"

enum entry_state {
	ENTRY_GOOD,    /* or nothing that one could judge */
	ENTRY_MISSING, /* a file on the way is not there */
	ENTRY_WRONG,   /* a file on the way is for another machine */
};

/** What came of looking; paths are as the image names them. */
struct entry {
	enum entry_state state;
	char text[512]; /* a sentence for people, "" where all is well */
};

/**
 * Follow `program` in the file system below `root_fd`: by `path` (a PATH; NULL: the usual one)
 * where it has no slash, relative to `cwd` where it is not absolute; then `#!` up to the kernel's
 * depth, and the ELF loader.  Reads a bounded amount of files that may be hostile.
 */
void entry_examine(int root_fd, const char *program, const char *path, const char *cwd,
		   const struct platform *platform, struct entry *out);

#endif

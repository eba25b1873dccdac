/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The build context: its files, what of them a build may see, and the Dockerfile.
 */
#ifndef RUNNER_CONTEXT_H
#define RUNNER_CONTEXT_H

#include "base/text.h"
#include "runner/context_fetch.h"
#include "runner/ignore.h"
#include "sandbox/sandbox.h"

struct context {
	int fd;     /* the directory; borrowed from `obtained` */
	char *path; /* as it was given */
	struct obtained obtained;
	struct ignore *ignore; /* or NULL */
	struct buf dockerfile; /* its text */
	char *dockerfile_name; /* for messages */
};

/**
 * Get the context `path` (see context_obtain()) and read its Dockerfile, and of a directory
 * FILE.dockerignore or .dockerignore: who packs an archive has chosen already.  `file` is NULL for
 * "Dockerfile" in the context, "-" for standard input, a URL, or a path: of this machine for a
 * directory, else in the context.  FAULT_INPUT says which file is missing and what to type.
 */
result context_open(const struct context_source *source, const char *path, const char *file,
		    struct context **out, struct error *err);

/** A further context (--build-context): all the same but that it needs no Dockerfile. */
result context_open_named(const struct context_source *source, const char *path,
			  struct context **out, struct error *err);
void context_drop(struct context **context);

/** For copy_options.sees; `closure` is the struct context. */
enum wanted context_sees(void *closure, const char *path, bool is_directory);

/**
 * Whether a build sees that there is such a path: neither what .dockerignore excludes, nor a
 * directory, itself excluded, in which it includes nothing again.
 */
bool context_has(struct context *context, const char *path);

/**
 * How its files are copied: a directory's as clients send them, root's and without attributes;
 * those of an archive or a repository as they are.
 */
struct copy_options context_options(struct context *context);

#endif

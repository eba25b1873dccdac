/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Build contexts wherever they come from: a directory, an archive, standard input, a URL, git.
 */
#ifndef RUNNER_CONTEXT_FETCH_H
#define RUNNER_CONTEXT_FETCH_H

#include "base/ctx.h"
#include "base/text.h"
#include "runner/outside.h"
#include "runner/workdir.h"

/** What it takes to get hold of a context; borrowed. */
struct context_source {
	const struct ctx *ctx;
	const char
		*root; /* of the store: what is unpacked lives below it until the build is over */
	struct outside *outside;
	bool keep_git_dir; /* BUILDKIT_CONTEXT_KEEP_GIT_DIR */
};

/** What a word on the command line turned out to be.  Starts as { .fd = -1 }. */
struct obtained {
	int fd;              /* the directory; empty where a Dockerfile was all that was typed */
	struct workdir *dir; /* that it lives in, or NULL */
	struct buf text;     /* the Dockerfile, where `is_text` */
	bool is_text;
	bool is_foreign; /* not a directory of this machine: its links lead nowhere outside of it */
};

/**
 * `where` is a directory, a tar (packed or not), "-" for either that or a Dockerfile on standard
 * input, an http or https URL of one of these, or a git repository with "#REF:SUBDIR".  FAULT_INPUT
 * says what it would take.
 */
result context_obtain(const struct context_source *source, const char *where, struct obtained *out,
		      struct error *err);
void obtained_drop(struct obtained *obtained);

#endif

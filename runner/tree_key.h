/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What is in a part of a tree that steps take: found out once a build, and from one build to the
 * next only as far as something changed.
 */
#ifndef RUNNER_TREE_KEY_H
#define RUNNER_TREE_KEY_H

#include "runner/builder.h"

struct tree_keys;

/** `context` may be known from an earlier build; one that was fetched is not. */
struct tree_keys *tree_keys_new(const char *root, const struct context *context);
void tree_keys_drop(struct tree_keys **keys);

/** Keep what was learnt of the context; without it the next build is slower, no more. */
void tree_keys_save(struct tree_keys *keys, const struct ctx *ctx);

/** A part of a tree. */
struct tree_part {
	const struct step *source; /* the stage that has it; NULL: the context */
	int root_fd;
	const char *path; /* below root_fd */
	const struct copy_options *options;
	const char *filter; /* tells options apart that take other files; NULL: not told */
	bool with_owner;
};

/** The digest of tree_hash().  Whoever asks while another thread finds it out waits for that. */
result tree_key(struct build *build, const struct tree_part *part, struct digest *out,
		struct error *err);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What a build takes from outside, by URL: each thing once, so that all platforms get the same.
 *
 * Files and trees live below ROOT/work until the build is over.
 */
#ifndef RUNNER_OUTSIDE_H
#define RUNNER_OUTSIDE_H

#include "base/ctx.h"
#include "base/digest.h"
#include "runner/remote.h"

/** The largest file that ADD downloads. */
#define OUTSIDE_BYTES_MAX (16ull << 30)

struct outside;

/** `root` is the store's. */
struct outside *outside_new(const char *root);
void outside_drop(struct outside **outside);

/**
 * Download a remote's file (REMOTE_HTTP): `directory`, which the caller frees, holds it under
 * remote->name, mode 0600, with the server's time.  FAULT_INTEGRITY where its content is not what
 * `checksum` (NULL: any) says.
 */
result outside_file(struct outside *outside, const struct ctx *ctx, const struct remote *remote,
		    const struct digest *checksum, char **directory, struct error *err);

/** The commit of a repository's ref, asked for once; the caller frees it. */
result outside_commit(struct outside *outside, const struct ctx *ctx, const struct remote *remote,
		      char **commit, struct error *err);

/** Its files in `directory`, which the caller frees. */
result outside_tree(struct outside *outside, const struct ctx *ctx, const struct remote *remote,
		    const char *commit, bool keep_git_dir, char **directory, struct error *err);

#endif

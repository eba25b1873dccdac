/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Git repositories as sources of ADD, by the git program.
 *
 * It is given no configuration, no terminal and no transport but the one that was asked for, so
 * that nothing of this machine is in what comes out and nothing out there chooses what runs here.
 */
#ifndef RUNNER_GIT_H
#define RUNNER_GIT_H

#include "base/ctx.h"
#include "runner/remote.h"

/**
 * The commit that a remote's ref stands for now; a full commit is itself, without asking.
 * FAULT_MISSING where the repository has no such ref; FAULT_INPUT where there is no git program.
 */
result git_resolve(const struct ctx *ctx, const struct remote *remote, char **commit,
		   struct error *err);

/**
 * Check the commit out into the directory `path`, which does not exist yet, with submodules unless
 * the remote says no.  Without `keep_git_dir` there is no .git in it.
 */
result git_checkout(const struct ctx *ctx, const struct remote *remote, const char *commit,
		    bool keep_git_dir, const char *path, struct error *err);

#endif

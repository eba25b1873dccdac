/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The mounts of one RUN: what they name is found, counts for the step's key, and becomes binds.
 */
#ifndef RUNNER_EXEC_MOUNTS_H
#define RUNNER_EXEC_MOUNTS_H

#include "runner/exec.h"
#include "runner/mounts.h"

/** One mount, its defaults filled in. */
struct run_mount {
	struct mount want;
	char *target;              /* absolute; NULL: a secret that is only a variable */
	char *path;                /* of what is mounted, below its source; "/": all of it */
	const struct step *source; /* a stage or an image; NULL: the build context */
	size_t number;             /* its place on the line */

	/* While the program runs. */
	struct mount_cache *cache;
	struct agent_proxy *proxy;
	struct digest cache_name;
	struct buf value; /* of a secret */
	struct bind_file file;
};

struct run_mounts {
	struct run_mount *items;
	size_t count;
	struct bind *binds; /* made by run_mounts_open() */
	size_t bind_count;
	struct strings paths; /* that binds point to */
};

/**
 * Parse all --mount flags with the job's variables; texts of errors begin with the flag.  An ssh
 * mount sets SSH_AUTH_SOCK in `env`.  `out` starts as {} and is the caller's to drop.
 */
result run_mounts_parse(const struct job *job, struct run_mounts *out, struct strings *env,
			struct error *err);
void run_mounts_drop(struct run_mounts *mounts);

/** All that the result depends on: never a secret's value, never what is in a cache. */
result run_mounts_hash(const struct job *job, const struct run_mounts *mounts,
		       struct hasher *hasher, struct error *err);

/**
 * Get everything ready below `workdir`: caches locked, secrets read (those wanted as variables go
 * into `env`), sources copied where they may be written.  Whatever comes of it, run_mounts_close().
 */
result run_mounts_open(const struct job *job, struct run_mounts *mounts, const char *workdir,
		       struct strings *env, struct error *err);

/** Give back what run_mounts_open() took, so that it may be called again for a second try. */
void run_mounts_close(struct run_mounts *mounts);

/* ---- private to exec_mounts.c and exec_binds.c ---- */

/** A look at all files of a stage or an image. */
result stage_open(const struct step *source, int *fd, struct error *err);

/** Whether a mount's path is there below `root`, and as what; links stay inside. */
result source_stat(const struct job *job, const struct run_mount *mount, int root, bool *is_file,
		   struct error *err);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Native assist for the RUNs of a build.
 */
#ifndef RUNNER_EXEC_ASSIST_H
#define RUNNER_EXEC_ASSIST_H

#include "runner/assist.h"
#include "runner/assist_verify.h"
#include "runner/exec.h"
#include "runner/workdir.h"

/**
 * Get native twins ready for the program that the job is about to run below `workdir`.  `*out`
 * stays NULL where there are none.
 */
result job_assist_start(const struct job *job, const char *workdir, struct assist **out,
			struct error *err);

/** Tell how its programs ran. */
void job_assist_tell(const struct job *job, struct assist *assist);

/** A run of the same step once more, without twins and on a clean upper of its own. */
struct rerun {
	struct workdir *dir;
	char *paths[3];
	struct sandbox_spec spec;
	int upper;
};

/** A rerun begins as `{ .upper = -1 }`, so that it can be dropped. */
result rerun_start(const struct job *job, const struct sandbox_spec *plain, struct rerun *out,
		   struct error *err);
void rerun_drop(struct rerun *rerun);

/**
 * Tell what came out of verifying a step: what is `found` different and not by itself fails, what
 * is `unstable` is only named.
 */
result verification_tell(const struct job *job, const struct differences *found,
			 const struct differences *unstable, struct error *err);

#endif

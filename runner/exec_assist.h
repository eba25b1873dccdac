/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Native assist for the RUNs of a build.
 */
#ifndef RUNNER_EXEC_ASSIST_H
#define RUNNER_EXEC_ASSIST_H

#include "runner/assist.h"
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

/** The same step on a clean upper of its own, without twins. */
struct verification {
	struct workdir *dir;
	char *paths[3];
	struct sandbox_spec spec;
	result native, emulated; /* how both ended: the caller's to fill in */
	struct error ignored;
	int uppers[2]; /* native, emulated */
};

result verification_start(const struct job *job, const struct sandbox_spec *plain,
			  struct verification *out, struct error *err);

/**
 * Fail where both did not end alike, or did not leave the same; `err` has the error of the one that
 * failed.
 */
result verification_finish(const struct job *job, struct verification *verification,
			   struct error *err);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Why a RUN failed, in words that help: what was started, for which machine, by which emulator.
 */
#ifndef RUNNER_EXPLAIN_H
#define RUNNER_EXPLAIN_H

#include "runner/exec.h"

/**
 * Record the failure of `argv`, which ended as `status` says, run natively or by the emulator
 * `how` ("native", or its path).  Marks the job as crashed where the emulator may be to blame, so
 * that a second try makes sense.  Always FAILED.
 */
int explain_exit(struct job *job, const struct strings *argv, const struct sandbox_exit *status,
		 const char *how, struct error *err);

#endif

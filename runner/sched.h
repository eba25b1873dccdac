/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Steps whose needs are done run on worker threads.
 */
#ifndef RUNNER_SCHED_H
#define RUNNER_SCHED_H

#include "runner/builder.h"

/**
 * Run all steps of build->plan on up to request->jobs threads.  The first failure ends the build:
 * nothing new starts, what runs is stopped, and its error is returned.  With keep_going only the
 * steps behind the failed one are given up, and the first error is returned at the end.
 */
result sched_run(struct build *build, struct error *err);

#endif

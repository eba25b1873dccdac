/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Options of `docker run` that `mpemu run` does not have, and why.
 */
#ifndef RUNNER_RUN_REFUSED_H
#define RUNNER_RUN_REFUSED_H

#include "runner/command.h"

/** Ends with a name of NULL. */
extern const struct refused run_refused[];

#endif

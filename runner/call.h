/* SPDX-License-Identifier: Apache-2.0 */
/**
 * `build --call`: what a Dockerfile offers, as text or JSON, as docker buildx build prints it.
 */
#ifndef RUNNER_CALL_H
#define RUNNER_CALL_H

#include "runner/builder.h"

/** The stages that may be a target.  FAULT_INPUT where there is none. */
result targets_print(const struct build *build, struct error *err);

/** Arguments, secrets and agents that the target takes; the build has a plan. */
result outline_print(struct build *build, struct error *err);

#endif

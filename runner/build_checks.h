/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The build checks as part of a build, and instead of one.
 */
#ifndef RUNNER_BUILD_CHECKS_H
#define RUNNER_BUILD_CHECKS_H

#include "runner/builder.h"
#include "runner/lint_rules.h"

/** Check what can be checked of a Dockerfile that has an error. */
void checks_begin(struct build *build, enum lint_extent extent);

/** Check the build's Dockerfile; FAULT_INPUT where it says that warnings are errors. */
result checks_run(struct build *build, struct error *err);

/** Warn of what was found, once the build is over. */
void checks_tell(struct build *build);

/**
 * --check: what was found goes to standard output, and nothing is built.  As with docker, warnings
 * are a failure then: FAULT_INPUT.  So is `checked`, which `err` tells why.
 */
result checks_print(const struct build *build, result checked, struct error *err);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/**
 * How a build for several platforms went on each of them.
 */
#ifndef RUNNER_SUMMARY_H
#define RUNNER_SUMMARY_H

#include "runner/builder.h"

/**
 * Emit EVENT_SUMMARY, in the order of the platforms; nothing for a single one.  `manifests` has a
 * place for each of the plan's finals, zeroed (size 0) where no image was made, or is NULL.  Call
 * it once the scheduler has ended.
 */
void summary_tell(const struct build *build, const struct descriptor *manifests);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What becomes of finished stages: images, an index, names, archives, a push.
 */
#ifndef RUNNER_PUBLISH_H
#define RUNNER_PUBLISH_H

#include "runner/builder.h"

/** Write images and index of a plan that is done, tag them, and serve the outputs. */
result publish(struct build *build, struct descriptor *index, struct error *err);

#endif

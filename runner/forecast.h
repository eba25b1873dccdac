/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What need not run since its end is known: a cache that has the layers of an image serves also
 * where it does not have those of the stages that the image copies from.
 */
#ifndef RUNNER_FORECAST_H
#define RUNNER_FORECAST_H

#include "runner/builder.h"

/**
 * Give those steps their results, as keys alone: of each platform whose image is known to its last
 * layer, all that do not stand in a row with it.
 */
void forecast_run(struct build *build);

#endif

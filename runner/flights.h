/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Layers that one build makes now or made before, by their key: equal steps run once.
 */
#ifndef RUNNER_FLIGHTS_H
#define RUNNER_FLIGHTS_H

#include "runner/cache.h"

struct flights;

struct flights *flights_new(void);
void flights_drop(struct flights **flights);

/**
 * Wait for whoever makes this layer now.  True: it is there, in `out`.  False: it is the caller's
 * to make, who must call flight_land() whatever comes of it.
 */
bool flight_board(struct flights *flights, const struct digest *key, struct made *out);

/** Tell those who wait; NULL: it failed, and the next one may try. */
void flight_land(struct flights *flights, const struct digest *key, const struct made *made);

#endif

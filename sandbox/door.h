/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A door: what others do to a sandbox while it runs.
 */
#ifndef SANDBOX_DOOR_H
#define SANDBOX_DOOR_H

#include "sandbox/sandbox.h"

/** Its main process, by a pidfd, is there.  NULL instead of a door is one that stays shut. */
void door_open(struct door *door, int main);

/** It has ended; comes back when nobody is inside any more. */
void door_close(struct door *door);

#endif

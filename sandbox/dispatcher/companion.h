/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What the parts of the companion share.
 */
#ifndef SANDBOX_DISPATCHER_COMPANION_H
#define SANDBOX_DISPATCHER_COMPANION_H

#include "sandbox/assist_lookup.h"

#define PUBLIC __attribute__((visibility("default")))

/** Tell that the program has come to `name`, and end it. */
__attribute__((noreturn)) void companion_trip(const char *name);

/** What the libraries behind this one have by that name. */
void *companion_next(const char *name);

#endif

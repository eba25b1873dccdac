/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Whether an image holds what its platform promises: every ELF file that this build added, and the
 * program that a container would start.
 */
#ifndef RUNNER_VERIFY_H
#define RUNNER_VERIFY_H

#include "runner/builder.h"

/**
 * Check what the last step of one platform left (`final->result`).  A file for another machine is a
 * warning with its step, and FAULT_STEP with VERIFY_STRICT; an entry point that could not run is
 * FAULT_STEP unless VERIFY_OFF.  What was found of a layer is kept with the cache.
 */
result verify_final(const struct build *build, const struct step *final, struct error *err);

#endif

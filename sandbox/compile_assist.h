/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What native assist needs in a sandbox beside the emulator with the dispatcher: the hidden place.
 */
#ifndef SANDBOX_COMPILE_ASSIST_H
#define SANDBOX_COMPILE_ASSIST_H

#include "sandbox/oplist.h"

/** The hidden place with the roots of twins, once /proc is there. */
void assist_hidden_add(struct plan *plan);

#endif

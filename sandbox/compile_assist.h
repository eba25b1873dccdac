/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What native assist needs in a sandbox: the emulator with the dispatcher, and the hidden place.
 */
#ifndef SANDBOX_COMPILE_ASSIST_H
#define SANDBOX_COMPILE_ASSIST_H

#include "sandbox/oplist.h"

/** Let the rules of binfmt_misc find the engine; it is out of view with the host. */
void assist_engine_add(struct plan *plan);

/** The hidden place with the roots of twins, once /proc is there. */
void assist_hidden_add(struct plan *plan);

#endif

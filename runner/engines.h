/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Emulators with the dispatcher: ROOT/emulators/<what they were made of>/<name>, made once.
 */
#ifndef RUNNER_ENGINES_H
#define RUNNER_ENGINES_H

#include "base/text.h"
#include "binfmt/binfmt.h"

/**
 * Make sure that there is one of the installed emulator, and add its directory's path to `dir`.
 * FAULT_INPUT where the emulator's program takes no dispatcher.
 */
result engine_obtain(const char *root, const struct emulator *emulator, struct buf *dir,
		     struct error *err);

#endif

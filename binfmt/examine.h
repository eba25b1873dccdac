/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What becomes of one emulator's programs on this host, given what is registered.
 */
#ifndef BINFMT_EXAMINE_H
#define BINFMT_EXAMINE_H

#include "binfmt/misc.h"

/** The platform that stands for an emulator in messages. */
struct platform emulator_platform(const struct emulator *emulator);

/** platform_examine() with the entries at hand; `verdict` (may be NULL): see probe.h. */
result examine(const struct misc *misc, const struct platform *platform, const char *qemu_dir,
	       struct platform_status *out, int *verdict, struct error *err);

#endif

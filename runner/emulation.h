/* SPDX-License-Identifier: Apache-2.0 */
/**
 * How programs of a platform will run in a sandbox of this host.
 */
#ifndef RUNNER_EMULATION_H
#define RUNNER_EMULATION_H

#include "base/platform.h"
#include "base/text.h"

/**
 * Find what it takes to run `platform`: nothing where the CPU does it; the rule for the sandbox's
 * own binfmt_misc (added to `rules`) where the kernel has that; else the host's registration must
 * work.  The emulator is a copy of the installed one that ignores QEMU_* variables in programs with
 * set-user-id bits, whose rights it may therefore have; its directory is added to `engine`, which
 * stays empty where there is none: then such bits have no effect.  FAULT_MISSING names the package
 * of an emulator that is not installed, FAULT_PRIVILEGE says to run `mpemu setup`.  `how` is set to
 * "native" or the emulator's path.
 */
result emulation_prepare(const char *root, const struct platform *platform, struct strings *rules,
			 struct buf *engine, struct buf *how, struct error *err);

/**
 * The same for who runs one program, and need not wait until it is known what the kernel has: a
 * rule is given in any case.  Where its sandbox cannot be made, emulation_fall_back() says whether
 * the host's registration runs the platform instead: OK then; FAILED with `err` as it was where the
 * reason is another one, or with what emulation_prepare() says.
 */
result emulation_expect(const char *root, const struct platform *platform, struct strings *rules,
			struct buf *engine, struct error *err);
result emulation_fall_back(const struct platform *platform, struct error *err);

/** Whether this CPU runs the platform's programs although their words are narrower than its own. */
bool emulation_is_narrow(const struct platform *platform);

#endif

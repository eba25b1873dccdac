/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The tiny program that proves an emulator, for every architecture there is one for.
 *
 * It writes PROGRAM_SAYS bytes to standard output and ends with PROGRAM_STATUS + argc: both the
 * text and the count of arguments come from outside of its code, so that only a run that really
 * worked, with the arguments in their places, gives the right answer.
 */
#ifndef BINFMT_PROGRAM_H
#define BINFMT_PROGRAM_H

#include "binfmt/binfmt.h"

enum {
	PROGRAM_MAX = 0x180,
	PROGRAM_SAYS = 16,
	PROGRAM_STATUS = 40, /* plus argc */
};

struct program {
	uint8_t elf[PROGRAM_MAX];
	size_t length;
	char says[PROGRAM_SAYS + 1];
};

/** False where no code is known for that emulator. */
bool program_make(const struct emulator *emulator, struct program *out);

#endif

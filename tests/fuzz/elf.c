/* SPDX-License-Identifier: Apache-2.0 */
#include "binfmt/elf.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

/** Whatever a file starts with: at most one emulator takes it, and reading stays inside. */
void fuzz_one(const char *text, size_t size)
{
	const struct emulator *found = emulator_for_file(text, size);
	size_t count, matches = 0;
	const struct emulator *all = emulators(&count);

	for (size_t i = 0; i < count; i++)
		matches += elf_matches(text, size, all[i].magic, all[i].mask, ELF_HEAD_MAX);
	if (matches > 1 || !found != !matches)
		abort();
	(void)elf_is_static(text, size);
}

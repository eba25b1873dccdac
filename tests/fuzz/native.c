/* SPDX-License-Identifier: Apache-2.0 */
/**
 * ELF files of images: whatever they claim, they are read and changed without leaving their bytes.
 */
#include "runner/native.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

void fuzz_one(const char *text, size_t size)
{
	uint8_t *data = malloc(size ? size : 1); /* exactly as large: a byte past it is noticed */
	struct native native;
	struct elf_kind kind;
	size_t offset, length;

	if (!data)
		return;
	memcpy(data, text, size);
	elf_kind_read(data, size, &kind);
	if (native_read(data, size, &native)) {
		for (size_t i = 0; i < native.need_count; i++)
			if ((size_t)((const uint8_t *)native.needs[i] - data) >= size)
				abort();
		if (native_symbol(&native, "uname", &offset, &length) &&
		    (offset > size || length > size - offset))
			abort();
		native_set_machine(&native, "aarch64");
		native_move_text(&native, "from", "somewhere else");
		native_replace_path(&native, "/usr/lib/x86_64-linux-gnu", "/p/0/L");
		native_replace_text(&native, "amd64", "arm64");
		native_replace_inline(&native, "amd64", "arm64");
		native_find_text(&native, "a", "z");
		native_set_loader(&native, "/p/0/ld");
		native_read(data, size, &native);
	}
	free(data);
}

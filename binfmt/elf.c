/* SPDX-License-Identifier: Apache-2.0 */
#include "binfmt/elf.h"

#include <elf.h>
#include <string.h>

const char *emulator_arch(const struct emulator *emulator)
{
	return emulator->name + strlen("qemu-");
}

bool elf_matches(const void *head, size_t length, const uint8_t *magic, const uint8_t *mask,
		 size_t size)
{
	const uint8_t *bytes = head;

	for (size_t i = 0; i < size; i++) {
		uint8_t byte = i < length ? bytes[i] : 0;

		if ((byte ^ magic[i]) & mask[i])
			return false;
	}
	return true;
}

size_t elf_mask_length(const struct emulator *emulator)
{
	size_t length = ELF_HEAD_MAX;

	while (length > 0 && !emulator->mask[length - 1])
		length--;
	return length;
}

/** A number of `size` bytes at `offset` in the file's own byte order; 0 past the end. */
static uint64_t number_at(const uint8_t *head, size_t length, uint64_t offset, size_t size)
{
	uint64_t value = 0;

	if (offset > length || length - offset < size)
		return 0;
	for (size_t i = 0; i < size; i++) {
		size_t from = head[EI_DATA] == ELFDATA2MSB ? i : size - 1 - i;

		value = value << 8 | head[offset + from];
	}
	return value;
}

bool elf_is_static(const void *head, size_t length)
{
	const uint8_t *bytes = head;
	uint64_t start, entry_size, count;
	bool wide;

	if (length < EI_NIDENT || memcmp(bytes, ELFMAG, SELFMAG) != 0)
		return false;
	wide = bytes[EI_CLASS] == ELFCLASS64;
	start = wide ? number_at(bytes, length, offsetof(Elf64_Ehdr, e_phoff), 8)
		     : number_at(bytes, length, offsetof(Elf32_Ehdr, e_phoff), 4);
	entry_size = number_at(
		bytes, length,
		wide ? offsetof(Elf64_Ehdr, e_phentsize) : offsetof(Elf32_Ehdr, e_phentsize), 2);
	count = number_at(bytes, length,
			  wide ? offsetof(Elf64_Ehdr, e_phnum) : offsetof(Elf32_Ehdr, e_phnum), 2);
	if (start == 0 || start > length || count == 0 || entry_size == 0 ||
	    (length - start) / entry_size < count)
		return false;
	for (uint64_t i = 0; i < count; i++) {
		if (number_at(bytes, length, start + i * entry_size, 4) == PT_INTERP)
			return false;
	}
	return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
/**
 * ELF headers, as far as binfmt_misc and emulators are concerned.  All of it is pure.
 */
#ifndef BINFMT_ELF_H
#define BINFMT_ELF_H

#include "binfmt/binfmt.h"

/** "aarch64" of "qemu-aarch64". */
const char *emulator_arch(const struct emulator *emulator);

/** Compare under a mask, as the kernel does; bytes past the end of the file count as zero. */
bool elf_matches(const void *head, size_t length, const uint8_t *magic, const uint8_t *mask,
		 size_t size);

/** Bytes of a rule: up to the last one that the mask looks at. */
size_t elf_mask_length(const struct emulator *emulator);

/**
 * Whether the start of a file (one page is plenty) is a 64-bit or 32-bit ELF program that needs no
 * dynamic loader, and so runs in any root.
 */
bool elf_is_static(const void *head, size_t length);

#endif

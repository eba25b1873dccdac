/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What the files that read and change programs share: the parts of an ELF file.
 */
#ifndef RUNNER_NATIVE_INTERNAL_H
#define RUNNER_NATIVE_INTERNAL_H

#include "runner/native.h"

#include <elf.h>

enum { NATIVE_PAGE = 4096 };

/** Whether the file has these bytes. */
bool native_inside(const struct native *native, uint64_t offset, uint64_t length);

/** Its program header number `index`; false past the last. */
bool native_header(const struct native *native, size_t index, Elf64_Phdr *out);

void native_header_put(struct native *native, size_t index, const Elf64_Phdr *header);

/** Where the file has what is loaded at an address, and how much of the segment follows. */
bool native_offset(const struct native *native, uint64_t address, uint64_t *offset, uint64_t *rest);

/** The address at which an offset of the file is loaded; 0: nowhere. */
uint64_t native_address(const struct native *native, uint64_t offset);

/** The text at an offset, where it ends inside the file. */
const char *native_text(const struct native *native, uint64_t offset);

/** The header of its dynamic section. */
bool native_dynamic(const struct native *native, Elf64_Phdr *out);

/** The value of the dynamic section's first entry of that tag. */
bool native_dynamic_find(const struct native *native, const Elf64_Phdr *dynamic, int64_t tag,
			 uint64_t *out);

/** Whether the dynamic symbol number `index` has that name. */
bool native_is_symbol(const struct native *native, uint64_t index, const char *name);

/** The next place of `text` at or behind `at`, or NULL. */
uint8_t *native_find_bytes(const struct native *native, const uint8_t *at, const void *text,
			   size_t length);

/** Whether a text can begin behind this byte: what stands before it is no part of one. */
bool native_ends_text(uint8_t before);

/** Put a jump to another place of the same segment there. */
void native_put_jump(struct native *native, size_t from, size_t to);

/** The code of a trip, which needs no more than its own bytes, and how many they are. */
size_t native_trip_size(const struct trip *trip);
void native_put_trip(uint8_t *at, const struct trip *trip);

/** Put a text where a read-only segment ends; its address, or 0 where there is no room. */
uint64_t native_put_text(struct native *native, const char *text);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The specs of gcc's driver: a table in its data that says which programs it starts, with which
 * arguments, and whether it is a cross compiler.  A driver that is given another one's specs does
 * what that one does.
 */
#include "runner/native_internal.h"

#include <string.h>

/* As gcc/gcc.cc has it since gcc 5; of 64-bit little-endian machines. */
enum { ENTRY_SIZE = 48, ENTRY_VARIABLE = 16, ENTRY_LENGTH = 32 };

/* What drivers are far from; files of images are made by anybody. */
enum { DRIVER_SIZE_MAX = 16 << 20, RELOCATIONS_MAX = 1 << 16, CANDIDATES_MAX = 16 };

/** One entry: a name, and the file's offset of the pointer to its text; 0: it has no text. */
struct spec {
	const char *name, *text;
	uint64_t pointer;
};

/** Its relocations, as an offset and a size; none are fine, too many are none of a driver's. */
static bool relocations_find(const struct native *native, uint64_t *at, uint64_t *size)
{
	uint64_t table, rest;
	Elf64_Phdr dynamic;

	*size = 0;
	if (!native_dynamic(native, &dynamic) ||
	    !native_dynamic_find(native, &dynamic, DT_RELA, &table) ||
	    !native_dynamic_find(native, &dynamic, DT_RELASZ, size))
		return true;
	return native_offset(native, table, at, &rest) && *size <= rest &&
	       *size <= RELOCATIONS_MAX * sizeof(Elf64_Rela);
}

static Elf64_Rela relocation_at(const struct native *native, uint64_t at)
{
	Elf64_Rela relocation;

	memcpy(&relocation, native->data + at, sizeof(relocation));
	return relocation;
}

/** The file's offset of the pointer at an address: its relocation has it, or the data itself. */
static bool pointer_place(const struct native *native, uint64_t address, uint64_t *out)
{
	uint64_t at, size, rest;

	if (!relocations_find(native, &at, &size))
		return false;
	for (; size >= sizeof(Elf64_Rela); at += sizeof(Elf64_Rela), size -= sizeof(Elf64_Rela)) {
		const Elf64_Rela relocation = relocation_at(native, at);

		if (relocation.r_offset != address)
			continue;
		*out = at + offsetof(Elf64_Rela, r_addend);
		return ELF64_R_SYM(relocation.r_info) == 0;
	}
	return native_offset(native, address, out, &rest) && rest >= sizeof(uint64_t);
}

static bool pointer_read(const struct native *native, uint64_t address, uint64_t *place,
			 uint64_t *out)
{
	if (!pointer_place(native, address, place))
		return false;
	memcpy(out, native->data + *place, sizeof(*out));
	return true;
}

/** The text that a pointer at an address leads to; NULL where it leads to none. */
static const char *pointed_text(const struct native *native, uint64_t address, uint64_t *place)
{
	uint64_t target, offset, rest;

	if (!pointer_read(native, address, place, &target) || !target ||
	    !native_offset(native, target, &offset, &rest))
		return NULL;
	return native_text(native, offset);
}

/** The entry at an address; false where there is none. */
static bool spec_at(const struct native *native, uint64_t address, struct spec *out)
{
	uint64_t place, variable, offset, rest;
	int32_t length;

	*out = (struct spec){ .name = pointed_text(native, address, &place) };
	if (!out->name || !*out->name ||
	    !native_offset(native, address + ENTRY_LENGTH, &offset, &rest) || rest < sizeof(length))
		return false;
	memcpy(&length, native->data + offset, sizeof(length));
	if (length < 0 || (size_t)length != strlen(out->name) ||
	    !pointer_read(native, address + ENTRY_VARIABLE, &place, &variable) || !variable)
		return false;
	out->text = pointed_text(native, variable, &out->pointer);
	return true;
}

/** The address of a whole text. */
static bool text_address(const struct native *native, const char *text, uint64_t *out)
{
	const uint8_t *at = native->data;

	while ((at = native_find_bytes(native, at, text, strlen(text) + 1))) {
		*out = native_address(native, (uint64_t)(at - native->data));
		if (at != native->data && native_ends_text(at[-1]) && *out)
			return true;
		at++;
	}
	return false;
}

/** The next address behind `after` at which data has a pointer to `target`; 0: none. */
static uint64_t pointer_next(const struct native *native, uint64_t target, uint64_t after)
{
	uint64_t at, size, found = 0;
	Elf64_Phdr header;

	if (!relocations_find(native, &at, &size))
		return 0;
	for (; size >= sizeof(Elf64_Rela); at += sizeof(Elf64_Rela), size -= sizeof(Elf64_Rela)) {
		const Elf64_Rela relocation = relocation_at(native, at);

		if ((uint64_t)relocation.r_addend == target && relocation.r_offset > after &&
		    (!found || relocation.r_offset < found))
			found = relocation.r_offset;
	}
	for (size_t i = 0; !found && native_header(native, i, &header); i++) {
		uint64_t offset = (header.p_offset + 7) & ~7UL;

		if (header.p_type != PT_LOAD || !(header.p_flags & PF_W) ||
		    !native_inside(native, header.p_offset, header.p_filesz))
			continue;
		for (; offset + 8 <= header.p_offset + header.p_filesz; offset += 8)
			if (memcmp(native->data + offset, &target, 8) == 0 &&
			    native_address(native, offset) > after)
				return native_address(native, offset);
	}
	return found;
}

/** Where the table's entry of that name is. */
static bool entry_find(const struct native *native, const char *name, uint64_t *out)
{
	uint64_t target, at = 0;
	struct spec spec;

	if (!text_address(native, name, &target))
		return false;
	for (size_t i = 0; i < CANDIDATES_MAX; i++) {
		at = pointer_next(native, target, at);
		if (!at)
			return false;
		if (spec_at(native, at, &spec)) {
			*out = at;
			return true;
		}
	}
	return false;
}

/** All entries from the first one. */
static size_t specs_read(const struct native *native, struct spec specs[NATIVE_SPECS_MAX])
{
	uint64_t at;
	size_t count = 0;

	if (native->size > DRIVER_SIZE_MAX || !entry_find(native, "cross_compile", &at))
		return 0;
	for (; count < NATIVE_SPECS_MAX && spec_at(native, at - ENTRY_SIZE, &specs[0]); count++)
		at -= ENTRY_SIZE;
	count = 0;
	while (count < NATIVE_SPECS_MAX && spec_at(native, at, &specs[count])) {
		at += ENTRY_SIZE;
		count++;
	}
	return count;
}

/** What only -v prints is room for texts: how gcc was configured. */
static char *room_find(struct native *native, size_t *size)
{
	const char *text = native_find_text(native, "../src/configure ", "");
	char *room = text ? (char *)native->data + (text - (const char *)native->data) : NULL;

	*size = room ? strlen(room) + 1 : 0;
	return room;
}

/**
 * What a driver should have.  A cross compiler has a system's root built in, if it is only "/", and
 * would tell the linker of it; the foreign one has none.  Who names a root is not served by a twin.
 */
static const char *text_wanted(const struct spec *spec)
{
	return strcmp(spec->name, "sysroot_spec") == 0 ? "" : spec->text;
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

bool native_set_specs(struct native *native, const struct native *other)
{
	struct spec ours[NATIVE_SPECS_MAX], theirs[NATIVE_SPECS_MAX];
	size_t count = specs_read(native, ours), room;
	char *at = room_find(native, &room);

	if (!count || count == NATIVE_SPECS_MAX || specs_read(other, theirs) != count)
		return false;
	for (size_t i = 0; i < count; i++) {
		const char *wanted = text_wanted(&theirs[i]);
		const size_t length = wanted ? strlen(wanted) + 1 : 0;
		uint64_t address;

		if (strcmp(ours[i].name, theirs[i].name) != 0)
			return false;
		if (same_text(ours[i].text, wanted))
			continue;
		if (!ours[i].text || !length || length > room)
			return false;
		address = native_address(native, (uint64_t)((uint8_t *)at - native->data));
		if (!address)
			return false;
		memcpy(at, wanted, length);
		memcpy(native->data + ours[i].pointer, &address, sizeof(address));
		at += length;
		room -= length;
	}
	return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Texts of a program are replaced, in their place or by longer ones elsewhere.
 */
#include "runner/native_internal.h"

#include <string.h>

static int32_t get32(const uint8_t *at)
{
	int32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

/* ---- texts ---- */

bool native_set_loader(struct native *native, const char *path)
{
	size_t length = strlen(path) + 1;
	Elf64_Phdr header;

	if (length > native->interp_size)
		return false;
	memcpy(native->data + native->interp, path, length);
	for (size_t i = 0; native_header(native, i, &header); i++)
		if (header.p_type == PT_INTERP) {
			header.p_filesz = header.p_memsz = length;
			native_header_put(native, i, &header);
		}
	native->interp_size = length;
	return true;
}

/** Whether a path may begin behind this byte, as in a list, an option or a quoted text. */
static bool begins_path(uint8_t before)
{
	return before == '\0' || (before < 0x80 && strchr(":= \"'", before));
}

/** Whether a name goes on with this byte, so that another path only begins alike. */
static bool continues_name(uint8_t after)
{
	return (after >= 'a' && after <= 'z') || (after >= 'A' && after <= 'Z') ||
	       (after >= '0' && after <= '9') || after == '-' || after == '_' || after == '.';
}

size_t native_replace_path(struct native *native, const char *from, const char *to)
{
	size_t length = strlen(from), new_length = strlen(to), count = 0;
	const uint8_t *end = native->data + native->size;

	if (new_length > length || !length)
		return 0;
	for (uint8_t *at = native->data; (at = native_find_bytes(native, at, from, length));
	     at += length) {
		if (at == native->data || !begins_path(at[-1]) || at + length == end ||
		    continues_name(at[length]))
			continue;
		memcpy(at, to, new_length);
		memset(at + new_length, '/', length - new_length);
		count++;
	}
	return count;
}

size_t native_replace_text(struct native *native, const char *from, const char *to)
{
	size_t length = strlen(from), new_length = strlen(to), count = 0;

	if (new_length > length || !length)
		return 0;
	for (uint8_t *at = native->data; (at = native_find_bytes(native, at, from, length + 1));
	     at += length) {
		if (at == native->data || !native_ends_text(at[-1]))
			continue;
		memset(at, 0, length);
		memcpy(at, to, new_length);
		count++;
	}
	return count;
}

/* ---- texts that move ---- */

/** Put a text behind a segment with these permissions. */
static uint64_t text_put(struct native *native, uint32_t flags, const char *text)
{
	size_t length = strlen(text) + 1;
	Elf64_Phdr header;

	for (size_t i = 0; native_header(native, i, &header); i++) {
		uint64_t end = header.p_offset + header.p_filesz,
			 page = (end | (NATIVE_PAGE - 1)) + 1;
		bool unused = true;

		if (header.p_type != PT_LOAD || header.p_flags != flags || !header.p_filesz ||
		    header.p_filesz != header.p_memsz || end % NATIVE_PAGE == 0 ||
		    page - end < length + 1 ||
		    !native_inside(native, header.p_offset, header.p_filesz) || page > native->size)
			continue;
		for (uint64_t at = end; at < end + length + 1; at++)
			unused = unused && native->data[at] == 0;
		if (!unused)
			continue;
		/* A byte between: whatever stood at the end may want its NUL. */
		memcpy(native->data + end + 1, text, length);
		header.p_filesz += length + 1;
		header.p_memsz = header.p_filesz;
		native_header_put(native, i, &header);
		return header.p_vaddr + (end + 1 - header.p_offset);
	}
	return 0;
}

uint64_t native_put_text(struct native *native, const char *text)
{
	uint64_t address = text_put(native, PF_R, text);

	return address ? address : text_put(native, PF_R | PF_X, text);
}

/** The first entry of the tag becomes another one. */
static bool dynamic_replace(struct native *native, int64_t tag, int64_t other, uint64_t value)
{
	Elf64_Phdr dynamic;
	Elf64_Dyn entry;

	if (!native_dynamic(native, &dynamic) ||
	    !native_inside(native, dynamic.p_offset, dynamic.p_filesz))
		return false;
	for (uint64_t at = 0; at + sizeof(entry) <= dynamic.p_filesz; at += sizeof(entry)) {
		memcpy(&entry, native->data + dynamic.p_offset + at, sizeof(entry));
		if (entry.d_tag == DT_NULL)
			return false;
		if (entry.d_tag != tag)
			continue;
		entry.d_tag = other;
		entry.d_un.d_val = value;
		memcpy(native->data + dynamic.p_offset + at, &entry, sizeof(entry));
		return true;
	}
	return false;
}

bool native_set_run_path(struct native *native, const char *path)
{
	uint64_t texts, address, ignored;
	Elf64_Phdr dynamic;

	if (native->run_path || !native_dynamic(native, &dynamic) ||
	    !native_dynamic_find(native, &dynamic, DT_STRTAB, &texts) ||
	    !native_dynamic_find(native, &dynamic, DT_DEBUG, &ignored))
		return false;
	address = native_put_text(native, path);
	return address && dynamic_replace(native, DT_DEBUG, DT_RPATH, address - texts);
}

bool native_add_library(struct native *native, const char *path)
{
	uint64_t texts, first, address, ignored;
	Elf64_Phdr dynamic;

	if (!native_dynamic(native, &dynamic) ||
	    !native_dynamic_find(native, &dynamic, DT_STRTAB, &texts) ||
	    !native_dynamic_find(native, &dynamic, DT_NEEDED, &first) ||
	    !native_dynamic_find(native, &dynamic, DT_DEBUG, &ignored))
		return false;
	address = native_put_text(native, path);
	return address && dynamic_replace(native, DT_NEEDED, DT_NEEDED, address - texts) &&
	       dynamic_replace(native, DT_DEBUG, DT_NEEDED, first);
}

/** lea disp32(%rip), %reg: three bytes and a distance from the instruction's end. */
static bool is_lea(const uint8_t *code)
{
	return (code[0] == 0x48 || code[0] == 0x4c) && code[1] == 0x8d && (code[2] & 0xc7) == 0x05;
}

/** Redirect what the code of one segment computes as `from`; how many instructions. */
static size_t leas_redirect(struct native *native, const Elf64_Phdr *header, uint64_t from,
			    uint64_t to)
{
	uint8_t *code = native->data + header->p_offset;
	size_t count = 0;

	for (uint64_t at = 0; at + 7 <= header->p_filesz; at++) {
		uint64_t next = header->p_vaddr + at + 7;
		int64_t distance;
		int32_t word;

		if (!is_lea(code + at) || next + (uint64_t)(int64_t)get32(code + at + 3) != from)
			continue;
		distance = (int64_t)(to - next);
		if (distance != (int32_t)distance)
			continue;
		word = (int32_t)distance;
		memcpy(code + at + 3, &word, sizeof(word));
		count++;
	}
	return count;
}

/** Redirect the addends of relative relocations, which is how data points somewhere. */
static size_t relocations_redirect(struct native *native, uint64_t from, uint64_t to)
{
	uint64_t address, size, at, rest;
	size_t count = 0;
	Elf64_Phdr dynamic;

	if (!native_dynamic(native, &dynamic) ||
	    !native_dynamic_find(native, &dynamic, DT_RELA, &address) ||
	    !native_dynamic_find(native, &dynamic, DT_RELASZ, &size) ||
	    !native_offset(native, address, &at, &rest) || size > rest)
		return 0;
	for (uint64_t i = 0; i + sizeof(Elf64_Rela) <= size; i += sizeof(Elf64_Rela)) {
		Elf64_Rela relocation;

		memcpy(&relocation, native->data + at + i, sizeof(relocation));
		if (ELF64_R_TYPE(relocation.r_info) != R_X86_64_RELATIVE ||
		    (uint64_t)relocation.r_addend != from)
			continue;
		relocation.r_addend = (int64_t)to;
		memcpy(native->data + at + i, &relocation, sizeof(relocation));
		count++;
	}
	return count;
}

/** Redirect pointers in the data of a program that is not relocated. */
static size_t pointers_redirect(struct native *native, const Elf64_Phdr *header, uint64_t from,
				uint64_t to)
{
	size_t count = 0;

	for (uint64_t at = header->p_offset & ~7UL; at + 8 <= header->p_offset + header->p_filesz;
	     at += 8) {
		if (at < header->p_offset || memcmp(native->data + at, &from, 8) != 0)
			continue;
		memcpy(native->data + at, &to, 8);
		count++;
	}
	return count;
}

/** mov $ADDRESS, to a register: how the code of a program that is not relocated points somewhere.
 */
static size_t movs_redirect(struct native *native, const Elf64_Phdr *header, uint64_t from,
			    uint64_t to)
{
	const uint32_t old = (uint32_t)from, new = (uint32_t)to;
	uint8_t *code = native->data + header->p_offset;
	size_t count = 0;

	if (old != from || new != to)
		return 0;
	for (uint64_t at = 0; at + 5 <= header->p_filesz; at++) {
		if ((code[at] & 0xf8) != 0xb8 || memcmp(code + at + 1, &old, sizeof(old)) != 0)
			continue;
		memcpy(code + at + 1, &new, sizeof(new));
		count++;
	}
	return count;
}

static bool is_relocated(const struct native *native)
{
	Elf64_Ehdr elf;

	memcpy(&elf, native->data, sizeof(elf));
	return elf.e_type != ET_EXEC;
}

static size_t references_redirect(struct native *native, uint64_t from, uint64_t to)
{
	size_t count = relocations_redirect(native, from, to);
	const bool is_fixed = !is_relocated(native);
	Elf64_Phdr header;

	for (size_t i = 0; is_fixed && native_header(native, i, &header); i++)
		if (header.p_type == PT_LOAD && !(header.p_flags & PF_X) &&
		    native_inside(native, header.p_offset, header.p_filesz))
			count += pointers_redirect(native, &header, from, to);

	for (size_t i = 0; native_header(native, i, &header); i++)
		if (header.p_type == PT_LOAD && (header.p_flags & PF_X) &&
		    native_inside(native, header.p_offset, header.p_filesz))
			count += leas_redirect(native, &header, from, to) +
				 (is_fixed ? movs_redirect(native, &header, from, to) : 0);
	return count;
}

bool native_move_text(struct native *native, const char *from, const char *to)
{
	size_t length = strlen(from) + 1, count = 0;
	uint64_t target;

	if (native->machine != EM_X86_64 || length < 2)
		return false;
	target = native_put_text(native, to);
	if (!target)
		return false;
	for (const uint8_t *at = native->data; (at = native_find_bytes(native, at, from, length));
	     at += length) {
		uint64_t address = native_address(native, (uint64_t)(at - native->data));

		if (at != native->data && native_ends_text(at[-1]) && address && address != target)
			count += references_redirect(native, address, target);
	}
	return count > 0;
}

/* ---- Go's ---- */

/** A line of what it was made of without its "=" is none, and then there are no others. */
bool native_hide_go_build(struct native *native)
{
	static const char line[] = "\nbuild\t-compiler=gc\n", counters[] = "golang.org/x/telemetry";
	const uint8_t *end = native->data + native->size;
	uint8_t *at = native->data;
	bool found = false;

	while ((at = memmem(at, (size_t)(end - at), line, strlen(line)))) {
		*(uint8_t *)memchr(at, '=', strlen(line)) = '_';
		at += strlen(line);
		found = true;
	}
	return found || !memmem(native->data, native->size, counters, strlen(counters));
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/native_internal.h"

#include <stdlib.h>
#include <string.h>

enum { HEADERS_MAX = 128, DYNAMIC_MAX = 4096 };

bool native_inside(const struct native *native, uint64_t offset, uint64_t length)
{
	return offset <= native->size && length <= native->size - offset;
}

bool elf_kind_read(const void *head, size_t length, struct elf_kind *out)
{
	const uint8_t *bytes = head;
	uint16_t type;

	if (length < 52 || memcmp(bytes, ELFMAG, SELFMAG) != 0 ||
	    (bytes[EI_CLASS] != ELFCLASS32 && bytes[EI_CLASS] != ELFCLASS64) ||
	    (bytes[EI_DATA] != ELFDATA2LSB && bytes[EI_DATA] != ELFDATA2MSB))
		return false;
	out->is_64 = bytes[EI_CLASS] == ELFCLASS64;
	out->is_big = bytes[EI_DATA] == ELFDATA2MSB;
	type = out->is_big ? (uint16_t)(bytes[16] << 8 | bytes[17])
			   : (uint16_t)(bytes[17] << 8 | bytes[16]);
	out->machine = out->is_big ? (uint16_t)(bytes[18] << 8 | bytes[19])
				   : (uint16_t)(bytes[19] << 8 | bytes[18]);
	out->is_program = type == ET_EXEC || type == ET_DYN;
	return true;
}

/* ---- the parts of a file ---- */

bool native_header(const struct native *native, size_t index, Elf64_Phdr *out)
{
	Elf64_Ehdr elf;

	memcpy(&elf, native->data, sizeof(elf));
	if (index >= elf.e_phnum || elf.e_phentsize != sizeof(*out))
		return false;
	memcpy(out, native->data + elf.e_phoff + index * sizeof(*out), sizeof(*out));
	return true;
}

void native_header_put(struct native *native, size_t index, const Elf64_Phdr *header)
{
	Elf64_Ehdr elf;

	memcpy(&elf, native->data, sizeof(elf));
	memcpy(native->data + elf.e_phoff + index * sizeof(*header), header, sizeof(*header));
}

bool native_offset(const struct native *native, uint64_t address, uint64_t *offset, uint64_t *rest)
{
	Elf64_Phdr header;

	for (size_t i = 0; native_header(native, i, &header); i++) {
		if (header.p_type != PT_LOAD || address < header.p_vaddr ||
		    address - header.p_vaddr >= header.p_filesz ||
		    !native_inside(native, header.p_offset, header.p_filesz))
			continue;
		*offset = header.p_offset + (address - header.p_vaddr);
		*rest = header.p_filesz - (address - header.p_vaddr);
		return true;
	}
	return false;
}

uint64_t native_address(const struct native *native, uint64_t offset)
{
	Elf64_Phdr header;

	for (size_t i = 0; native_header(native, i, &header); i++)
		if (header.p_type == PT_LOAD && offset >= header.p_offset &&
		    offset - header.p_offset < header.p_filesz)
			return header.p_vaddr + (offset - header.p_offset);
	return 0;
}

const char *native_text(const struct native *native, uint64_t offset)
{
	if (offset >= native->size || !memchr(native->data + offset, 0, native->size - offset))
		return NULL;
	return (const char *)native->data + offset;
}

/** The dynamic section's entry number `index`; false at its end. */
static bool dynamic_at(const struct native *native, const Elf64_Phdr *dynamic, size_t index,
		       Elf64_Dyn *out)
{
	if (index >= DYNAMIC_MAX || (index + 1) * sizeof(*out) > dynamic->p_filesz ||
	    !native_inside(native, dynamic->p_offset, dynamic->p_filesz))
		return false;
	memcpy(out, native->data + dynamic->p_offset + index * sizeof(*out), sizeof(*out));
	return out->d_tag != DT_NULL;
}

bool native_dynamic_find(const struct native *native, const Elf64_Phdr *dynamic, int64_t tag,
			 uint64_t *out)
{
	Elf64_Dyn entry;

	for (size_t i = 0; dynamic_at(native, dynamic, i, &entry); i++)
		if (entry.d_tag == tag) {
			*out = entry.d_un.d_val;
			return true;
		}
	return false;
}

bool native_dynamic(const struct native *native, Elf64_Phdr *out)
{
	for (size_t i = 0; native_header(native, i, out); i++)
		if (out->p_type == PT_DYNAMIC)
			return true;
	return false;
}

static bool dynamic_read(struct native *native, const Elf64_Phdr *dynamic)
{
	uint64_t address, strings, rest;
	Elf64_Dyn entry;

	if (!native_dynamic_find(native, dynamic, DT_STRTAB, &address))
		return true;
	if (!native_offset(native, address, &strings, &rest))
		return false;
	for (size_t i = 0; dynamic_at(native, dynamic, i, &entry); i++) {
		const char *text;

		if (entry.d_tag != DT_NEEDED && entry.d_tag != DT_RUNPATH &&
		    entry.d_tag != DT_RPATH)
			continue;
		if (entry.d_un.d_val >= rest)
			return false;
		text = native_text(native, strings + entry.d_un.d_val);
		if (!text || (entry.d_tag == DT_NEEDED && native->need_count == NATIVE_NEEDS_MAX))
			return false;
		if (entry.d_tag == DT_NEEDED)
			native->needs[native->need_count++] = text;
		else
			native->run_path = text;
	}
	return true;
}

bool native_read(uint8_t *data, size_t size, struct native *out)
{
	struct native native = { .data = data, .size = size };
	struct elf_kind kind;
	Elf64_Phdr header;
	Elf64_Ehdr elf;

	if (size < sizeof(elf) || size > NATIVE_SIZE_MAX || !elf_kind_read(data, size, &kind) ||
	    !kind.is_64 || kind.is_big)
		return false;
	memcpy(&elf, data, sizeof(elf));
	if (elf.e_phnum > HEADERS_MAX || (elf.e_phnum && elf.e_phentsize != sizeof(header)) ||
	    !native_inside(&native, elf.e_phoff, (uint64_t)elf.e_phnum * sizeof(header)))
		return false;
	native.machine = kind.machine;
	for (size_t i = 0; native_header(&native, i, &header); i++) {
		if (header.p_type == PT_INTERP) {
			if (!native_inside(&native, header.p_offset, header.p_filesz) ||
			    !header.p_filesz || header.p_filesz > NATIVE_PAGE)
				return false;
			native.interp = header.p_offset;
			native.interp_size = header.p_filesz;
		}
		if (header.p_type == PT_DYNAMIC && !dynamic_read(&native, &header))
			return false;
	}
	*out = native;
	return true;
}

/* ---- symbols ---- */

/** How many symbols the table has, by what is cheap to know: it ends where its texts begin. */
static uint64_t symbol_count(uint64_t symbols, uint64_t texts, uint64_t rest)
{
	uint64_t size = texts > symbols && texts - symbols < rest ? texts - symbols : rest;

	return size / sizeof(Elf64_Sym);
}

/** The first symbol of that name that is defined here, or that is not. */
static bool symbol_find(const struct native *native, const char *name, bool defined, Elf64_Sym *out)
{
	uint64_t symbols, strings, rest, text_rest, count;
	Elf64_Phdr dynamic;

	if (!native_dynamic(native, &dynamic) ||
	    !native_dynamic_find(native, &dynamic, DT_SYMTAB, &symbols) ||
	    !native_dynamic_find(native, &dynamic, DT_STRTAB, &strings) ||
	    !native_offset(native, symbols, &symbols, &rest) ||
	    !native_offset(native, strings, &strings, &text_rest))
		return false;
	count = symbol_count(symbols, strings, rest);
	for (uint64_t i = 0; i < count; i++) {
		const char *text;

		memcpy(out, native->data + symbols + i * sizeof(*out), sizeof(*out));
		if ((out->st_shndx != SHN_UNDEF) != defined || out->st_name >= text_rest)
			continue;
		text = native_text(native, strings + out->st_name);
		if (text && strcmp(text, name) == 0)
			return true;
	}
	return false;
}

bool native_symbol(const struct native *native, const char *name, size_t *offset, size_t *size)
{
	uint64_t at, rest;
	Elf64_Sym symbol;

	if (!symbol_find(native, name, true, &symbol) ||
	    !native_offset(native, symbol.st_value, &at, &rest) || symbol.st_size > rest)
		return false;
	*offset = at;
	*size = symbol.st_size;
	return true;
}

bool native_is_symbol(const struct native *native, uint64_t index, const char *name)
{
	uint64_t symbols, strings, rest, text_rest;
	Elf64_Phdr dynamic;
	Elf64_Sym symbol;
	const char *text;

	if (!native_dynamic(native, &dynamic) ||
	    !native_dynamic_find(native, &dynamic, DT_SYMTAB, &symbols) ||
	    !native_dynamic_find(native, &dynamic, DT_STRTAB, &strings) ||
	    !native_offset(native, symbols, &symbols, &rest) ||
	    !native_offset(native, strings, &strings, &text_rest) || index >= rest / sizeof(symbol))
		return false;
	memcpy(&symbol, native->data + symbols + index * sizeof(symbol), sizeof(symbol));
	text = symbol.st_name < text_rest ? native_text(native, strings + symbol.st_name) : NULL;
	return text && strcmp(text, name) == 0;
}

bool native_imports(const struct native *native, const char *name)
{
	Elf64_Sym symbol;

	return symbol_find(native, name, false, &symbol);
}

/* ---- texts ---- */

uint8_t *native_find_bytes(const struct native *native, const uint8_t *at, const void *text,
			   size_t length)
{
	return memmem(at, (size_t)(native->data + native->size - at), text, length);
}

bool native_ends_text(uint8_t before)
{
	return before < ' ' || before > '~';
}

bool native_has_text(const struct native *native, const char *text)
{
	size_t length = strlen(text) + 1;

	for (const uint8_t *at = native->data; (at = native_find_bytes(native, at, text, length));
	     at++)
		if (at != native->data && native_ends_text(at[-1]))
			return true;
	return false;
}

const char *native_find_text(const struct native *native, const char *prefix, const char *suffix)
{
	size_t length = strlen(prefix), end = strlen(suffix);

	for (const uint8_t *at = native->data; (at = native_find_bytes(native, at, prefix, length));
	     at += length) {
		const char *text = native_text(native, (size_t)(at - native->data));
		size_t whole = text ? strlen(text) : 0;

		if (text && at != native->data && native_ends_text(at[-1]) &&
		    whole >= length + end && strcmp(text + whole - end, suffix) == 0)
			return text;
	}
	return NULL;
}

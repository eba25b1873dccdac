/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What a file asks others for: one function in the place of another.
 */
#include "runner/native_internal.h"

#include <string.h>

/** The tables of dynamic symbols: places in the file, and how many there are. */
struct symbols {
	uint64_t table, texts, versions, count, texts_size;
};

static bool symbols_find(const struct native *native, struct symbols *out)
{
	uint64_t rest, texts_at, table_at, versions_rest;
	Elf64_Phdr dynamic;

	if (!native_dynamic(native, &dynamic) ||
	    !native_dynamic_find(native, &dynamic, DT_SYMTAB, &table_at) ||
	    !native_dynamic_find(native, &dynamic, DT_STRTAB, &texts_at) ||
	    !native_dynamic_find(native, &dynamic, DT_VERSYM, &out->versions) ||
	    !native_offset(native, table_at, &out->table, &rest) ||
	    !native_offset(native, texts_at, &out->texts, &out->texts_size) ||
	    !native_offset(native, out->versions, &out->versions, &versions_rest))
		return false;
	/* They end where their texts begin. */
	if (texts_at > table_at && texts_at - table_at < rest)
		rest = texts_at - table_at;
	out->count = rest / sizeof(Elf64_Sym);
	return out->count <= versions_rest / sizeof(Elf64_Versym);
}

static Elf64_Sym symbol_at(const struct native *native, const struct symbols *symbols,
			   uint64_t index)
{
	Elf64_Sym symbol;

	memcpy(&symbol, native->data + symbols->table + index * sizeof(symbol), sizeof(symbol));
	return symbol;
}

/** The number of the symbol that is asked for by that name; 0: none. */
static uint64_t import_find(const struct native *native, const struct symbols *symbols,
			    const char *name)
{
	for (uint64_t i = 1; i < symbols->count; i++) {
		const Elf64_Sym symbol = symbol_at(native, symbols, i);
		const char *text;

		if (symbol.st_shndx != SHN_UNDEF || symbol.st_name >= symbols->texts_size)
			continue;
		text = native_text(native, symbols->texts + symbol.st_name);
		if (text && strcmp(text, name) == 0)
			return i;
	}
	return 0;
}

/** How many symbols have a name in these bytes: texts that end alike share them. */
static size_t names_in(const struct native *native, const struct symbols *symbols, uint64_t start,
		       uint64_t length)
{
	size_t count = 0;

	for (uint64_t i = 1; i < symbols->count; i++) {
		const uint64_t name = symbol_at(native, symbols, i).st_name;

		count += name >= start && name < start + length;
	}
	return count;
}

bool native_import_swap(struct native *native, const char *from, const char *to, const char *like)
{
	const size_t length = strlen(from);
	uint64_t index, model, name;
	struct symbols symbols;
	uint8_t *text, *versions;

	if (strlen(to) != length || !symbols_find(native, &symbols))
		return false;
	index = import_find(native, &symbols, from);
	model = import_find(native, &symbols, like);
	if (!index || !model)
		return false;
	name = symbol_at(native, &symbols, index).st_name;
	text = native->data + symbols.texts + name;
	if (!name || text[-1] || names_in(native, &symbols, name, length) != 1)
		return false;
	memcpy(text, to, length);
	versions = native->data + symbols.versions;
	memcpy(versions + index * sizeof(Elf64_Versym), versions + model * sizeof(Elf64_Versym),
	       sizeof(Elf64_Versym));
	return true;
}

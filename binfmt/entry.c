/* SPDX-License-Identifier: Apache-2.0 */
#include "binfmt/entry.h"

#include "binfmt/elf.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/** Add bytes the way the kernel unescapes them: real NULs would end the mask early. */
static void add_escaped(struct buf *out, const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		buf_printf(out, "\\x%02x", bytes[i]);
}

static result check_path(const char *path, struct error *err)
{
	if (*path != '/')
		return fail(err, FAULT_INPUT, "emulator '%.200s': want an absolute path", path);
	for (const char *at = path; *at; at++) {
		if (*at == ':' || (unsigned char)*at < ' ')
			return fail(err, FAULT_INPUT,
				    "emulator '%.200s': binfmt_misc takes no path with '%c' in it",
				    path, *at == ':' ? ':' : '?');
	}
	return OK;
}

result binfmt_rule(const struct emulator *emulator, const char *path, const char *flags,
		   char rule[BINFMT_RULE_MAX], struct error *err)
{
	owned(buf) struct buf text = {};
	size_t size = elf_mask_length(emulator);

	if (check_path(path, err))
		return FAILED;
	if (strspn(flags, "POCF") != strlen(flags))
		return fail(err, FAULT_INPUT, "flags '%.16s': want letters of POCF", flags);
	buf_printf(&text, ":%s:M::", emulator->name);
	add_escaped(&text, emulator->magic, size);
	buf_add_char(&text, ':');
	add_escaped(&text, emulator->mask, size);
	buf_printf(&text, ":%s:%s", path, flags);
	if (text.length >= BINFMT_RULE_MAX)
		return fail(err, FAULT_INPUT,
			    "emulator '%.80s...': path too long, the rule has more than %d bytes",
			    path, BINFMT_RULE_MAX - 1);
	memcpy(rule, text.data, text.length + 1);
	return OK;
}

static bool take_hex(const char *text, uint8_t bytes[ENTRY_MAGIC_MAX], size_t *size)
{
	size_t count = 0;

	for (; text[0] && text[1]; text += 2) {
		unsigned byte;

		if (count == ENTRY_MAGIC_MAX || !isxdigit((unsigned char)text[0]) ||
		    !isxdigit((unsigned char)text[1]) || sscanf(text, "%2x", &byte) != 1)
			return false;
		bytes[count++] = (uint8_t)byte;
	}
	if (*text)
		return false;
	*size = count;
	return true;
}

static bool take_text(const char *text, char *field, size_t size)
{
	return (size_t)snprintf(field, size, "%s", text) < size;
}

/** One line of the file; false where it does not make sense. */
static bool take_line(const char *line, struct entry *entry, size_t *mask_size)
{
	uint64_t offset;
	struct error ignored;

	if (strcmp(line, "enabled") == 0 || strcmp(line, "disabled") == 0) {
		entry->enabled = *line == 'e';
		return true;
	}
	if (starts_with(line, "interpreter "))
		return take_text(line + strlen("interpreter "), entry->interpreter,
				 sizeof(entry->interpreter));
	if (starts_with(line, "flags: "))
		return take_text(line + strlen("flags: "), entry->flags, sizeof(entry->flags));
	if (starts_with(line, "extension ")) {
		entry->by_extension = true;
		return true;
	}
	if (starts_with(line, "offset ")) {
		if (number_parse(line + strlen("offset "), ENTRY_MAGIC_MAX, &offset, &ignored))
			return false;
		entry->offset = (size_t)offset;
		return true;
	}
	if (starts_with(line, "magic "))
		return take_hex(line + strlen("magic "), entry->magic, &entry->size);
	if (starts_with(line, "mask "))
		return take_hex(line + strlen("mask "), entry->mask, mask_size);
	return !*line; /* nothing else is known up to Linux 6.18 */
}

result entry_parse(const char *text, struct entry *out, struct error *err)
{
	owned(strings) struct strings lines = {};
	struct entry entry = {};
	size_t mask_size = 0;

	if (strlen(text) > ENTRY_TEXT_MAX)
		return fail(err, FAULT_INPUT, "more than %d bytes", ENTRY_TEXT_MAX);
	strings_split(&lines, text, '\n');
	for (size_t i = 0; i < lines.count; i++) {
		if (!take_line(lines.items[i], &entry, &mask_size))
			return fail(err, FAULT_INPUT, "line %zu: '%.40s' is not understood", i + 1,
				    lines.items[i]);
	}
	if (mask_size == 0)
		memset(entry.mask, 0xff, entry.size);
	else if (mask_size != entry.size)
		return fail(err, FAULT_INPUT, "mask and magic differ in length");
	if (!entry.interpreter[0] || (!entry.by_extension && entry.size == 0))
		return fail(err, FAULT_INPUT, "no %s", entry.size ? "interpreter" : "magic");
	*out = entry;
	return OK;
}

bool entry_matches(const struct entry *entry, const void *head, size_t length)
{
	if (entry->by_extension || entry->offset > length)
		return false;
	return elf_matches((const uint8_t *)head + entry->offset, length - entry->offset,
			   entry->magic, entry->mask, entry->size);
}

bool entry_is_for(const struct entry *entry, const struct emulator *emulator)
{
	size_t size = elf_mask_length(emulator);

	if (entry->by_extension || entry->offset != 0 || entry->size != size ||
	    memcmp(entry->mask, emulator->mask, size) != 0)
		return false;
	for (size_t i = 0; i < size; i++) {
		/* The kernel may show the magic with its masked bits cleared. */
		if ((entry->magic[i] ^ emulator->magic[i]) & emulator->mask[i])
			return false;
	}
	return true;
}

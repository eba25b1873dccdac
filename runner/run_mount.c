/* SPDX-License-Identifier: Apache-2.0 */
/**
 * --mount of `run`: "type=volume,source=NAME,target=DIR,readonly".
 */
#include "runner/run_binds.h"

#include "base/mem.h"
#include "runner/fields.h"

#include <string.h>

/** What is said of one; NULL where it is not. */
struct words {
	const char *type, *source, *target, *size, *mode;
	bool read_only, no_copy;
};

enum value { VALUE_TEXT, VALUE_FLAG, VALUE_NOTHING };

/* clang-format off */
static const struct {
	const char *name;
	const char *type; /* that has it; NULL: all do */
	enum value value;
	size_t offset;
} keys[] = {
	{ "type",             NULL,     VALUE_TEXT,    offsetof(struct words, type) },
	{ "source",           NULL,     VALUE_TEXT,    offsetof(struct words, source) },
	{ "src",              NULL,     VALUE_TEXT,    offsetof(struct words, source) },
	{ "target",           NULL,     VALUE_TEXT,    offsetof(struct words, target) },
	{ "destination",      NULL,     VALUE_TEXT,    offsetof(struct words, target) },
	{ "dst",              NULL,     VALUE_TEXT,    offsetof(struct words, target) },
	{ "readonly",         NULL,     VALUE_FLAG,    offsetof(struct words, read_only) },
	{ "ro",               NULL,     VALUE_FLAG,    offsetof(struct words, read_only) },
	{ "consistency",      NULL,     VALUE_NOTHING, 0 }, /* of other systems */
	{ "volume-nocopy",    "volume", VALUE_FLAG,    offsetof(struct words, no_copy) },
	{ "tmpfs-size",       "tmpfs",  VALUE_TEXT,    offsetof(struct words, size) },
	{ "tmpfs-mode",       "tmpfs",  VALUE_TEXT,    offsetof(struct words, mode) },
};
/* clang-format on */

static bool flag_read(const char *value, bool *out)
{
	bool on = strcmp(value, "") == 0 || strcmp(value, "true") == 0 || strcmp(value, "1") == 0;

	*out = on;
	return on || strcmp(value, "false") == 0 || strcmp(value, "0") == 0;
}

/** One "key=value", whose text outlives `out`; false where there is no such key, or value for it.
 */
static bool word_read(const char *text, const char *type, struct words *out)
{
	size_t length = strcspn(text, "=");
	const char *value = text[length] ? text + length + 1 : "";

	for (size_t i = 0; i < countof(keys); i++) {
		void *field = (char *)out + keys[i].offset;

		if (strlen(keys[i].name) != length || strncmp(keys[i].name, text, length) != 0 ||
		    (keys[i].type && strcmp(keys[i].type, type) != 0))
			continue;
		if (keys[i].value == VALUE_FLAG)
			return flag_read(value, field);
		if (keys[i].value == VALUE_TEXT)
			*(const char **)field = value;
		return *value;
	}
	return false;
}

static result words_read(const struct strings *fields, const char *option, struct words *out,
			 struct error *err)
{
	static const char *const types[] = { "bind", "volume", "tmpfs" };
	bool known = false;

	for (size_t i = 0; i < fields->count; i++) {
		if (starts_with(fields->items[i], "type="))
			out->type = fields->items[i] + strlen("type=");
	}
	for (size_t i = 0; i < countof(types); i++)
		known |= strcmp(types[i], out->type) == 0;
	if (!known)
		return fail(err, FAULT_USAGE, "%s: want type=bind, volume or tmpfs", option);
	for (size_t i = 0; i < fields->count; i++) {
		if (!word_read(fields->items[i], out->type, out))
			return fail(err, FAULT_USAGE, "%s: '%s' is not supported with type=%s",
				    option, fields->items[i], out->type);
	}
	if (!out->target)
		return fail(err, FAULT_USAGE, "%s: want target=DIR", option);
	return OK;
}

/** An option of a tmpfs, where it is given. */
static bool tmpfs_set(struct bind *bind, const char *name, const char *value)
{
	owned(str) char *text = xasprintf("%s=%s", name, value ? value : "");

	return !value || tmpfs_option_set(text, bind);
}

result run_mount_parse(struct run_binds *binds, const char *text, struct error *err)
{
	owned(str) char *option = xasprintf("--mount %s", text);
	owned(strings) struct strings fields = {};
	struct words words = { .type = "volume" };
	struct bind *bind;

	if (fields_split(text, &fields, err))
		return fail_in(err, "%s", option);
	if (words_read(&fields, option, &words, err) ||
	    run_bind_add(binds, option, words.target, &bind, err))
		return FAILED;
	bind->read_only = words.read_only;
	if (strcmp(words.type, "volume") == 0)
		return run_bind_volume(binds, option, words.source ? words.source : "",
				       words.no_copy, bind, err);
	if (strcmp(words.type, "bind") == 0 && words.source)
		return run_bind_host(binds, option, words.source, bind, err);
	if (strcmp(words.type, "bind") == 0 || words.source)
		return fail(err, FAULT_USAGE, "%s: %s", option,
			    words.source ? "a tmpfs has no source" : "want source=PATH");
	bind->no_exec = true;
	if (!tmpfs_set(bind, "size", words.size) || !tmpfs_set(bind, "mode", words.mode))
		return fail(err, FAULT_USAGE, "%s: want sizes such as 64m, and octal modes",
			    option);
	return OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/assist_plugins.h"

#include "sandbox/assist_lookup.h"

/** What follows the first such character, or NULL. */
static const char *behind(const char *text, char what)
{
	while (*text && *text != what)
		text++;
	return *text ? text + 1 : NULL;
}

static bool is_digit(char letter)
{
	return (letter >= '0' && letter <= '9') || (letter >= 'a' && letter <= 'f');
}

/** Whether "-" and the digits stand there; there are that many bytes. */
static bool is_suffix(const char *bytes)
{
	if (*bytes != '-')
		return false;
	for (size_t i = 1; i < PLUGIN_SUFFIX; i++) {
		if (!is_digit(bytes[i]))
			return false;
	}
	return true;
}

void plugins_add(struct plugins *plugins, const char *name)
{
	enum { ENDING = sizeof(".so") - 1 };
	size_t length = 0;
	const char *suffix;

	if (!assist_match("~.so", name))
		return;
	while (name[length])
		length++;
	suffix = length < PLUGIN_SUFFIX + ENDING ? "" : name + length - ENDING - PLUGIN_SUFFIX;
	if (!*suffix || !is_suffix(suffix) || plugins->count == PLUGINS_MAX) {
		plugins->others = true;
		return;
	}
	for (size_t i = 0; i < PLUGIN_DIGITS; i++)
		plugins->digits[plugins->count][i] = suffix[1 + i];
	plugins->count++;
}

const char *plugin_folder(char *const *arguments, bool *only_dependencies)
{
	const char *folder, *kind;

	if (!assist_match("-L*", *arguments))
		return NULL;
	folder = (*arguments)[2] ? *arguments + 2 : arguments[1];
	if (!folder || assist_match("native=*", folder) || assist_match("framework=*", folder))
		return NULL;
	*only_dependencies = assist_match("dependency=*", folder);
	kind = folder;
	while (*kind >= 'a' && *kind <= 'z')
		kind++;
	return *kind == '=' ? kind + 1 : folder;
}

const char *plugin_user(char *const *arguments)
{
	if (assist_match("--extern=*", *arguments)) {
		const char *crate = behind(*arguments, '=');

		return behind(crate, '=');
	}
	if (!assist_match("--extern", *arguments))
		return NULL;
	return arguments[1] ? behind(arguments[1], '=') : NULL;
}

bool plugins_mentioned(const struct plugins *plugins, const char *bytes, size_t size)
{
	for (size_t at = 0; at + PLUGIN_SUFFIX <= size; at++) {
		if (!is_suffix(bytes + at))
			continue;
		for (uint32_t i = 0; i < plugins->count; i++) {
			size_t same = 0;

			while (same < PLUGIN_DIGITS &&
			       plugins->digits[i][same] == bytes[at + 1 + same])
				same++;
			if (same == PLUGIN_DIGITS)
				return true;
		}
	}
	return false;
}

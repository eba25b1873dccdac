/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What "check=" says, on top of the file and in comments above an instruction.
 */
#include "runner/lint_rules.h"
#include "runner/unicode.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/** BuildKit splits no further: what is left belongs to the last one. */
enum { PARTS_MAX = 3 };

static char *trimmed(const char *text, size_t length)
{
	size_t start = space_prefix(text, length);

	return xstrndup(text + start, space_trimmed(text + start, length - start));
}

/** Mark the rules that a list names; no rule is called "all" in a longer list. */
static void rules_mark(bool marks[LINT_RULE_COUNT], const char *list)
{
	owned(strings) struct strings names = {};
	bool all = strcmp(list, "all") == 0;

	strings_split(&names, list, ',');
	for (size_t i = 0; i < names.count; i++) {
		owned(str) char *name = trimmed(names.items[i], strlen(names.items[i]));

		for (size_t rule = 0; rule < LINT_RULE_COUNT; rule++)
			marks[rule] |= all || strcmp(lint_rules[rule].name, name) == 0;
	}
}

/** Go's strconv.ParseBool. */
static bool bool_read(const char *text, bool *out)
{
	static const char *const words[][6] = {
		{ "0", "f", "F", "false", "FALSE", "False" },
		{ "1", "t", "T", "true", "TRUE", "True" },
	};

	for (size_t i = 0; i < 2 * countof(words[0]); i++) {
		*out = i % 2;
		if (strcmp(text, words[i % 2][i / 2]) == 0)
			return true;
	}
	return false;
}

static result part_read(struct lint_config *config, const char *part, size_t length,
			struct error *err)
{
	const char *equals = memchr(part, '=', length);
	owned(str) char *key = NULL, *value = NULL;

	if (!equals)
		return fail(err, FAULT_INPUT, "invalid check option \"%.*s\"",
			    (int)(length < 100 ? length : 100), part);
	key = trimmed(part, (size_t)(equals - part));
	value = trimmed(equals + 1, length - (size_t)(equals + 1 - part));
	if (strcmp(key, "skip") == 0)
		rules_mark(config->skipped, value);
	else if (strcmp(key, "experimental") == 0)
		rules_mark(config->wanted, value);
	else if (strcmp(key, "error") != 0)
		return fail(err, FAULT_INPUT, "invalid check option \"%.100s\"", key);
	else if (!bool_read(value, &config->is_error))
		return fail(err, FAULT_INPUT,
			    "failed to parse check option \"%.*s\": want true or false",
			    (int)(length < 100 ? length : 100), part);
	return OK;
}

result lint_config_read(struct lint_config *config, const char *text, struct error *err)
{
	struct lint_config read = *config;

	text += space_prefix(text, strlen(text));
	for (size_t part = 1; *text; part++) {
		size_t length = part < PARTS_MAX ? strcspn(text, ";") : strlen(text);

		if (part_read(&read, text, length, err))
			return FAILED;
		text += length;
		if (!*text)
			break;
		text++;
		/* "skip=a;" ends with an option that is none */
		if (!*text)
			return fail(err, FAULT_INPUT, "invalid check option \"\"");
	}
	*config = read;
	return OK;
}

/** The value of "check = value" up to a blank, or NULL. */
static char *comment_check(const char *comment)
{
	static const char blanks[] = " \t\n\v\f\r";
	static const char key[] = "check";

	comment += strspn(comment, blanks);
	if (strncasecmp(comment, key, strlen(key)) != 0)
		return NULL;
	comment += strlen(key);
	comment += strspn(comment, blanks);
	if (*comment != '=')
		return NULL;
	comment++;
	comment += strspn(comment, blanks);
	return *comment ? xstrndup(comment, strcspn(comment, " ")) : NULL;
}

void lint_use(struct lint *lint, const struct instruction *instruction)
{
	lint->now = lint->config;
	for (size_t i = 0; instruction && i < instruction->comment_count; i++) {
		owned(str) char *text = comment_check(instruction->comments[i]);
		struct error ignored;

		/* the first one counts, and only where it is sound */
		if (!text)
			continue;
		(void)lint_config_read(&lint->now, text, &ignored);
		return;
	}
}

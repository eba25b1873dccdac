/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/plan_from.h"

#include "base/mem.h"
#include "runner/expand.h"

#include <stdlib.h>
#include <string.h>

result from_name(const struct dockerfile *file, const struct instruction *from,
		 const struct strings *globals, char **out, struct error *err)
{
	owned(str) char *name = NULL;

	if (expand_word(from->args[0], file->escape, globals, 0, &name, err))
		return FAILED;
	if (!*name)
		return fail(err, FAULT_INPUT, "base name (%s) should not be blank", from->args[0]);
	*out = take(name);
	return OK;
}

/** " (did you mean NAME?)" where a variable of the word is not set and another is near; or "". */
static char *variable_hint(const struct dockerfile *file, const char *word,
			   const struct strings *globals)
{
	owned(strings) struct strings names = {};
	owned(expand_names) struct expand_names used = {};
	const char *near = NULL;
	char hint[HINT_MAX];
	struct error ignored;

	for (size_t i = 0; i < globals->count; i++) {
		owned(str) char *name =
			xstrndup(globals->items[i], strcspn(globals->items[i], "="));

		strings_add(&names, name);
	}
	(void)expand_named(word, file->escape, globals, 0, &used, NULL, &ignored);
	for (size_t i = 0; i < used.unset.count && !near; i++)
		near = nearest_slip(used.unset.items[i], (const char *const *)names.items,
				    names.count);
	return xstrdup(hint_text("", near, hint));
}

result from_platform(const struct dockerfile *file, const struct instruction *from,
		     const struct strings *globals, bool *given, struct platform *out,
		     struct error *err)
{
	const char *flag = instruction_flag(from, "platform");
	owned(str) char *text = NULL, *hint = NULL;
	struct error why = {};

	*given = false;
	if (!flag || !*flag)
		return OK;
	if (expand_word(flag, file->escape, globals, 0, &text, err))
		return fail_in(err, "failed to process arguments for platform");
	hint = variable_hint(file, flag, globals);
	if (!*text)
		return fail(err, FAULT_INPUT, "empty platform value from expression %s%s", flag,
			    hint);
	if (platform_parse(text, out, &why))
		return fail(err, FAULT_INPUT, "failed to parse platform %s: %s%s", flag, why.text,
			    hint);
	*given = true;
	return OK;
}

result copy_from_check(const struct dockerfile *file, const struct instruction *copy,
		       size_t stage_count, struct error *err)
{
	const char *name = instruction_flag(copy, "from"), *digits;
	owned(str) char *expanded = NULL;
	struct error ignored = {};
	uint64_t number = 0;

	if (copy->kind != INSTRUCTION_COPY || !name || !*name)
		return OK;
	if (expand_word(name, file->escape, NULL, 0, &expanded, err))
		return FAILED;
	if (strcmp(expanded, name) != 0)
		return fail(err, FAULT_INPUT,
			    "variable expansion is not supported for --from, define a new stage "
			    "with FROM using ARG from global scope as a workaround");
	digits = name + (*name == '-' || *name == '+');
	if (!*digits || digits[strspn(digits, "0123456789")])
		return OK;
	if (number_parse(digits, SIZE_MAX, &number, &ignored) || number >= stage_count ||
	    (*name == '-' && number))
		return fail(err, FAULT_INPUT, "invalid stage index %s", name);
	return OK;
}

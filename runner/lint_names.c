/* SPDX-License-Identifier: Apache-2.0 */
/**
 * UndefinedVar: which words of an instruction hold variables, and what else they may have meant.
 */
#include "runner/expand.h"
#include "runner/lint_stages.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* Arguments for a scanner of the result, which are never set. */
static const char *const unset_always[] = { "BUILDKIT_SBOM_SCAN_CONTEXT",
					    "BUILDKIT_SBOM_SCAN_STAGE" };

char *lint_expanded(const char *word, char escape, const struct strings *env)
{
	char *out = NULL;
	struct error ignored;

	if (expand_word(word, escape, env, 0, &out, &ignored))
		return xstrdup(word);
	return out;
}

/** Each suggestion is compared with all that is known; nobody reads so many warnings. */
enum { SUGGESTIONS_MAX = 100, KNOWN_MAX = 1000 };

const char *lint_suggestion(const struct walk *walk, const char *name, const struct strings *known,
			    const char *mark, char out[HINT_MAX])
{
	owned(strings) struct strings names = {};

	if (walk->lint->count >= SUGGESTIONS_MAX || known->count > KNOWN_MAX)
		return hint_text(mark, NULL, out);
	for (size_t i = 0; i < known->count; i++) {
		owned(str) char *other = xstrndup(known->items[i], strcspn(known->items[i], "="));

		strings_add(&names, other);
	}
	return hint_text(mark, nearest_slip(name, (const char *const *)names.items, names.count),
			 out);
}

static void word_check(struct walk *walk, const struct stage *stage, const struct instruction *at,
		       const char *word, char escape, unsigned flags)
{
	owned(expand_names) struct expand_names names = {};
	struct error ignored;
	char hint[HINT_MAX];

	(void)expand_named(word, escape, &stage->env, flags, &names, NULL, &ignored);
	for (size_t i = 0; i < names.unset.count; i++) {
		const char *name = names.unset.items[i];

		if (strings_have(&stage->declared, name) || strcmp(name, unset_always[0]) == 0 ||
		    strcmp(name, unset_always[1]) == 0)
			continue;
		lint_add(walk->lint, LINT_UNDEFINED_VAR, at, "Usage of undefined variable '$%s'%s",
			 name, lint_suggestion(walk, name, &stage->env, "$", hint));
	}
}

void lint_word(struct walk *walk, const struct stage *stage, const struct instruction *at,
	       const char *word)
{
	word_check(walk, stage, at, word, walk->file->escape, 0);
}

static void check_flags(struct walk *walk, const struct stage *stage, const struct instruction *at,
			const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		size_t cursor = 0;
		const struct flag *flag;

		while ((flag = instruction_next_flag(at, names[i], &cursor))) {
			if (flag->value)
				lint_word(walk, stage, at, flag->value);
		}
	}
}

/** Sources, the destination, and what is written out in the file itself. */
static void check_copy(struct walk *walk, const struct stage *stage, const struct instruction *at)
{
	static const char *const flags[] = { "chown", "chmod", "checksum" };

	check_flags(walk, stage, at, flags, countof(flags));
	for (size_t i = 0; i < at->arg_count; i++) {
		const struct heredoc *heredoc = instruction_heredoc(at, at->args[i]);

		if (!heredoc)
			lint_word(walk, stage, at, at->args[i]);
		else if (heredoc->expand)
			word_check(walk, stage, at, heredoc->text, '\\', EXPAND_RAW_QUOTES);
	}
}

void lint_words(struct walk *walk, const struct stage *stage, const struct instruction *at)
{
	static const char *const run_flags[] = { "mount" };

	switch (at->kind) {
	case INSTRUCTION_ADD:
	case INSTRUCTION_COPY:
		check_copy(walk, stage, at);
		break;
	case INSTRUCTION_RUN:
		check_flags(walk, stage, at, run_flags, countof(run_flags));
		break;
	case INSTRUCTION_ENV:
	case INSTRUCTION_LABEL:
	case INSTRUCTION_STOPSIGNAL:
	case INSTRUCTION_USER:
	case INSTRUCTION_VOLUME:
	case INSTRUCTION_WORKDIR:
		for (size_t i = 0; i < at->arg_count; i++)
			lint_word(walk, stage, at, at->args[i]);
		break;
	default:
		break;
	}
}

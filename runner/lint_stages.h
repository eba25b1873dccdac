/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A walk over the stages that keeps what each one declares, sets and inherits.
 */
#ifndef RUNNER_LINT_STAGES_H
#define RUNNER_LINT_STAGES_H

#include "runner/lint_rules.h"

/** The rules that must know what is set and declared where: all of them in the file's order. */
result lint_stages(struct lint *lint, const struct dockerfile *dockerfile,
		   const struct lint_options *options, struct error *err);

/* ---- private to lint_stages.c, lint_names.c and lint_from.c ---- */

struct stage {
	char *name;              /* lower case, "" without */
	struct strings env;      /* set: of the image, ENV, and ARG with a value */
	struct strings declared; /* names of ARG */
	bool workdir, shell;
	bool is_left_out;                    /* no look at its instructions is taken */
	const struct instruction **triggers; /* to be looked at first */
	size_t trigger_count;
	const struct instruction *last[INSTRUCTION_COUNT];
};

struct walk {
	struct lint *lint;
	const struct dockerfile *file;
	const struct lint_options *options;
	struct strings globals;  /* NAME=value */
	struct strings defaults; /* the same without build arguments */
	struct strings declared; /* names of both, and of global ARGs without a value */
	struct stage *stages;
	size_t stage_count;
};

/** The word expanded, or as it is where that fails. */
char *lint_expanded(const char *word, char escape, const struct strings *env);

/**
 * " (did you mean $NAME?)" with `mark` for the dollar, or nothing, as where there are hundreds of
 * warnings or thousands of names; entries may be NAME=value.
 */
const char *lint_suggestion(const struct walk *walk, const char *name, const struct strings *known,
			    const char *mark, char out[HINT_MAX]);

/** Warn of variables in a word of the stage that are neither set nor declared. */
void lint_word(struct walk *walk, const struct stage *stage, const struct instruction *at,
	       const char *word);

/** The same for all words that this kind of instruction expands, but for ARG. */
void lint_words(struct walk *walk, const struct stage *stage, const struct instruction *at);

/** The comment above ARG or FROM. */
void lint_description(struct walk *walk, const struct instruction *at, const char *what,
		      const struct strings *names);

/** Start a stage, with the rules for its FROM. */
void lint_from(struct walk *walk, const struct instruction *at);

#endif

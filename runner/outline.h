/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What a target takes: arguments, secrets and agents of all stages that it needs.  Pure.
 */
#ifndef RUNNER_OUTLINE_H
#define RUNNER_OUTLINE_H

#include "runner/plan.h"

struct outline_entry {
	char *name, *value;           /* value: of arguments, "" where there is none */
	const char *description;      /* from the comment above it, "" without; borrowed */
	bool required;                /* secrets and agents */
	const struct instruction *at; /* where it is declared or mounted */
};

struct outline_list {
	struct outline_entry *items;
	size_t count;
};

/** Each name once, in the order of the file. */
struct outline {
	struct outline_list args, secrets, agents;
};

void outline_drop(struct outline *outline);

/** Add the environment that the image of a FROM step brings, where it is known. */
typedef void outline_look(void *closure, const struct step *from, struct strings *env);

/**
 * Walk the plan's first platform.  `build_args` are NAME=value.  FAULT_INPUT with file and line
 * where a word cannot be expanded.  `out` starts as {} and is the caller's to drop, on failure too.
 */
result outline_make(const struct plan *plan, const struct dockerfile *file,
		    const struct strings *build_args, outline_look *look, void *closure,
		    struct outline *out, struct error *err);

/** The text behind "NAME " in the comments above an instruction; "" where no line starts so. */
const char *instruction_description(const struct instruction *instruction, const char *name);

#endif

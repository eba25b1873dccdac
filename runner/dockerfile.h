/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The Dockerfile language: text becomes instructions, as BuildKit reads it.
 *
 * dockerfile_parse() cuts the text into logical lines (comments, continuations, heredocs, parser
 * directives), the lines into flags and words, and checks what can be checked without a build:
 * names of instructions and flags, number of arguments.  Words are as written, quotes, escapes and
 * variables untouched; runner/expand.h resolves them.  Nothing here touches the world.
 */
#ifndef RUNNER_DOCKERFILE_H
#define RUNNER_DOCKERFILE_H

#include "base/text.h"

/** A larger Dockerfile is a mistake, or an attack. */
#define DOCKERFILE_SIZE_MAX (16u << 20)

/** And no image comes from so many instructions. */
#define DOCKERFILE_INSTRUCTIONS_MAX 100000u
#define DOCKERFILE_PAIRS_MAX        20000 /* names that ENV, LABEL and ARG set */
#define DOCKERFILE_STAGES_MAX       5000u

/** Each stage may inherit each name: no more than this many in all of them. */
#define DOCKERFILE_STAGE_PAIRS_MAX 2000000u

/** In the order of the names' table, which is the alphabet. */
enum instruction_kind {
	INSTRUCTION_ADD,
	INSTRUCTION_ARG,
	INSTRUCTION_CMD,
	INSTRUCTION_COPY,
	INSTRUCTION_ENTRYPOINT,
	INSTRUCTION_ENV,
	INSTRUCTION_EXPOSE,
	INSTRUCTION_FROM,
	INSTRUCTION_HEALTHCHECK,
	INSTRUCTION_LABEL,
	INSTRUCTION_MAINTAINER,
	INSTRUCTION_ONBUILD,
	INSTRUCTION_RUN,
	INSTRUCTION_SHELL,
	INSTRUCTION_STOPSIGNAL,
	INSTRUCTION_USER,
	INSTRUCTION_VOLUME,
	INSTRUCTION_WORKDIR,
	INSTRUCTION_COUNT,
	INSTRUCTION_UNKNOWN = INSTRUCTION_COUNT, /* dockerfile_parse() never gives it out */
};

/** "--name=value"; value is NULL where the flag was bare ("--link"). */
struct flag {
	const char *name; /* lower case, without dashes */
	const char *value;
};

struct heredoc {
	const char *name;    /* without quotes */
	const char *content; /* as written, up to the terminator's line */
	const char
		*text; /* the same, without leading tabs where chomp: what a file or shell gets */
	bool expand;   /* variables are expanded: no part of the name was quoted */
	bool chomp;    /* "<<-" */
	unsigned fd;   /* "3<<EOF"; 0 where not given */
};

/**
 * One instruction.  What `args` holds depends on the kind:
 *  - ENV, LABEL: flat triples name, value, separator ("=", or "" for the legacy form `NAME value`);
 *  - ARG: each word as written, "NAME" or "NAME=value" (instruction_pair() splits it);
 *  - RUN, CMD, ENTRYPOINT: the JSON strings (`json`), else the command line as one word;
 *  - HEALTHCHECK: "NONE", or "CMD" and then as CMD;
 *  - SHELL, VOLUME, ADD, COPY: the JSON strings, else the words (SHELL takes JSON only);
 *  - ONBUILD: nothing; see `trigger`;
 *  - all others: the words.
 */
struct instruction {
	enum instruction_kind kind;
	const char *name;    /* lower case */
	const char *keyword; /* the name as written */
	const struct flag *flags;
	size_t flag_count;
	const char **args; /* NULL-terminated */
	size_t arg_count;
	bool json; /* exec form */
	const struct heredoc *heredocs;
	size_t heredoc_count;
	unsigned first_line, last_line; /* from 1; heredocs included */
	const char *const *comments;    /* above it since the instruction before or an empty one */
	size_t comment_count;
	const char *original; /* the logical line, continuations joined, no heredocs */
	const char *command;  /* as `original`, without the instruction's name and flags */
	const struct instruction *trigger; /* of ONBUILD */
};

/** "# key=value" before anything else; keys are lower case: syntax, escape, check. */
struct directive {
	const char *key, *value;
	unsigned line;
};

/** Owns everything it points to. */
struct dockerfile {
	const char *name; /* for messages: "Dockerfile" */
	char escape;      /* '\\' or '`' */
	const struct directive *directives;
	size_t directive_count;
	const struct instruction *instructions; /* in the order of the file */
	size_t instruction_count;
	const struct instruction *wrong;     /* see dockerfile_parse_begin(); else NULL */
	const unsigned *empty_continuations; /* lines where an instruction ends that has one */
	size_t empty_continuation_count;
	struct arena *arena;
};

/**
 * Parse a file of `length` bytes and check it.  FAULT_INPUT with the place: "Dockerfile:3: unknown
 * instruction: FORM (did you mean FROM?)".  That stages come first and are known is for whoever
 * plans them.
 */
result dockerfile_parse(const char *text, size_t length, const char *name, struct dockerfile **out,
			struct error *err);
void dockerfile_drop(struct dockerfile **dockerfile);

/**
 * The same, but where it fails `*out` has what stands before the instruction that is wrong, which
 * is `wrong`; NULL where not even its words could be read.
 */
result dockerfile_parse_begin(const char *text, size_t length, const char *name,
			      struct dockerfile **out, struct error *err);

/** The two halves of dockerfile_parse(): the words, and whether they make sense. */
result dockerfile_read(const char *text, size_t length, const char *name, struct dockerfile **out,
		       struct error *err);
result dockerfile_check(const struct dockerfile *dockerfile, struct error *err);

/**
 * Parse one instruction by itself: an ONBUILD trigger of a base image, or a `--change`.  The
 * document has exactly one instruction.
 */
result dockerfile_parse_one(const char *text, size_t length, const char *name,
			    struct dockerfile **out, struct error *err);

/** "run"; "?" where there is no such kind. */
const char *instruction_name(enum instruction_kind kind);

/** The last flag of this name: its value, "" where it was bare, NULL where it is absent. */
const char *instruction_flag(const struct instruction *instruction, const char *name);

/** The next flag of this name at or after `*at`, which moves past it; NULL at the end. */
const struct flag *instruction_next_flag(const struct instruction *instruction, const char *name,
					 size_t *at);

/** Whether a boolean flag is set: bare or "true", not absent or "false". */
bool instruction_is_set(const struct instruction *instruction, const char *name);

/** Whether any flag is accepted and means nothing, as the reference has it. */
bool instruction_drops_flags(const struct instruction *instruction);

/** A pair of ENV, LABEL or ARG, quotes as written; value is NULL for an ARG without default. */
struct pair {
	const char *name; /* borrowed; not terminated at name_length for ARG */
	size_t name_length;
	const char *value;
};

/** How many pairs an ENV, LABEL or ARG has; 0 for the others. */
size_t instruction_pair_count(const struct instruction *instruction);
struct pair instruction_pair(const struct instruction *instruction, size_t index);

/**
 * The heredoc that a word of COPY or ADD stands for, or that is all of a RUN's command; NULL where
 * the word is none.  A RUN for which it is NULL although it has heredocs gets them by its shell:
 * the command, and for each "\n", its content and its name.
 */
const struct heredoc *instruction_heredoc(const struct instruction *instruction, const char *word);

/** What an image keeps of an ONBUILD: the trigger as written, heredocs included. */
void instruction_trigger_text(const struct instruction *onbuild, struct buf *out);

/** A duration such as "1m30s", as HEALTHCHECK takes it (Go's syntax), in nanoseconds. */
result duration_parse(const char *text, int64_t *out, struct error *err);

#endif

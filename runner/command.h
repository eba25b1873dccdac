/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Commands as data: a table of options that fills a struct, prints its own help and completes.
 */
#ifndef RUNNER_COMMAND_H
#define RUNNER_COMMAND_H

#include "base/ctx.h"
#include "base/text.h"

enum option_kind {
	OPTION_FLAG, /* bool *; "--flag", "--flag=false"; "--no-flag" where negatable */
	OPTION_TEXT, /* const char **; the last one wins */
	OPTION_LIST, /* struct strings *; each adds one */
};

struct option {
	const char *name; /* without dashes */
	char letter;      /* or 0 */
	enum option_kind kind;
	size_t offset;     /* of the field in the command's options struct */
	const char *value; /* "DIR", for the help; NULL for flags */
	const char *help;  /* one line */
};

/** An option that users of other programs type, and there is not. */
struct refused {
	const char *name; /* without dashes; "health-*": all that begin so */
	char letter;      /* or 0 */
	const char *why;  /* and what to do: "--NAME is not supported: WHY" */
};

/** Options that every command takes, before or after its name. */
struct globals {
	const char *root;     /* of the store; absolute */
	const char *progress; /* auto, tty, plain, json or quiet */
	bool quiet, verbose;
};

struct privilege;
struct signals;

struct invocation {
	const struct ctx *ctx;
	const struct globals *globals;
	const struct privilege *privilege; /* NULL unless the command needs_ids */
	struct signals *signals;
	void *options; /* filled in; zeroed before */
	int argc;      /* what remains: arguments only */
	char **argv;
	int status; /* exit status when run() is OK; 0 unless set */
};

struct command {
	const char *name;
	const char *arguments; /* "[OPTIONS] IMAGE [COMMAND...]" */
	const char *summary;   /* one line, imperative */
	const char *example;   /* a line that works */
	const char *text;      /* more, or NULL */
	const struct option *options;
	size_t option_count;
	size_t options_size;
	const struct refused *refused;    /* ends with a name of NULL; or NULL */
	int arguments_min, arguments_max; /* -1: any number */
	bool needs_ids;                   /* unpacks layers or runs them: userns_enter() first */
	enum { RUNS_NONE, RUNS_ONE, RUNS_MANY } sandboxes; /* zygote_start() too */
	bool stops_at_argument; /* options after the first argument belong to it (`run`) */
	bool passes_signals;    /* to a program: takes more than those that end it */
	result (*run)(struct invocation *in, struct error *err);
	const struct command *const *subcommands; /* NULL-terminated, instead of run */
};

/**
 * Parse argv (options anywhere, "--" ends them) into `options` and `*argc` remaining arguments
 * moved to the front of argv; what globals_options[] names goes into `globals`.  FAULT_USAGE names
 * the option and the nearest one that exists.  `*help` is set when --help or -h was met, and the
 * rest is not looked at.
 */
result options_parse(const struct command *command, void *options, struct globals *globals,
		     int *argc, char **argv, bool *help, struct error *err);
void options_drop(const struct command *command, void *options);

extern const struct option globals_options[];
extern const size_t globals_option_count;

/** The page that --help prints; `path` is what was typed so far: "mpemu index create". */
void command_help(const char *path, const struct command *command, struct buf *out);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What COPY and ADD take: their words expanded, their flags read, each source found.
 */
#ifndef RUNNER_COPY_SOURCES_H
#define RUNNER_COPY_SOURCES_H

#include "runner/exec.h"
#include "runner/ignore.h"
#include "runner/remote.h"

enum source_kind {
	SOURCE_PATH, /* below the context or another stage */
	SOURCE_TEXT, /* a heredoc */
	SOURCE_FILE, /* downloaded */
	SOURCE_TREE, /* of a git repository */
};

struct copy_source {
	enum source_kind kind;
	char *path;             /* below root_fd; "" is the root */
	int root_fd;            /* -1 until source_open() */
	char *name;             /* that a file gets in a directory */
	struct ignore *outside; /* --parents: excludes all but what is asked for; or NULL */
	bool looks_inside;      /* an archive is unpacked */
	struct remote remote;
	char *commit; /* of SOURCE_TREE */
	char *text;   /* of SOURCE_TEXT, expanded */
};

struct copy {
	struct job *job;
	const char *verb;     /* "COPY" or "ADD" */
	int tree_fd;          /* the context or the other stage */
	struct strings words; /* expanded, for the history: sources, heredocs, destination */
	char *target;         /* absolute, without trailing slash */
	bool into_directory;  /* the destination must be a directory */
	char *chown, *chmod;  /* expanded, or NULL */
	char *checksum;       /* expanded, or NULL */
	bool is_linked;       /* --link: nothing of the stage is read */
	bool with_parents;    /* --parents */
	enum choice unpack, keep_git_dir;
	struct ignore *excludes; /* --exclude, or NULL */
	struct mode_change change;
	struct copy_source *sources;
	size_t source_count;
	size_t path_count; /* of `words` that are paths or URLs */
};

void copy_drop(struct copy *copy);

/** Read the instruction: its words and flags.  FAULT_INPUT. */
result copy_read(struct job *job, struct copy *copy, struct error *err);

/** What its heredocs say, in their order, with variables expanded where they want that. */
result copy_texts(const struct copy *copy, struct strings *out, struct error *err);

/** Then find its sources; nothing is downloaded yet.  FAULT_INPUT. */
result copy_find(struct copy *copy, struct error *err);

/** What tells the source apart from others, and no more; may download it. */
result source_hash(struct copy *copy, struct copy_source *source, struct digest *out,
		   struct error *err);

/** Make root_fd and path ready to be copied from; `scratch` is a directory for texts. */
result source_open(struct copy *copy, struct copy_source *source, const char *scratch,
		   struct error *err);

/** How to call it in a message. */
const char *source_text(const struct copy_source *source);

/** What of a source is wanted, for copy_options; lives as long as they do. */
struct source_filter {
	const struct ignore *outside, *excludes;
};

/**
 * How the source is to be copied: files stay whose they are where nothing else is said, those of a
 * context that was sent are root's.
 */
struct copy_options source_options(const struct copy *copy, const struct copy_source *source,
				   struct source_filter *filter);

#endif

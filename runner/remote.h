/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Sources of ADD that are not files here: what a word names.  Pure: nothing is looked up.
 */
#ifndef RUNNER_REMOTE_H
#define RUNNER_REMOTE_H

#include "base/text.h"

enum remote_kind { REMOTE_NONE, REMOTE_HTTP, REMOTE_GIT };

enum choice { CHOICE_UNSET, CHOICE_NO, CHOICE_YES };

struct remote {
	enum remote_kind kind;
	char *url;      /* for git: without fragment and query */
	char *name;     /* HTTP: the file's name, "__unnamed__" where the URL has none */
	char *ref;      /* git: branch, tag or commit; NULL: the default branch */
	char *subdir;   /* git: what of the repository; NULL: all */
	char *checksum; /* git: of the commit, from the query; or NULL */
	enum choice keep_git_dir, submodules; /* git: from the query */
};

void remote_drop(struct remote *remote);

/**
 * What a source is: a git repository (git://, ssh://, USER@HOST:PATH, and http:// or https:// where
 * the path ends with .git; then "#REF:SUBDIR" or "?ref=…&subdir=…"), any other http:// or https://
 * URL, or REMOTE_NONE for a path.  FAULT_INPUT: it is one of those but makes no sense, or has
 * characters that no program should be given.
 */
result remote_parse(const char *text, struct remote *out, struct error *err);

/** Whether it is a full commit: 40 or 64 lower-case hex digits. */
bool is_commit(const char *text);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/copy_sources.h"

#include "base/fd.h"
#include "base/mem.h"
#include "runner/expand.h"
#include "runner/glob.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void source_drop(struct copy_source *source)
{
	if (source->root_fd >= 0)
		fd_drop(&source->root_fd);
	free(source->path);
	free(source->name);
	free(source->commit);
	free(source->text);
	ignore_drop(&source->outside);
	remote_drop(&source->remote);
}

void copy_drop(struct copy *copy)
{
	for (size_t i = 0; i < copy->source_count; i++)
		source_drop(&copy->sources[i]);
	free(copy->sources);
	fd_drop(&copy->tree_fd);
	strings_drop(&copy->words);
	ignore_drop(&copy->excludes);
	free(copy->target);
	free(copy->chown);
	free(copy->chmod);
	free(copy->checksum);
}

/* ---- flags ---- */

static result flag_expand(const struct job *job, const char *name, char **out, struct error *err)
{
	const char *value = instruction_flag(job->step->instruction, name);
	owned(str) char *text = NULL;

	if (value && job_expand(job, value, &text, err))
		return fail_in(err, "--%s", name);
	if (text && *text)
		*out = take(text);
	return OK;
}

static enum choice flag_choice(const struct instruction *instruction, const char *name)
{
	if (!instruction_flag(instruction, name))
		return CHOICE_UNSET;
	return instruction_is_set(instruction, name) ? CHOICE_YES : CHOICE_NO;
}

static result excludes_read(struct copy *copy, struct error *err)
{
	owned(strings) struct strings patterns = {};
	const struct flag *flag;
	size_t at = 0;

	while ((flag = instruction_next_flag(copy->job->step->instruction, "exclude", &at))) {
		owned(str) char *pattern = NULL;

		if (job_expand(copy->job, flag->value ? flag->value : "", &pattern, err))
			return fail_in(err, "--exclude");
		strings_add(&patterns, pattern);
	}
	if (!patterns.count)
		return OK;
	return ignore_from_strings(&patterns, "--exclude", &copy->excludes, err);
}

static result flags_read(struct copy *copy, struct error *err)
{
	const struct job *job = copy->job;
	const struct instruction *instruction = job->step->instruction;

	if (flag_expand(job, "chown", &copy->chown, err) ||
	    flag_expand(job, "chmod", &copy->chmod, err) ||
	    flag_expand(job, "checksum", &copy->checksum, err) || excludes_read(copy, err))
		return FAILED;
	if (copy->chmod && mode_parse(copy->chmod, &copy->change, err))
		return FAILED;
	/* As BuildKit: with a mode to set, a link is an ordinary copy. */
	copy->is_linked = instruction_is_set(instruction, "link") && !copy->chmod;
	copy->with_parents = instruction_is_set(instruction, "parents");
	copy->unpack = flag_choice(instruction, "unpack");
	copy->keep_git_dir = flag_choice(instruction, "keep-git-dir");
	return OK;
}

/* ---- paths ---- */

static result tree_open(struct copy *copy, struct error *err)
{
	const struct step *source = copy->job->step->source;
	const struct strings *lowers;

	if (!source) {
		copy->tree_fd = fcntl(copy->job->build->context->fd, F_DUPFD_CLOEXEC, 3);
		return copy->tree_fd < 0 ? (result)fail_sys(err, "open the context") : OK;
	}
	lowers = &source->result->lowers;
	return overlay_open((const char *const *)lowers->items, lowers->count, NULL, NULL,
			    &copy->tree_fd, err);
}

/** A path that a wildcard made, or that .dockerignore hides, counts only if it is really there. */
static bool is_there(const struct copy *copy, const char *path)
{
	owned(fd) int fd = open_in_root(copy->tree_fd, *path ? path : ".", O_PATH, 0);

	if (fd < 0)
		return false;
	return copy->job->step->source || context_has(copy->job->build->context, path);
}

static result fail_missing(const struct copy *copy, const char *word, struct error *err)
{
	return fail(err, FAULT_INPUT, "%s %s: not found in %s", copy->verb, word,
		    copy->job->step->source ? copy->job->step->source->name
					    : "the build context (or excluded by .dockerignore)");
}

static struct copy_source *source_add(struct copy *copy, enum source_kind kind)
{
	array_grow(copy->sources, copy->source_count);
	copy->sources[copy->source_count] = (struct copy_source){ .kind = kind, .root_fd = -1 };
	return &copy->sources[copy->source_count++];
}

/** Whether .dockerignore hides the very name; what a link leads to does not matter. */
static bool is_hidden(const struct copy *copy, const char *path)
{
	return !copy->job->step->source && !context_has(copy->job->build->context, path);
}

/** No match is fine where there could be one. */
static result pattern_check(const struct copy *copy, const char *word, struct error *err)
{
	owned(str) char *directory = glob_directory(word);
	owned(strings) struct strings patterns = {};
	owned(ignore) struct ignore *ignore = NULL;

	if (!is_there(copy, directory))
		return fail_missing(copy, word, err);
	if (glob_check(word, err))
		return FAILED;
	if (copy->job->step->source)
		return OK;
	/* Clients refuse what they cannot match. */
	strings_add(&patterns, word);
	return ignore_from_strings(&patterns, copy->verb, &ignore, err);
}

/** Sources for what a path with wildcards names; `outside` (or NULL) is the patterns of parents. */
static result paths_add(struct copy *copy, const char *word, const struct strings *outside,
			struct error *err)
{
	owned(strings) struct strings found = {};
	bool wild;

	if (glob_paths(copy->tree_fd, word, &found, &wild, err) ||
	    (wild && pattern_check(copy, word, err)))
		return FAILED;
	for (size_t i = 0; i < found.count; i++) {
		const char *path = found.items[i], *slash = strrchr(path, '/');
		const char *name = slash ? slash + 1 : path;
		struct copy_source *source;

		if (wild && is_hidden(copy, path))
			continue;
		if (!is_there(copy, path))
			return fail_missing(copy, wild ? path : word, err);
		source = source_add(copy, SOURCE_PATH);
		source->path = xstrdup(path);
		source->name = xstrdup(name);
		source->looks_inside = copy->unpack == CHOICE_UNSET ? strcmp(copy->verb, "ADD") == 0
								    : copy->unpack == CHOICE_YES;
		if (outside && ignore_from_strings(outside, "--parents", &source->outside, err))
			return FAILED;
	}
	return OK;
}

/** --parents: "base/./path" keeps path below the destination, without a pivot all of it. */
static result parents_add(struct copy *copy, const char *word, struct error *err)
{
	const char *pivot = strstr(word, "/./");
	owned(str) char *base = pivot ? xstrndup(word, (size_t)(pivot - word)) : xstrdup("/");
	owned(str) char *pattern = path_absolute(pivot ? pivot + 3 : word);
	owned(str) char *whole = xasprintf("%s%s", base, pattern);
	owned(str) char *clean = path_absolute(whole);
	owned(strings) struct strings outside = {};

	if (!glob_is_wild(base) && !glob_is_wild(pattern) && !is_there(copy, clean + 1))
		return fail_missing(copy, word, err);
	if (!pattern[1])
		return paths_add(copy, base, NULL, err);
	strings_add(&outside, "**");
	strings_printf(&outside, "!%s", pattern + 1);
	return paths_add(copy, base, &outside, err);
}

/* ---- from outside ---- */

static result checksum_check(const struct copy *copy, const struct remote *remote, size_t words,
			     struct error *err)
{
	struct digest ignored;

	if (!copy->checksum)
		return OK;
	if (words != 1)
		return fail(err, FAULT_INPUT, "checksum can't be specified for multiple sources");
	if (remote->kind == REMOTE_NONE)
		return fail(err, FAULT_INPUT, "checksum requires HTTP(S) or Git sources");
	if (remote->kind == REMOTE_HTTP)
		return digest_parse(copy->checksum, &ignored, err) ? fail_in(err, "--checksum")
								   : OK;
	if (copy->checksum[strspn(copy->checksum, "0123456789abcdef")])
		return fail(err, FAULT_INPUT, "--checksum=%s: want a commit in lower-case hex",
			    copy->checksum);
	if (remote->checksum && strcmp(remote->checksum, copy->checksum) != 0)
		return fail(err, FAULT_INPUT, "checksum mismatch \"%s\" != \"%s\"", copy->checksum,
			    remote->checksum);
	return OK;
}

static result remote_check(const struct copy *copy, const struct remote *remote, struct error *err)
{
	bool is_git = remote->kind == REMOTE_GIT;

	if (strcmp(copy->verb, "ADD") != 0)
		return fail(err, FAULT_INPUT, "source can't be a %s for COPY; use ADD",
			    is_git ? "git ref" : "URL");
	if (is_git && copy->keep_git_dir && remote->keep_git_dir &&
	    copy->keep_git_dir != remote->keep_git_dir)
		return fail(err, FAULT_INPUT, "inconsistent keep-git-dir configuration");
	return OK;
}

static result word_add(struct copy *copy, const char *word, size_t words, struct error *err)
{
	owned(remote) struct remote remote = {};
	struct copy_source *source;

	if (remote_parse(word, &remote, err) || checksum_check(copy, &remote, words, err))
		return FAILED;
	if (remote.kind == REMOTE_NONE)
		return copy->with_parents ? parents_add(copy, word, err)
					  : paths_add(copy, word, NULL, err);
	if (remote_check(copy, &remote, err))
		return FAILED;
	source = source_add(copy, remote.kind == REMOTE_GIT ? SOURCE_TREE : SOURCE_FILE);
	source->remote = remote;
	source->name = xstrdup(remote.name ? remote.name : "");
	source->looks_inside = remote.kind == REMOTE_HTTP && copy->unpack == CHOICE_YES;
	remote = (struct remote){};
	return OK;
}

/* ---- heredocs ---- */

static result heredoc_text(const struct copy *copy, const struct heredoc *heredoc, char **out,
			   struct error *err)
{
	if (!heredoc->expand)
		*out = xstrdup(heredoc->text);
	else if (expand_word(heredoc->text, '\\', &copy->job->snapshot->env, EXPAND_RAW_QUOTES, out,
			     err))
		return fail_in(err, "<<%s", heredoc->name);
	return OK;
}

result copy_texts(const struct copy *copy, struct strings *out, struct error *err)
{
	const struct instruction *instruction = copy->job->step->instruction;

	for (size_t i = 0; i + 1 < instruction->arg_count; i++) {
		const struct heredoc *heredoc =
			instruction_heredoc(instruction, instruction->args[i]);
		owned(str) char *text = NULL;

		if (!heredoc)
			continue;
		if (heredoc_text(copy, heredoc, &text, err))
			return FAILED;
		strings_add(out, text);
	}
	return OK;
}

static result heredoc_add(struct copy *copy, const struct heredoc *heredoc, struct error *err)
{
	struct copy_source *source;
	char *text = NULL;

	if (strchr(heredoc->name, '/') || strcmp(heredoc->name, ".") == 0 ||
	    strcmp(heredoc->name, "..") == 0)
		return fail(err, FAULT_INPUT, "<<%s: a heredoc's name is a file's name here",
			    heredoc->name);
	if (heredoc_text(copy, heredoc, &text, err))
		return FAILED;
	source = source_add(copy, SOURCE_TEXT);
	source->name = xstrdup(heredoc->name);
	source->text = text;
	return OK;
}

static result heredocs_add(struct copy *copy, struct error *err)
{
	const struct instruction *instruction = copy->job->step->instruction;

	for (size_t i = 0; i + 1 < instruction->arg_count; i++) {
		const struct heredoc *heredoc =
			instruction_heredoc(instruction, instruction->args[i]);

		if (heredoc && heredoc_add(copy, heredoc, err))
			return FAILED;
	}
	return OK;
}

/* ---- the whole ---- */

/** Sources first, then the names of heredocs, then the destination. */
static result words_expand(struct copy *copy, size_t *paths, char **target, struct error *err)
{
	const struct instruction *instruction = copy->job->step->instruction;
	owned(strings) struct strings heredocs = {};

	for (size_t i = 0; i < instruction->arg_count; i++) {
		const struct heredoc *heredoc =
			instruction_heredoc(instruction, instruction->args[i]);
		owned(str) char *word = NULL;

		if (heredoc && i + 1 == instruction->arg_count)
			return fail(err, FAULT_INPUT, "%s cannot accept a heredoc as a destination",
				    copy->verb);
		if (heredoc) {
			strings_printf(&heredocs, "<<%s", heredoc->name);
			continue;
		}
		if (job_expand(copy->job, instruction->args[i], &word, err))
			return FAILED;
		if (i + 1 < instruction->arg_count)
			strings_add(&copy->words, word);
		else
			*target = take(word);
	}
	*paths = copy->words.count;
	strings_add_all(&copy->words, heredocs.items);
	strings_add(&copy->words, *target);
	return OK;
}

static void target_read(struct copy *copy, const char *word)
{
	copy->target = path_in(snapshot_text(copy->job->snapshot, "WorkingDir"), word);
	copy->into_directory = ends_with(word, "/") || strcmp(word, ".") == 0 ||
			       strcmp(word, "..") == 0 || ends_with(word, "/.") ||
			       ends_with(word, "/..");
}

result copy_read(struct job *job, struct copy *copy, struct error *err)
{
	owned(str) char *target = NULL;

	copy->job = job;
	copy->verb = job->step->instruction->kind == INSTRUCTION_ADD ? "ADD" : "COPY";
	if (words_expand(copy, &copy->path_count, &target, err))
		return FAILED;
	target_read(copy, target);
	return flags_read(copy, err);
}

result copy_find(struct copy *copy, struct error *err)
{
	if (tree_open(copy, err))
		return FAILED;
	for (size_t i = 0; i < copy->path_count; i++) {
		if (word_add(copy, copy->words.items[i], copy->words.count - 1, err))
			return FAILED;
	}
	return heredocs_add(copy, err);
}

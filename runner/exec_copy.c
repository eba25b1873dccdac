/* SPDX-License-Identifier: Apache-2.0 */
/**
 * COPY and WORKDIR: files put into an overlay of the layers so far, without running anything.
 */
#include "base/fd.h"
#include "base/mem.h"
#include "runner/exec.h"

#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/** A COPY with its words expanded and its sources found. */
struct copy {
	int source_fd;          /* root of the context or of the other stage */
	struct strings words;   /* expanded: sources, then the destination */
	struct strings sources; /* paths below source_fd */
	struct strings hashes;  /* of their content, in the same order */
	char *target;           /* absolute, without trailing slash */
	bool into_directory;    /* the destination must be a directory */
	char *chown, *chmod;    /* expanded, or NULL */
	struct copy_options options;
	bool with_owner;
};

static void copy_drop(struct copy *copy)
{
	fd_drop(&copy->source_fd);
	strings_drop(&copy->words);
	strings_drop(&copy->sources);
	strings_drop(&copy->hashes);
	free(copy->target);
	free(copy->chown);
	free(copy->chmod);
}

static result open_source(struct job *job, struct copy *copy, struct error *err)
{
	const struct step *source = job->step->source;
	const struct strings *lowers;

	if (!source) {
		copy->source_fd = fcntl(job->build->context->fd, F_DUPFD_CLOEXEC, 3);
		copy->options.excluded = context_excludes;
		copy->options.closure = job->build->context;
		return copy->source_fd < 0 ? (result)fail_sys(err, "open the context") : OK;
	}
	lowers = &source->result->lowers;
	return overlay_open((const char *const *)lowers->items, lowers->count, NULL, NULL,
			    &copy->source_fd, err);
}

/** A path that a wildcard made, or that .dockerignore hides, counts only if it is really there. */
static bool is_there(const struct copy *copy, const char *path)
{
	owned(fd) int fd = open_in_root(copy->source_fd, *path ? path : ".", O_PATH, 0);

	if (fd < 0)
		return false;
	return !copy->options.excluded ||
	       !copy->options.excluded(copy->options.closure, path, false) ||
	       !copy->options.excluded(copy->options.closure, path, true);
}

static result find_sources(struct job *job, struct copy *copy, struct error *err)
{
	for (size_t i = 0; i + 1 < copy->words.count; i++) {
		const char *word = copy->words.items[i];
		owned(strings) struct strings found = {};
		bool wild;

		if (sources_glob(copy->source_fd, word, &found, &wild, err))
			return FAILED;
		for (size_t j = 0; j < found.count; j++) {
			if (is_there(copy, found.items[j]))
				strings_add(&copy->sources, found.items[j]);
			else if (!wild)
				return fail(err, FAULT_INPUT, "COPY %s: not found in %s", word,
					    job->step->source ? job->step->source->name
							      : "the build context (or excluded "
								"by .dockerignore)");
		}
	}
	return OK;
}

static result expand_flag(const struct job *job, const char *name, char **out, struct error *err)
{
	const char *value = instruction_flag(job->step->instruction, name);

	return value ? job_expand(job, value, out, err) : OK;
}

static result parse_mode(struct copy *copy, struct error *err)
{
	char *end;
	unsigned long mode;

	if (!copy->chmod || !*copy->chmod)
		return OK;
	mode = strtoul(copy->chmod, &end, 8);
	if (*end || mode > 07777)
		return fail(err, FAULT_INPUT, "COPY --chmod=%s: want an octal mode such as 755",
			    copy->chmod);
	copy->options.has_mode = true;
	copy->options.mode = (mode_t)mode;
	return OK;
}

static result copy_prepare(struct job *job, struct copy *copy, struct error *err)
{
	const struct instruction *instruction = job->step->instruction;
	const char *last;

	for (size_t i = 0; i < instruction->arg_count; i++) {
		owned(str) char *word = NULL;

		if (job_expand(job, instruction->args[i], &word, err))
			return FAILED;
		strings_add(&copy->words, word);
	}
	last = copy->words.items[copy->words.count - 1];
	copy->target = path_in(snapshot_text(job->snapshot, "WorkingDir"), last);
	copy->into_directory =
		ends_with(last, "/") || strcmp(last, ".") == 0 || ends_with(last, "/.");
	if (expand_flag(job, "chown", &copy->chown, err) ||
	    expand_flag(job, "chmod", &copy->chmod, err) || parse_mode(copy, err) ||
	    open_source(job, copy, err) || find_sources(job, copy, err))
		return FAILED;
	if (copy->words.count > 2 && !copy->into_directory)
		return fail(
			err, FAULT_INPUT,
			"COPY with more than one source: the destination must be a directory and "
			"end with a /: %s/",
			last);
	return OK;
}

static result copy_key(struct job *job, const struct copy *copy, struct digest *out,
		       struct error *err)
{
	owned(hasher) struct hasher *hasher = hasher_new();

	hasher_add_str(hasher, "mpemu copy 1");
	hasher_add(hasher, job->snapshot->files.bytes, sizeof(job->snapshot->files.bytes));
	hasher_add_str(hasher, copy->target);
	hasher_add(hasher, &copy->into_directory, sizeof(copy->into_directory));
	hasher_add_str(hasher, copy->chown ? copy->chown : "");
	hasher_add_str(hasher, copy->chmod ? copy->chmod : "");
	for (size_t i = 0; i < copy->sources.count; i++) {
		const char *path = copy->sources.items[i];
		struct digest content;

		if (tree_hash(job->build->ctx, copy->source_fd, *path ? path : ".", &copy->options,
			      false, &content, err))
			return fail_in(err, "COPY %s", *path ? path : ".");
		hasher_add_str(hasher, path);
		hasher_add(hasher, content.bytes, sizeof(content.bytes));
	}
	*out = hasher_finish(hasher);
	return OK;
}

/** Whether a path exists as a directory, links followed inside the root. */
static bool is_directory(int root_fd, const char *path)
{
	owned(fd) int fd = open_in_root(root_fd, *path ? path : ".", O_PATH | O_DIRECTORY, 0);

	return fd >= 0;
}

/** Where one source goes: its own name in a directory, or the destination itself. */
static char *target_of(const struct copy *copy, const char *source, int root_fd)
{
	const char *slash = strrchr(source, '/');
	const char *name = slash ? slash + 1 : source;

	if (is_directory(copy->source_fd, source) ||
	    (!copy->into_directory && !is_directory(root_fd, copy->target)))
		return xstrdup(copy->target);
	return xasprintf("%s%s%s", copy->target, strcmp(copy->target, "/") ? "/" : "", name);
}

static result open_root(const struct job *job, const char *workdir, int *root_fd, struct error *err)
{
	owned(str) char *upper = xasprintf("%s/upper", workdir);
	owned(str) char *work = xasprintf("%s/work", workdir);

	return overlay_open((const char *const *)job->snapshot->lowers.items,
			    job->snapshot->lowers.count, upper, work, root_fd, err);
}

static result resolve_owner(struct copy *copy, int root_fd, struct error *err)
{
	if (!copy->chown || !*copy->chown)
		return OK;
	return owner_resolve(root_fd, copy->chown, &copy->options.uid, &copy->options.gid, err);
}

static result copy_make(struct job *job, const char *workdir, void *closure, struct error *err)
{
	struct copy *copy = closure;
	owned(fd) int root_fd = -1;

	if (open_root(job, workdir, &root_fd, err) || resolve_owner(copy, root_fd, err))
		return FAILED;
	for (size_t i = 0; i < copy->sources.count; i++) {
		const char *source = copy->sources.items[i];
		owned(str) char *target = target_of(copy, source, root_fd);

		if (tree_copy(job->build->ctx, copy->source_fd, *source ? source : ".", root_fd,
			      target, &copy->options, err))
			return fail_in(err, "COPY %s %s", *source ? source : ".", target);
	}
	return OK;
}

static void copy_history(const struct job *job, const struct copy *copy)
{
	owned(buf) struct buf text = {};

	buf_add_str(&text, "COPY");
	if (copy->chown && *copy->chown)
		buf_printf(&text, " --chown=%s", copy->chown);
	if (copy->chmod && *copy->chmod)
		buf_printf(&text, " --chmod=%s", copy->chmod);
	for (size_t i = 0; i < copy->words.count; i++)
		buf_printf(&text, " %s", copy->words.items[i]);
	job_history(job, true, "%s # buildkit", buf_text(&text));
}

result exec_copy(struct job *job, struct error *err)
{
	__attribute__((cleanup(copy_drop))) struct copy copy = { .source_fd = -1 };
	struct digest key;

	if (copy_prepare(job, &copy, err) || copy_key(job, &copy, &key, err))
		return FAILED;
	if (job_layer(job, &key, copy_make, &copy, err))
		return FAILED;
	copy_history(job, &copy);
	return OK;
}

/* ---- WORKDIR ---- */

/** Make what is missing of the path, owned by USER, modes 0755. */
static result make_directories(int root_fd, const char *path, uint32_t uid, uint32_t gid,
			       struct error *err)
{
	owned(strings) struct strings parts = {};
	owned(buf) struct buf at = {};

	strings_split(&parts, path, '/');
	for (size_t i = 0; i < parts.count; i++) {
		owned(fd) int parent = -1, made = -1;

		if (!*parts.items[i])
			continue;
		parent = open_in_root(root_fd, at.length ? buf_text(&at) : ".",
				      O_RDONLY | O_DIRECTORY, 0);
		buf_printf(&at, "%s%s", at.length ? "/" : "", parts.items[i]);
		made = open_in_root(root_fd, buf_text(&at), O_PATH | O_DIRECTORY, 0);
		if (made >= 0)
			continue;
		if (parent < 0 || mkdirat(parent, parts.items[i], 0755) < 0 ||
		    fchownat(parent, parts.items[i], uid, gid, AT_SYMLINK_NOFOLLOW) < 0)
			return fail_sys(err, "WORKDIR %s: create %s", path, buf_text(&at));
	}
	return OK;
}

static result workdir_make(struct job *job, const char *workdir, void *closure, struct error *err)
{
	const char *user = snapshot_text(job->snapshot, "User");
	owned(fd) int root_fd = -1;
	uint32_t uid = 0, gid = 0;

	if (open_root(job, workdir, &root_fd, err) ||
	    (*user && owner_resolve(root_fd, user, &uid, &gid, err)))
		return FAILED;
	return make_directories(root_fd, closure, uid, gid, err);
}

result exec_workdir(struct job *job, struct error *err)
{
	owned(hasher) struct hasher *hasher = hasher_new();
	owned(str) char *word = NULL, *path = NULL;
	struct digest key;

	if (job_expand(job, job->step->instruction->args[0], &word, err))
		return FAILED;
	path = path_in(snapshot_text(job->snapshot, "WorkingDir"), word);
	json_object_set_new(snapshot_config(job->snapshot), "WorkingDir", json_from_text(path));
	if (strcmp(path, "/") == 0) {
		job_history(job, false, "WORKDIR %s", path);
		return OK;
	}
	hasher_add_str(hasher, "mpemu workdir 1");
	hasher_add(hasher, job->snapshot->files.bytes, sizeof(job->snapshot->files.bytes));
	hasher_add_str(hasher, path);
	hasher_add_str(hasher, snapshot_text(job->snapshot, "User"));
	key = hasher_finish(hasher);
	if (job_layer(job, &key, workdir_make, path, err))
		return FAILED;
	job_history(job, true, "WORKDIR %s", path);
	return OK;
}

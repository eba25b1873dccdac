/* SPDX-License-Identifier: Apache-2.0 */
/**
 * COPY and ADD: files put into an overlay of the layers so far, without running anything; with
 * --link into a layer by itself, which any image can have on top.
 */
#include "base/fd.h"
#include "base/mem.h"
#include "base/progress.h"
#include "runner/copy_sources.h"
#include "runner/exec.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/** --exclude changes what is taken from a repository, whose key is only its commit. */
static void excludes_hash(const struct copy *copy, struct hasher *hasher)
{
	const struct flag *flag;
	size_t at = 0;

	while ((flag = instruction_next_flag(copy->job->step->instruction, "exclude", &at))) {
		hasher_add_str(hasher, "exclude");
		hasher_add_str(hasher, flag->value ? flag->value : "");
	}
}

static result copy_key(struct copy *copy, struct digest *out, struct error *err)
{
	const struct snapshot *snapshot = copy->job->snapshot;
	owned(hasher) struct hasher *hasher = hasher_new();

	hasher_add_str(hasher, "mpemu copy 3");
	if (!copy->is_linked)
		hasher_add(hasher, snapshot->files.bytes, sizeof(snapshot->files.bytes));
	hasher_add_str(hasher, copy->target);
	hasher_add(hasher, &copy->into_directory, sizeof(copy->into_directory));
	hasher_add_str(hasher, copy->chown ? copy->chown : "");
	hasher_add_str(hasher, copy->chmod ? copy->chmod : "");
	for (size_t i = 0; i < copy->source_count; i++) {
		struct digest content;

		if (source_hash(copy, &copy->sources[i], &content, err))
			return FAILED;
		if (copy->sources[i].kind == SOURCE_TREE)
			excludes_hash(copy, hasher);
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

/** The name that one source gets in the destination; NULL where it becomes the destination. */
static const char *name_in_target(const struct copy *copy, const struct copy_source *source,
				  int root_fd)
{
	if (is_directory(source->root_fd, source->path) ||
	    (!copy->into_directory && !is_directory(root_fd, copy->target)))
		return NULL;
	return source->name;
}

/**
 * With --link the upper directory itself: in an overlay over nothing, new directories would be
 * marked as hiding what the real parents have.
 */
static result root_open(const struct copy *copy, const char *workdir, int *root_fd,
			struct error *err)
{
	owned(str) char *upper = xasprintf("%s/upper", workdir);

	if (!copy->is_linked)
		return job_root_open(copy->job, workdir, root_fd, err);
	*root_fd = open(upper, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *root_fd < 0 ? fail_sys(err, "open %s", upper) : OK;
}

static result owner_find(const struct copy *copy, int root_fd, uint32_t *uid, uint32_t *gid,
			 struct error *err)
{
	if (!copy->chown)
		return OK;
	if (copy->is_linked || !copy->job->snapshot->layer_count)
		root_fd = -1;
	return owner_resolve(copy->job->build->ctx, root_fd, copy->chown, uid, gid, err)
		       ? fail_in(err, "--chown")
		       : OK;
}

/** Unpack the source if it is an archive; `*done` tells. */
static result archive_try(const struct copy *copy, const struct copy_source *source, int root_fd,
			  const struct copy_options *options, bool *done, struct error *err)
{
	const struct archive_options archive = {
		.has_owner = copy->chown != NULL,
		.uid = options->uid,
		.gid = options->gid,
	};
	owned(fd) int fd = open_in_root(source->root_fd, *source->path ? source->path : ".",
					O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	owned(fd) int into = -1;
	struct stat info;

	*done = fd >= 0 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode) &&
		archive_looks_like_one(fd);
	if (!*done)
		return OK;
	if (tree_directory(root_fd, copy->target, options->uid, options->gid, NULL, &into, err))
		return FAILED;
	return archive_unpack(copy->job->build->ctx, fd, into, &archive, err);
}

static result source_copy(struct copy *copy, struct copy_source *source, int root_fd,
			  const char *scratch, uint32_t uid, uint32_t gid, struct error *err)
{
	struct source_filter filter;
	struct copy_options options = source_options(copy, source, &filter);
	bool done = false;

	options.uid = uid;
	options.gid = gid;
	if (source_open(copy, source, scratch, err))
		return FAILED;
	if (source->looks_inside && archive_try(copy, source, root_fd, &options, &done, err))
		return FAILED;
	if (done)
		return OK;
	options.name = name_in_target(copy, source, root_fd);
	return tree_copy(copy->job->build->ctx, source->root_fd, *source->path ? source->path : ".",
			 root_fd, copy->target, &options, err);
}

/** Legal, as each file takes the place of the one before, and hardly ever meant. */
static void target_warn(const struct copy *copy, int root_fd)
{
	const struct job *job = copy->job;

	if (copy->source_count < 2 || copy->into_directory || is_directory(root_fd, copy->target))
		return;
	progress_warn(job->build->ctx,
		      "%s:%u: %s of more than one source to %s, which is no directory: end it with "
		      "a / to get one",
		      job->build->dockerfile->name, job->step->instruction->first_line, copy->verb,
		      copy->target);
}

static result copy_make(struct job *job, const char *workdir, void *closure, struct error *err)
{
	owned(str) char *scratch = xasprintf("%s/scratch", workdir);
	struct copy *copy = closure;
	owned(fd) int root_fd = -1;
	uint32_t uid = 0, gid = 0;

	(void)job;
	if (root_open(copy, workdir, &root_fd, err) || owner_find(copy, root_fd, &uid, &gid, err))
		return FAILED;
	target_warn(copy, root_fd);
	for (size_t i = 0; i < copy->source_count; i++) {
		struct copy_source *source = &copy->sources[i];

		if (source_copy(copy, source, root_fd, scratch, uid, gid, err))
			return fail_in(err, "%s %s %s", copy->verb, source_text(source),
				       copy->target);
	}
	return OK;
}

/** As BuildKit writes it: only these flags. */
static void copy_history(const struct copy *copy)
{
	owned(buf) struct buf text = {};

	buf_add_str(&text, copy->verb);
	if (copy->with_parents)
		buf_add_str(&text, " --parents");
	if (copy->chown)
		buf_printf(&text, " --chown=%s", copy->chown);
	if (copy->chmod)
		buf_printf(&text, " --chmod=%s", copy->chmod);
	for (size_t i = 0; i < copy->words.count; i++)
		buf_printf(&text, " %s", copy->words.items[i]);
	job_history(copy->job, true, "%s # buildkit", buf_text(&text));
}

/** What is below a link is not in its key, but in that of the file system. */
static struct digest linked_files(const struct digest *below, const struct digest *key)
{
	owned(hasher) struct hasher *hasher = hasher_new();

	hasher_add_str(hasher, "mpemu link 1");
	hasher_add(hasher, below->bytes, sizeof(below->bytes));
	hasher_add(hasher, key->bytes, sizeof(key->bytes));
	return hasher_finish(hasher);
}

/** Which stage, and what of it: all that decides what the key will be. */
static result asked_key(const struct copy *copy, struct digest *out, struct error *err)
{
	const struct step *step = copy->job->step;
	owned(hasher) struct hasher *hasher = hasher_new();
	owned(strings) struct strings texts = {};
	const struct flag *flag;
	size_t at = 0;

	if (copy_texts(copy, &texts, err))
		return FAILED;
	hasher_add_str(hasher, "mpemu copy asked 2");
	for (size_t i = 0; i < texts.count; i++)
		hasher_add_str(hasher, texts.items[i]);
	if (!copy->is_linked)
		hasher_add(hasher, copy->job->snapshot->files.bytes,
			   sizeof(copy->job->snapshot->files.bytes));
	hasher_add(hasher, step->source->result->files.bytes,
		   sizeof(step->source->result->files.bytes));
	for (size_t i = 0; i < copy->words.count; i++)
		hasher_add_str(hasher, copy->words.items[i]);
	hasher_add_str(hasher, copy->target);
	hasher_add_str(hasher, copy->chown ? copy->chown : "");
	hasher_add_str(hasher, copy->chmod ? copy->chmod : "");
	hasher_add_str(hasher, copy->is_linked ? "link" : "");
	hasher_add_str(hasher, copy->with_parents ? "parents" : "");
	while ((flag = instruction_next_flag(step->instruction, "exclude", &at))) {
		owned(str) char *pattern = NULL;

		if (job_expand(copy->job, flag->value ? flag->value : "", &pattern, err))
			return FAILED;
		hasher_add_str(hasher, pattern);
	}
	*out = hasher_finish(hasher);
	return OK;
}

/** Its layer was there a moment ago, when the stage was left out because of that. */
static result asked_make(struct job *job, const char *workdir, void *closure, struct error *err)
{
	(void)job;
	(void)workdir;
	(void)closure;
	return fail(err, FAULT_SYSTEM, "the cache lost the layer meanwhile: begin the build again");
}

static result copy_layer(struct copy *copy, const struct digest *key, layer_maker *make,
			 struct error *err)
{
	const struct digest below = copy->job->snapshot->files;

	copy->job->stands_alone = copy->is_linked;
	if (job_layer(copy->job, key, make, copy, err))
		return FAILED;
	if (copy->is_linked)
		copy->job->snapshot->files = linked_files(&below, key);
	copy_history(copy);
	return OK;
}

/** From a stage that was not run: what others had who asked for the same. */
static result copy_asked(struct copy *copy, const struct digest *asked, struct error *err)
{
	struct digest key;
	bool found;

	if (job_asked_find(copy->job, asked, &key, &found, err))
		return FAILED;
	if (!found)
		return fail(err, FAULT_MISSING, "nobody knows what the stage has");
	return copy_layer(copy, &key, asked_make, err) ||
			       job_asked_keep(copy->job, asked, &key, err)
		       ? FAILED
		       : OK;
}

result exec_copy(struct job *job, struct error *err)
{
	__attribute__((cleanup(copy_drop))) struct copy copy = { .tree_fd = -1 };
	const struct step *source = job->step->source;
	struct digest key, asked;

	if (copy_read(job, &copy, err) || (source && asked_key(&copy, &asked, err)))
		return FAILED;
	if (source && source->result->is_forecast)
		return copy_asked(&copy, &asked, err);
	if (copy_find(&copy, err) || copy_key(&copy, &key, err) ||
	    copy_layer(&copy, &key, copy_make, err))
		return FAILED;
	return source ? job_asked_keep(job, &asked, &key, err) : OK;
}

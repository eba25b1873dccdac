/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The sources of COPY and ADD brought here, and told apart by what is in them.
 */
#include "base/fd.h"
#include "base/mem.h"
#include "runner/copy_sources.h"
#include "runner/outside.h"
#include "runner/tree_key.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

const char *source_text(const struct copy_source *source)
{
	if (source->remote.url)
		return source->remote.url;
	if (source->kind == SOURCE_TEXT)
		return source->name;
	return source->path && *source->path ? source->path : ".";
}

/* ---- options ---- */

static enum wanted wants(void *closure, const char *path)
{
	const struct source_filter *filter = closure;
	bool excluded = ignore_excludes(filter->excludes, path);

	if (!excluded && !ignore_excludes(filter->outside, path))
		return WANTED;
	if (excluded && !ignore_may_reinclude_below(filter->excludes, path))
		return WANTED_NOT;
	return !ignore_excludes(filter->outside, path) ||
			       ignore_may_reinclude_below(filter->outside, path)
		       ? WANTED_BELOW
		       : WANTED_NOT;
}

struct copy_options source_options(const struct copy *copy, const struct copy_source *source,
				   struct source_filter *filter)
{
	bool is_context = source->kind == SOURCE_PATH && !copy->job->step->source;
	struct copy_options options =
		is_context ? context_options(copy->job->build->context) : (struct copy_options){};

	*filter = (struct source_filter){ source->outside, copy->excludes };
	if (filter->outside || filter->excludes) {
		options.wants = wants;
		options.wants_closure = filter;
	}
	if (copy->chmod)
		options.change = &copy->change;
	if (copy->chown)
		options.keep_owner = false;
	else if (source->kind == SOURCE_PATH && copy->job->step->source)
		options.keep_owner = true;
	return options;
}

/* ---- opening ---- */

static result directory_open(struct copy_source *source, const char *directory, const char *path,
			     struct error *err)
{
	source->root_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (source->root_fd < 0)
		return fail_sys(err, "open %s", directory);
	source->path = xstrdup(path);
	return OK;
}

static result file_open(struct copy *copy, struct copy_source *source, struct error *err)
{
	struct build *build = copy->job->build;
	owned(str) char *directory = NULL;
	struct digest checksum;

	if (copy->checksum && digest_parse(copy->checksum, &checksum, err))
		return FAILED;
	if (outside_file(build->outside, build->ctx, &source->remote,
			 copy->checksum ? &checksum : NULL, &directory, err))
		return FAILED;
	return directory_open(source, directory, source->name, err);
}

static bool keeps_git_dir(const struct copy *copy, const struct copy_source *source)
{
	return copy->keep_git_dir == CHOICE_YES || source->remote.keep_git_dir == CHOICE_YES;
}

static result tree_get(struct copy *copy, struct copy_source *source, struct error *err)
{
	struct build *build = copy->job->build;
	owned(str) char *directory = NULL, *subdir = NULL;
	owned(fd) int fd = -1;

	if (outside_tree(build->outside, build->ctx, &source->remote, source->commit,
			 keeps_git_dir(copy, source), &directory, err))
		return FAILED;
	subdir = path_absolute(source->remote.subdir ? source->remote.subdir : "/");
	if (directory_open(source, directory, subdir + 1, err))
		return FAILED;
	fd = open_in_root(source->root_fd, subdir[1] ? subdir + 1 : ".", O_PATH | O_DIRECTORY, 0);
	if (fd < 0)
		return fail(err, FAULT_INPUT, "%s: the repository has no directory %s at %s",
			    source->remote.url, source->remote.subdir, source->commit);
	return OK;
}

static result text_write(struct copy_source *source, const char *scratch, struct error *err)
{
	owned(str) char *directory = xasprintf("%s/XXXXXX", scratch);
	owned(fd) int fd = -1;

	if (!mkdtemp(directory))
		return fail_sys(err, "create %s", directory);
	if (directory_open(source, directory, source->name, err))
		return FAILED;
	fd = openat(source->root_fd, source->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || fchmod(fd, 0644) < 0)
		return fail_sys(err, "create %s", source->name);
	return write_all(fd, source->text, strlen(source->text), err);
}

result source_open(struct copy *copy, struct copy_source *source, const char *scratch,
		   struct error *err)
{
	if (source->root_fd >= 0)
		return OK;
	switch (source->kind) {
	case SOURCE_PATH:
		source->root_fd = fcntl(copy->tree_fd, F_DUPFD_CLOEXEC, 3);
		return source->root_fd < 0 ? (result)fail_sys(err, "open the source") : OK;
	case SOURCE_TEXT:
		return text_write(source, scratch, err);
	case SOURCE_FILE:
		return file_open(copy, source, err);
	case SOURCE_TREE:
		return tree_get(copy, source, err);
	}
	return fail(err, FAULT_SYSTEM, "source of unknown kind");
}

/* ---- hashing ---- */

static result commit_find(struct copy *copy, struct copy_source *source, struct error *err)
{
	const struct build *build = copy->job->build;
	const char *want = copy->checksum ? copy->checksum : source->remote.checksum;

	if (outside_commit(build->outside, build->ctx, &source->remote, &source->commit, err))
		return FAILED;
	if (want && !starts_with(source->commit, want))
		return fail(err, FAULT_INTEGRITY, "%s: expected checksum to match %s, got %s",
			    source->remote.url, want, source->commit);
	return OK;
}

static result content_hash(struct copy *copy, struct copy_source *source, struct hasher *hasher,
			   struct error *err)
{
	struct source_filter filter;
	struct copy_options options = source_options(copy, source, &filter);
	struct tree_part part = {
		.source = copy->job->step->source,
		.options = &options,
		.filter = filter.outside || filter.excludes ? NULL
			  : copy->chmod                     ? copy->chmod
							    : "",
		.with_owner = options.keep_owner,
	};
	struct digest content;
	result hashed;

	if (source_open(copy, source, NULL, err))
		return fail_in(err, "%s %s", copy->verb, source_text(source));
	part.root_fd = source->root_fd;
	part.path = *source->path ? source->path : ".";
	hashed = source->kind == SOURCE_PATH
			 ? tree_key(copy->job->build, &part, &content, err)
			 : tree_hash(copy->job->build->ctx, part.root_fd, part.path, &options,
				     options.keep_owner, &content, err);
	if (hashed)
		return fail_in(err, "%s %s", copy->verb, source_text(source));
	hasher_add(hasher, content.bytes, sizeof(content.bytes));
	return OK;
}

result source_hash(struct copy *copy, struct copy_source *source, struct digest *out,
		   struct error *err)
{
	owned(hasher) struct hasher *hasher = hasher_new();
	const char *subdir = source->remote.subdir;

	hasher_add_str(hasher, source->looks_inside ? "unpack" : "");
	hasher_add_str(hasher, source->name);
	if (source->kind == SOURCE_TEXT) {
		hasher_add_str(hasher, "text");
		hasher_add_str(hasher, source->text);
	} else if (source->kind == SOURCE_FILE && copy->checksum) {
		/* What has a known digest need not be there. */
		hasher_add_str(hasher, copy->checksum);
	} else if (source->kind == SOURCE_TREE) {
		if (commit_find(copy, source, err))
			return FAILED;
		hasher_add_str(hasher, "git");
		hasher_add_str(hasher, source->commit);
		hasher_add_str(hasher, subdir ? subdir : "");
		if (keeps_git_dir(copy, source)) {
			hasher_add_str(hasher, source->remote.url);
			hasher_add_str(hasher, source->remote.ref ? source->remote.ref : "");
		}
		hasher_add_str(hasher, source->remote.submodules == CHOICE_NO ? "alone" : "");
	} else if (content_hash(copy, source, hasher, err)) {
		return FAILED;
	}
	*out = hasher_finish(hasher);
	return OK;
}

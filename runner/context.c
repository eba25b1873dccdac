/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/context.h"

#include "base/fd.h"
#include "base/mem.h"
#include "runner/dockerfile.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void context_drop(struct context **context)
{
	if (!*context)
		return;
	obtained_drop(&(*context)->obtained);
	free((*context)->path);
	free((*context)->dockerfile_name);
	ignore_drop(&(*context)->ignore);
	buf_drop(&(*context)->dockerfile);
	free(*context);
	*context = NULL;
}

enum wanted context_sees(void *closure, const char *path, bool is_directory)
{
	const struct context *context = closure;

	if (!*path || !ignore_excludes(context->ignore, path))
		return WANTED;
	return is_directory && ignore_may_reinclude_below(context->ignore, path) ? WANTED_WITH
										 : WANTED_NOT;
}

static bool has_path(struct context *context, int dir_fd, const char *name, struct buf *path);

/** Whether anything in the directory is there. */
static bool has_entries(struct context *context, int fd, struct buf *path)
{
	DIR *dir = fdopendir(fd);
	const size_t length = path->length;
	struct dirent *entry;
	bool found = false;

	if (!dir)
		fd_drop(&fd);
	while (dir && !found && (entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		buf_printf(path, "/%s", entry->d_name);
		found = has_path(context, dirfd(dir), entry->d_name, path);
		path->length = length;
		path->data[length] = '\0';
	}
	if (dir)
		closedir(dir);
	return found;
}

/** The same for `name` in a directory, which is `path` in the context. */
static bool has_path(struct context *context, int dir_fd, const char *name, struct buf *path)
{
	struct stat info;

	if (fstatat(dir_fd, name, &info, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	switch (context_sees(context, path->data, S_ISDIR(info.st_mode))) {
	case WANTED_NOT:
		return false;
	case WANTED:
		return true;
	default:
		return has_entries(
			context,
			openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC),
			path);
	}
}

bool context_has(struct context *context, const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	owned(str) char *parent = xstrndup(path, slash ? (size_t)(slash - path) : 0);
	owned(fd) int fd = open_in_root(context->fd, *parent ? parent : ".", O_PATH, 0);
	owned(buf) struct buf at = {};

	buf_add_str(&at, path);
	return !*path || (fd >= 0 && has_path(context, fd, name, &at));
}

struct copy_options context_options(struct context *context)
{
	bool is_sent = !context->obtained.is_foreign;

	return (struct copy_options){
		.keep_owner = !is_sent,
		.is_context = is_sent,
		.sees = context_sees,
		.closure = context,
	};
}

/** Whether names are looked up in the context itself, and never leave it. */
static bool is_inside(const struct context *context, const char *file)
{
	return context->obtained.is_foreign || !file;
}

/** Read a file of the context, or of this machine where it was named for a local directory. */
static result text_read(struct context *context, const char *file, const char *path, size_t limit,
			struct buf *out, struct error *err)
{
	owned(fd) int fd = -1;
	struct stat status;

	if (!is_inside(context, file))
		return read_file(AT_FDCWD, path, limit, out, err);
	if (!context->obtained.is_foreign)
		return read_file(context->fd, path, limit, out, err);
	fd = open_in_root(context->fd, path, O_RDONLY | O_NONBLOCK, 0);
	if (fd < 0 || fstat(fd, &status) < 0)
		return fail_sys(err, "open %s", path);
	if (!S_ISREG(status.st_mode))
		return fail(err, FAULT_INPUT, "%s is no regular file", path);
	return read_all(fd, limit, out, err);
}

static result url_text(const struct context_source *source, struct context *context,
		       const struct remote *remote, struct error *err)
{
	owned(str) char *directory = NULL, *path = NULL;

	if (outside_file(source->outside, source->ctx, remote, NULL, &directory, err))
		return fail_in(err, "--file");
	path = xasprintf("%s/%s", directory, remote->name);
	return read_file(AT_FDCWD, path, DOCKERFILE_SIZE_MAX, &context->dockerfile, err);
}

/** The Dockerfile where it does not come from a file: true, with `status` of getting it. */
static bool text_elsewhere(const struct context_source *source, struct context *context,
			   const char *file, result *status, struct error *err)
{
	owned(remote) struct remote remote = {};
	struct error ignored = {};

	*status = OK;
	if (context->obtained.is_text) {
		context->dockerfile = context->obtained.text;
		context->obtained.text = (struct buf){};
		return true;
	}
	if (!file)
		return false;
	if (strcmp(file, "-") == 0) {
		*status = read_all(STDIN_FILENO, DOCKERFILE_SIZE_MAX, &context->dockerfile, err);
		return true;
	}
	if (remote_parse(file, &remote, &ignored) || remote.kind != REMOTE_HTTP)
		return false;
	*status = url_text(source, context, &remote, err);
	return true;
}

/** A file that is not there may be so by its lower-case name, as buildx has it. */
static result named_text(struct context *context, const char *file, struct error *err)
{
	static const char usual[] = "Dockerfile", lower[] = "dockerfile";
	const char *name = context->dockerfile_name, *slash = strrchr(name, '/');
	size_t parent = slash ? (size_t)(slash + 1 - name) : 0;
	owned(str) char *other = NULL;
	struct error ignored = {};

	if (!text_read(context, file, name, DOCKERFILE_SIZE_MAX, &context->dockerfile, err))
		return OK;
	if (err->sys != ENOENT || strcmp(name + parent, usual) != 0)
		return FAILED;
	other = xasprintf("%.*s%s", (int)parent, name, lower);
	if (text_read(context, file, other, DOCKERFILE_SIZE_MAX, &context->dockerfile, &ignored))
		return FAILED;
	free(context->dockerfile_name);
	context->dockerfile_name = take(other);
	return OK;
}

static result dockerfile_text(const struct context_source *source, struct context *context,
			      const char *file, struct error *err)
{
	static const char usual[] = "Dockerfile";
	bool is_elsewhere;
	result status;

	context->dockerfile_name = xstrdup(file && strcmp(file, "-") != 0 ? file : usual);
	is_elsewhere = text_elsewhere(source, context, file, &status, err);
	if (is_elsewhere)
		return status;
	if (!named_text(context, file, err))
		return OK;
	if (err->sys == ENOENT)
		return fail(err, FAULT_INPUT,
			    "no Dockerfile: %s%s%s does not exist; name another one with --file",
			    is_inside(context, file) ? context->path : "",
			    is_inside(context, file) ? "/" : "", context->dockerfile_name);
	return FAILED;
}

/** Read and parse a pattern file if it is there. */
static result ignore_read(struct context *context, const char *file, const char *path, bool *found,
			  struct error *err)
{
	owned(buf) struct buf text = {};

	if (text_read(context, file, path, IGNORE_SIZE_MAX, &text, err)) {
		*found = false;
		return err->sys == ENOENT || err->sys == ENOTDIR ? OK : FAILED;
	}
	*found = true;
	return ignore_parse(buf_text(&text), text.length, path, &context->ignore, err);
}

static result ignore_load(struct context *context, const char *file, struct error *err)
{
	owned(str) char *own = xasprintf("%s.dockerignore", context->dockerfile_name);
	bool found;

	if (file && strcmp(file, "-") == 0)
		file = NULL;
	if (ignore_read(context, file, own, &found, err))
		return FAILED;
	return found ? OK : ignore_read(context, NULL, ".dockerignore", &found, err);
}

result context_open(const struct context_source *source, const char *path, const char *file,
		    struct context **out, struct error *err)
{
	owned(context) struct context *context = xnew(struct context);

	context->obtained.fd = -1;
	context->path = xstrdup(path);
	if (strcmp(path, "-") == 0 && file && strcmp(file, "-") == 0)
		return fail(err, FAULT_USAGE,
			    "--file - and the context - would both be standard input");
	if (context_obtain(source, path, &context->obtained, err))
		return FAILED;
	context->fd = context->obtained.fd;
	if (dockerfile_text(source, context, file, err) ||
	    (!context->obtained.is_foreign && ignore_load(context, file, err)))
		return FAILED;
	*out = take(context);
	return OK;
}

result context_open_named(const struct context_source *source, const char *path,
			  struct context **out, struct error *err)
{
	owned(context) struct context *context = xnew(struct context);
	bool found;

	context->obtained.fd = -1;
	context->path = xstrdup(path);
	if (context_obtain(source, path, &context->obtained, err))
		return FAILED;
	if (context->obtained.is_text)
		return fail(err, FAULT_INPUT, "%s: want a directory or an archive", path);
	context->fd = context->obtained.fd;
	if (!context->obtained.is_foreign &&
	    ignore_read(context, NULL, ".dockerignore", &found, err))
		return FAILED;
	*out = take(context);
	return OK;
}

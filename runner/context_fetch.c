/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/context_fetch.h"

#include "base/fd.h"
#include "base/mem.h"
#include "runner/dockerfile.h"
#include "sandbox/sandbox.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { COPY_SIZE = 128 << 10 };

void obtained_drop(struct obtained *obtained)
{
	fd_drop(&obtained->fd);
	workdir_drop(&obtained->dir);
	buf_drop(&obtained->text);
}

/** The directory of a fresh workdir that becomes the context. */
static result fresh_directory(const struct context_source *source, struct obtained *out,
			      struct error *err)
{
	owned(str) char *path = NULL;

	if (workdir_new(source->root, &out->dir, err))
		return FAILED;
	path = xasprintf("%s/upper", workdir_path(out->dir));
	out->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	out->is_foreign = true;
	return out->fd < 0 ? (result)fail_sys(err, "open %s", path) : OK;
}

/** A Dockerfile that was downloaded is also the one file of its context, as BuildKit has it. */
static result text_keep(int fd, const struct obtained *obtained, struct error *err)
{
	static const char name[] = "context";
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT } };
	owned(fd) int copy = -1;
	struct stat status;

	copy = openat(obtained->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (copy < 0 || fstat(fd, &status) < 0)
		return fail_sys(err, "create %s", name);
	if (write_all(copy, obtained->text.data, obtained->text.length, err))
		return FAILED;
	times[1] = status.st_mtim;
	return futimens(copy, times) < 0 ? (result)fail_sys(err, "set time of %s", name) : OK;
}

/** A file that was downloaded or typed at us: an archive, else a Dockerfile. */
static result file_take(const struct context_source *source, int fd, const char *where,
			struct obtained *out, struct error *err)
{
	static const struct archive_options options = {};
	bool is_archive = archive_looks_like_one(fd);

	if (lseek(fd, 0, SEEK_SET) < 0)
		return fail_sys(err, "seek in %s", where);
	if (fresh_directory(source, out, err))
		return FAILED;
	if (is_archive) {
		if (archive_unpack(source->ctx, fd, out->fd, &options, err))
			return fail_in(err, "build context %s", where);
		return OK;
	}
	out->is_text = true;
	if (read_all(fd, DOCKERFILE_SIZE_MAX, &out->text, err))
		return fail_in(err, "build context %s: neither an archive nor a Dockerfile", where);
	if (memchr(out->text.data ? out->text.data : "", '\0', out->text.length))
		return fail(err, FAULT_INPUT,
			    "build context %s: want a tar (gzip, bzip2, xz, zstd or plain) or a "
			    "Dockerfile",
			    where);
	return OK;
}

/** Standard input may be a pipe; an archive has to be looked at twice. */
static result input_spool(const struct context_source *source, int to, struct error *err)
{
	char *buffer = xcalloc(COPY_SIZE, 1);
	uint64_t total = 0;
	result status = OK;
	ssize_t got = 0;

	while (!status && (got = read(STDIN_FILENO, buffer, COPY_SIZE)) > 0) {
		total += (uint64_t)got;
		if (total > OUTSIDE_BYTES_MAX)
			status = fail(err, FAULT_INPUT, "build context -: too large");
		else if (cancel_check(source->ctx, err) || write_all(to, buffer, (size_t)got, err))
			status = FAILED;
	}
	if (got < 0)
		status = fail_sys(err, "read standard input");
	free(buffer);
	return status;
}

static result input_take(const struct context_source *source, struct obtained *out,
			 struct error *err)
{
	owned(workdir) struct workdir *dir = NULL;
	owned(str) char *path = NULL;
	owned(fd) int fd = -1;

	if (workdir_new(source->root, &dir, err))
		return FAILED;
	path = xasprintf("%s/scratch/input", workdir_path(dir));
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail_sys(err, "create %s", path);
	if (input_spool(source, fd, err) || lseek(fd, 0, SEEK_SET) < 0)
		return FAILED;
	return file_take(source, fd, "-", out, err);
}

static result http_take(const struct context_source *source, const struct remote *remote,
			struct obtained *out, struct error *err)
{
	owned(str) char *directory = NULL, *path = NULL;
	owned(fd) int fd = -1;

	if (outside_file(source->outside, source->ctx, remote, NULL, &directory, err))
		return fail_in(err, "build context");
	path = xasprintf("%s/%s", directory, remote->name);
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return fail_sys(err, "open %s", path);
	if (file_take(source, fd, remote->url, out, err))
		return FAILED;
	return out->is_text ? text_keep(fd, out, err) : OK;
}

static result git_take(const struct context_source *source, const struct remote *remote,
		       struct obtained *out, struct error *err)
{
	bool keep = remote->keep_git_dir == CHOICE_UNSET ? source->keep_git_dir
							 : remote->keep_git_dir == CHOICE_YES;
	owned(str) char *commit = NULL, *directory = NULL;
	owned(fd) int top = -1;

	if (outside_commit(source->outside, source->ctx, remote, &commit, err) ||
	    outside_tree(source->outside, source->ctx, remote, commit, keep, &directory, err))
		return fail_in(err, "build context");
	if (remote->checksum && !starts_with(commit, remote->checksum))
		return fail(err, FAULT_INTEGRITY, "build context %s: commit is %s, not %s",
			    remote->url, commit, remote->checksum);
	top = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (top < 0)
		return fail_sys(err, "open %s", directory);
	out->fd =
		open_in_root(top, remote->subdir ? remote->subdir : ".", O_RDONLY | O_DIRECTORY, 0);
	if (out->fd < 0)
		return fail(err, FAULT_INPUT, "build context %s: there is no directory %s in it",
			    remote->url, remote->subdir);
	out->is_foreign = true;
	return OK;
}

static result local_take(const struct context_source *source, const char *where,
			 struct obtained *out, struct error *err)
{
	owned(fd) int fd = open(where, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct stat status;

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return fail(err, FAULT_INPUT,
			    "build context %s: %s; want a directory, a tar, a URL or -", where,
			    strerror(errno));
	if (fd < 0 || fstat(fd, &status) < 0)
		return fail_sys(err, "open build context %s", where);
	if (S_ISREG(status.st_mode) && archive_looks_like_one(fd))
		return file_take(source, fd, where, out, err);
	if (!S_ISDIR(status.st_mode))
		return fail(err, FAULT_INPUT,
			    "build context %s: neither a directory nor a tar; a Dockerfile is "
			    "given with --file",
			    where);
	out->fd = fd_take(&fd);
	return OK;
}

static bool is_here(const char *where)
{
	struct stat status;

	return stat(where, &status) == 0;
}

result context_obtain(const struct context_source *source, const char *where, struct obtained *out,
		      struct error *err)
{
	owned(remote) struct remote remote = {};
	owned(str) char *full = NULL;

	if (strcmp(where, "-") == 0)
		return input_take(source, out, err);
	if (is_here(where))
		return local_take(source, where, out, err);
	/* What people type for a repository of that site. */
	full = xasprintf("%s%s", starts_with(where, "github.com/") ? "https://" : "", where);
	if (remote_parse(full, &remote, err))
		return fail_in(err, "build context");
	switch (remote.kind) {
	case REMOTE_HTTP:
		return http_take(source, &remote, out, err);
	case REMOTE_GIT:
		return git_take(source, &remote, out, err);
	case REMOTE_NONE:
		break;
	}
	return local_take(source, where, out, err);
}

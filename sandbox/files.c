/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Each file goes through the queue three times: open, write, close.  In between, its looks are
 * given on the descriptor, since the ring has no operations for them.
 *
 * In a warm page cache creating files through the ring is no faster than by plain calls (the kernel
 * hands every creating open to a worker thread), so that plain calls are what is done unless
 * MPEMU_IO=ring asks otherwise.
 */
#include "sandbox/files.h"

#include "sandbox/inroot.h"
#include "sandbox/ioq.h"

#include "base/fd.h"
#include "base/mem.h"

#include <fcntl.h>
#include <stdlib.h>

enum {
	JOBS = 64,
	FILE_FLAGS = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW,
};

/** A file on its way. */
struct job {
	struct ioq_entry io;
	int fd;
	struct buf path;
	size_t path_hash;
	struct looks looks;
	char *room;
	size_t length;
	bool busy;
};

struct files {
	int root_fd;
	struct ioq *ioq;
	struct job jobs[JOBS];
	struct job *next; /* the one whose room was asked for */
	size_t busy_count;
};

struct files *files_new(int root_fd)
{
	struct files *files = xnew(struct files);

	files->root_fd = root_fd;
	files->ioq = ioq_new(JOBS, IOQ_SYNC);
	for (size_t i = 0; i < JOBS; i++)
		files->jobs[i].fd = -1;
	return files;
}

void files_drop(struct files **files)
{
	struct files *old = *files;

	if (!old)
		return;
	ioq_drop(&old->ioq);
	for (size_t i = 0; i < JOBS; i++) {
		struct job *job = &old->jobs[i];

		/* An open that was still in the queue has given its descriptor by now. */
		if (job->busy && job->io.kind == IOQ_OPEN)
			job->fd = (int)job->io.result;
		fd_drop(&job->fd);
		buf_drop(&job->path);
		free(job->room);
	}
	free(old);
	*files = NULL;
}

bool files_has_ring(const struct files *files)
{
	return ioq_has_ring(files->ioq);
}

static size_t hash_path(const char *path)
{
	size_t hash = 5381;

	while (*path)
		hash = hash * 33 + (uint8_t)*path++;
	return hash;
}

bool files_have(const struct files *files, const char *path)
{
	size_t hash = files->busy_count ? hash_path(path) : 0;

	for (size_t i = 0; files->busy_count && i < JOBS; i++)
		if (files->jobs[i].busy && files->jobs[i].path_hash == hash)
			return true;
	return false;
}

static void job_push(struct files *files, struct job *job, enum ioq_kind kind)
{
	job->io.kind = kind;
	job->io.owner = job;
	ioq_push(files->ioq, &job->io);
}

static void job_end(struct files *files, struct job *job)
{
	job->busy = false;
	files->busy_count--;
}

static result fail_io(const struct ioq_entry *io, const char *what, struct error *err)
{
	errno = (int)-io->result;
	return fail_sys(err, "%s", what);
}

/** Something is in the way: make room and try again. */
static result open_again(struct files *files, struct job *job, struct error *err)
{
	size_t length;
	const char *name = path_split(job->path.data, &length);
	owned(str) char *parent = xstrndup(job->path.data, length);
	owned(fd) int dir_fd = open_plain(files->root_fd, parent, O_RDONLY | O_DIRECTORY, 0);

	if (dir_fd < 0)
		return fail_sys(err, "open %s", parent);
	if (remove_tree(dir_fd, name, err))
		return FAILED;
	job->fd = openat(dir_fd, name, FILE_FLAGS | O_CLOEXEC, 0600);
	return job->fd < 0 ? fail_sys(err, "create") : OK;
}

static result opened(struct files *files, struct job *job, struct error *err)
{
	if (job->io.result >= 0)
		job->fd = (int)job->io.result;
	else if (job->io.result != -EEXIST || files_has_ring(files))
		return fail_io(&job->io, "create", err);
	else if (open_again(files, job, err))
		return FAILED;
	job->io.fd = job->fd;
	job->io.offset = 0;
	job->io.length = job->length;
	job_push(files, job, IOQ_WRITE);
	return OK;
}

static result written(struct files *files, struct job *job, struct error *err)
{
	if (job->io.result < 0)
		return fail_io(&job->io, "write", err);
	if (looks_give(job->fd, &job->looks, err))
		return FAILED;
	job->io.fd = fd_take(&job->fd);
	job_push(files, job, IOQ_CLOSE);
	return OK;
}

static result closed(struct files *files, struct job *job, struct error *err)
{
	job_end(files, job);
	return job->io.result < 0 ? fail_io(&job->io, "close", err) : OK;
}

/** Take one finished operation and go on with its file. */
static result pump(struct files *files, struct error *err)
{
	static result (*const then[])(struct files *, struct job *, struct error *) = {
		[IOQ_OPEN] = opened,
		[IOQ_WRITE] = written,
		[IOQ_CLOSE] = closed,
	};
	struct ioq_entry *io = ioq_pop(files->ioq);
	struct job *job = io->owner;

	if (then[io->kind](files, job, err)) {
		/* What failed is not in the queue any more. */
		if (job->busy)
			job_end(files, job);
		return fail_in(err, "layer entry '%s'", buf_text(&job->path));
	}
	return OK;
}

result files_drain(struct files *files, struct error *err)
{
	while (files->busy_count > 0)
		if (pump(files, err))
			return FAILED;
	return OK;
}

result files_room(struct files *files, char **room, struct error *err)
{
	while (files->busy_count == JOBS)
		if (pump(files, err))
			return FAILED;
	for (size_t i = 0; i < JOBS; i++)
		if (!files->jobs[i].busy)
			files->next = &files->jobs[i];
	if (!files->next->room)
		files->next->room = xcalloc(1, FILES_BYTES);
	*room = files->next->room;
	return OK;
}

result files_add(struct files *files, const char *path, const struct looks *looks, const void *data,
		 size_t length, struct error *err)
{
	struct job *job = files->next;

	buf_clear(&job->path);
	buf_add_str(&job->path, path);
	job->path_hash = hash_path(path);
	job->looks = *looks;
	job->length = length;
	job->busy = true;
	files->busy_count++;
	job->io = (struct ioq_entry){
		.fd = files->root_fd,
		.path = job->path.data,
		.flags = FILE_FLAGS,
		.mode = 0600,
		.data = (void *)(uintptr_t)data,
	};
	job_push(files, job, IOQ_OPEN);
	return files_has_ring(files) ? OK : files_drain(files, err);
}

result files_write(struct files *files, int fd, const void *data, size_t length, uint64_t offset,
		   struct error *err)
{
	struct ioq_entry io = {
		.kind = IOQ_WRITE,
		.fd = fd,
		.data = (void *)(uintptr_t)data,
		.length = length,
		.offset = offset,
	};

	ioq_push(files->ioq, &io);
	ioq_pop(files->ioq);
	return io.result < 0 ? fail_io(&io, "write", err) : OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "runner/twin_files.h"

#include "base/digest.h"
#include "base/fd.h"
#include "runner/packages_internal.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <openssl/md5.h>
#include <openssl/sha.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <sys/xattr.h>

void found_drop(struct found *found)
{
	fd_drop(&found->fd);
	free(found->path);
	found->path = NULL;
}

/** The path by which the kernel knows a descriptor, as seen from the top of its mount. */
static bool fd_path(int fd, char *out, size_t size)
{
	char name[64];
	ssize_t length;

	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	length = readlink(name, out, size - 1);
	if (length <= 0 || (size_t)length >= size - 1)
		return false;
	out[length] = '\0';
	return true;
}

/** What follows the root's own path in the path of a file below it. */
static const char *path_below(const char *root, const char *path)
{
	size_t length = strcmp(root, "/") == 0 ? 0 : strlen(root);

	return strncmp(root, path, length) == 0 && path[length] == '/' ? path + length : NULL;
}

bool found_open(int root_fd, const char *path, struct found *out)
{
	char root[4096], real[4096];
	const char *below;
	struct found found = { .fd = root_open(root_fd, path) };

	if (found.fd < 0)
		return false;
	below = fd_path(root_fd, root, sizeof(root)) && fd_path(found.fd, real, sizeof(real))
			? path_below(root, real)
			: NULL;
	if (!below || fstat(found.fd, &found.stat) < 0) {
		found_drop(&found);
		return false;
	}
	found.path = xstrdup(below);
	*out = found;
	return true;
}

bool found_elf(const struct found *found, struct elf_kind *out)
{
	uint8_t head[64];
	ssize_t length = pread(found->fd, head, sizeof(head), 0);

	return length > 0 && elf_kind_read(head, (size_t)length, out);
}

const char *found_library_refusal(const struct found *found)
{
	if (found->stat.st_mode & (S_ISUID | S_ISGID))
		return "it is set-user-ID or set-group-ID";
	if (fgetxattr(found->fd, "security.capability", NULL, 0) >= 0)
		return "it has file capabilities";
	if (found->stat.st_size > NATIVE_SIZE_MAX)
		return "it is too large";
	return NULL;
}

const char *found_refusal(const struct found *found)
{
	return found->stat.st_mode & 0111 ? found_library_refusal(found) : "it is not executable";
}

/* ---- content ---- */

/** The plain functions, as in base/digest.c. */
union hash_state {
	MD5_CTX md5;
	SHA_CTX sha1;
	SHA256_CTX sha256;
};

static void hash_begin(union hash_state *state, enum sum_kind kind)
{
	switch (kind) {
	case SUM_MD5:
		MD5_Init(&state->md5);
		return;
	case SUM_SHA1:
		SHA1_Init(&state->sha1);
		return;
	case SUM_SHA256:
		SHA256_Init(&state->sha256);
	}
}

static void hash_add(union hash_state *state, enum sum_kind kind, const void *data, size_t length)
{
	switch (kind) {
	case SUM_MD5:
		MD5_Update(&state->md5, data, length);
		return;
	case SUM_SHA1:
		SHA1_Update(&state->sha1, data, length);
		return;
	case SUM_SHA256:
		SHA256_Update(&state->sha256, data, length);
	}
}

static void hash_end(union hash_state *state, struct sum *out)
{
	switch (out->kind) {
	case SUM_MD5:
		MD5_Final(out->bytes, &state->md5);
		return;
	case SUM_SHA1:
		SHA1_Final(out->bytes, &state->sha1);
		return;
	case SUM_SHA256:
		SHA256_Final(out->bytes, &state->sha256);
	}
}

static result hash_file(int fd, enum sum_kind kind, struct sum *out, struct error *err)
{
	union hash_state state;
	uint8_t buffer[1 << 16];
	ssize_t length;
	off_t at = 0;

	hash_begin(&state, kind);
	while ((length = pread(fd, buffer, sizeof(buffer), at)) > 0) {
		hash_add(&state, kind, buffer, (size_t)length);
		at += length;
	}
	if (length < 0)
		return fail_sys(err, "read");
	out->kind = kind;
	hash_end(&state, out);
	return OK;
}

static void hash_time(struct hasher *hasher, const struct timespec *time)
{
	const int64_t words[] = { time->tv_sec, time->tv_nsec };

	hasher_add(hasher, words, sizeof(words));
}

/** What decides about the content, as one key. */
static struct digest found_key(const struct found *found, enum sum_kind kind)
{
	owned(hasher) struct hasher *hasher = hasher_new();
	const uint64_t words[] = { (uint64_t)kind, (uint64_t)found->stat.st_ino,
				   (uint64_t)found->stat.st_size };

	hasher_add_str(hasher, "mpemu file content 1");
	hasher_add(hasher, words, sizeof(words));
	hash_time(hasher, &found->stat.st_mtim);
	hash_time(hasher, &found->stat.st_ctim);
	hasher_add_str(hasher, found->path);
	return hasher_finish(hasher);
}

static void sum_hex(const struct sum *sum, char text[65])
{
	for (size_t i = 0; i < sum_size(sum->kind); i++)
		snprintf(text + 2 * i, 3, "%02x", sum->bytes[i]);
}

/** The sum as text: as noted, else computed and noted. */
static result sum_text(const struct found *found, enum sum_kind kind, struct cache *cache,
		       char text[65], struct error *err)
{
	struct digest key = found_key(found, kind);
	owned(buf) struct buf noted = {};
	bool known = false;
	struct sum sum;

	if (cache && cache_note_find(cache, &key, &noted, &known, err))
		return FAILED;
	if (known && noted.length == 2 * sum_size(kind)) {
		snprintf(text, 65, "%s", buf_text(&noted));
		return OK;
	}
	if (hash_file(found->fd, kind, &sum, err))
		return fail_in(err, "%s", found->path);
	sum_hex(&sum, text);
	return cache ? cache_note_keep(cache, &key, text, err) : OK;
}

result found_verify(const struct found *found, const struct sum *want, struct cache *cache,
		    bool *same, struct error *err)
{
	char text[65], wanted[65];

	sum_hex(want, wanted);
	if (sum_text(found, want->kind, cache, text, err))
		return FAILED;
	*same = strcmp(text, wanted) == 0;
	return OK;
}

result found_content(const struct found *found, struct cache *cache, struct sum *out,
		     struct error *err)
{
	char text[65];
	struct span span = { text, 2 * sum_size(SUM_SHA256) };

	if (sum_text(found, SUM_SHA256, cache, text, err))
		return FAILED;
	if (!span_read_sum(span, SUM_SHA256, out))
		return fail(err, FAULT_INTEGRITY, "%s: what is noted of it is no digest",
			    found->path);
	return OK;
}

result found_sum(const struct found *found, struct sum *out, struct error *err)
{
	return hash_file(found->fd, SUM_SHA256, out, err);
}

struct twin_file found_file(const struct found *found)
{
	return (struct twin_file){
		.inode = found->stat.st_ino,
		.size = (uint64_t)found->stat.st_size,
		.mtime = found->stat.st_mtim,
		.ctime = found->stat.st_ctim,
	};
}

static bool time_equal(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       time_equal(a->st_mtim, b->st_mtim) && time_equal(a->st_ctim, b->st_ctim);
}

/** Whether it still is what it was when it was opened. */
static bool found_unchanged(const struct found *found)
{
	struct stat now;

	return fstat(found->fd, &now) == 0 && is_same(&now, &found->stat);
}

/** Not by mapping it: who shortens it would have us killed. */
static bool copy_map(const struct found *found, uint8_t **data, size_t *size)
{
	size_t length = (size_t)found->stat.st_size, at = 0;
	uint8_t *copy =
		mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ssize_t got = 1;

	if (copy == MAP_FAILED)
		return false;
	while (at < length && got > 0) {
		got = pread(found->fd, copy + at, length - at, (off_t)at);
		at += got > 0 ? (size_t)got : 0;
	}
	if (at < length || !found_unchanged(found)) {
		munmap(copy, length);
		return false;
	}
	*data = copy;
	*size = length;
	return true;
}

bool found_map(const struct found *found, uint8_t **data, size_t *size)
{
	void *mapped;

	if (found->stat.st_size <= 0 || found->stat.st_size > NATIVE_SIZE_MAX)
		return false;
	if (found->may_change)
		return copy_map(found, data, size);
	mapped = mmap(NULL, (size_t)found->stat.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE,
		      found->fd, 0);
	if (mapped == MAP_FAILED)
		return false;
	*data = mapped;
	*size = (size_t)found->stat.st_size;
	return true;
}

/* ---- of a root in which a step runs ---- */

/*
 * In memory, a page that was mapped for writing and first read is written to without any new time.
 * Of other file systems it is not known what they do.
 */
int twin_upper_open(const char *path)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct statfs info;

	if (fd >= 0 && fstatfs(fd, &info) == 0 &&
	    (info.f_type == EXT4_SUPER_MAGIC || info.f_type == XFS_SUPER_MAGIC ||
	     info.f_type == BTRFS_SUPER_MAGIC))
		return fd;
	fd_drop(&fd);
	return -1;
}

bool foreign_open(const struct twin_request *request, const char *path, struct found *out)
{
	if (!found_open(request->foreign, path, out))
		return false;
	out->may_change = request->live != NULL;
	return true;
}

static bool is_before(struct timespec a, struct timespec b)
{
	return a.tv_sec < b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec < b.tv_nsec);
}

/**
 * Whether nobody can write to the file, by a descriptor or a mapping that he has already: only then
 * the kernel gives a lease for reading.  Who opens it for writing in that moment waits until it is
 * given back; that we would be told by a signal, which is one that is ignored.
 */
static bool is_unwritten(int fd)
{
	if (fcntl(fd, F_SETSIG, SIGURG) < 0 || fcntl(fd, F_SETLEASE, F_RDLCK) < 0)
		return false;
	(void)fcntl(fd, F_SETLEASE, F_UNLCK);
	return true;
}

/**
 * Whether a file of a root in which a step runs will have another change time when it has another
 * content than now.
 *
 * A file of the layers below is never written to, and has an older change time than the step.  Any
 * other one is the step's to write at any time, in place, by a mapping, or by putting another one
 * there; it may set all of its times but that of the last change, which is the kernel's.  So it is
 * asked three things.  Nobody has it open for writing: a page that is mapped and already dirty can
 * be written to without any new time, while one that is mapped later gets one with the first write
 * (but in memory, which is why `upper` must be on disk).  Its change time is older than some ticks
 * of the kernel's clock before that: what is written later gets a later one.  And whoever reads the
 * content finds the same times afterwards.
 */
static bool twin_settled(const struct twin_live *live, const struct found *found)
{
	owned(fd) int fd = -1;
	struct stat info;

	if (is_before(found->stat.st_ctim, live->since))
		return true;
	if (live->upper < 0 || !is_before(found->stat.st_ctim, live->begun))
		return false;
	/* The lease is of the very file: of the overlay's it tells nothing about mappings. */
	fd = root_open(live->upper, found->path);
	return fd >= 0 && fstat(fd, &info) == 0 && is_same(&info, &found->stat) &&
	       is_unwritten(fd) && found_unchanged(found);
}

result foreign_verify(const struct twin_request *request, const struct found *found,
		      const struct sum *want, bool *same, struct error *err)
{
	*same = false;
	/* What a step makes as large as it likes would be read for as long. */
	if (request->live &&
	    (found->stat.st_size > NATIVE_SIZE_MAX || !twin_settled(request->live, found)))
		return OK;
	if (found_verify(found, want, request->cache, same, err))
		return FAILED;
	*same = *same && (!request->live || found_unchanged(found));
	return OK;
}

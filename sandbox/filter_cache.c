/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/filter_cache.h"
#include "sandbox/sandbox.h"

#include "base/fd.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/** What stands before the instructions. */
struct header {
	char magic[8];
	struct digest digest; /* of them */
};

static const char magic[8] = "mpemuBP1";

/** Written once, before there are threads. */
static char *cache_path;

void filter_cache_use(const char *directory)
{
	free(cache_path);
	cache_path = directory ? xstrdup(directory) : NULL;
}

struct hasher *filter_key_new(void)
{
	struct hasher *hasher = hasher_new();
	const struct scmp_version *library = seccomp_version();
	uint32_t arch = seccomp_arch_native();

	hasher_add(hasher, magic, sizeof(magic));
	hasher_add(hasher, &arch, sizeof(arch));
	if (library)
		hasher_add(hasher, library, sizeof(*library));
	return hasher;
}

/** Ours, and nobody else can have changed it. */
static bool is_trusted(int fd, mode_t type)
{
	struct stat info;

	return fstat(fd, &info) == 0 && (info.st_mode & S_IFMT) == type &&
	       info.st_uid == geteuid() && (info.st_mode & 022) == 0;
}

/** The directory, made where it is missing and `make` says so; -1 where it is none of ours. */
static int directory_open(bool make)
{
	owned(fd) int fd = -1;

	if (!cache_path)
		return -1;
	if (make)
		mkdir(cache_path, 0700);
	fd = open(cache_path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd >= 0 && is_trusted(fd, S_IFDIR) ? fd_take(&fd) : -1;
}

static bool content_take(const char *bytes, size_t length, struct filter *out)
{
	const size_t one = sizeof(struct sock_filter);
	struct header header;
	struct digest digest;

	if (length <= sizeof(header) || (length - sizeof(header)) % one != 0 ||
	    length > sizeof(header) + BPF_MAXINSNS * one)
		return false;
	memcpy(&header, bytes, sizeof(header));
	length -= sizeof(header);
	digest = digest_of(bytes + sizeof(header), length);
	if (memcmp(header.magic, magic, sizeof(magic)) != 0 ||
	    !digest_equal(&digest, &header.digest))
		return false;
	out->instructions = memcpy(xcalloc(length / one, one), bytes + sizeof(header), length);
	out->count = (unsigned short)(length / one);
	return true;
}

bool filter_load(const struct digest *key, struct filter *out)
{
	/* One byte more than there may be. */
	const size_t size = sizeof(struct header) + BPF_MAXINSNS * sizeof(struct sock_filter) + 1;
	owned(fd) int dir = directory_open(false);
	owned(str) char *room = NULL;
	owned(fd) int fd = -1;
	char name[DIGEST_HEX_MAX];
	ssize_t got;

	if (dir < 0)
		return false;
	fd = openat(dir, digest_hex(key, name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || !is_trusted(fd, S_IFREG))
		return false;
	room = xcalloc(1, size);
	got = read(fd, room, size);
	return got > 0 && content_take(room, (size_t)got, out);
}

void filter_save(const struct digest *key, const struct filter *filter)
{
	const size_t length = filter->count * sizeof(struct sock_filter);
	owned(fd) int dir = directory_open(true);
	owned(buf) struct buf content = {};
	owned(str) char *part = NULL;
	owned(fd) int fd = -1;
	struct header header = { .digest = digest_of(filter->instructions, length) };
	struct error ignored;
	char name[DIGEST_HEX_MAX];

	if (dir < 0)
		return;
	memcpy(header.magic, magic, sizeof(magic));
	buf_add(&content, &header, sizeof(header));
	buf_add(&content, filter->instructions, length);
	part = xasprintf("%s.%d", digest_hex(key, name), (int)gettid());
	fd = openat(dir, part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	/* Not synced: what a crash leaves does not fit its digest. */
	if (write_all(fd, content.data, content.length, &ignored) ||
	    renameat(dir, part, dir, name) < 0)
		unlinkat(dir, part, 0);
}

/* SPDX-License-Identifier: Apache-2.0 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "runner/twin_files.h"

#include "base/digest.h"
#include "base/fd.h"

#include <fcntl.h>
#include <openssl/md5.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
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

const char *found_refusal(const struct found *found)
{
	if (found->stat.st_mode & (S_ISUID | S_ISGID))
		return "it is set-user-ID or set-group-ID";
	if (!(found->stat.st_mode & 0111))
		return "it is not executable";
	if (fgetxattr(found->fd, "security.capability", NULL, 0) >= 0)
		return "it has file capabilities";
	if (found->stat.st_size > NATIVE_SIZE_MAX)
		return "it is too large";
	return NULL;
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

result found_verify(const struct found *found, const struct sum *want, struct cache *cache,
		    bool *same, struct error *err)
{
	struct digest key = found_key(found, want->kind);
	owned(buf) struct buf noted = {};
	char text[65], wanted[65];
	bool known = false;
	struct sum sum;

	sum_hex(want, wanted);
	if (cache && cache_note_find(cache, &key, &noted, &known, err))
		return FAILED;
	if (known && noted.length == strlen(wanted)) {
		*same = strcmp(buf_text(&noted), wanted) == 0;
		return OK;
	}
	if (hash_file(found->fd, want->kind, &sum, err))
		return fail_in(err, "%s", found->path);
	sum_hex(&sum, text);
	*same = sum_equal(&sum, want);
	return cache ? cache_note_keep(cache, &key, text, err) : OK;
}

result found_sum(const struct found *found, struct sum *out, struct error *err)
{
	return hash_file(found->fd, SUM_SHA256, out, err);
}

bool found_map(const struct found *found, uint8_t **data, size_t *size)
{
	void *mapped;

	if (found->stat.st_size <= 0 || found->stat.st_size > NATIVE_SIZE_MAX)
		return false;
	mapped = mmap(NULL, (size_t)found->stat.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE,
		      found->fd, 0);
	if (mapped == MAP_FAILED)
		return false;
	*data = mapped;
	*size = (size_t)found->stat.st_size;
	return true;
}

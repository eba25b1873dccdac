/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Whole layers and archives: whatever the blob is, it unpacks into its directory or is refused, and
 * what was unpacked can be packed again.
 */
#include "base/fd.h"
#include "sandbox/sandbox.h"
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

static int entry_count(const char *path)
{
	DIR *dir = opendir(path);
	int count = 0;

	while (dir && readdir(dir))
		count++;
	if (dir)
		closedir(dir);
	return count;
}

static int entry_count_at(int dir)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", dir);
	return entry_count(path);
}

/** A directory in memory, where making and syncing files costs little. */
static void scratch_make(char *path, size_t size)
{
	snprintf(path, size, "%s/mpemu-fuzz-XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (!mkdtemp(path))
		abort();
}

static void unpack(int outer, int blob)
{
	static const struct layer_limits limits = { .bytes = 1 << 20, .entries = 200 };
	static const struct diff_options options = { .epoch = -1 };
	owned(fd) int packed = memfd_create("packed", MFD_CLOEXEC);
	owned(fd) int into = -1;
	struct layer_info info;
	struct error err = {};

	if (mkdirat(outer, "into", 0755) < 0)
		abort();
	into = openat(outer, "into", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (layer_unpack(&(struct ctx){}, blob, into, &limits, &info, &err)) {
		if (err.fault == FAULT_NONE || !*err.text)
			abort();
		return;
	}
	if (layer_diff(&(struct ctx){}, into, &options, packed, &info, &err))
		abort();
}

/** As ADD and contexts do: into a directory that may have something already. */
static void unpack_archive(int outer, int blob)
{
	const struct archive_options options = {
		.limits = { .bytes = 1 << 20, .entries = 200 },
		.has_owner = true,
		.uid = 12,
		.gid = 34,
	};
	owned(fd) int into = -1;

	if (mkdirat(outer, "archive", 0755) < 0)
		abort();
	into = openat(outer, "archive", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int round = 0; round < 2; round++) {
		struct error err = {};
		bool is_one;

		lseek(blob, 0, SEEK_SET);
		is_one = archive_looks_like_one(blob);
		lseek(blob, 0, SEEK_SET);
		if (!archive_unpack(&(struct ctx){}, blob, into, &options, &err))
			continue;
		if (err.fault == FAULT_NONE || !*err.text)
			abort();
		if (!is_one && entry_count_at(into) != 2)
			abort();
	}
}

void fuzz_one(const char *text, size_t size)
{
	char path[64];
	owned(fd) int outer = -1, blob = memfd_create("blob", MFD_CLOEXEC);
	struct error err;

	if (write_all(blob, text, size, &err))
		abort();
	lseek(blob, 0, SEEK_SET);
	scratch_make(path, sizeof(path));
	outer = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	unpack(outer, blob);
	unpack_archive(outer, blob);
	/* ".", "..", "into" and "archive": nothing was made beside them. */
	if (entry_count(path) != 4)
		abort();
	if (remove_tree(AT_FDCWD, path, &err))
		abort();
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/engines.h"

#include "base/digest.h"
#include "base/fd.h"
#include "base/mem.h"
#include "sandbox/sandbox.h"

#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/** What a copy was made of: the installed file as it is now, and the dispatcher. */
static struct digest engine_key(const char *path, const struct stat *info)
{
	owned(hasher) struct hasher *hasher = hasher_new();
	const uint64_t words[] = { info->st_dev,
				   info->st_ino,
				   (uint64_t)info->st_size,
				   (uint64_t)info->st_mtim.tv_sec,
				   (uint64_t)info->st_mtim.tv_nsec,
				   (uint64_t)info->st_ctim.tv_sec,
				   (uint64_t)info->st_ctim.tv_nsec };
	char version[17];

	assist_engine_version(version);
	hasher_add_str(hasher, "mpemu engine 1");
	hasher_add_str(hasher, path);
	hasher_add_str(hasher, version);
	hasher_add(hasher, words, sizeof(words));
	return hasher_finish(hasher);
}

/** Write beside and rename: whoever sees the name sees a whole program. */
static result engine_make(int emulator, int dir, const char *name, struct error *err)
{
	static atomic_uint serial;
	owned(str) char *beside =
		xasprintf(".%s.%d-%u", name, (int)getpid(), atomic_fetch_add(&serial, 1));
	owned(fd) int file = openat(dir, beside, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
	result status;

	if (file < 0)
		return fail_sys(err, "create %s", beside);
	status = assist_engine_write(emulator, file, err);
	if (!status && (fchmod(file, 0755) < 0 || fsync(file) < 0))
		status = fail_sys(err, "write %s", beside);
	/* Nobody may execute what somebody still has open for writing. */
	fd_drop(&file);
	if (!status && renameat(dir, beside, dir, name) < 0)
		status = fail_sys(err, "rename %s", beside);
	if (status)
		unlinkat(dir, beside, 0);
	return status;
}

result engine_obtain(const char *root, const struct emulator *emulator, struct buf *dir,
		     struct error *err)
{
	char path[PATH_MAX], text[DIGEST_TEXT_MAX];
	owned(fd) int from = -1, into = -1;
	struct digest key;
	struct stat info;

	if (emulator_find(emulator, NULL, path, err))
		return FAILED;
	from = open(path, O_RDONLY | O_CLOEXEC);
	if (from < 0 || fstat(from, &info) < 0)
		return fail_sys(err, "open %s", path);
	key = engine_key(path, &info);
	buf_printf(dir, "%s/emulators/%.32s", root, strchr(digest_text(&key, text), ':') + 1);
	into = open_dirs(AT_FDCWD, buf_text(dir), 0755);
	if (into < 0)
		return fail_sys(err, "create %s", buf_text(dir));
	if (faccessat(into, emulator->name, X_OK, 0) == 0)
		return OK;
	return engine_make(from, into, emulator->name, err) ? fail_in(err, "%s", path) : OK;
}

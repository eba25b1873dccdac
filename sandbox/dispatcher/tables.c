/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/dispatcher/tables.h"

#include "sandbox/dispatcher/kernel.h"

#include <asm/errno.h>
#include <asm/stat.h>
#include <asm/statfs.h>
#include <linux/futex.h>
#include <linux/magic.h>
#include <linux/mman.h>
#include <linux/stat.h>
#include <linux/time.h>

enum { WRITE_ONLY = 01, NONBLOCK = 04000 };
#if defined(__aarch64__)
enum { DIRECTORY = 040000 };
#else
enum { DIRECTORY = 0200000 };
#endif

/* ---- what the compiler may call ---- */

void *memset(void *to, int byte, size_t size);
void *memcpy(void *to, const void *from, size_t size);
size_t strlen(const char *text);

void *memset(void *to, int byte, size_t size)
{
	for (char *at = to; size; size--)
		*at++ = (char)byte;
	return to;
}

void *memcpy(void *to, const void *from, size_t size)
{
	const char *source = from;

	for (char *at = to; size; size--)
		*at++ = *source++;
	return to;
}

size_t strlen(const char *text)
{
	size_t length = 0;

	while (text[length])
		length++;
	return length;
}

/* ---- texts ---- */

void shut(long fd)
{
	if (!failed(fd))
		CALL(close, fd);
}

const char *base_name(const char *path)
{
	const char *name = path;

	for (; *path; path++) {
		if (*path == '/' && path[1])
			name = path + 1;
	}
	return name;
}

bool text_add(char **at, const char *end, const char *text)
{
	for (; *text; text++) {
		if (*at + 1 >= end)
			return false;
		*(*at)++ = *text;
	}
	**at = '\0';
	return true;
}

bool number_add(char **at, const char *end, unsigned long number)
{
	char digits[24], *digit = digits + sizeof(digits) - 1;

	*digit = '\0';
	do
		*--digit = (char)('0' + number % 10);
	while (number /= 10);
	return text_add(at, end, digit);
}

/* ---- the hidden directory ---- */

long hidden_open(void)
{
	struct open_how how = {
		.flags = PATH_ONLY | DIRECTORY | CLOSE_ON_EXEC,
		.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	struct statfs info;
	long tty = CALL(openat2, AT_FDCWD, "/proc/tty", &how, sizeof(how)), fd = -1;

	if (failed(tty))
		return -1;
	if (!CALL(fstatfs, tty, &info) && info.f_type == PROC_SUPER_MAGIC)
		fd = CALL(openat2, tty, "driver", &how, sizeof(how));
	shut(tty);
	return fd;
}

void table_map(long hidden, const char *name, struct mapped *out)
{
	struct open_how how = {
		.flags = READ_ONLY | CLOSE_ON_EXEC,
		.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
	};
	long fd = CALL(openat2, hidden, name, &how, sizeof(how)), mapped;
	struct stat info;

	out->table = NULL;
	if (failed(fd))
		return;
	if (!CALL(fstat, fd, &info) && info.st_size > 0 && info.st_size <= ASSIST_TABLE_MAX) {
		out->size = (unsigned long)info.st_size;
		mapped = CALL(mmap, 0, out->size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (!failed(mapped))
			out->table = (const void *)mapped;
	}
	shut(fd);
	if (out->table && !assist_table_check(out->table, out->size)) {
		CALL(munmap, out->table, out->size);
		out->table = NULL;
	}
}

void table_unmap(struct mapped *mapped)
{
	if (mapped->table)
		CALL(munmap, mapped->table, mapped->size);
	mapped->table = NULL;
}

bool record_send(long hidden, enum assist_verdict verdict, uint32_t entry, const char *path)
{
	struct open_how how = {
		.flags = WRITE_ONLY | NONBLOCK | CLOSE_ON_EXEC,
		.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
	};
	struct assist_record record = {
		.magic = (uint32_t)ASSIST_MAGIC,
		.verdict = (uint16_t)verdict,
		.entry = entry,
	};
	long fd = CALL(openat2, hidden, "records", &how, sizeof(how));
	const char *name = base_name(path);

	bool sent;

	if (failed(fd))
		return false;
	while (record.length < ASSIST_NAME_MAX && name[record.length]) {
		record.name[record.length] = name[record.length];
		record.length++;
	}
	record.pid = (uint32_t)CALL(getpid, 0);
	sent = CALL(write, fd, &record, sizeof(record)) == sizeof(record);
	shut(fd);
	return sent;
}

/* ---- the program ---- */

static int64_t nanoseconds(unsigned long seconds, unsigned long rest)
{
	return (int64_t)((uint64_t)seconds * 1000000000u + rest);
}

static void file_read(const struct stat *info, struct assist_file *out)
{
	out->inode = info->st_ino;
	out->size = (uint64_t)info->st_size;
	out->mtime = nanoseconds((unsigned long)info->st_mtime, (unsigned long)info->st_mtime_nsec);
	out->ctime = nanoseconds((unsigned long)info->st_ctime, (unsigned long)info->st_ctime_nsec);
}

bool file_of(long fd, struct assist_file *out)
{
	struct stat info;

	if (CALL(fstat, fd, &info) || (info.st_mode & S_IFMT) != S_IFREG ||
	    (info.st_mode & (S_ISUID | S_ISGID)))
		return false;
	file_read(&info, out);
	return true;
}

static int64_t since(const struct tables *tables)
{
	return ((const struct assist_header *)tables->first.table)->state.since;
}

const struct assist_entry *entry_find(const struct tables *tables, const struct assist_file *file,
				      const struct mapped **in)
{
	const struct assist_entry *entry = assist_find(tables->first.table, file);

	*in = &tables->first;
	if (entry || !tables->live.table)
		return entry;
	*in = &tables->live;
	return assist_find(tables->live.table, file);
}

/* ---- what the sandbox has installed ---- */

/** The path of an open file in this root, if packages have programs there; else false. */
static bool packaged_path(long fd, char *path, size_t size)
{
	char link[32], *at = link;
	long length;

	if (!text_add(&at, link + sizeof(link), "/proc/self/fd/") ||
	    !number_add(&at, link + sizeof(link), (unsigned long)fd))
		return false;
	length = CALL(readlinkat, AT_FDCWD, link, path, size - 1);
	if (failed(length) || (size_t)length >= size - 1)
		return false;
	path[length] = '\0';
	return assist_is_packaged(path);
}

/** Whether the live table knows this state of the packages, and can know no more about it. */
static bool is_settled(const struct mapped *live)
{
	const struct assist_header *header = live->table;
	struct assist_file database;
	struct stat info;

	if (!header)
		return false;
	if (!header->state.since)
		return true;
	if (header->state.pending)
		return false;
	if (CALL(newfstatat, AT_FDCWD, ASSIST_DATABASE, &info, 0))
		return true;
	file_read(&info, &database);
	return assist_file_equal(&database, &header->state.database);
}

/** Ask about a program, and wait until that is answered; nobody inside can write to the answers. */
static void question_ask(long hidden, const char *path)
{
	struct open_how how = {
		.flags = READ_ONLY | CLOSE_ON_EXEC,
		.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
	};
	const struct timespec longest = { .tv_sec = ASSIST_WAIT_S };
	const unsigned long size = ASSIST_ANSWERS * sizeof(uint32_t);
	long fd = CALL(openat2, hidden, "answers", &how, sizeof(how)), mapped;
	const char *name = base_name(path);
	const uint32_t *word;
	size_t length = 0;
	uint32_t before;

	if (failed(fd))
		return;
	mapped = CALL(mmap, 0, size, PROT_READ, MAP_SHARED, fd, 0);
	shut(fd);
	if (failed(mapped))
		return;
	while (length < ASSIST_NAME_MAX && name[length])
		length++;
	word = (const uint32_t *)mapped + assist_answer_word(name, length);
	before = __atomic_load_n(word, __ATOMIC_ACQUIRE);
	if (record_send(hidden, ASSIST_ASKS, UINT32_MAX, path)) {
		while (__atomic_load_n(word, __ATOMIC_ACQUIRE) == before &&
		       CALL(futex, word, FUTEX_WAIT, before, &longest, 0, 0) == -EINTR)
			;
	}
	CALL(munmap, mapped, size);
}

void live_map(long hidden, long program, const struct assist_file *file, struct tables *tables)
{
	char path[PATH_SIZE];

	if (!since(tables) || file->ctime < since(tables))
		return;
	table_map(hidden, "live", &tables->live);
	if ((tables->live.table && assist_find(tables->live.table, file)) ||
	    is_settled(&tables->live) || !packaged_path(program, path, sizeof(path)))
		return;
	table_unmap(&tables->live);
	question_ask(hidden, path);
	table_map(hidden, "live", &tables->live);
}

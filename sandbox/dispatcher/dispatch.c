/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The dispatcher: the first code of the emulator that a sandbox registers for foreign programs.
 *
 * It is put into a copy of the emulator (see engine.c) and looks at the process before the emulator
 * does: where the program has a native twin it executes that, else it goes on as if it had never
 * been there, with the stack as the kernel made it.  So an emulated program costs no second exec
 * and looks from outside as ever, in every root that it is started in.
 *
 * Everything it is given is an attacker's: arguments and environment of any number and length, a
 * root without /proc or with one that is a plain directory.  It has no memory of its own but the
 * stack, which it uses little of, and maps what it needs.  It runs with its caller's rights, so
 * that it can start nothing that the caller could not.
 */
#include "sandbox/assist_lookup.h"
#include "sandbox/dispatcher/kernel.h"
#include "sandbox/dispatcher/plugins.h"

#include <asm/errno.h>
#include <asm/stat.h>
#include <asm/statfs.h>
#include <linux/auxvec.h>
#include <linux/fcntl.h>
#include <linux/futex.h>
#include <linux/magic.h>
#include <linux/mman.h>
#include <linux/openat2.h>
#include <linux/stat.h>
#include <linux/time.h>

enum { READ_ONLY = 00, WRITE_ONLY = 01, NONBLOCK = 04000, CLOSE_ON_EXEC = 02000000 };
enum { PATH_ONLY = 010000000, ALIAS_MAX = 320, PATH_SIZE = 1024 };
#if defined(__aarch64__)
enum { DIRECTORY = 040000 };
#else
enum { DIRECTORY = 0200000 };
#endif

/** Flag P: arguments are the emulator, the program's path, its argv[0], and the rest. */
enum { ARGUMENT_PATH = 1, ARGUMENT_ZERO = 2, FLAGS_KEPT_ZERO = 1 };

/** A process as the kernel starts it. */
struct start {
	long *stack; /* argc, argv..., NULL, environment..., NULL, pairs of the auxiliary vector */
	long argc;
	char **argv, **env;
	unsigned long *aux;
};

/** What is mapped of the table. */
struct mapped {
	const void *table;
	unsigned long size;
};

unsigned long dispatch(long *stack);

static unsigned long aux_get(const struct start *start, unsigned long kind, unsigned long none)
{
	for (const unsigned long *at = start->aux; at[0] != AT_NULL; at += 2) {
		if (at[0] == kind)
			return at[1];
	}
	return none;
}

static void shut(long fd)
{
	if (!failed(fd))
		CALL(close, fd);
}

/** The last part of a path. */
static const char *base_name(const char *path)
{
	const char *name = path;

	for (; *path; path++) {
		if (*path == '/' && path[1])
			name = path + 1;
	}
	return name;
}

static bool text_add(char **at, const char *end, const char *text)
{
	for (; *text; text++) {
		if (*at + 1 >= end)
			return false;
		*(*at)++ = *text;
	}
	**at = '\0';
	return true;
}

static bool number_add(char **at, const char *end, unsigned long number)
{
	char digits[24], *digit = digits + sizeof(digits) - 1;

	*digit = '\0';
	do
		*--digit = (char)('0' + number % 10);
	while (number /= 10);
	return text_add(at, end, digit);
}

/* ---- the hidden directory ---- */

/** Nobody can make a directory below procfs: what is there was mounted by the sandbox. */
static long hidden_open(void)
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

/** The table called `name`: "table", or "live", which a sandbox may get while it runs. */
static void table_map(long hidden, const char *name, struct mapped *out)
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

static void table_unmap(struct mapped *mapped)
{
	if (mapped->table)
		CALL(munmap, mapped->table, mapped->size);
	mapped->table = NULL;
}

/** Tell who counts; what cannot be told at once is not told: false. */
static bool record_send(long hidden, enum assist_verdict verdict, uint32_t entry, const char *path)
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

/** What an open file is; false where it is nothing that may have an entry. */
static bool file_of(long fd, struct assist_file *out)
{
	struct stat info;

	if (CALL(fstat, fd, &info) || (info.st_mode & S_IFMT) != S_IFREG ||
	    (info.st_mode & (S_ISUID | S_ISGID)))
		return false;
	file_read(&info, out);
	return true;
}

/** The tables: that of all that was there before, and of what the sandbox has installed. */
struct tables {
	struct mapped first, live;
};

static int64_t since(const struct tables *tables)
{
	return ((const struct assist_header *)tables->first.table)->state.since;
}

/** The entry for a file, and the table that it is in, or NULL. */
static const struct assist_entry *
entry_find(const struct tables *tables, const struct assist_file *file, const struct mapped **in)
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

/**
 * Get the live table for a file that the first one does not have, if the file is new; asked for
 * where there is none yet that could know it.
 */
static void live_map(long hidden, long program, const struct assist_file *file,
		     struct tables *tables)
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

/** The entry for the file that a path leads to, or NULL; `*is_there`: whether there is a file. */
static const struct assist_entry *entry_at(const struct mapped *mapped, const char *path,
					   bool *is_there)
{
	struct open_how how = { .flags = PATH_ONLY | CLOSE_ON_EXEC };
	long fd = CALL(openat2, AT_FDCWD, path, &how, sizeof(how));
	const struct assist_entry *entry = NULL;
	struct assist_file file;

	if (!failed(fd) && file_of(fd, &file))
		entry = assist_find(mapped->table, &file);

	*is_there = !failed(fd);
	shut(fd);
	return entry;
}

/**
 * Whether the table has the script that an interpreter was asked for.  Who swaps it between here
 * and there has a script of his own run natively, with what he could do anyhow.
 */
static bool script_is_known(long hidden, struct tables *tables, const char *path)
{
	struct open_how how = { .flags = PATH_ONLY | CLOSE_ON_EXEC };
	long fd = CALL(openat2, AT_FDCWD, path, &how, sizeof(how));
	const struct assist_entry *entry = NULL;
	const struct mapped *in;
	struct assist_file file;

	if (!failed(fd) && file_of(fd, &file)) {
		if (!tables->live.table && !assist_find(tables->first.table, &file))
			live_map(hidden, fd, &file, tables);
		entry = entry_find(tables, &file, &in);
	}
	shut(fd);
	return entry && (entry->flags & ASSIST_IS_SCRIPT);
}

/** One directory of PATH and a name: where it goes on, NULL where that is too long. */
static const char *candidate_path(const char *folders, const char *name, char *out, size_t size)
{
	char *at = out, *end = out + size;

	while (*folders && *folders != ':' && at + 1 < end)
		*at++ = *folders++;
	if ((*folders && *folders != ':') || !text_add(&at, end, "/") || !text_add(&at, end, name))
		return NULL;
	return folders;
}

/**
 * Whether who looks for himself by argv[0] finds this program: the twin does so, where the foreign
 * one asks the kernel.
 */
static bool finds_itself(const struct mapped *mapped, const struct start *start,
			 const struct assist_entry *entry)
{
	const char *name = start->argv[ARGUMENT_ZERO], *folders;
	char path[PATH_SIZE];
	bool is_there = false;

	for (const char *at = name; *at; at++) {
		if (*at == '/')
			return entry_at(mapped, name, &is_there) == entry;
	}
	for (folders = assist_variable(start->env, "PATH"); folders && *name;
	     folders = *folders ? folders + 1 : NULL) {
		const bool is_here = !*folders || *folders == ':';
		const struct assist_entry *found;

		folders = candidate_path(folders, name, path, sizeof(path));
		if (!folders)
			return false;
		found = entry_at(mapped, is_here ? name : path, &is_there);
		if (is_there)
			return found == entry;
	}
	return false;
}

/** Whether the twin would find other files than the foreign program, or such as it cannot load. */
static bool is_misled(const struct mapped *mapped, const struct start *start,
		      const struct assist_entry *entry)
{
	if ((entry->flags & ASSIST_FINDS_ITSELF) && !finds_itself(mapped, start, entry))
		return true;
	return (entry->flags & ASSIST_PLUGINS) && plugins_are_needed(start->argv + ARGUMENT_ZERO);
}

/**
 * The path by which a program that was called by another name than its twin has is called so:
 * "names/N/sh" in the hidden directory.  False where it has the same name anyhow, or a long one.
 */
static bool alias_path(const char *called, const char *native, uint32_t number, char *out,
		       size_t size)
{
	char *at = out;
	const char *a = base_name(called), *b = base_name(native);

	while (*a && *a == *b) {
		a++;
		b++;
	}
	if (*a == *b)
		return false;
	return text_add(&at, out + size, "/proc/tty/driver/names/") &&
	       number_add(&at, out + size, number) && text_add(&at, out + size, "/") &&
	       text_add(&at, out + size, base_name(called));
}

/** Comes back only where the twin could not be started, with nothing changed. */
static void twin_start(const struct start *start, const struct mapped *mapped,
		       const struct assist_entry *entry, uint32_t number, long program)
{
	const char *native = assist_text(mapped->table, entry->native);
	char alias[ALIAS_MAX];
	char **arguments = start->argv + ARGUMENT_ZERO;
	unsigned long first = assist_room(mapped->table, entry, arguments) * sizeof(char *);
	unsigned long all = first + assist_room(mapped->table, entry, start->env) * sizeof(char *);
	long room = CALL(mmap, 0, all, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (failed(room))
		return;
	assist_arguments(mapped->table, entry, arguments, (char **)room);
	assist_environment(mapped->table, entry, start->env, (char **)(room + (long)first));
	CALL(fcntl, program, F_SETFD, 1L);
	number += ((const struct assist_header *)mapped->table)->names;
	if (alias_path(start->argv[ARGUMENT_PATH], native, number, alias, sizeof(alias)))
		CALL(execve, alias, room, room + (long)first);
	CALL(execve, native, room, room + (long)first);
	CALL(fcntl, program, F_SETFD, 0L);
	CALL(munmap, room, all);
}

static uint32_t number_of(const struct mapped *in, const struct assist_entry *entry)
{
	const struct assist_header *header = in->table;
	const struct assist_entry *first =
		(const void *)((const char *)in->table + header->entries);

	return (uint32_t)(entry - first);
}

static void consider(const struct start *start, long hidden, long program)
{
	const char *path = start->argv[ARGUMENT_PATH], *script = NULL;
	enum assist_verdict verdict = ASSIST_NO_TWIN;
	const struct assist_entry *entry = NULL;
	uint32_t number = UINT32_MAX;
	struct tables tables = {};
	const struct mapped *in = NULL;
	struct assist_file file;

	table_map(hidden, "table", &tables.first);
	if (!tables.first.table)
		return;
	if (file_of(program, &file)) {
		if (!assist_find(tables.first.table, &file))
			live_map(hidden, program, &file, &tables);
		entry = entry_find(&tables, &file, &in);
	}
	if (entry) {
		number = number_of(in, entry);
		verdict = assist_judge(in->table, entry, start->argv + ARGUMENT_ZERO, start->env,
				       &script);
		if (script && verdict == ASSIST_NATIVE && !script_is_known(hidden, &tables, script))
			verdict = ASSIST_SCRIPT;
		if (verdict == ASSIST_NATIVE && is_misled(in, start, entry))
			verdict = ASSIST_ARGUMENT;
	}
	record_send(hidden, verdict, number, path);
	if (verdict == ASSIST_NATIVE) {
		twin_start(start, in, entry, number, program);
		record_send(hidden, ASSIST_UNSTARTED, number, path);
	}
	table_unmap(&tables.first);
	table_unmap(&tables.live);
}

/* ---- rights that the caller does not have ---- */

static bool is_emulators(const char *variable)
{
	return variable[0] == 'Q' && variable[1] == 'E' && variable[2] == 'M' &&
	       variable[3] == 'U' && variable[4] == '_';
}

/**
 * A program with more rights than its caller: the emulator must not obey the caller's variables.
 * All that stands before the auxiliary vector moves up over the gap, which is a multiple of two
 * words, as the stack's alignment wants it.  Gives the new stack.
 */
static long *environment_clean(const struct start *start)
{
	char **env = start->env, **last = env;
	long removed = 0, *from, *to;

	while (*last)
		last++;
	for (char **at = last, **keep = last; at-- > env;) {
		if (is_emulators(*at))
			removed++;
		else
			*--keep = *at;
	}
	if (removed % 2) {
		/* An empty text in the place that has to stay: the end of the first argument. */
		char *end = start->argv[0];

		while (*end)
			end++;
		env[--removed] = end;
	}
	from = (long *)env;
	to = from + removed;
	while (from > start->stack)
		*--to = *--from;
	return to;
}

/** Gives the stack that the emulator starts with. */
unsigned long dispatch(long *stack)
{
	struct start start = { .stack = stack, .argc = stack[0], .argv = (char **)(stack + 1) };
	long program, hidden;
	char **at;

	start.env = start.argv + start.argc + 1;
	for (at = start.env; *at; at++)
		;
	start.aux = (unsigned long *)(at + 1);
	if (aux_get(&start, AT_SECURE, 1))
		return (unsigned long)environment_clean(&start);
	program = (long)aux_get(&start, AT_EXECFD, (unsigned long)-1);
	if (start.argc <= ARGUMENT_ZERO || program < 0 ||
	    !(aux_get(&start, AT_FLAGS, 0) & FLAGS_KEPT_ZERO))
		return (unsigned long)stack;
	hidden = hidden_open();
	if (!failed(hidden)) {
		consider(&start, hidden, program);
		shut(hidden);
	}
	return (unsigned long)stack;
}

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

/* ---- where it starts ---- */

/*
 * The second word is the distance to the emulator's own entry, filled in when it is put in place.
 * Registers are as the kernel leaves them when it starts a program.
 */
#if defined(__x86_64__)
__asm__(".section .text.start, \"ax\"\n"
	".globl _start\n"
	"_start:\n"
	"	jmp 1f\n"
	"	.balign 8\n"
	"distance:\n"
	"	.quad 0\n"
	"1:	mov %rsp, %rdi\n"
	"	xor %ebp, %ebp\n"
	"	and $-16, %rsp\n"
	"	call dispatch\n"
	"	mov %rax, %rsp\n"
	"	lea _start(%rip), %rax\n"
	"	add distance(%rip), %rax\n"
	"	xor %edx, %edx\n"
	"	xor %edi, %edi\n"
	"	xor %esi, %esi\n"
	"	xor %ebx, %ebx\n"
	"	jmp *%rax\n"
	".previous\n");
#elif defined(__aarch64__)
__asm__(".section .text.start, \"ax\"\n"
	".globl _start\n"
	"_start:\n"
	"	b 1f\n"
	"	.balign 8\n"
	"distance:\n"
	"	.quad 0\n"
	"1:	mov x0, sp\n"
	"	mov x29, #0\n"
	"	mov x30, #0\n"
	"	bl dispatch\n"
	"	mov sp, x0\n"
	"	adr x16, _start\n"
	"	ldr x1, distance\n"
	"	add x16, x16, x1\n"
	"	mov x0, #0\n"
	"	mov x1, #0\n"
	"	mov x30, #0\n"
	"	br x16\n"
	".previous\n");
#endif

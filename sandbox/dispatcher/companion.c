/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The companion: a library that a native twin has before all others, for programs that do what they
 * are told by others, such as interpreters.
 *
 * A library that such a program loads is the target's: here its twin is loaded, if the tables have
 * one.  Where there is none, and where the program asks for what only the target's machine can
 * answer, it trips: it tells so, and ends before it has done anything about it.
 */
#include "sandbox/dispatcher/companion.h"
#include "sandbox/dispatcher/kernel.h"
#include "sandbox/dispatcher/tables.h"

#include <asm/errno.h>
#include <linux/stat.h>

#if defined(__x86_64__)

#define SANDBOX_PLACE "/proc/tty/driver/"

enum { TRIPPED_STATUS = 254 };

struct timespec_pause {
	long seconds, nanoseconds;
};

extern void *dlvsym(void *handle, const char *name, const char *version);

PUBLIC void *dlopen(const char *path, int flags);
PUBLIC long sysconf(int name);
PUBLIC long __sysconf(int name);
PUBLIC size_t confstr(int name, char *out, size_t size);
PUBLIC int open64(const char *path, int flags, unsigned mode);
PUBLIC int __open64_2(const char *path, int flags);
PUBLIC int openat64(int folder, const char *path, int flags, unsigned mode);
PUBLIC int fcntl64(int fd, int command, long argument);
PUBLIC int pipe2(int *fds, int flags);
PUBLIC int posix_spawn_file_actions_addopen(void *actions, int fd, const char *path, int flags,
					    unsigned mode);
PUBLIC long readlink(const char *path, char *out, size_t size);
PUBLIC long readlinkat(int folder, const char *path, char *out, size_t size);
void *symbol_choose(void *handle, const char *name);

/* ---- telling ---- */

void companion_trip(const char *name)
{
	const struct timespec_pause pause = { 0, 1000000 };
	struct open_how how = { .flags = PATH_ONLY | CLOSE_ON_EXEC };
	const long hidden = hidden_open();
	const long records =
		failed(hidden) ? hidden : CALL(openat2, hidden, "records", &how, sizeof(how));

	/* Where nobody listens it just ends. */
	while (!failed(records) && !record_send(hidden, ASSIST_TRIPPED, UINT32_MAX, name))
		CALL(nanosleep, &pause, 0);
	for (;;)
		CALL(exit_group, TRIPPED_STATUS);
}

void *companion_next(const char *name)
{
	static const char *const versions[] = { "GLIBC_2.34", "GLIBC_2.2.5" };
	void *(*find)(void *, const char *) = 0;
	void *found;

	/* The C library's own function, which is not this library's of that name. */
	for (size_t i = 0; i < sizeof(versions) / sizeof(*versions) && !find; i++)
		find = dlvsym((void *)-1L, "dlsym", versions[i]);
	found = find ? find((void *)-1L, name) : 0;
	if (!found)
		companion_trip(name);
	return found;
}

/* ---- libraries that a program loads ---- */

static bool has_slash(const char *path)
{
	while (*path && *path != '/')
		path++;
	return *path;
}

/** The native library for an open foreign one; false where there is none. */
static bool twin_find(long hidden, long library, char *out, size_t size)
{
	const struct assist_entry *entry = 0;
	const struct mapped *in;
	struct tables tables = {};
	struct assist_file file;
	char *at = out;
	bool found;

	table_map(hidden, "table", &tables.first);
	if (tables.first.table && file_of(library, &file)) {
		if (!assist_find(tables.first.table, &file))
			live_map(hidden, library, &file, &tables);
		entry = entry_find(&tables, &file, &in);
	}
	found = entry && (entry->flags & ASSIST_IS_LIBRARY) &&
		text_add(&at, out + size, assist_text(in->table, entry->native));
	table_unmap(&tables.first);
	table_unmap(&tables.live);
	return found;
}

/** What to load for a path, which may be itself; NULL: nothing that is native. */
static const char *library_find(const char *path, char *out, size_t size)
{
	struct open_how how = { .flags = PATH_ONLY | CLOSE_ON_EXEC };
	long library, hidden;
	bool found;

	if (assist_begins(path, SANDBOX_PLACE))
		return path;
	if (!has_slash(path))
		return 0;
	library = CALL(openat2, AT_FDCWD, path, &how, sizeof(how));
	/* Nobody has such a library: the loader says so. */
	if (library == -ENOENT)
		return path;
	hidden = hidden_open();
	found = !failed(library) && !failed(hidden) && twin_find(hidden, library, out, size);
	shut(hidden);
	shut(library);
	return found ? out : 0;
}

void *dlopen(const char *path, int flags)
{
	void *(*next)(const char *, int) = companion_next("dlopen");
	char twin[PATH_SIZE];
	const char *native = path ? library_find(path, twin, sizeof(twin)) : 0;

	if (path && !native)
		companion_trip(path);
	return next(native, flags);
}

/**
 * The start of a module is looked for by its name.  Where python looks for any other function, it
 * would call that with what the target's takes, down to numbers of system calls.
 */
void *symbol_choose(void *handle, const char *name)
{
	if (handle != (void *)-1L && !assist_begins(name, "PyInit"))
		companion_trip(name);
	return companion_next("dlsym");
}

/* It looks who calls it: so it is jumped to, with the caller's arguments and place. */
__asm__(".globl dlsym\n"
	".type dlsym, @function\n"
	"dlsym:\n"
	"	push %rdi\n"
	"	push %rsi\n"
	"	sub $8, %rsp\n"
	"	call symbol_choose\n"
	"	add $8, %rsp\n"
	"	pop %rsi\n"
	"	pop %rdi\n"
	"	jmp *%rax\n"
	".size dlsym, . - dlsym\n");

/* ---- what is another answer on another machine ---- */

/** Sizes of caches, stacks and characters, and which other ABIs there are. */
static bool is_machines(int name)
{
	static const struct {
		int first, last;
	} ranges[] = { { 75, 75 },   { 102, 103 }, { 125, 128 }, { 176, 179 },
		       { 185, 199 }, { 237, 240 }, { 249, 249 } };

	for (size_t i = 0; i < sizeof(ranges) / sizeof(*ranges); i++) {
		if (name >= ranges[i].first && name <= ranges[i].last)
			return true;
	}
	return false;
}

long sysconf(int name)
{
	long (*next)(int) = companion_next("sysconf");

	if (is_machines(name))
		companion_trip("sysconf");
	return next(name);
}

long __sysconf(int name)
{
	return sysconf(name);
}

/** Of its texts, only the path and the versions of the library are no flags of compilers. */
size_t confstr(int name, char *out, size_t size)
{
	size_t (*next)(int, char *, size_t) = companion_next("confstr");

	if (name != 0 && name != 2 && name != 3)
		companion_trip("confstr");
	return next(name, out, size);
}

/** The kernel names the twin; the foreign program is where it is in the twin's root. */
static long own_path(char *out, long length)
{
	static const char prefix[] = SANDBOX_PLACE;
	long at = 0;

	while (at < length && at < (long)sizeof(prefix) - 1 && out[at] == prefix[at])
		at++;
	if (at < (long)sizeof(prefix) - 1)
		return length;
	while (at < length && out[at] >= '0' && out[at] <= '9')
		at++;
	if (at == (long)sizeof(prefix) - 1 || at == length || out[at] != '/')
		return length;
	for (long i = at; i < length; i++)
		out[i - at] = out[i];
	return length - at;
}

long readlink(const char *path, char *out, size_t size)
{
	long (*next)(const char *, char *, size_t) = companion_next("readlink");

	return own_path(out, next(path, out, size));
}

long readlinkat(int folder, const char *path, char *out, size_t size)
{
	long (*next)(int, const char *, char *, size_t) = companion_next("readlinkat");

	return own_path(out, next(folder, path, out, size));
}

/* ---- flags of open(), which have other numbers on arm64 ---- */

/* In the copy for that, the program's names stand for those numbers, and this ends otherwise. */
static const volatile char guise[] = ASSIST_GUISE;

static const struct {
	int ours, theirs;
} flag_pairs[] = {
	{ 040000, 0200000 },  /* direct */
	{ 0100000, 0400000 }, /* large file */
	{ 0200000, 040000 },  /* directory */
	{ 0400000, 0100000 }, /* no link */
};

static int flags_exchange(int flags, bool to_ours)
{
	int out = flags;

	if (guise[ASSIST_GUISE_FLAGS] == '.')
		return flags;
	for (size_t i = 0; i < sizeof(flag_pairs) / sizeof(*flag_pairs); i++)
		out &= ~flag_pairs[i].ours;
	for (size_t i = 0; i < sizeof(flag_pairs) / sizeof(*flag_pairs); i++) {
		if (flags & (to_ours ? flag_pairs[i].theirs : flag_pairs[i].ours))
			out |= to_ours ? flag_pairs[i].ours : flag_pairs[i].theirs;
	}
	return out;
}

int open64(const char *path, int flags, unsigned mode)
{
	int (*next)(const char *, int, ...) = companion_next("open64");

	return next(path, flags_exchange(flags, true), mode);
}

int __open64_2(const char *path, int flags)
{
	return open64(path, flags, 0);
}

int openat64(int folder, const char *path, int flags, unsigned mode)
{
	int (*next)(int, const char *, int, ...) = companion_next("openat64");

	return next(folder, path, flags_exchange(flags, true), mode);
}

int fcntl64(int fd, int command, long argument)
{
	enum { GET_FLAGS = 3, SET_FLAGS = 4 };
	int (*next)(int, int, ...) = companion_next("fcntl64");
	int result = next(fd, command,
			  command == SET_FLAGS ? flags_exchange((int)argument, true) : argument);

	return command == GET_FLAGS && result >= 0 ? flags_exchange(result, false) : result;
}

int pipe2(int *fds, int flags)
{
	int (*next)(int *, int) = companion_next("pipe2");

	return next(fds, flags_exchange(flags, true));
}

int posix_spawn_file_actions_addopen(void *actions, int fd, const char *path, int flags,
				     unsigned mode)
{
	int (*next)(void *, int, const char *, int, unsigned) =
		companion_next("posix_spawn_file_actions_addopen");

	return next(actions, fd, path, flags_exchange(flags, true), mode);
}

/* ---- functions whose last bit is another one ---- */

/*
 * The C library computes them here with one rounding more than other machines, which join a
 * multiplication and an addition; for the others it has code for processors that can do that, too.
 */
#define TRIPPING(name)                 \
	PUBLIC void name(void);        \
	PUBLIC void name(void)         \
	{                              \
		companion_trip(#name); \
	}

/* clang-format off */
TRIPPING(cbrt) TRIPPING(erf) TRIPPING(erfc) TRIPPING(exp2) TRIPPING(exp10) TRIPPING(hypot)
TRIPPING(lgamma) TRIPPING(lgamma_r) TRIPPING(tgamma)
TRIPPING(sinh) TRIPPING(cosh) TRIPPING(tanh) TRIPPING(asinh) TRIPPING(acosh) TRIPPING(atanh)
TRIPPING(expm1) TRIPPING(log1p) TRIPPING(log2) TRIPPING(log10)

/* What is not there, it tells by the largest character, which is another one here. */
TRIPPING(localeconv)
/* clang-format on */

#endif

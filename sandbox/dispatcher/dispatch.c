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
#include "sandbox/dispatcher/tables.h"

#include <asm/stat.h>
#include <linux/auxvec.h>
#include <linux/fcntl.h>
#include <linux/mman.h>
#include <linux/stat.h>

enum { ALIAS_MAX = 320 };

/** Flag P: arguments are the emulator, the program's path, its argv[0], and the rest. */
enum { ARGUMENT_PATH = 1, ARGUMENT_ZERO = 2, FLAGS_KEPT_ZERO = 1 };

/** A process as the kernel starts it. */
struct start {
	long *stack; /* argc, argv..., NULL, environment..., NULL, pairs of the auxiliary vector */
	long argc;
	char **argv, **env;
	unsigned long *aux;
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

/** Whether a library that the program would load is there, and has no twin. */
static bool lacks_library(long hidden, const struct tables *tables, const char *path)
{
	struct open_how how = { .flags = PATH_ONLY | CLOSE_ON_EXEC };
	long fd = *path ? CALL(openat2, AT_FDCWD, path, &how, sizeof(how)) : -1;
	const struct assist_entry *entry = NULL;
	struct tables later = { .first = tables->first };
	const struct mapped *in;
	struct assist_file file;
	bool has_twin;

	if (failed(fd))
		return false;
	if (file_of(fd, &file))
		entry = entry_find(tables, &file, &in);
	if (!entry && file_of(fd, &file)) {
		live_map(hidden, fd, &file, &later);
		entry = entry_find(&later, &file, &in);
	}
	has_twin = entry && (entry->flags & ASSIST_IS_LIBRARY);
	shut(fd);
	table_unmap(&later.live);
	return !has_twin;
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
		if (verdict == ASSIST_NATIVE &&
		    lacks_library(hidden, &tables, assist_text(in->table, entry->loads)))
			verdict = ASSIST_LIBRARY;
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

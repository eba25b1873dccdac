/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/entrypoint.h"

#include "base/fd.h"
#include "base/mem.h"

#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* As the kernel: an interpreter may be a script itself, five deep; it looks at 256 bytes. */
enum { DEPTH_MAX = 5, LINE_SIZE = 256 };

/** One question. */
struct walk {
	int root_fd;
	const struct platform *platform;
	struct entry *out;
};

static void PRINTF(3, 4)
	tell(const struct walk *walk, enum entry_state state, const char *format, ...)
{
	owned(buf) struct buf safe = {};
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	text_escape(&safe, text, strlen(text));
	walk->out->state = state;
	snprintf(walk->out->text, sizeof(walk->out->text), "%s", buf_text(&safe));
}

/** A regular file below the root, or -1: opening must neither block nor touch devices. */
static int open_program(int root_fd, const char *path)
{
	owned(fd) int fd = open_in_root(root_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	struct stat status;

	if (fd < 0 || fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))
		return -1;
	return fd_take(&fd);
}

/** "#! /bin/sh -e" as "/bin/sh"; false where the line is none. */
static bool script_line(int fd, char interpreter[LINE_SIZE])
{
	char line[LINE_SIZE];
	ssize_t length = pread(fd, line, sizeof(line) - 1, 0);
	const char *at;
	size_t size;

	if (length < 2 || line[0] != '#' || line[1] != '!')
		return false;
	line[length] = '\0';
	at = line + 2 + strspn(line + 2, " \t");
	size = strcspn(at, " \t\r\n");
	snprintf(interpreter, LINE_SIZE, "%.*s", (int)size, at);
	return true;
}

static void loader_examine(const struct walk *walk, const char *program, const char *loader)
{
	owned(fd) int fd = open_program(walk->root_fd, loader);
	struct elf_facts facts;
	char why[128];

	if (fd < 0) {
		tell(walk, ENTRY_MISSING, "%s needs the loader %s, which the image does not have",
		     program, loader);
		return;
	}
	elf_facts_of(fd, &facts);
	if (elf_fits(&facts, walk->platform, why) == ELF_WRONG)
		tell(walk, ENTRY_WRONG, "%s, the loader of %s, is for another machine (%s)", loader,
		     program, why);
}

/** One file of the chain; `next` is what it needs to run, "" where nothing. */
static void file_examine(const struct walk *walk, const char *path, const char *needed_by,
			 char next[LINE_SIZE])
{
	owned(fd) int fd = open_program(walk->root_fd, path);
	struct elf_facts facts;
	char why[128];

	*next = '\0';
	if (fd < 0) {
		if (needed_by)
			tell(walk, ENTRY_MISSING,
			     "%s needs the interpreter %s, which the image does not have",
			     needed_by, path);
		else
			tell(walk, ENTRY_MISSING, "the image has no %s", path);
		return;
	}
	if (script_line(fd, next))
		return;
	elf_facts_of(fd, &facts);
	if (elf_fits(&facts, walk->platform, why) == ELF_WRONG)
		tell(walk, ENTRY_WRONG, "%s%s%s is for another machine (%s)", path,
		     needed_by ? ", the interpreter of " : "", needed_by ? needed_by : "", why);
	else if (facts.is_elf && *facts.loader)
		loader_examine(walk, path, facts.loader);
}

/** The path of a program as execvp() would find it; the caller frees it. */
static char *find_program(int root_fd, const char *program, const char *path, const char *cwd)
{
	owned(strings) struct strings parts = {};

	if (strchr(program, '/')) {
		owned(str) char *whole = xasprintf("%s/%s", *program == '/' ? "" : cwd, program);

		return path_absolute(whole);
	}
	strings_split(&parts, path ? path : DEFAULT_PATH, ':');
	for (size_t i = 0; i < parts.count; i++) {
		owned(str) char *whole =
			xasprintf("%s/%s", *parts.items[i] ? parts.items[i] : cwd, program);
		owned(fd) int fd = open_program(root_fd, whole);

		if (fd >= 0)
			return path_absolute(whole);
	}
	return xstrdup(program);
}

void entry_examine(int root_fd, const char *program, const char *path, const char *cwd,
		   const struct platform *platform, struct entry *out)
{
	owned(str) char *found = find_program(root_fd, program, path, cwd);
	const struct walk walk = { root_fd, platform, out };
	char at[PATH_MAX], needed_by[PATH_MAX] = "", next[LINE_SIZE];

	*out = (struct entry){ .state = ENTRY_GOOD };
	snprintf(at, sizeof(at), "%s", found);
	for (int depth = 0; depth < DEPTH_MAX; depth++) {
		file_examine(&walk, at, *needed_by ? needed_by : NULL, next);
		if (!*next || out->state != ENTRY_GOOD)
			return;
		snprintf(needed_by, sizeof(needed_by), "%s", at);
		snprintf(at, sizeof(at), "%s", next);
	}
}

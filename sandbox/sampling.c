/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/sampling.h"

#include "base/fd.h"
#include "base/mem.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

enum {
	AFTER_MS = 300,   /* what ends before that is not worth a look */
	EVERY_MS = 20,    /* and up to 7 more, in no rhythm that a program could have too */
	COST_FACTOR = 50, /* looking takes no larger part of the time than one of so many */
	PROCESSES_MAX = 512,
	COMMAND_MAX = 1024, /* bytes of a command line that are read */
};

/** QEMU has a thread of its own: with one more the program has some too. */
enum { THREADS_PLAIN = 2 };

struct sampling {
	int processes;   /* its /proc; -1: not open, or never to be */
	int64_t look_at; /* nanoseconds; 0: never */
	struct timed_program programs[TIMED_MAX];
	size_t count;
	uint64_t seen, emulated, cpu_us;
};

struct sampling *sampling_new(void)
{
	struct sampling *sampling = xnew(struct sampling);

	sampling->processes = -1;
	return sampling;
}

void sampling_drop(struct sampling **sampling)
{
	struct sampling *old = *sampling;

	if (!old)
		return;
	fd_drop(&old->processes);
	free(old);
	*sampling = NULL;
}

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* ---- one process ---- */

bool process_state_parse(const char *text, struct process_state *out)
{
	const char *open = strchr(text, '('), *close = strrchr(text, ')');
	int number;

	/* A name may have any character in it, but nothing behind it has a parenthesis. */
	if (!open || !close || close < open ||
	    sscanf(close + 1,
		   " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %ld",
		   &out->state, &out->threads) != 2)
		return false;
	number = (int)(close - open) - 1;
	snprintf(out->name, sizeof(out->name), "%.*s", number, open + 1);
	return true;
}

/** Files of procfs say all at the first read. */
static ssize_t read_below(int dir, const char *path, char *out, size_t size)
{
	owned(fd) int fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t got = fd < 0 ? -1 : read(fd, out, size - 1);

	out[got > 0 ? got : 0] = '\0';
	return got;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

/** A guest's own words. */
static void name_take(char *out, size_t size, const char *name)
{
	snprintf(out, size, "%s", name);
	for (; *out; out++) {
		if (*out <= ' ' || *out > '~')
			*out = '?';
	}
}

static bool is_interpreter(const char *name)
{
	static const char *const names[] = { "perl", "python", "ruby", "node", "php",
					     "lua",  "sh",     "dash", "bash", "tclsh" };

	for (size_t i = 0; i < countof(names); i++) {
		size_t length = strlen(names[i]);

		if (strncmp(name, names[i], length) == 0 &&
		    !name[length + strspn(name + length, "0123456789.")])
			return true;
	}
	return false;
}

/** The argument behind this one, NULL at the end; a last one that was cut off counts. */
static const char *argument_next(const char *argument, const char *end)
{
	argument += strlen(argument) + 1;
	return argument < end ? argument : NULL;
}

/** What an interpreter was told to run: its first argument that is no option, or the one of -m. */
static const char *script_of(const char *argument, const char *end)
{
	while ((argument = argument_next(argument, end))) {
		if (strcmp(argument, "-c") == 0 || strcmp(argument, "-e") == 0)
			return NULL;
		if (*argument != '-')
			return base_name(argument);
	}
	return NULL;
}

void timed_program_read(const char *name, const char *command, size_t length,
			struct timed_program *out)
{
	/* The kernel has put the emulator and the program's path before its arguments. */
	const char *end = command + length, *program = NULL, *called = NULL, *script = NULL;

	*out = (struct timed_program){};
	if (length && starts_with(command, SANDBOX_ENGINE "/"))
		program = argument_next(command, end);
	out->emulated = program != NULL;
	if (program)
		name = base_name(program);
	name_take(out->name, sizeof(out->name), name);
	if (program && is_interpreter(name) && (called = argument_next(program, end)))
		script = script_of(called, end);
	if (script)
		name_take(out->script, sizeof(out->script), script);
}

/* ---- all of them ---- */

/** The program's place; the last one stands for all that come late. */
static struct timed_program *place_find(struct sampling *sampling, const struct timed_program *like)
{
	struct timed_program *place;

	for (size_t i = 0; i < sampling->count; i++) {
		place = &sampling->programs[i];
		if (place->emulated == like->emulated && strcmp(place->name, like->name) == 0 &&
		    strcmp(place->script, like->script) == 0)
			return place;
	}
	if (sampling->count == TIMED_MAX)
		return &sampling->programs[TIMED_MAX - 1];
	place = &sampling->programs[sampling->count++];
	*place = *like;
	if (sampling->count == TIMED_MAX)
		*place = (struct timed_program){ .name = "others" };
	return place;
}

static void program_count(struct sampling *sampling, const char *process, const char *name,
			  uint64_t running)
{
	char path[64], command[COMMAND_MAX];
	struct timed_program program, *place;
	ssize_t length;

	snprintf(path, sizeof(path), "%s/cmdline", process);
	length = read_below(sampling->processes, path, command, sizeof(command));
	timed_program_read(name, command, length > 0 ? (size_t)length : 0, &program);
	place = place_find(sampling, &program);
	place->seen += running;
	sampling->seen += running;
	sampling->emulated += program.emulated ? running : 0;
}

static bool is_running(int dir, const char *path, struct process_state *out)
{
	char text[512];

	return read_below(dir, path, text, sizeof(text)) > 0 && process_state_parse(text, out) &&
	       out->state == 'R';
}

static uint64_t threads_running(int processes, const char *process)
{
	char path[64];
	struct process_state ignored;
	struct dirent *entry;
	uint64_t running = 0;
	size_t left = PROCESSES_MAX;
	DIR *dir;
	int fd;

	snprintf(path, sizeof(path), "%s/task", process);
	fd = openat(processes, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		fd_drop(&fd);
		return 0;
	}
	while (left-- && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "%.32s/stat", entry->d_name);
		running += entry->d_name[0] != '.' && is_running(fd, path, &ignored);
	}
	closedir(dir);
	return running;
}

static void process_look(struct sampling *sampling, const char *number)
{
	struct process_state state = {};
	char process[24], path[64];
	uint64_t running;

	snprintf(process, sizeof(process), "%.20s", number);
	snprintf(path, sizeof(path), "%s/stat", process);
	running = is_running(sampling->processes, path, &state);
	if (state.threads > THREADS_PLAIN)
		running = threads_running(sampling->processes, process);
	if (running)
		program_count(sampling, process, state.name, running);
}

static void processes_look(struct sampling *sampling)
{
	int fd = openat(sampling->processes, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	size_t left = PROCESSES_MAX;
	struct dirent *entry;

	if (!dir) {
		fd_drop(&fd);
		return;
	}
	while (left && (entry = readdir(dir))) {
		/* The first one is ours. */
		if (entry->d_name[0] < '1' || entry->d_name[0] > '9' ||
		    strcmp(entry->d_name, "1") == 0)
			continue;
		process_look(sampling, entry->d_name);
		left--;
	}
	closedir(dir);
}

/* ---- from the beginning to the end ---- */

int process_number(int pidfd)
{
	char path[48], text[512], *line;
	int pid = 0;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
	if (read_below(AT_FDCWD, path, text, sizeof(text)) > 0 && (line = strstr(text, "\nPid:")))
		(void)!sscanf(line, " Pid: %d", &pid);
	return pid > 0 ? pid : 0;
}

/**
 * The /proc that the sandbox has: it lists its own processes and no others.  Found by the main
 * process, since without root nobody may look into the first one: it comes from outside.
 */
static int processes_open(int main)
{
	struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	struct pollfd alive = { .fd = main, .events = POLLIN };
	owned(fd) int root = -1, processes = -1;
	struct statfs info;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/root", process_number(main));
	root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return -1;
	processes = (int)syscall(SYS_openat2, root, "proc", &how, sizeof(how));
	if (processes < 0 || poll(&alive, 1, 0) != 0 || fstatfs(processes, &info) < 0 ||
	    info.f_type != PROC_SUPER_MAGIC)
		return -1;
	return fd_take(&processes);
}

void sampling_begin(struct sampling *sampling)
{
	if (sampling)
		sampling->look_at = now_ns() + AFTER_MS * INT64_C(1000000);
}

int sampling_patience(const struct sampling *sampling)
{
	int64_t left;

	if (!sampling || !sampling->look_at)
		return INT_MAX;
	left = (sampling->look_at - now_ns() + 999999) / 1000000;
	return left > 0 ? (int)left : 0;
}

void sampling_look(struct sampling *sampling, int main)
{
	int64_t start, cost, pause;

	if (!sampling || !sampling->look_at || (start = now_ns()) < sampling->look_at)
		return;
	if (sampling->processes < 0 && main >= 0)
		sampling->processes = processes_open(main);
	if (sampling->processes < 0) {
		/* What cannot be looked at now will not be later. */
		sampling->look_at = main < 0 ? start + AFTER_MS * INT64_C(1000000) : 0;
		return;
	}
	processes_look(sampling);
	cost = now_ns() - start;
	pause = (EVERY_MS + (start & 7)) * INT64_C(1000000);
	if (pause < cost * COST_FACTOR)
		pause = cost * COST_FACTOR;
	sampling->look_at = start + pause;
}

void sampling_end(struct sampling *sampling, uint64_t cpu_us)
{
	if (!sampling)
		return;
	sampling->look_at = 0;
	sampling->cpu_us += cpu_us;
	fd_drop(&sampling->processes);
}

static int more_often(const void *a, const void *b)
{
	const struct timed_program *left = a, *right = b;

	return (left->seen < right->seen) - (left->seen > right->seen);
}

void sampling_times(struct sampling *sampling, struct program_times *out)
{
	if (sampling->count)
		qsort(sampling->programs, sampling->count, sizeof(*sampling->programs), more_often);
	*out = (struct program_times){
		.items = sampling->programs,
		.count = sampling->count,
		.seen = sampling->seen,
		.emulated = sampling->emulated,
		.cpu_us = sampling->cpu_us,
	};
}

/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What a shell is too slow to time:
 *
 *     laps turns ROUNDS NAME COMMAND... [-- NAME COMMAND...]...    programs in turns
 *     laps steps ROUNDS LAYER SCRATCH PROGRAM [PLATFORM]    a program of a layer as the steps of a
 *                                                           build, and in turns in a chroot
 *     laps filter ROUNDS                           the kernel taking in a filter of calls
 *
 * Each line of output is "NAME<tab>median ms<tab>lowest tenth ms".
 */
#include "runner/emulation.h"
#include "sandbox/sandbox.h"
#include "sandbox/seccomp.h"

#include "base/fd.h"
#include "base/mem.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CONTENDERS_MAX = 16, WARM_UP = 2 };

static double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static int ascending(const void *a, const void *b)
{
	double one = *(const double *)a, other = *(const double *)b;

	return (one > other) - (one < other);
}

static void report(const char *name, double *times, size_t count)
{
	qsort(times, count, sizeof(*times), ascending);
	printf("%s\t%.3f\t%.3f\n", name, times[count / 2], times[count / 10]);
}

static void die(const char *what, const char *why)
{
	fprintf(stderr, "laps: %s: %s\n", what, why);
	exit(1);
}

/* ---- programs in turns ---- */

/** Without input, and with its output thrown away. */
static double command_time(char **argv)
{
	posix_spawn_file_actions_t actions;
	double began = now_ms();
	int status;
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	if (posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ) != 0)
		die(argv[0], "cannot be started");
	posix_spawn_file_actions_destroy(&actions);
	if (waitpid(pid, &status, 0) < 0 || status != 0)
		die(argv[0], "failed");
	return now_ms() - began;
}

static void turns(size_t rounds, int argc, char **argv)
{
	char **contenders[CONTENDERS_MAX]; /* a name, then the command */
	double *times[CONTENDERS_MAX];
	size_t count = 0;

	for (int at = 0; at < argc && count < CONTENDERS_MAX; at++) {
		contenders[count] = argv + at;
		times[count++] = xcalloc(rounds, sizeof(double));
		while (at < argc && strcmp(argv[at], "--") != 0)
			at++;
		argv[at] = NULL;
	}
	for (size_t round = 0; round < rounds + WARM_UP; round++) {
		for (size_t i = 0; i < count; i++) {
			double time = command_time(contenders[i] + 1);

			if (round >= WARM_UP)
				times[i][round - WARM_UP] = time;
		}
	}
	for (size_t i = 0; i < count; i++) {
		report(contenders[i][0], times[i], rounds);
		free(times[i]);
	}
}

/* ---- steps ---- */

/** One that changes nothing: with a fresh upper directory, as a build has it. */
static double step_time(const struct sandbox_spec *spec)
{
	owned(sandbox) struct sandbox *sandbox = NULL;
	struct sandbox_exit ended;
	struct error err;
	double began = now_ms(), time;

	if (sandbox_compile(spec, &sandbox, &err) || sandbox_run(NULL, sandbox, &ended, &err))
		die("step", err.text);
	time = now_ms() - began;
	if (ended.status)
		die("step", "the program failed");
	return time;
}

/**
 * What the program itself takes: no sandbox at all, not even another program before it.  Where
 * there is an emulator, that runs it, opened as binfmt_misc opens it.
 */
static double bare_time(const struct sandbox_spec *spec, const char *emulator)
{
	const char *const emulated[] = { emulator, spec->argv[0], NULL };
	const char *const *argv = *emulator ? emulated : spec->argv;
	int fd = *emulator ? open(emulator, O_PATH | O_CLOEXEC) : -1;
	double began = now_ms();
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		for (int stream = 0; stream < 3; stream++)
			dup2(spec->input_fd, stream);
		if (chroot(spec->lowers[0]) == 0 && chdir("/") == 0)
			execveat(fd, *emulator ? "" : argv[0], (char *const *)(uintptr_t)argv,
				 (char *const *)(uintptr_t)spec->envp,
				 *emulator ? AT_EMPTY_PATH : 0);
		_exit(127);
	}
	fd_drop(&fd);
	if (pid < 0 || waitpid(pid, &status, 0) < 0 || status != 0)
		die("bare", "the program failed");
	return now_ms() - began;
}

static void place_make(const char *scratch, const char *name, char path[4096])
{
	struct error ignored;

	snprintf(path, 4096, "%s/%s", scratch, name);
	(void)!remove_tree(AT_FDCWD, path, &ignored);
	if (mkdir(path, 0755) < 0)
		die(path, "cannot be made");
}

/** The emulator of a platform for the sandbox; `rules` and `engine` stay empty for the host's own.
 */
static void platform_use(const char *scratch, const char *name, struct strings *rules,
			 struct buf *engine, struct buf *emulator)
{
	struct platform platform;
	struct error err;

	if (platform_parse(name, &platform, &err) ||
	    emulation_prepare(scratch, &platform, rules, engine, emulator, &err))
		die(name, err.text);
}

static void steps_time(size_t rounds, struct sandbox_spec *spec, const char *emulator)
{
	double *times = xcalloc(rounds, sizeof(*times)), *bare = xcalloc(rounds, sizeof(*bare));
	char upper[4096], work[4096];

	spec->upper = upper;
	spec->work = work;
	for (size_t round = 0; round < rounds + WARM_UP; round++) {
		size_t at = round < WARM_UP ? 0 : round - WARM_UP;

		place_make(spec->scratch, "upper", upper);
		place_make(spec->scratch, "work", work);
		/* A build has work to do between its steps, too. */
		nanosleep(&(struct timespec){ .tv_nsec = 3000000 }, NULL);
		times[at] = step_time(spec);
		bare[at] = bare_time(spec, emulator);
	}
	report("step", times, rounds);
	report("bare", bare, rounds);
	free(times);
	free(bare);
}

static void steps(size_t rounds, const char *layer, const char *scratch, const char *program,
		  const char *platform)
{
	const char *const argv[] = { program, NULL }, *const envp[] = { NULL };
	const char *lowers[] = { layer };
	owned(zygote) struct zygote *zygote = NULL;
	owned(strings) struct strings rules = {};
	owned(buf) struct buf engine = {}, emulator = {};
	struct privilege privilege;
	struct error err;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (userns_enter(&privilege, &err) || zygote_start(true, &zygote, &err))
		die("steps", err.text);
	privilege.zygote = zygote;
	if (platform)
		platform_use(scratch, platform, &rules, &engine, &emulator);
	steps_time(rounds,
		   &(struct sandbox_spec){
			   .lowers = lowers,
			   .lower_count = 1,
			   .scratch = scratch,
			   .privilege = &privilege,
			   .binfmt_rules = rules.count ? (const char *const *)rules.items : NULL,
			   .binfmt_rule_count = rules.count,
			   .engine = engine.length ? buf_text(&engine) : NULL,
			   .argv = argv,
			   .envp = envp,
			   .network = NETWORK_NONE,
			   .makes_devices = true, /* as steps of a build do */
			   .input_fd = null,
			   .output_fd = null,
			   .error_fd = null,
		   },
		   buf_text(&emulator));
}

/* ---- filters ---- */

static double filter_time(const struct filter *filter)
{
	const struct sock_fprog program = { filter->count, filter->instructions };
	int ends[2];
	double time = 0;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0 || (pid = fork()) < 0)
		die("filter", "no process");
	if (pid == 0) {
		prctl(PR_SET_NO_NEW_PRIVS, 1UL, 0UL, 0UL, 0UL);
		time = now_ms();
		if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW,
			    &program) < 0)
			_exit(1);
		time = now_ms() - time;
		_exit(write(ends[1], &time, sizeof(time)) != sizeof(time));
	}
	if (read(ends[0], &time, sizeof(time)) != sizeof(time))
		die("filter", "the kernel refuses it");
	waitpid(pid, NULL, 0);
	close(ends[0]);
	close(ends[1]);
	return time;
}

static void filters(size_t rounds)
{
	/* Those that nobody has to listen to. */
	static const char *const names[] = { "native", "emulated" };
	double *times = xcalloc(rounds, sizeof(*times));

	for (enum filter_kind kind = 0; kind < countof(names); kind++) {
		const struct filter *filter;
		struct error err;

		if (filter_get(kind, &filter, &err))
			die("filter", err.text);
		for (size_t round = 0; round < rounds; round++)
			times[round] = filter_time(filter);
		report(names[kind], times, rounds);
	}
	free(times);
}

int main(int argc, char **argv)
{
	size_t rounds = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;

	if (rounds && strcmp(argv[1], "turns") == 0 && argc > 4)
		turns(rounds, argc - 3, argv + 3);
	else if (rounds && strcmp(argv[1], "steps") == 0 && argc > 5)
		steps(rounds, argv[3], argv[4], argv[5], argc > 6 ? argv[6] : NULL);
	else if (rounds && strcmp(argv[1], "filter") == 0)
		filters(rounds);
	else
		die("usage", "laps turns|steps|filter ROUNDS ...");
	return 0;
}

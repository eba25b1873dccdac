/* SPDX-License-Identifier: Apache-2.0 */
#include "binfmt/probe.h"
#include "binfmt/process.h"

#include "tests/tap.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int body_waits(const void *arg)
{
	(void)arg;
	for (;;)
		pause();
	return 0;
}

static int body_ends(const void *arg)
{
	_exit(*(const int *)arg);
}

static int body_gives_up(const void *arg)
{
	(void)arg;
	errno = EXDEV;
	return 7;
}

static int body_talks(const void *arg)
{
	static const char line[100] = "a line that is longer than what is kept of it";

	(void)arg;
	for (int i = 0; i < 5000; i++) {
		if (write(STDOUT_FILENO, line, sizeof(line)) < 0)
			_exit(1);
	}
	_exit(0);
}

static int body_is_killed(const void *arg)
{
	(void)arg;
	raise(SIGTERM);
	_exit(0);
}

static int body_counts_descriptors(const void *arg)
{
	int open_count = 0;

	(void)arg;
	for (int fd = 0; fd < 256; fd++)
		open_count += dup2(fd, fd) == fd;
	_exit(open_count);
}

static size_t descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t count = 0;

	if (!dir)
		return 0;
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

TEST(a_child_that_hangs_is_killed_in_time)
{
	struct process process;
	struct error err = {};

	CHECK(process_run(body_waits, NULL, 100, &process, &err) == OK);
	CHECK(process.timed_out);
	CHECK(WIFSIGNALED(process.status) && WTERMSIG(process.status) == SIGKILL);
}

TEST(a_child_is_reported_as_it_ended)
{
	struct process process;
	struct error err = {};
	int status = 42;

	CHECK(process_run(body_ends, &status, 5000, &process, &err) == OK);
	CHECK(WIFEXITED(process.status) && WEXITSTATUS(process.status) == 42);
	CHECK(process.failed_step == 0 && process.length == 0);
	CHECK(process_run(body_gives_up, NULL, 5000, &process, &err) == OK);
	CHECK(process.failed_step == 7 && process.failed_errno == EXDEV);
	CHECK(process_run(body_is_killed, NULL, 5000, &process, &err) == OK);
	CHECK(WIFSIGNALED(process.status) && WTERMSIG(process.status) == SIGTERM);
}

TEST(output_is_kept_up_to_a_limit_and_never_blocks)
{
	struct process process;
	struct error err = {};

	CHECK(process_run(body_talks, NULL, 5000, &process, &err) == OK);
	CHECK(!process.timed_out && WIFEXITED(process.status));
	CHECK(process.length == PROCESS_OUTPUT_MAX);
}

TEST(a_child_has_four_descriptors)
{
	struct process process;
	struct error err = {};

	CHECK(process_run(body_counts_descriptors, NULL, 5000, &process, &err) == OK);
	CHECK(WIFEXITED(process.status) && WEXITSTATUS(process.status) == 4);
}

TEST(the_host_runs_its_own_program)
{
	struct platform host = platform_host();
	size_t before = descriptors();
	struct error err = {};
	char why[256];
	bool ran = false;

	CHECK(platform_is_native(&host));
	CHECK(platform_probe(&host, &ran, why, &err) == OK);
	CHECK(ran);
	CHECK_STR(why, "");
	CHECK(descriptors() == before);
	CHECK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
}

TEST(a_platform_without_program_is_refused)
{
	struct platform wasm = { "linux", "wasm", "" };
	struct error err = {};
	char why[256];
	bool ran;

	CHECK(platform_probe(&wasm, &ran, why, &err) == FAILED);
	CHECK(err.fault == FAULT_INPUT);
}

/** The verdict on an emulator at `path` (NULL: where it is installed) with these flags. */
static enum probe_verdict try_private(const struct emulator *emulator, const char *path,
				      const char *flags, struct probe *probe)
{
	char found[PATH_MAX], rule[BINFMT_RULE_MAX];
	struct program program;
	struct error err = {};

	if (!path && emulator_find(emulator, NULL, found, &err))
		return PROBE_IMPOSSIBLE;
	if (!CHECK(program_make(emulator, &program)) ||
	    !CHECK(binfmt_rule(emulator, path ? path : found, flags, rule, &err) == OK) ||
	    !CHECK(probe_run_private(&program, rule, probe, &err) == OK))
		return PROBE_IMPOSSIBLE;
	return probe->verdict;
}

static void need_private(void)
{
	if (!binfmt_private_supported())
		tap_skip("no binfmt_misc in user namespaces");
}

static const struct emulator *by_arch(const char *arch)
{
	struct platform platform = { .os = "linux" };

	snprintf(platform.arch, sizeof(platform.arch), "%s", arch);
	return emulator_for(&platform);
}

TEST(every_installed_emulator_runs_its_program_in_an_empty_root)
{
	size_t count, ran = 0;
	const struct emulator *all = emulators(&count);

	need_private();
	for (size_t i = 0; i < count; i++) {
		char path[PATH_MAX];
		struct probe probe = {};
		struct error err = {};

		/* The host's own would run itself, and so on for ever. */
		if (&all[i] == emulator_host() || emulator_find(&all[i], NULL, path, &err))
			continue;
		tap_check(try_private(&all[i], NULL, "POF", &probe) == PROBE_RAN, __FILE__,
			  __LINE__, "%s: %s", all[i].name, probe.why);
		ran++;
	}
	if (ran == 0)
		tap_skip("no emulator is installed");
}

/** Emulators that are wrong in some way, and what is said of each. */
TEST(an_emulator_that_does_not_do_is_told)
{
	const struct emulator *arm64 = by_arch("arm64"), *riscv64 = by_arch("riscv64");
	char path[PATH_MAX];
	struct probe probe = {};
	struct error err = {};

	need_private();
	if (emulator_find(arm64, NULL, path, &err))
		tap_skip("no emulator is installed");
	CHECK(try_private(arm64, NULL, "", &probe) == PROBE_NOT_STARTED); /* not in that root */
	CHECK(probe.error == ENOENT);
	CHECK(try_private(riscv64, path, "POF", &probe) == PROBE_FAILED); /* of another machine */
	CHECK(strstr(probe.why, "status") != NULL);
	/* Debian's names that end so tell QEMU to expect flag P, whatever the kernel says. */
	if (access("/usr/libexec/qemu-binfmt/aarch64-binfmt-P", X_OK) == 0)
		CHECK(try_private(arm64, "/usr/libexec/qemu-binfmt/aarch64-binfmt-P", "OF",
				  &probe) != PROBE_RAN);
}

static void *probe_in_thread(void *arg)
{
	struct platform host = platform_host();

	for (int i = 0; i < 20; i++) {
		struct error err = {};
		char why[256];
		bool ran = false;

		if (platform_probe(&host, &ran, why, &err) || !ran)
			*(bool *)arg = false;
	}
	return NULL;
}

TEST(probes_run_in_many_threads_at_once)
{
	pthread_t threads[4];
	bool well[4] = { true, true, true, true };

	for (size_t i = 0; i < countof(threads); i++)
		CHECK(pthread_create(&threads[i], NULL, probe_in_thread, &well[i]) == 0);
	for (size_t i = 0; i < countof(threads); i++)
		pthread_join(threads[i], NULL);
	for (size_t i = 0; i < countof(threads); i++)
		CHECK(well[i]);
	CHECK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
}

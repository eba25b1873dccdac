/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/ending.h"
#include "tests/unit/sandbox_layers.h"

#include "base/fd.h"

#include <errno.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/** A process that ends when `until` is closed. */
static pid_t process_new(int *until, int *pidfd)
{
	int ends[2];
	char byte;
	pid_t pid;

	CHECK(pipe2(ends, O_CLOEXEC) == 0);
	pid = fork();
	if (pid == 0) {
		close(ends[1]);
		_exit(read(ends[0], &byte, 1) != 0);
	}
	close(ends[0]);
	*until = ends[1];
	*pidfd = (int)syscall(SYS_pidfd_open, pid, 0U);
	CHECK(pid > 0 && *pidfd >= 0);
	return pid;
}

static bool is_running(pid_t pid)
{
	siginfo_t info = {};

	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && !info.si_pid;
}

TEST(only_who_writes_to_a_directory_is_waited_for)
{
	owned(scratch) struct scratch scratch = scratch_new();
	char written[96], moved[96], read_only[96];
	struct layer_dir layers[] = { { read_only, false }, { written, true } };
	struct sandbox sandbox = { .layers = layers, .layer_count = countof(layers) };
	int until, pidfd;
	pid_t pid = process_new(&until, &pidfd);

	close(scratch_dir(&scratch, "written"));
	close(scratch_dir(&scratch, "read"));
	snprintf(written, sizeof(written), "%.60s/written", scratch.path);
	snprintf(moved, sizeof(moved), "%.60s/moved", scratch.path);
	snprintf(read_only, sizeof(read_only), "%.60s/read", scratch.path);
	ending_add(&sandbox, pidfd);
	ending_await(read_only);
	ending_await("/nowhere");
	CHECK(is_running(pid));
	/* A layer has another name than the upper directory that it was. */
	CHECK(rename(written, moved) == 0);
	close(until);
	ending_await(moved);
	CHECK(!is_running(pid));
	endings_await();
	CHECK(waitpid(pid, NULL, 0) < 0 && errno == ECHILD);
}

TEST(who_writes_nobody_knows_where_is_waited_for_at_once)
{
	struct layer_dir layers[] = { { "/nowhere", true } };
	struct sandbox sandbox = { .layers = layers, .layer_count = countof(layers) };
	int until, pidfd;
	pid_t pid = process_new(&until, &pidfd);

	close(until);
	ending_add(&sandbox, pidfd);
	CHECK(waitpid(pid, NULL, 0) < 0 && errno == ECHILD);
}

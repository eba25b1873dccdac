/* SPDX-License-Identifier: Apache-2.0 */
#include "binfmt/process.h"

#include "base/fd.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

enum { REPORT_FD = 3, STATUS_NOT_STARTED = 127 };

struct report {
	int step, error;
};

struct pipes {
	int output[2], report[2];
};

static void pipes_drop(struct pipes *pipes)
{
	fd_drop(&pipes->output[0]);
	fd_drop(&pipes->output[1]);
	fd_drop(&pipes->report[0]);
	fd_drop(&pipes->report[1]);
}

/** In the child: system calls only, for other threads may have held any lock at the fork. */
[[gnu::noreturn]] static void child(const struct pipes *pipes, int (*body)(const void *),
				    const void *arg)
{
	static const struct rlimit no_core = { 0, 0 };
	struct report report = {};
	sigset_t none;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setrlimit(RLIMIT_CORE, &no_core);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	/* Into place in this order: either pipe end may itself be descriptor 3. */
	if (dup2(pipes->output[1], STDOUT_FILENO) < 0 ||
	    (pipes->report[1] != REPORT_FD && dup3(pipes->report[1], REPORT_FD, O_CLOEXEC) < 0))
		_exit(STATUS_NOT_STARTED);
	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDERR_FILENO);
	}
	/* Else a pipe of another thread's child would stay open here. */
	syscall(SYS_close_range, REPORT_FD + 1, ~0u, 0);

	report.step = body(arg);
	report.error = errno;
	if (write(REPORT_FD, &report, sizeof(report)) < 0)
		_exit(STATUS_NOT_STARTED);
	_exit(STATUS_NOT_STARTED);
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/** Read until end of file, keeping the beginning; false where time was up first. */
static bool collect(int fd, int64_t deadline, struct process *out)
{
	for (;;) {
		struct pollfd wait = { .fd = fd, .events = POLLIN };
		int64_t left = deadline - now_ms();
		char spill[256];
		size_t room = PROCESS_OUTPUT_MAX - out->length;
		ssize_t got;

		if (left <= 0 || (poll(&wait, 1, (int)left) < 0 && errno != EINTR))
			return false;
		if (!wait.revents)
			continue;
		got = room ? read(fd, out->output + out->length, room)
			   : read(fd, spill, sizeof(spill));
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return true;
		if (room)
			out->length += (size_t)got;
	}
}

/** Wait for the end, which normally has come already; kill when time is up. */
static void reap(pid_t pid, int64_t deadline, struct process *out)
{
	static const struct timespec moment = { .tv_nsec = 200000 };

	while (!out->timed_out && waitpid(pid, &out->status, WNOHANG) == 0) {
		if (now_ms() >= deadline)
			out->timed_out = true;
		else
			nanosleep(&moment, NULL);
	}
	if (!out->timed_out)
		return;
	kill(pid, SIGKILL);
	while (waitpid(pid, &out->status, 0) < 0 && errno == EINTR)
		;
}

result process_run(int (*body)(const void *arg), const void *arg, int timeout_ms,
		   struct process *out, struct error *err)
{
	owned(pipes) struct pipes pipes = { { -1, -1 }, { -1, -1 } };
	struct process process = {};
	struct report report = {};
	int64_t deadline = now_ms() + timeout_ms;
	pid_t pid;

	if (pipe2(pipes.output, O_CLOEXEC) < 0 || pipe2(pipes.report, O_CLOEXEC) < 0)
		return fail_sys(err, "pipe");
	pid = fork();
	if (pid < 0)
		return fail_sys(err, "fork");
	if (pid == 0)
		child(&pipes, body, arg);
	fd_drop(&pipes.output[1]);
	fd_drop(&pipes.report[1]);

	process.timed_out = !collect(pipes.output[0], deadline, &process);
	reap(pid, deadline, &process);
	if (read(pipes.report[0], &report, sizeof(report)) == sizeof(report)) {
		process.failed_step = report.step;
		process.failed_errno = report.error;
	}
	*out = process;
	return OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Credential helpers: docker-credential-NAME, run without a shell, with limits on time and output.
 */
#include "registry/credentials.h"

#include "base/fd.h"
#include "base/json.h"
#include "base/mem.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

enum { HELPER_NAME_MAX = 64, EXIT_KILLED = -1 };

static result name_check(const char *name, struct error *err)
{
	size_t good = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");

	if (good == 0 || name[good] || good > HELPER_NAME_MAX)
		return fail(err, FAULT_AUTH,
			    "credential helper '%.80s': want a name of a-z, 0-9 and '-'", name);
	return OK;
}

/** The question fits into the pipe, so it is written before anyone is there to read it. */
static result question_open(const char *server, int *out, struct error *err)
{
	int ends[2];
	result written;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return fail_sys(err, "pipe");
	written = write_all(ends[1], server, strlen(server), err);
	close(ends[1]);
	if (written == OK)
		*out = ends[0];
	else
		close(ends[0]);
	return written;
}

/** In a group of its own, so that what the helper starts is ended with it. */
static int spawn(const char *program, int question, int answer, pid_t *pid)
{
	char get[] = "get", *argv[] = { (char *)program, get, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, pipe;
	int code;

	sigemptyset(&none);
	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
						      POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &pipe);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, question, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, answer, STDOUT_FILENO);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	code = posix_spawnp(pid, program, &actions, &attributes, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	return code;
}

static int64_t milliseconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/** Wait until `fd` is readable, the deadline passed, or somebody asked us to stop. */
static result wait_readable(const struct ctx *ctx, int fd, int64_t deadline, struct error *err)
{
	struct pollfd fds[] = {
		{ .fd = fd, .events = POLLIN },
		{ .fd = cancel_fd(ctx->cancel), .events = POLLIN },
	};

	for (;;) {
		int64_t left = deadline - milliseconds_now();
		int ready = poll(fds, countof(fds), left > 0 ? (int)left : 0);

		if (cancel_check(ctx, err))
			return FAILED;
		if (ready > 0)
			return OK;
		if (ready < 0 && errno != EINTR)
			return fail_sys(err, "poll");
		if (left <= 0)
			return fail(err, FAULT_AUTH, "no answer after %d seconds", HELPER_SECONDS);
	}
}

static result read_answer(const struct ctx *ctx, int fd, int64_t deadline, struct buf *out,
			  struct error *err)
{
	for (;;) {
		ssize_t got;

		if (wait_readable(ctx, fd, deadline, err))
			return FAILED;
		got = read(fd, buf_reserve(out, 4096), 4096);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return fail_sys(err, "read");
		if (got == 0)
			return OK;
		out->length += (size_t)got;
		out->data[out->length] = '\0';
		if (out->length > HELPER_BYTES_MAX)
			return fail(err, FAULT_AUTH, "answer is larger than %d bytes",
				    HELPER_BYTES_MAX);
	}
}

/** The answer and the exit status; the helper and its children are gone afterwards. */
static result converse(const struct ctx *ctx, pid_t pid, int fd, struct buf *out, int *status,
		       struct error *err)
{
	int64_t deadline = milliseconds_now() + HELPER_SECONDS * 1000;
	owned(fd) int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	result ended = pidfd < 0 ? fail_sys(err, "pidfd_open") : OK;
	int how = 0;

	if (ended == OK)
		ended = read_answer(ctx, fd, deadline, out, err);
	if (ended == OK)
		ended = wait_readable(ctx, pidfd, deadline, err);
	kill(-pid, SIGKILL);
	while (waitpid(pid, &how, 0) < 0 && errno == EINTR)
		;
	*status = WIFEXITED(how) ? WEXITSTATUS(how) : EXIT_KILLED;
	return ended;
}

static result run(const struct ctx *ctx, const char *program, const char *server,
		  struct buf *answer, int *status, struct error *err)
{
	owned(fd) int question = -1;
	owned(fd) int read_end = -1;
	owned(fd) int write_end = -1;
	int ends[2], code;
	pid_t pid;

	if (question_open(server, &question, err))
		return FAILED;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return fail_sys(err, "pipe");
	read_end = ends[0];
	write_end = ends[1];
	code = spawn(program, question, write_end, &pid);
	fd_drop(&write_end);
	if (code)
		return fail(err, FAULT_AUTH, "%s", strerror(code));
	return converse(ctx, pid, read_end, answer, status, err);
}

static result answer_read(const struct buf *answer, struct credentials *out, struct error *err)
{
	owned(json) json_t *json = NULL;
	struct json_at root;
	const char *user, *secret;

	if (json_parse(buf_text(answer), answer->length, "answer", &json, err))
		return FAILED;
	root = json_root(json, "answer");
	if (json_get_string(&root, "Username", &user, err) ||
	    json_get_string(&root, "Secret", &secret, err))
		return FAILED;
	if (strcmp(user, "<token>") == 0) {
		out->identity_token = xstrdup(secret);
		return OK;
	}
	out->user = xstrdup(user);
	out->password = xstrdup(secret);
	return OK;
}

result helper_get(const struct ctx *ctx, const char *name, const char *server,
		  struct credentials *out, struct error *err)
{
	owned(str) char *program = xasprintf("docker-credential-%s", name);
	owned(buf) struct buf answer = {};
	owned(buf) struct buf safe = {};
	int status = 0;

	if (name_check(name, err))
		return FAILED;
	if (run(ctx, program, server, &answer, &status, err))
		return fail_in(err, "%s", program);
	if (status == 0)
		return answer_read(&answer, out, err) ? fail_in(err, "%s", program) : OK;
	if (strstr(buf_text(&answer), "credentials not found"))
		return OK;
	text_escape(&safe, buf_text(&answer), strcspn(buf_text(&answer), "\n"));
	return fail(err, FAULT_AUTH, "%s: exit status %d: %.200s", program, status,
		    buf_text(&safe));
}

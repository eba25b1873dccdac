/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/agent_keys.h"

#include "base/fd.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

enum {
	KEY_SIZE_MAX = 1 << 20,
	WAIT_MS = 60000, /* for the socket: a busy machine */
	WAIT_STEP_MS = 5,
	NOT_FOUND = 127,
};

struct agent_keys {
	char directory[80]; /* ours alone; "" until it is there */
	char *socket;
	pid_t pid;
	int alive_fd; /* a pipe whose end, for whatever reason, ends the agent */
};

/** The shell that waits is told by the end of its input, also where we are killed. */
static const char watch[] = "ssh-agent -D -a \"$1\" >/dev/null 2>&1 & cat >/dev/null; kill $!";

static void process_wait(pid_t pid, int *status)
{
	while (waitpid(pid, status, 0) < 0 && errno == EINTR)
		continue;
}

void agent_keys_drop(struct agent_keys **keys)
{
	int status;

	if (!*keys)
		return;
	fd_drop(&(*keys)->alive_fd);
	if ((*keys)->pid > 0)
		process_wait((*keys)->pid, &status);
	if ((*keys)->directory[0]) {
		(void)!unlink((*keys)->socket);
		(void)!rmdir((*keys)->directory);
	}
	free((*keys)->socket);
	free(*keys);
	*keys = NULL;
}

const char *agent_keys_socket(const struct agent_keys *keys)
{
	return keys->socket;
}

/** Without a terminal, so that nothing asks for a passphrase. */
static result spawn(char *const *argv, char *const *envp, int input_fd, pid_t *pid,
		    struct error *err)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, all;
	int status;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, input_fd, 0);
	posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	posix_spawnattr_init(&attributes);
	/* Signals that we block or ignore would be so for it, too. */
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &all);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK |
						      POSIX_SPAWN_SETSIGDEF);
	status = posix_spawnp(pid, argv[0], &actions, &attributes, argv, envp);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	if (!status)
		return OK;
	if (status == ENOENT)
		return fail(err, FAULT_PRIVILEGE,
			    "there is no %s here, which holds keys: install openssh-client",
			    argv[0]);
	errno = status;
	return fail_sys(err, "start %s", argv[0]);
}

static void environment(const struct agent_keys *keys, struct strings *out)
{
	const char *path = getenv("PATH");

	strings_printf(out, "PATH=%s", path ? path : DEFAULT_PATH);
	strings_add(out, "LC_ALL=C");
	strings_add(out, "SSH_ASKPASS_REQUIRE=never");
	strings_printf(out, "SSH_AUTH_SOCK=%s", keys->socket);
}

static result socket_wait(const struct agent_keys *keys, struct error *err)
{
	const struct timespec step = { .tv_nsec = WAIT_STEP_MS * 1000000L };
	struct stat info;

	for (int waited = 0; waited < WAIT_MS; waited += WAIT_STEP_MS) {
		if (stat(keys->socket, &info) == 0 && S_ISSOCK(info.st_mode))
			return OK;
		nanosleep(&step, NULL);
	}
	return fail(err, FAULT_PRIVILEGE,
		    "ssh-agent, which holds keys, does not start: install openssh-client");
}

static result agent_start(struct agent_keys *keys, struct error *err)
{
	owned(strings) struct strings env = {};
	char *const argv[] = { (char *)"sh", (char *)"-c", (char *)watch,
			       (char *)"sh", keys->socket, NULL };
	int ends[2];
	result started;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return fail_sys(err, "pipe");
	keys->alive_fd = ends[1];
	environment(keys, &env);
	started = spawn(argv, env.items, ends[0], &keys->pid, err);
	close(ends[0]);
	return started || socket_wait(keys, err) ? FAILED : OK;
}

/** Through its input: ssh-add does not care then who else may read the file. */
static result key_add(const struct agent_keys *keys, const char *file, struct error *err)
{
	char *const argv[] = { (char *)"ssh-add", (char *)"-q", (char *)"-", NULL };
	owned(fd) int fd = memfd_create("key", MFD_CLOEXEC);
	owned(strings) struct strings env = {};
	owned(buf) struct buf text = {};
	result copied;
	int status = 0;
	pid_t pid;

	if (fd < 0)
		return fail_sys(err, "memfd_create");
	if (read_file(AT_FDCWD, file, KEY_SIZE_MAX, &text, err)) {
		err->fault = FAULT_USAGE;
		return FAILED;
	}
	copied = write_all(fd, buf_text(&text), text.length, err);
	if (text.data)
		explicit_bzero(text.data, text.length);
	environment(keys, &env);
	if (copied || lseek(fd, 0, SEEK_SET) < 0 || spawn(argv, env.items, fd, &pid, err))
		return FAILED;
	process_wait(pid, &status);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return OK;
	if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_FOUND)
		return fail(err, FAULT_PRIVILEGE,
			    "there is no ssh-add here: install openssh-client");
	return fail(err, FAULT_USAGE,
		    "%s: not a private key without a passphrase; add it to an agent with 'ssh-add "
		    "%s' and say --ssh default",
		    file, file);
}

result agent_keys_start(const struct strings *files, struct agent_keys **out, struct error *err)
{
	owned(agent_keys) struct agent_keys *keys = xnew(struct agent_keys);
	const char *place = getenv("TMPDIR");

	keys->alive_fd = -1;
	/* An address of a socket has 108 bytes. */
	place = place && *place == '/' && strlen(place) < 60 ? place : "/tmp";
	snprintf(keys->directory, sizeof(keys->directory), "%s/mpemu-ssh-XXXXXX", place);
	if (!mkdtemp(keys->directory)) {
		keys->directory[0] = '\0';
		return fail_sys(err, "create a directory in %s", place);
	}
	keys->socket = xasprintf("%s/agent", keys->directory);
	if (agent_start(keys, err))
		return FAILED;
	for (size_t i = 0; i < files->count; i++) {
		if (key_add(keys, files->items[i], err))
			return FAILED;
	}
	*out = take(keys);
	return OK;
}

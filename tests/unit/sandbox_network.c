/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A private network as a process in it sees it: what it reaches and what not.
 */
#include "sandbox/network.h"
#include "sandbox/userns.h"

#include "base/fd.h"
#include "base/mem.h"
#include "sandbox/compiled.h"
#include "tests/tap.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/** A listener on this host's loopback; its port. */
static int listener_make(uint16_t *port)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, 8) < 0 ||
	    getsockname(fd, (struct sockaddr *)&at, &size) < 0)
		return -1;
	*port = ntohs(at.sin_port);
	return fd;
}

/** 0, or the errno of a connection to there, tried for two seconds. */
static int connection_try(const char *address, uint16_t port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), error = ETIMEDOUT;
	struct pollfd wait = { .fd = fd, .events = POLLOUT };
	socklen_t size = sizeof(error);

	inet_pton(AF_INET, address, &to.sin_addr);
	if (fd < 0 || (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 && errno != EINPROGRESS))
		return errno;
	if (poll(&wait, 1, 2000) == 1)
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
	close(fd);
	return error;
}

/** Exits with a bit for each that is not as it should be. */
[[gnu::noreturn]] static void inside(int go, uint16_t port)
{
	int wrong = 0;
	char byte;

	if (read(go, &byte, 1) != 1)
		_exit(128);
	wrong |= connection_try("127.0.0.1", port) == 0 ? 1 : 0;
	wrong |= connection_try("10.0.2.2", port) == 0 ? 2 : 0;
	wrong |= connection_try("169.254.169.254", 80) != ENETUNREACH &&
				 connection_try("169.254.169.254", 80) != EHOSTUNREACH &&
				 connection_try("169.254.169.254", 80) != ECONNREFUSED
			 ? 4
			 : 0;
	_exit(wrong);
}

TEST(network_reaches_neither_loopback_nor_link_local)
{
	struct clone_args args = { .flags = CLONE_NEWUSER | CLONE_NEWNET, .exit_signal = SIGCHLD };
	const struct id_range shift = { 0, SHIFT_FIRST, SHIFT_COUNT };
	int ready[2], go[2], listener, status = -1;
	struct error err = {};
	struct network_place place = { -1, -1 };
	uint16_t port = 0;
	pid_t pid;

	if (geteuid() != 0)
		tap_skip("needs root");
	if (!network_possible(&err))
		tap_skip(err.text);
	listener = listener_make(&port);
	if (!CHECK(listener >= 0 && pipe2(ready, O_CLOEXEC) == 0 && pipe2(go, O_CLOEXEC) == 0))
		return;
	pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0) {
		close(go[1]);
		inside(go[0], port);
	}
	if (pid > 0)
		network_find(pid, &place);
	if (CHECK(pid > 0 && !userns_map(pid, &shift, &err)) &&
	    CHECK(network_serve(&place, ready[1]) == 0)) {
		close(ready[1]);
		CHECK(network_wait(ready[0]));
		CHECK(write(go[1], "g", 1) == 1);
	}
	close(go[1]);
	waitpid(pid, &status, 0);
	tap_check(WIFEXITED(status) && WEXITSTATUS(status) == 0, __FILE__, __LINE__,
		  "status %x: 1 loopback, 2 the gateway, 4 link-local", (unsigned)status);
	close(listener);
	close(ready[0]);
	close(go[0]);
}

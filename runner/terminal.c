/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The sandbox sends the other side of its terminal over a socket as soon as it has it.  A thread
 * waits for that, and copies bytes until the last process that could write is gone.
 */
#include "runner/terminal.h"
#include "runner/typed.h"

#include "base/fd.h"
#include "base/mem.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>

enum { COLUMNS_DEFAULT = 80, ROWS_DEFAULT = 24 };

struct terminal {
	struct terminal_spec spec; /* socket_fd: the sandbox's end */
	int socket;                /* ours */
	bool input;
	pthread_t thread;
	pthread_mutex_t lock; /* of master, which the thread sets */
	int master;
	bool is_raw;
	struct termios before;
	struct typed typed;
};

/** The size of the first of our descriptors that is a terminal. */
static bool size_find(struct winsize *out)
{
	static const int fds[] = { STDOUT_FILENO, STDIN_FILENO, STDERR_FILENO };

	for (size_t i = 0; i < countof(fds); i++) {
		struct winsize size = {};

		if (ioctl(fds[i], TIOCGWINSZ, &size) < 0 || !size.ws_col || !size.ws_row)
			continue;
		*out = size;
		return true;
	}
	return false;
}

void terminal_resize(struct terminal *terminal)
{
	struct winsize size = {};

	pthread_mutex_lock(&terminal->lock);
	if (terminal->master >= 0 && size_find(&size))
		(void)ioctl(terminal->master, TIOCSWINSZ, &size);
	pthread_mutex_unlock(&terminal->lock);
}

/* ---- ours ---- */

static void raw_begin(struct terminal *terminal)
{
	struct termios raw;

	if (!terminal->input || tcgetattr(STDIN_FILENO, &terminal->before) < 0)
		return;
	raw = terminal->before;
	cfmakeraw(&raw);
	terminal->is_raw = tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
}

static void raw_end(struct terminal *terminal)
{
	if (terminal->is_raw)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &terminal->before);
	terminal->is_raw = false;
}

/* ---- copying ---- */

/** Wait for the sandbox's side; -1 where there will be none. */
static int master_receive(int socket)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
	char byte;
	struct iovec part = { &byte, 1 };
	struct msghdr packet = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *header;
	int fd = -1;

	if (recvmsg(socket, &packet, MSG_CMSG_CLOEXEC) <= 0)
		return -1;
	header = CMSG_FIRSTHDR(&packet);
	if (header && header->cmsg_len == CMSG_LEN(sizeof(fd)))
		memcpy(&fd, CMSG_DATA(header), sizeof(fd));
	return fd;
}

/** False at the end: nobody holds the sandbox's side any more. */
static bool output_copy(const struct terminal *terminal)
{
	char bytes[16384];
	ssize_t got = read(terminal->master, bytes, sizeof(bytes));
	struct error ignored;

	if (got < 0)
		return errno == EAGAIN || errno == EINTR;
	/* With our output gone, the program's still has to go somewhere. */
	if (write_all(STDOUT_FILENO, bytes, (size_t)got, &ignored))
		return got > 0;
	return got > 0;
}

static void copy(struct terminal *terminal)
{
	for (;;) {
		bool pending = terminal->typed.length > 0;
		struct pollfd polls[] = {
			{ terminal->master, (short)(POLLIN | (pending ? POLLOUT : 0)), 0 },
			{ terminal->input && !pending ? STDIN_FILENO : -1, POLLIN, 0 },
		};

		if (poll(polls, countof(polls), -1) < 0)
			continue;
		if (polls[0].revents & ~POLLOUT && !output_copy(terminal))
			return;
		if (polls[0].revents & POLLOUT)
			(void)typed_write(&terminal->typed, terminal->master);
		/* Else it hung up. */
		if (polls[1].revents)
			terminal->input = typed_read(&terminal->typed, STDIN_FILENO);
	}
}

static void *terminal_main(void *closure)
{
	struct terminal *terminal = closure;
	int master = master_receive(terminal->socket);

	if (master < 0)
		return NULL;
	/* A program that does not read must not keep us from reading what it writes. */
	fcntl(master, F_SETFL, fcntl(master, F_GETFL) | O_NONBLOCK);
	pthread_mutex_lock(&terminal->lock);
	terminal->master = master;
	pthread_mutex_unlock(&terminal->lock);
	terminal_resize(terminal); /* it may have changed since */
	raw_begin(terminal);
	copy(terminal);
	raw_end(terminal);
	return NULL;
}

/* ---- for others ---- */

const struct terminal_spec *terminal_spec(const struct terminal *terminal)
{
	return &terminal->spec;
}

result terminal_new(bool input, struct terminal **out, struct error *err)
{
	struct terminal *terminal = xnew(struct terminal);
	struct winsize size = { .ws_col = COLUMNS_DEFAULT, .ws_row = ROWS_DEFAULT };
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		free(terminal);
		return fail_sys(err, "socketpair");
	}
	(void)size_find(&size);
	terminal->spec = (struct terminal_spec){ pair[0], { size.ws_col, size.ws_row } };
	terminal->socket = pair[1];
	terminal->master = -1;
	terminal->input = input;
	pthread_mutex_init(&terminal->lock, NULL);
	if (pthread_create(&terminal->thread, NULL, terminal_main, terminal) != 0) {
		close(pair[0]);
		close(pair[1]);
		free(terminal);
		return fail(err, FAULT_SYSTEM, "cannot start a thread");
	}
	*out = terminal;
	return OK;
}

void terminal_drop(struct terminal **terminal)
{
	struct terminal *old = *terminal;

	if (!old)
		return;
	/* The last end of the socket: a thread that still waits for the terminal sees it go. */
	fd_drop(&old->spec.socket_fd);
	pthread_join(old->thread, NULL);
	fd_drop(&old->socket);
	fd_drop(&old->master);
	pthread_mutex_destroy(&old->lock);
	free(old);
	*terminal = NULL;
}

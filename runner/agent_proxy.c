/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/agent_proxy.h"

#include "base/fd.h"
#include "base/mem.h"

#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/** Connections at the same time, and bytes on their way in one direction. */
enum { CONNECTIONS_MAX = 16, BUFFER_SIZE = 16384 };

/** Bytes read from fds[i] wait here until fds[!i] takes them. */
struct flow {
	char bytes[BUFFER_SIZE];
	size_t length, sent;
};

struct connection {
	int fds[2]; /* the program's, the agent's; -1: free */
	struct flow flows[2];
};

struct agent_proxy {
	char *agent;
	int listen_fd, stop_fd;
	bool has_thread;
	pthread_t thread;
	struct connection connections[CONNECTIONS_MAX];
};

static void connection_close(struct connection *connection)
{
	fd_drop(&connection->fds[0]);
	fd_drop(&connection->fds[1]);
}

/** Socket addresses are short: name the directory by its descriptor. */
static result address_make(struct sockaddr_un *address, const char *path, int *dir_fd,
			   struct error *err)
{
	owned(str) char *parent = xstrdup(path), *name = xstrdup(path);
	int length;

	*dir_fd = open(dirname(parent), O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (*dir_fd < 0)
		return fail_sys(err, "open the directory of %s", path);
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	length = snprintf(address->sun_path, sizeof(address->sun_path), "/proc/self/fd/%d/%s",
			  *dir_fd, basename(name));
	if (length < 0 || (size_t)length >= sizeof(address->sun_path))
		return fail(err, FAULT_INPUT, "%s: too long a name for a socket", path);
	return OK;
}

static int agent_connect(const char *agent)
{
	struct sockaddr_un address;
	owned(fd) int dir_fd = -1,
		      fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct error ignored;

	if (fd < 0 || address_make(&address, agent, &dir_fd, &ignored) ||
	    connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -1;
	return fd_take(&fd);
}

static void accept_one(struct agent_proxy *proxy)
{
	owned(fd) int fd = accept4(proxy->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	for (size_t i = 0; fd >= 0 && i < CONNECTIONS_MAX; i++) {
		struct connection *connection = &proxy->connections[i];

		if (connection->fds[0] >= 0)
			continue;
		memset(connection->flows, 0, sizeof(connection->flows));
		connection->fds[1] = agent_connect(proxy->agent);
		if (connection->fds[1] >= 0)
			connection->fds[0] = fd_take(&fd);
		return;
	}
	/* One too many is closed, as is one for whom there is no agent any more. */
}

/** Read or write what can be, from fds[from]; false where the connection is over. */
static bool flow_step(struct connection *connection, size_t from, bool readable)
{
	struct flow *flow = &connection->flows[from];
	ssize_t moved;

	if (!flow->length && readable) {
		moved = recv(connection->fds[from], flow->bytes, sizeof(flow->bytes), 0);
		if (moved <= 0)
			return moved < 0 && (errno == EAGAIN || errno == EINTR);
		flow->length = (size_t)moved;
		flow->sent = 0;
	}
	if (!flow->length)
		return true;
	moved = send(connection->fds[!from], flow->bytes + flow->sent, flow->length - flow->sent,
		     MSG_NOSIGNAL);
	if (moved < 0)
		return errno == EAGAIN || errno == EINTR;
	flow->sent += (size_t)moved;
	if (flow->sent == flow->length)
		flow->length = 0;
	return true;
}

static short wanted(const struct connection *connection, size_t side)
{
	return (short)((connection->flows[side].length ? 0 : POLLIN) |
		       (connection->flows[!side].length ? POLLOUT : 0));
}

static void connection_step(struct connection *connection, const struct pollfd *polls)
{
	const short in = POLLIN | POLLHUP | POLLERR;

	if (connection->fds[0] < 0 || (!polls[0].revents && !polls[1].revents))
		return;
	for (size_t side = 0; side < 2; side++) {
		if (!flow_step(connection, side, polls[side].revents & in)) {
			connection_close(connection);
			return;
		}
	}
}

static void *proxy_run(void *closure)
{
	struct agent_proxy *proxy = closure;
	struct pollfd polls[2 + 2 * CONNECTIONS_MAX] = {
		{ .fd = proxy->stop_fd, .events = POLLIN },
		{ .fd = proxy->listen_fd, .events = POLLIN },
	};

	for (;;) {
		for (size_t i = 0; i < 2 * (size_t)CONNECTIONS_MAX; i++) {
			const struct connection *connection = &proxy->connections[i / 2];

			polls[2 + i] = (struct pollfd){
				.fd = connection->fds[i % 2],
				.events = connection->fds[0] < 0 ? 0 : wanted(connection, i % 2),
			};
		}
		if (poll(polls, countof(polls), -1) < 0)
			continue;
		if (polls[0].revents)
			return NULL;
		for (size_t i = 0; i < CONNECTIONS_MAX; i++)
			connection_step(&proxy->connections[i], &polls[2 + 2 * i]);
		if (polls[1].revents)
			accept_one(proxy);
	}
}

void agent_proxy_drop(struct agent_proxy **proxy)
{
	uint64_t one = 1;

	if (!*proxy)
		return;
	if ((*proxy)->has_thread) {
		if (write((*proxy)->stop_fd, &one, sizeof(one)) != sizeof(one))
			abort(); /* an eventfd takes it */
		pthread_join((*proxy)->thread, NULL);
	}
	for (size_t i = 0; i < CONNECTIONS_MAX; i++)
		connection_close(&(*proxy)->connections[i]);
	fd_drop(&(*proxy)->listen_fd);
	fd_drop(&(*proxy)->stop_fd);
	free((*proxy)->agent);
	free(*proxy);
	*proxy = NULL;
}

static result proxy_listen(struct agent_proxy *proxy, const char *path, mode_t mode, uid_t uid,
			   gid_t gid, struct error *err)
{
	struct sockaddr_un address;
	owned(fd) int dir_fd = -1;

	if (address_make(&address, path, &dir_fd, err))
		return FAILED;
	if (bind(proxy->listen_fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
	    chown(path, uid, gid) < 0 || chmod(path, mode) < 0 ||
	    listen(proxy->listen_fd, CONNECTIONS_MAX) < 0)
		return fail_sys(err, "listen at %s", path);
	return OK;
}

result agent_proxy_new(const char *agent, const char *path, mode_t mode, uid_t uid, gid_t gid,
		       struct agent_proxy **out, struct error *err)
{
	owned(agent_proxy) struct agent_proxy *proxy = xnew(struct agent_proxy);

	for (size_t i = 0; i < CONNECTIONS_MAX; i++)
		proxy->connections[i].fds[0] = proxy->connections[i].fds[1] = -1;
	proxy->agent = xstrdup(agent);
	proxy->stop_fd = eventfd(0, EFD_CLOEXEC);
	proxy->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (proxy->stop_fd < 0 || proxy->listen_fd < 0)
		return fail_sys(err, "make a socket");
	if (proxy_listen(proxy, path, mode, uid, gid, err))
		return FAILED;
	errno = pthread_create(&proxy->thread, NULL, proxy_run, proxy);
	if (errno)
		return fail_sys(err, "start a thread");
	proxy->has_thread = true;
	*out = take(proxy);
	return OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/agent_proxy.h"

#include "base/fd.h"
#include "base/mem.h"
#include "tests/tap.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static struct sockaddr_un address_of(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	return address;
}

/** An agent that sends everything back, one connection after the other. */
static void *echo(void *closure)
{
	const int *listen_fd = closure;
	char bytes[1000];
	int fd;

	while ((fd = accept(*listen_fd, NULL, NULL)) >= 0) {
		ssize_t got;

		while ((got = read(fd, bytes, sizeof(bytes))) > 0) {
			if (send(fd, bytes, (size_t)got, MSG_NOSIGNAL) != got)
				break;
		}
		close(fd);
	}
	return NULL;
}

static int connect_to(const char *path)
{
	struct sockaddr_un address = address_of(path);
	owned(fd) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -1;
	return fd_take(&fd);
}

/** Send `size` bytes in one thread's small pieces and read them all back. */
static bool comes_back(int fd, size_t size)
{
	for (size_t at = 0; at < size;) {
		char out[7000], in[7000];
		size_t piece = size - at < sizeof(out) ? size - at : sizeof(out);

		memset(out, 'a' + (int)(at % 26), piece);
		if (write(fd, out, piece) != (ssize_t)piece ||
		    recv(fd, in, piece, MSG_WAITALL) != (ssize_t)piece || memcmp(in, out, piece))
			return false;
		at += piece;
	}
	return true;
}

TEST(agent_proxy_passes_bytes_on_and_ends_with_its_step)
{
	char top[] = "/tmp/mpemu-agent-XXXXXX";
	owned(agent_proxy) struct agent_proxy *proxy = NULL;
	owned(str) char *agent = NULL, *path = NULL;
	struct sockaddr_un address;
	struct error err = {};
	struct stat info;
	pthread_t thread;
	int listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CHECK(mkdtemp(top));
	agent = xasprintf("%s/agent", top);
	path = xasprintf("%s/lent", top);
	address = address_of(agent);
	CHECK(!bind(listen_fd, (const struct sockaddr *)&address, sizeof(address)) &&
	      !listen(listen_fd, 4));
	CHECK(!pthread_create(&thread, NULL, echo, &listen_fd));
	if (!CHECK(!agent_proxy_new(agent, path, 0640, getuid(), getgid(), &proxy, &err)))
		return;
	CHECK(stat(path, &info) == 0 && (info.st_mode & 07777) == 0640);
	for (int round = 0; round < 3; round++) {
		owned(fd) int fd = connect_to(path);

		CHECK(fd >= 0 && comes_back(fd, 100000));
	}
	agent_proxy_drop(&proxy);
	CHECK(connect_to(path) < 0);
	shutdown(listen_fd, SHUT_RDWR);
	pthread_join(thread, NULL);
	close(listen_fd);
	CHECK(!remove_tree(AT_FDCWD, top, &err));
}

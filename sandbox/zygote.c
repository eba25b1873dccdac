/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Both sides of the zygote.
 *
 * A request is a header with descriptors and, to clone, a packed child.  Its pointers hold on both
 * sides, since both have the same room at the same address from before the fork.
 */
#include "sandbox/zygote.h"
#include "sandbox/pack.h"

#include "base/fd.h"
#include "base/mem.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum {
	ROOM_SIZE = 4 << 20, /* argv and environment are most of it: the kernel takes 2 MiB */
	MAPS_MAX = 1 << 20,
	FDS_MAX = SLOT_FIRST_FREE,
	LINK = 3, /* its number in the zygote */
};

struct zygote {
	pthread_mutex_t lock; /* one request at a time: it takes less than a millisecond */
	pid_t pid;
	int link;
	bool gone;
	void *room;
};

struct request {
	enum { REQUEST_CLONE, REQUEST_REAP } kind;
	pid_t pid;                /* to reap */
	unsigned long namespaces; /* to clone into */
	size_t length;            /* of the packed child that follows */
};

struct reply {
	int sys, signal;
	pid_t pid;
};

/* ---- packets with descriptors ---- */

union control {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
};

static bool packet_send(int link, const void *data, size_t size, const int *fds, size_t count)
{
	union control control = {};
	struct iovec bytes = { (void *)(uintptr_t)data, size };
	struct msghdr message = { .msg_iov = &bytes, .msg_iovlen = 1 };

	if (count) {
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(count * sizeof(int));
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(&control.header), fds, count * sizeof(int));
	}
	return sendmsg(link, &message, MSG_NOSIGNAL) == (ssize_t)size;
}

/** Descriptors that are there go to fds[], up to FDS_MAX; how many. */
static bool packet_receive(int link, void *data, size_t size, int *fds, size_t *count)
{
	union control control = {};
	struct iovec bytes = { data, size };
	struct msghdr message = {
		.msg_iov = &bytes,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *header;
	ssize_t got;

	*count = 0;
	do
		got = recvmsg(link, &message, MSG_CMSG_CLOEXEC | MSG_WAITALL);
	while (got < 0 && errno == EINTR);
	if (got != (ssize_t)size)
		return false;
	header = CMSG_FIRSTHDR(&message);
	if (header && header->cmsg_type == SCM_RIGHTS) {
		*count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(fds, CMSG_DATA(header), *count * sizeof(int));
	}
	return true;
}

static bool bytes_send(int link, const char *at, size_t left)
{
	while (left) {
		ssize_t sent = send(link, at, left, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent <= 0)
			return false;
		at += sent;
		left -= (size_t)sent;
	}
	return true;
}

/* ---- the zygote ---- */

/** Libraries that its children need: the C library, and what loads it. */
static bool library_kept(const char *path)
{
	const char *name = strrchr(path, '/');

	return !name || starts_with(name, "/libc.so") || starts_with(name, "/ld-");
}

/**
 * Unmap all other libraries: every mapping costs each clone.  The program is bound at its start
 * (-z now), so nobody will look for their symbols.  Where one may stand in for the C library's
 * functions, all stay.
 */
static void libraries_drop(void)
{
	owned(buf) struct buf maps = {};
	owned(strings) struct strings lines = {};
	struct error ignored;

	if (getenv("LD_PRELOAD") ||
	    read_file(AT_FDCWD, "/proc/self/maps", MAPS_MAX, &maps, &ignored) ||
	    strstr(buf_text(&maps), "san.so"))
		return;
	strings_split(&lines, buf_text(&maps), '\n');
	for (size_t i = 0; i < lines.count; i++) {
		const char *path = strchr(lines.items[i], '/');
		unsigned long first, last;

		if (path && strstr(path, ".so") && !library_kept(path) &&
		    sscanf(lines.items[i], "%lx-%lx", &first, &last) == 2)
			munmap((void *)first, last - first);
	}
}

static void clone_serve(int link, const struct request *request, void *room, const int *fds)
{
	int pidfd = -1;
	struct clone_args args = {
		.flags = request->namespaces | CLONE_PIDFD | CLONE_CLEAR_SIGHAND,
		.pidfd = (uintptr_t)&pidfd,
		.exit_signal = SIGCHLD,
	};
	struct child *child = room;
	struct reply reply = {};

	memcpy(child->slots, fds, FDS_MAX * sizeof(*fds));
	reply.pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (reply.pid == 0)
		ops_run(child);
	reply.sys = reply.pid < 0 ? errno : 0;
	if (!packet_send(link, &reply, sizeof(reply), &pidfd, reply.pid > 0))
		_exit(1);
	fd_drop(&pidfd);
}

static void reap_serve(int link, const struct request *request)
{
	struct reply reply = {};
	int status = 0;

	while (waitpid(request->pid, &status, __WALL) < 0 && errno == EINTR)
		;
	reply.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	if (!packet_send(link, &reply, sizeof(reply), NULL, 0))
		_exit(1);
}

static bool request_serve(int link, void *room)
{
	struct request request;
	int fds[FDS_MAX];
	size_t count, ignored;

	if (!packet_receive(link, &request, sizeof(request), fds, &count))
		return false;
	if (request.kind == REQUEST_REAP) {
		reap_serve(link, &request);
		return true;
	}
	if (count != FDS_MAX || request.length > ROOM_SIZE ||
	    !packet_receive(link, room, request.length, NULL, &ignored))
		return false;
	clone_serve(link, &request, room, fds);
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
	return true;
}

/** Ends with its parent: by the signal, or at the latest when the link closes. */
[[gnu::noreturn]] static void zygote_main(int link, void *room, pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0);
	prctl(PR_SET_NAME, "mpemu-zygote");
	/* Nobody shall wait for the end of a pipe because of us; the numbers stay taken. */
	for (int fd = 0; fd <= LINK; fd++) {
		if (fd != link && dup2(link, fd) < 0)
			_exit(1);
	}
	close_range(LINK + 1, ~0U, 0);
	libraries_drop();
	while (request_serve(LINK, room))
		;
	_exit(0);
}

/* ---- its parent ---- */

result zygote_start(struct zygote **out, struct error *err)
{
	owned(zygote) struct zygote *zygote = xnew(struct zygote);
	pid_t parent = getpid();
	int pair[2];

	pthread_mutex_init(&zygote->lock, NULL);
	zygote->link = -1;
	zygote->room = mmap(NULL, ROOM_SIZE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (zygote->room == MAP_FAILED)
		return fail_sys(err, "memory for the zygote");
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return fail_sys(err, "socketpair");
	zygote->link = pair[0];
	zygote->pid = fork();
	if (zygote->pid == 0)
		zygote_main(pair[1], zygote->room, parent);
	close(pair[1]);
	if (zygote->pid < 0)
		return fail_sys(err, "fork the zygote");
	*out = take(zygote);
	return OK;
}

void zygote_drop(struct zygote **zygote)
{
	struct zygote *old = *zygote;

	if (!old)
		return;
	fd_drop(&old->link);
	while (old->pid > 0 && waitpid(old->pid, NULL, 0) < 0 && errno == EINTR)
		;
	if (old->room != MAP_FAILED)
		munmap(old->room, ROOM_SIZE);
	pthread_mutex_destroy(&old->lock);
	free(old);
	*zygote = NULL;
}

/** Ask and be answered, under the lock; a zygote that fails once is not asked again. */
static bool ask(struct zygote *zygote, const struct request *request, const int *fds,
		struct reply *reply, int *pidfd)
{
	int received[FDS_MAX];
	size_t count = 0;

	zygote->gone =
		zygote->gone ||
		!packet_send(zygote->link, request, sizeof(*request), fds, fds ? FDS_MAX : 0) ||
		!bytes_send(zygote->link, zygote->room, request->length) ||
		!packet_receive(zygote->link, reply, sizeof(*reply), received, &count);
	if (!zygote->gone && pidfd && count == 1)
		*pidfd = received[0];
	return !zygote->gone;
}

bool zygote_clone(struct zygote *zygote, const struct child *child, unsigned long namespaces,
		  struct cloned *out)
{
	struct request request = { .kind = REQUEST_CLONE, .namespaces = namespaces };
	struct reply reply = {};
	bool answered;

	out->pidfd = -1;
	pthread_mutex_lock(&zygote->lock);
	request.length = child_pack(child, zygote->room, ROOM_SIZE);
	answered = request.length && ask(zygote, &request, child->slots, &reply, &out->pidfd);
	pthread_mutex_unlock(&zygote->lock);
	out->sys = reply.sys;
	out->pid = reply.pid;
	return answered;
}

int zygote_reap(struct zygote *zygote, pid_t pid)
{
	const struct request request = { .kind = REQUEST_REAP, .pid = pid };
	struct reply reply = {};

	pthread_mutex_lock(&zygote->lock);
	/* Without a zygote, its children died by the signal that they asked for. */
	if (!ask(zygote, &request, NULL, &reply, NULL))
		reply.signal = SIGKILL;
	pthread_mutex_unlock(&zygote->lock);
	return reply.signal;
}

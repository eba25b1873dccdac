/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Each process ends with its parent: by a signal, or at the latest when its link closes.
 */
#include "sandbox/realm.h"
#include "sandbox/network.h"
#include "sandbox/prepare.h"
#include "sandbox/userns.h"

#include "base/fd.h"
#include "base/mem.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

static const struct {
	const char *name;
	unsigned major, minor;
} devices[] = {
	{ "null", 1, 3 },   { "zero", 1, 5 },    { "full", 1, 7 },
	{ "random", 1, 8 }, { "urandom", 1, 9 }, { "tty", 5, 0 },
};

enum {
	LINK = 3, /* its number in all of them; 0, 1 and 2 are the same, so that nothing else is */
};

/* ---- packets with descriptors ---- */

bool packet_send(int link, const void *data, size_t size, const int *fds, size_t count)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(DESCRIPTORS_MAX * sizeof(int))] = {};
	struct iovec bytes = { (void *)(uintptr_t)data, size };
	struct msghdr message = { .msg_iov = &bytes, .msg_iovlen = 1 };
	ssize_t sent;

	if (count) {
		struct cmsghdr *header;

		message.msg_control = control;
		message.msg_controllen = CMSG_SPACE(count * sizeof(int));
		header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(header), fds, count * sizeof(int));
	}
	do
		sent = sendmsg(link, &message, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent == (ssize_t)size;
}

ssize_t packet_receive(int link, void *data, size_t size, int *fds, size_t limit, size_t *count)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(DESCRIPTORS_MAX * sizeof(int))];
	struct iovec bytes = { data, size };
	struct msghdr message = {
		.msg_iov = &bytes,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = CMSG_SPACE(limit * sizeof(int)),
	};
	struct cmsghdr *header;
	ssize_t got;

	do
		got = recvmsg(link, &message, MSG_CMSG_CLOEXEC);
	while (got < 0 && errno == EINTR);
	header = got > 0 ? CMSG_FIRSTHDR(&message) : NULL;
	*count = header && header->cmsg_type == SCM_RIGHTS
			 ? (header->cmsg_len - CMSG_LEN(0)) / sizeof(int)
			 : 0;
	if (*count)
		memcpy(fds, CMSG_DATA(header), *count * sizeof(int));
	return got;
}

/** Of a process that has nothing else to do. */
static void answer_send(int link, const struct realm_answer *answer, const int *fds, size_t count)
{
	if (!packet_send(link, answer, sizeof(*answer), fds, count))
		_exit(1);
}

/** Nobody shall wait for the end of a pipe because of us: all but the link and `kept` are closed.
 */
static void descriptors_settle(int link, int *const kept[], int count)
{
	int base = LINK + 1, next = base;

	for (int i = 0; i < count; i++) {
		if (*kept[i] >= 0)
			*kept[i] = fcntl(*kept[i], F_DUPFD_CLOEXEC, base + count);
	}
	for (int fd = 0; fd <= LINK; fd++) {
		if (fd != link && dup3(link, fd, O_CLOEXEC) < 0)
			_exit(1);
	}
	for (int i = 0; i < count; i++) {
		if (*kept[i] >= 0)
			*kept[i] = dup3(*kept[i], next++, O_CLOEXEC);
	}
	close_range((unsigned)next, ~0U, 0);
}

/** Its own room for descriptors. */
static struct child child_of(const struct sandbox *list, enum phase phase, int link)
{
	struct child child = {
		.phase = phase,
		.ops = list->ops,
		.op_count = list->op_count,
		.slots = xcalloc((size_t)list->slot_count, sizeof(int)),
		.slot_count = (size_t)list->slot_count,
	};

	for (size_t i = 0; i < child.slot_count; i++)
		child.slots[i] = -1;
	child.slots[SLOT_LINK] = link;
	return child;
}

/* ---- a realm ---- */

struct realm {
	struct realm_kind kind;
	int engine, devices; /* mounts of them, or -1 */
	int ready;           /* tells when a private network is up; -1: there is none, or it is */
	void *room;
	struct sandbox *blank; /* what is done in each, in advance */
};

/** The network is made while all else is; before a program is started it must be there. */
static void network_finish(struct realm *realm)
{
	const struct realm_answer answer = { .kind = ANSWER_NO_NETWORK };

	if (realm->ready < 0)
		return;
	if (!network_wait(realm->ready)) {
		answer_send(LINK, &answer, NULL, 0);
		_exit(1);
	}
	fd_drop(&realm->ready);
}

static void blank_clone(struct realm *realm)
{
	int fds[2] = { -1, -1 }, pair[2];
	struct clone_args args = {
		.flags = blank_namespaces(realm->kind.network) | CLONE_PIDFD | CLONE_CLEAR_SIGHAND,
		.pidfd = (uintptr_t)&fds[0],
		.exit_signal = SIGCHLD,
	};
	struct realm_answer answer = { .kind = ANSWER_BLANK };

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		_exit(1);
	answer.pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (answer.pid == 0) {
		struct child child = child_of(realm->blank, PHASE_BLANK, pair[1]);

		blank_run(&child, realm->room, ROOM_SIZE);
	}
	if (answer.pid < 0) {
		answer.sys = errno;
		answer.kind = ANSWER_NO_CLONE;
	}
	close(pair[1]);
	fds[1] = pair[0];
	network_finish(realm);
	answer_send(LINK, &answer, fds, answer.pid > 0 ? 2 : 0);
	fd_drop(&fds[0]);
	fd_drop(&fds[1]);
}

/** What it opens stays open: its emulators are there as long as it is. */
static void realm_make(const struct realm *realm)
{
	const struct sandbox *list = realm_compile(&realm->kind);
	struct child child = child_of(list, PHASE_REALM, LINK);

	child.slots[SLOT_ENGINE] = realm->engine;
	child.slots[SLOT_DEVICES] = realm->devices;
	if (!ops_run(&child)) {
		const struct realm_answer answer = { ANSWER_NO_OP, errno, (uint32_t)child.at, 0 };

		answer_send(LINK, &answer, NULL, 0);
		_exit(1);
	}
	free(child.slots);
}

/** Say who we are: mounts that are id-mapped want the namespace.  By its own name it may be seen.
 */
static void realm_introduce(void)
{
	const struct realm_answer answer = { .kind = ANSWER_UP };
	int userns = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);

	answer_send(LINK, &answer, &userns, userns >= 0);
	fd_drop(&userns);
}

static void children_reap(void)
{
	while (waitpid(-1, NULL, WNOHANG | __WALL) > 0)
		;
}

[[gnu::noreturn]] static void realm_main(struct realm *realm, int link)
{
	size_t ignored;
	char byte;

	descriptors_settle(link, (int *const[]){ &realm->engine, &realm->devices, &realm->ready },
			   3);
	realm_introduce();
	realm_make(realm);
	prctl(PR_SET_NAME, "mpemu-realm");
	do {
		children_reap();
		blank_clone(realm);
	} while (packet_receive(LINK, &byte, 1, NULL, 0, &ignored) == 1);
	_exit(0);
}

/** Where the argv and environment of this process are. */
static struct {
	char *at;
	size_t size;
} arguments;

static void arguments_find(void)
{
	/* /proc/self/stat: fields 48 to 51, counted from the state, which is the third. */
	enum { SKIP = 45 };
	owned(buf) struct buf stat = {};
	struct error ignored;
	unsigned long arg_start, arg_end, env_start, env_end;
	const char *at;

	if (read_file(AT_FDCWD, "/proc/self/stat", 1 << 16, &stat, &ignored))
		return;
	at = strrchr(buf_text(&stat), ')');
	for (int i = 0; at && i < SKIP + 1; i++)
		at = strchr(at + 1, ' ');
	if (at && sscanf(at, "%lu %lu %lu %lu", &arg_start, &arg_end, &env_start, &env_end) == 4 &&
	    arg_end == env_start && env_end >= arg_start)
		arguments = (typeof(arguments)){ (char *)arg_start, env_end - arg_start };
}

/** Guests may read what they were in the first process, which is a copy of this one. */
static void arguments_blank(void)
{
	explicit_bzero(arguments.at, arguments.size);
}

/* ---- cloning one ---- */

/** What a clone waits for, and what a private network's helper tells. */
struct mapped {
	int go[2], ready[2];
};

static bool pipes_make(struct mapped *pipes, bool is_private)
{
	return pipe2(pipes->go, O_CLOEXEC) == 0 &&
	       (!is_private || pipe2(pipes->ready, O_CLOEXEC) == 0);
}

/** In the parent: give the clone its ids and let it go on; the answer where that fails. */
static struct realm_answer clone_finish(const struct realm *realm, const struct mapped *pipes,
					pid_t pid)
{
	const struct id_range shift = { 0, SHIFT_FIRST, SHIFT_COUNT };
	struct network_place place = { -1, -1 };
	struct error ignored;

	if (pid < 0)
		return (struct realm_answer){ ANSWER_NO_CLONE, errno, 0, 0 };
	if (pipes->ready[1] >= 0)
		network_find(pid, &place);
	if (userns_map(pid, realm->kind.shifted ? &shift : NULL, &ignored) ||
	    write(pipes->go[1], "g", 1) != 1) {
		fd_drop(&place.network);
		fd_drop(&place.user);
		return (struct realm_answer){ ANSWER_NO_MAP, errno, 0, 0 };
	}
	/* Where it fails, nobody is left who could say that the network is ready. */
	if (pipes->ready[1] >= 0)
		(void)network_serve(&place, pipes->ready[1]);
	return (struct realm_answer){ .pid = pid };
}

/** Clone into a user namespace that waits for its ids; in the clone, wait for them.  0 there. */
static pid_t mapped_clone(struct realm *realm, unsigned long namespaces, int *pidfd,
			  struct realm_answer *failure)
{
	bool is_private = realm->kind.network == NETWORK_PRIVATE;
	struct clone_args args = {
		.flags = CLONE_NEWUSER | CLONE_NEWNS | namespaces | CLONE_PIDFD |
			 CLONE_CLEAR_SIGHAND | (is_private ? CLONE_NEWNET : 0),
		.pidfd = (uintptr_t)pidfd,
		.exit_signal = SIGCHLD,
	};
	struct mapped pipes = { { -1, -1 }, { -1, -1 } };
	char byte;
	pid_t pid = -1;

	if (pipes_make(&pipes, is_private)) {
		realm->ready = pipes.ready[0];
		pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	}
	if (pid == 0) {
		close(pipes.go[1]);
		fd_drop(&pipes.ready[1]);
		if (read(pipes.go[0], &byte, 1) != 1)
			_exit(0);
		return 0;
	}
	*failure = clone_finish(realm, &pipes, pid);
	fd_drop(&pipes.go[0]);
	fd_drop(&pipes.go[1]);
	fd_drop(&pipes.ready[1]);
	return pid;
}

/** All that is in the clone is settled by blank_run(). */
static void lone_clone(struct realm *realm, int link)
{
	struct child child;
	struct realm_answer answer;
	char path[64];
	int fds[3] = { -1, -1, -1 }, pair[2] = { -1, -1 }, userns;
	pid_t pid = -1;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		answer = (struct realm_answer){ ANSWER_NO_CLONE, errno, 0, 0 };
	} else {
		child = child_of(realm->blank, PHASE_LONE, pair[1]);
		child.slots[SLOT_ENGINE] = realm->engine;
		child.slots[SLOT_DEVICES] = realm->devices;
		arguments_find();
		/* Made now, /dev/mqueue would belong to an id that has no name in there. */
		pid = mapped_clone(realm, blank_namespaces(realm->kind.network) & ~CLONE_NEWIPC,
				   &fds[0], &answer);
		if (pid == 0) {
			arguments_blank();
			blank_run(&child, realm->room, ROOM_SIZE);
		}
		free(child.slots);
	}
	fd_drop(&pair[1]);
	fds[1] = pair[0];
	fds[2] = realm->ready;
	if (answer.kind < ANSWER_NO_CLONE) {
		answer.kind = ANSWER_UP;
		snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
		userns = open(path, O_RDONLY | O_CLOEXEC);
		(void)packet_send(link, &answer, sizeof(answer), &userns, userns >= 0);
		fd_drop(&userns);
		answer.kind = ANSWER_BLANK;
	}
	(void)packet_send(link, &answer, sizeof(answer), fds,
			  answer.kind == ANSWER_BLANK ? 2 + (fds[2] >= 0) : 0);
	fd_drop(&fds[0]);
	fd_drop(&fds[1]);
}

/* ---- the zygote ---- */

static void realm_clone(struct realm *realm, int link)
{
	struct realm_answer answer;
	int pidfd = -1;
	pid_t pid = mapped_clone(realm, 0, &pidfd, &answer);

	if (pid == 0)
		realm_main(realm, link);
	fd_drop(&pidfd);
	if (answer.kind >= ANSWER_NO_CLONE)
		answer_send(link, &answer, NULL, 0);
}

static struct {
	struct realm_request header;
	char texts[TEXTS_MAX];
} request;

/** Where it is not to be had, the realm says so when it wants to use it. */
static int engine_open(const char *path)
{
	struct mount_attr change = {
		.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_RDONLY,
	};
	int fd = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	if (fd >= 0 && mount_setattr(fd, "", AT_EMPTY_PATH, &change, sizeof(change)) < 0)
		fd_drop(&fd);
	return fd;
}

/** Devices that are as they should be in there: root's. */
static bool devices_fill(int dev)
{
	for (size_t i = 0; i < countof(devices); i++) {
		if (mknodat(dev, devices[i].name, S_IFCHR | 0666,
			    makedev(devices[i].major, devices[i].minor)) < 0 ||
		    fchmodat(dev, devices[i].name, 0666, 0) < 0 ||
		    fchownat(dev, devices[i].name, SHIFT_FIRST, SHIFT_FIRST, 0) < 0)
			return false;
	}
	return true;
}

/** A new /dev for the realm; where they may not be made, the host's own, which are nobody's. */
static int devices_make(void)
{
	owned(fd) int fs = fsopen("tmpfs", FSOPEN_CLOEXEC), dev = -1;

	if (fs >= 0 && fsconfig(fs, FSCONFIG_SET_STRING, "mode", "0755", 0) == 0 &&
	    fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
		dev = fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
	if (dev < 0 || !devices_fill(dev)) {
		fd_drop(&dev);
		dev = open_tree(AT_FDCWD, "/dev",
				OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	}
	return fd_take(&dev);
}

/** What a realm is cloned with; both drop what they are given. */
static struct realm realm_new(const struct realm_kind *kind, struct sandbox *blank, void *room)
{
	return (struct realm){
		.kind = *kind,
		.engine = kind->engine ? engine_open(kind->engine) : -1,
		.devices = kind->shifted ? devices_make() : -1,
		.ready = -1,
		.room = room,
		.blank = blank,
	};
}

static void realm_drop(struct realm *realm)
{
	sandbox_drop(&realm->blank);
	fd_drop(&realm->engine);
	fd_drop(&realm->devices);
	fd_drop(&realm->ready);
}

void lone_start(const struct realm_kind *kind, int link, void *room)
{
	struct realm realm = realm_new(kind, lone_compile(kind), room);

	lone_clone(&realm, link);
	realm_drop(&realm);
}

/** Make the realm that `request` asks for. */
static void request_serve(int link, void *room)
{
	const struct realm_request *header = &request.header;
	owned(strings) struct strings texts = {};
	struct realm_kind kind = {
		.shifted = header->shifted,
		.network = header->network,
		.id_count = header->id_count,
		.makes_devices = header->makes_devices,
	};
	size_t engines = header->has_engine;
	struct realm realm;

	for (size_t at = 0; at < header->texts_length; at += strlen(request.texts + at) + 1)
		strings_add(&texts, request.texts + at);
	if (header->has_engine)
		kind.engine = texts.items[0];
	if (header->has_rules) {
		kind.rules = (const char *const *)texts.items + engines;
		kind.rule_count = texts.count - engines;
	}
	realm = realm_new(&kind, blank_compile(&kind), room);
	realm_clone(&realm, link);
	realm_drop(&realm);
}

void zygote_main(int link, void *room, pid_t parent)
{
	int fds[1];
	size_t count;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0);
	prctl(PR_SET_NAME, "mpemu-zygote");
	descriptors_settle(link, NULL, 0);
	arguments_find();
	arguments_blank();
	while (packet_receive(LINK, &request, sizeof(request), fds, countof(fds), &count) > 0) {
		children_reap();
		if (count == 1)
			request_serve(fds[0], room);
		for (size_t i = 0; i < count; i++)
			close(fds[i]);
	}
	_exit(0);
}

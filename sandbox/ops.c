/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Running ops one after the other; those of the first process; and init, which it becomes.
 */
#include "sandbox/ops_internal.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/futex.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

void tell(const struct child *child, const struct message *message)
{
	SYS(sendto, slot(child, SLOT_LINK), message, sizeof(*message), (unsigned long)MSG_NOSIGNAL,
	    NULL, 0UL);
}

int descriptor_send(int socket, const void *bytes, size_t size, int fd)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(fd))] = {};
	struct iovec part = { (void *)(uintptr_t)bytes, size };
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	return SYS(sendmsg, socket, &message, MSG_NOSIGNAL) < 0 ? -1 : 0;
}

/* ---- the first process ---- */

/** Whether the parent's end of the link is still open. */
static bool parent_lives(const struct child *child)
{
	char byte;

	return SYS(recvfrom, slot(child, SLOT_LINK), &byte, 1UL,
		   (unsigned long)(MSG_PEEK | MSG_DONTWAIT), NULL, NULL) != 0;
}

static int do_become(struct child *child, const struct op *op)
{
	(void)op;
	if (groups_set(0, NULL) < 0 || SYS(setresgid, 0, 0, 0) < 0 || SYS(setresuid, 0, 0, 0) < 0)
		return -1;
	/* Only now: changing ids clears it.  A parent that died before is seen by the link. */
	if (SYS(prctl, PR_SET_PDEATHSIG, (unsigned long)SIGKILL, 0UL, 0UL, 0UL) < 0)
		return -1;
	if (!parent_lives(child))
		SYS(exit_group, 0);
	SYS(umask, 0);
	SYS(prctl, PR_SET_NAME, "init", 0UL, 0UL, 0UL);
	return SYS(prctl, PR_SET_DUMPABLE, 0UL, 0UL, 0UL, 0UL);
}

/** Best effort: settings may be read-only in a container around us. */
static void setting_write(const char *path, const char *value)
{
	int fd = SYS(openat, AT_FDCWD, path, O_WRONLY | O_CLOEXEC);

	if (fd >= 0)
		SYS(write, fd, value, strlen(value));
	shut(fd);
}

static int do_loopback(struct child *child, const struct op *op)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd = SYS(socket, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), status;

	(void)child;
	if (fd < 0)
		return -1;
	status = SYS(ioctl, fd, SIOCSIFFLAGS, &request);
	shut(fd);
	/* In a network of its own any program may have any port, and ping: as Docker has it. */
	setting_write("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0");
	setting_write("/proc/sys/net/ipv4/ping_group_range", op->data);
	return status;
}

static int do_hostname(struct child *child, const struct op *op)
{
	(void)child;
	return SYS(sethostname, op->path, strlen(op->path));
}

static int do_queues(struct child *child, const struct op *op)
{
	(void)child;
	(void)op;
	return SYS(unshare, CLONE_NEWIPC);
}

static int do_groups(struct child *child, const struct op *op)
{
	(void)child;
	(void)op;
	return SYS(unshare, CLONE_NEWCGROUP);
}

/** Hand the parent a descriptor, if there is one, that is ours no more. */
static void descriptor_tell(const struct child *child, enum message_kind kind, int fd)
{
	const struct message message = { .kind = kind };

	if (fd >= 0)
		(void)descriptor_send(slot(child, SLOT_LINK), &message, sizeof(message), fd);
	shut(fd);
}

static uint64_t microseconds(struct timeval time)
{
	return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_usec;
}

/**
 * Orphans are ours, so without children we are alone; to kill all, the kernel looks at every
 * process of the host.
 */
static void rest_end(void)
{
	int pid = SYS(wait4, -1, NULL, __WALL | WNOHANG, NULL);

	if (pid < 0 && errno == ECHILD)
		return;
	SYS(kill, -1, SIGKILL);
	do
		pid = SYS(wait4, -1, NULL, __WALL, NULL);
	while (pid > 0 || errno == EINTR);
}

/**
 * Reap until the main process ends, then kill and reap what it left behind: the parent need not
 * wait until we are gone, and all mounts with us.
 */
[[gnu::noreturn]] static void init_run(struct child *child, int main_pid, int listener)
{
	struct message message = { .kind = MESSAGE_EXIT };
	struct rusage usage = {};
	int status, pid;

	for (size_t i = 1; i < child->slot_count; i++) {
		if (i != SLOT_RULES)
			close_slot(child, (int)i);
	}
	for (int fd = 0; fd < 3; fd++)
		shut(fd);
	(void)capabilities_set(0);
	if (listener)
		descriptor_tell(child, MESSAGE_LISTENER, listener);
	/* For signals.  Where it cannot be had, there is only SIGKILL for all. */
	descriptor_tell(child, MESSAGE_STARTED, SYS(pidfd_open, main_pid, 0U));
	do
		pid = SYS(wait4, -1, &status, __WALL, NULL);
	while (pid != main_pid && (pid > 0 || errno == EINTR));
	rest_end();
	SYS(getrusage, RUSAGE_CHILDREN, &usage);
	message.wait_status = status;
	message.user_us = microseconds(usage.ru_utime);
	message.system_us = microseconds(usage.ru_stime);
	message.peak_bytes = (uint64_t)usage.ru_maxrss * 1024;
	tell(child, &message);
	SYS(exit_group, 0);
	__builtin_unreachable();
}

[[gnu::noreturn]] static void give_up(const struct child *child)
{
	struct message message = {
		.kind = MESSAGE_OP_FAILED,
		.sys = errno,
		.phase = child->phase,
		.op = (uint32_t)child->at,
	};

	tell(child, &message);
	SYS(exit_group, 1);
	__builtin_unreachable();
}

[[gnu::noreturn]] static void ops_continue(struct child *child);

/* ---- the main process ---- */

enum { STACK_SIZE = 64 << 10, LEAVER_SIZE = 16 << 10 };

/** The main process: what comes after the fork. */
static int main_run(void *closure)
{
	struct child *child = closure;

	child->at++;
	ops_continue(child);
}

/** Whose turn it is between init and a main process that was made in advance. */
enum turn { TURN_PREPARE, TURN_INIT, TURN_MAIN };

/**
 * That main process.  It shares init's memory and descriptors, so only one of the two runs at any
 * time, but for the end of the old root.
 */
static struct {
	int pid; /* 0: there is none */
	int turn;
	int is_here;         /* the kernel sets it to 0 when the process leaves our memory */
	int root_gone;       /* the old root is detached; 0 while init is at it */
	int sys;             /* errno of what it could not do in advance */
	struct child ahead;  /* what it does in advance */
	struct child *child; /* what it does when it is known what to run */
	uint64_t root;       /* mount of the new one */
	_Alignas(16) char stack[STACK_SIZE], leaver[LEAVER_SIZE];
} early;

static void word_await(int *word, int unwanted)
{
	while (__atomic_load_n(word, __ATOMIC_ACQUIRE) == unwanted)
		SYS(futex, word, FUTEX_WAIT, unwanted, NULL, NULL, 0);
}

static void word_set(int *word, int value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
	SYS(futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

/** What the filter refuses is done before it; the rest when it is known what to run. */
static int early_run(void *closure)
{
	(void)closure;
	if (!ops_run(&early.ahead))
		early.sys = errno;
	word_set(&early.turn, TURN_INIT);
	word_await(&early.turn, TURN_INIT);
	/* From here on, its descriptors are its own. */
	if (SYS(close_range, ~0U, ~0U, CLOSE_RANGE_UNSHARE) < 0)
		SYS(exit_group, 1);
	return main_run(early.child);
}

static int do_main(struct child *child, const struct op *op)
{
	const int flags = CLONE_VM | CLONE_FILES | CLONE_CHILD_CLEARTID | SIGCHLD;

	early.ahead = *child;
	early.ahead.at++;
	early.ahead.op_count = early.ahead.at + op->count;
	early.turn = TURN_PREPARE;
	early.is_here = 1;
	early.pid =
		clone(early_run, early.stack + STACK_SIZE, flags, NULL, NULL, NULL, &early.is_here);
	if (early.pid < 0)
		return -1;
	word_await(&early.turn, TURN_PREPARE);
	child->at = early.sys ? early.ahead.at : child->at + op->count;
	errno = early.sys;
	return early.sys ? -1 : 0;
}

void root_await(void)
{
	/* It is detached some time before that is said. */
	const struct timespec look_again = { .tv_nsec = 50000 };
	uint64_t root = mount_id(AT_FDCWD, "/");

	while (!__atomic_load_n(&early.root_gone, __ATOMIC_ACQUIRE) &&
	       (!root || mount_id(AT_FDCWD, "/..") != root))
		SYS(futex, &early.root_gone, FUTEX_WAIT, 0, &look_again, NULL, 0);
}

/**
 * A thread of init's.  The kernel waits for all CPUs when it has detached the old root, often until
 * the program has ended: only this thread waits with it.  It shares errno with the others, and so
 * sets it only where nothing goes on.
 */
static int old_root_leave(void *closure)
{
	const struct child *child = closure;

	if (old_root_drop(early.root) < 0)
		give_up(child);
	word_set(&early.root_gone, 1);
	SYS(exit, 0);
	__builtin_unreachable();
}

[[gnu::noreturn]] static void early_continue(struct child *child, int root)
{
	const int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD;

	early.child = child;
	early.root = mount_id(root, "");
	word_set(&early.turn, TURN_MAIN);
	if (clone(old_root_leave, early.leaver + LEAVER_SIZE, flags, child) < 0)
		give_up(child);
	word_await(&early.is_here, 1);
	init_run(child, early.pid, early.ahead.listener);
}

/**
 * Init waits in its memory until the program is executed or has failed, so there is nothing to
 * copy; on a stack of its own, since init's goes on from here.
 */
static int do_fork(struct child *child, const struct op *op)
{
	_Alignas(16) char stack[STACK_SIZE];
	int pid;

	if (early.pid && !child->fresh_main)
		early_continue(child, slot(child, op->at));
	/* Its list relies on what the other one has done: without that, nothing may run. */
	if (!child->fresh_main) {
		errno = ESRCH;
		return -1;
	}
	if (old_root_drop(mount_id(slot(child, op->at), "")) < 0)
		return -1;
	if (early.pid) {
		SYS(kill, early.pid, SIGKILL);
		SYS(wait4, early.pid, NULL, __WALL, NULL);
		if (early.ahead.listener)
			shut(early.ahead.listener);
	}
	early.root_gone = 1;
	pid = clone(main_run, stack + STACK_SIZE, CLONE_VM | CLONE_VFORK | SIGCHLD, child);
	if (pid > 0)
		init_run(child, pid, 0);
	return pid;
}

/* clang-format off */
static int (*const doers[OP_KINDS])(struct child *child, const struct op *op) = {
	[OP_BECOME]            = do_become,
	[OP_LOOPBACK]          = do_loopback,
	[OP_HOSTNAME]          = do_hostname,
	[OP_QUEUES]            = do_queues,
	[OP_GROUPS]            = do_groups,
	[OP_FILESYSTEM]        = do_filesystem,
	[OP_CLONE]             = do_clone,
	[OP_ATTACH]            = do_attach,
	[OP_SUBTREE]           = do_subtree,
	[OP_COVER]             = do_cover,
	[OP_MASK]              = do_mask,
	[OP_PROTECT]           = do_protect,
	[OP_READ_ONLY]         = do_read_only,
	[OP_DIRECTORY]         = do_directory,
	[OP_FILE]              = do_file,
	[OP_LINK]              = do_link,
	[OP_WRITE]             = do_write,
	[OP_OPEN]              = do_open,
	[OP_OVERLAY]           = do_overlay,
	[OP_ENTER]             = do_enter,
	[OP_PIVOT]             = do_pivot,
	[OP_WORKDIR]           = do_workdir,
	[OP_MAIN]              = do_main,
	[OP_FORK]              = do_fork,
	[OP_SESSION]           = do_session,
	[OP_TERMINAL]          = do_terminal,
	[OP_KEYRING]           = do_keyring,
	[OP_SIGNALS]           = do_signals,
	[OP_STREAMS]           = do_streams,
	[OP_LIMIT]             = do_limit,
	[OP_CHDIR]             = do_chdir,
	[OP_BOUND]             = do_bound,
	[OP_NO_NEW_PRIVILEGES] = do_no_new_privileges,
	[OP_PERSONALITY]       = do_personality,
	[OP_USER]              = do_user,
	[OP_CAPABILITIES]      = do_capabilities,
	[OP_SCOPE]             = do_scope,
	[OP_FILTER]            = do_filter,
	[OP_EXEC]              = do_exec,
};
/* clang-format on */

bool ops_run(struct child *child)
{
	for (; child->at < child->op_count; child->at++) {
		const struct op *op = &child->ops[child->at];

		if (doers[op->kind](child, op) < 0)
			return false;
	}
	return true;
}

static void ops_continue(struct child *child)
{
	if (!ops_run(child))
		give_up(child);
	SYS(exit_group, 0);
	__builtin_unreachable();
}

/* ---- what is to run ---- */

/** One packet, with up to DESCRIPTORS_MAX descriptors; its length, 0 where the parent gave up. */
static long packet_receive(int link, void *data, size_t size, int *fds, size_t *count)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(DESCRIPTORS_MAX * sizeof(int))];
	struct iovec part = { data, size };
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *header;
	long got;

	do
		got = SYS(recvmsg, link, &message, MSG_CMSG_CLOEXEC);
	while (got < 0 && errno == EINTR);
	header = CMSG_FIRSTHDR(&message);
	*count = header ? (header->cmsg_len - CMSG_LEN(0)) / sizeof(int) : 0;
	if (*count)
		memcpy(fds, CMSG_DATA(header), *count * sizeof(int));
	return got;
}

/** The list itself; its pointers hold here, since the room is where it was packed. */
static bool list_receive(int link, char *room, size_t length)
{
	size_t ignored;

	for (size_t at = 0; at < length;) {
		long got = packet_receive(link, room + at, length - at, NULL, &ignored);

		if (got <= 0)
			return false;
		at += (size_t)got;
	}
	return true;
}

/** Wait for what is to run; the slots that the blank has filled go on being filled. */
static struct child *own_receive(struct child *blank, void *room, size_t room_size)
{
	struct handover handover;
	int fds[DESCRIPTORS_MAX], link = slot(blank, SLOT_LINK);
	struct child *own = room;
	size_t count;

	if (packet_receive(link, &handover, sizeof(handover), fds, &count) != sizeof(handover) ||
	    handover.length > room_size || !list_receive(link, room, handover.length) ||
	    count != 3 + own->source_count)
		SYS(exit_group, 0); /* the parent gave up */
	for (int i = 0; i < SLOT_FIRST_FREE; i++)
		own->slots[i] = slot(blank, i);
	memcpy(&own->slots[SLOT_INPUT], fds, 3 * sizeof(int));
	memcpy(&own->slots[own->source_slot], fds + 3, own->source_count * sizeof(int));
	return own;
}

/**
 * Only the link stays, as LINK, and mounts that came from outside; 0, 1 and 2 stay taken, so that
 * nothing gets these numbers.
 */
static bool descriptors_settle(struct child *child)
{
	enum { LINK = 3 };
	static const int kept[] = { SLOT_ENGINE, SLOT_DEVICES };
	int link = slot(child, SLOT_LINK), next = LINK + 1;

	for (size_t i = 0; i < countof(kept); i++) {
		int fd = slot(child, kept[i]);

		/* Out of the way, then down. */
		if (fd >= 0 &&
		    slot_set(child, kept[i],
			     SYS(fcntl, fd, F_DUPFD_CLOEXEC, LINK + 1 + (int)countof(kept))) < 0)
			return false;
	}
	for (int fd = 0; fd <= LINK; fd++) {
		if (fd != link && SYS(dup3, link, fd, O_CLOEXEC) < 0)
			return false;
	}
	(void)slot_set(child, SLOT_LINK, LINK);
	for (size_t i = 0; i < countof(kept); i++) {
		if (slot(child, kept[i]) >= 0 &&
		    slot_set(child, kept[i], SYS(dup3, slot(child, kept[i]), next++, O_CLOEXEC)) <
			    0)
			return false;
	}
	return SYS(close_range, (unsigned)next, ~0U, 0U) == 0;
}

void blank_run(struct child *child, void *room, size_t room_size)
{
	struct child *own;

	if (!descriptors_settle(child) || !ops_run(child))
		give_up(child);
	for (size_t i = SLOT_FIRST_FREE; i < child->slot_count; i++)
		close_slot(child, (int)i);
	close_slot(child, SLOT_ENGINE);
	close_slot(child, SLOT_DEVICES);
	own = own_receive(child, room, room_size);
	ops_continue(own);
}

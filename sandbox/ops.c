/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Running ops one after the other; those of the first process; and init, which it becomes.
 */
#include "sandbox/ops_internal.h"

#include <fcntl.h>
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

/** Packets of descriptors hold at most this many (SCM_MAX_FD). */
enum { RECEIVE_MAX = 253 };

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

static int do_receive(struct child *child, const struct op *op)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(RECEIVE_MAX * sizeof(int))];
	char go;
	struct iovec bytes = { &go, 1 };
	struct msghdr message = {
		.msg_iov = &bytes,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *header;
	long got = SYS(recvmsg, slot(child, SLOT_LINK), &message, MSG_CMSG_CLOEXEC);

	if (got == 0)
		SYS(exit_group, 0); /* the parent gave up */
	if (got < 0)
		return -1;
	if (!op->count)
		return 0;
	header = CMSG_FIRSTHDR(&message);
	if (!header || header->cmsg_len != CMSG_LEN(op->count * sizeof(int))) {
		errno = EMFILE;
		return -1;
	}
	memcpy(child->slots + op->to, CMSG_DATA(header), op->count * sizeof(int));
	return 0;
}

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
	if (SYS(setgroups, 0UL, NULL) < 0 || SYS(setresgid, 0, 0, 0) < 0 ||
	    SYS(setresuid, 0, 0, 0) < 0)
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

[[gnu::noreturn]] static void ops_continue(struct child *child, size_t from);

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

/** Hand the parent a handle for signals.  Where it cannot be had, it has only SIGKILL for all. */
static void started_tell(const struct child *child, int main_pid)
{
	const struct message message = { .kind = MESSAGE_STARTED };
	int fd = SYS(pidfd_open, main_pid, 0U);

	if (fd >= 0)
		(void)descriptor_send(slot(child, SLOT_LINK), &message, sizeof(message), fd);
	shut(fd);
}

static uint64_t microseconds(struct timeval time)
{
	return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_usec;
}

/**
 * Reap until the main process ends, report and leave: with its first process, the kernel kills
 * the whole namespace, and the parent hears of our end only after that.
 */
[[gnu::noreturn]] static void init_run(struct child *child, int main_pid, int kept)
{
	struct message message = { .kind = MESSAGE_EXIT };
	struct rusage usage = {};
	int status, pid;

	for (size_t i = 1; i < child->slot_count; i++) {
		if ((int)i != kept)
			close_slot(child, (int)i);
	}
	for (int fd = 0; fd < 3; fd++)
		shut(fd);
	(void)capabilities_set(0);
	started_tell(child, main_pid);
	do
		pid = SYS(wait4, -1, &status, __WALL, NULL);
	while (pid != main_pid && (pid > 0 || errno == EINTR));
	SYS(getrusage, RUSAGE_CHILDREN, &usage);
	message.wait_status = status;
	message.user_us = microseconds(usage.ru_utime);
	message.system_us = microseconds(usage.ru_stime);
	message.peak_bytes = (uint64_t)usage.ru_maxrss * 1024;
	tell(child, &message);
	SYS(exit_group, 0);
	__builtin_unreachable();
}

/** The main process: what comes after the fork. */
static int main_run(void *closure)
{
	struct child *child = closure;

	ops_continue(child, child->at + 1);
}

/**
 * Init waits in its memory until the program is executed or has failed, so there is nothing to
 * copy; on a stack of its own, since init's goes on from here.
 */
static int do_fork(struct child *child, const struct op *op)
{
	enum { STACK_SIZE = 64 << 10 };
	_Alignas(16) char stack[STACK_SIZE];
	int pid = clone(main_run, stack + STACK_SIZE, CLONE_VM | CLONE_VFORK | SIGCHLD, child);

	if (pid > 0)
		init_run(child, pid, op->pair);
	return pid;
}

/* clang-format off */
static int (*const doers[OP_KINDS])(struct child *child, const struct op *op) = {
	[OP_RECEIVE]           = do_receive,
	[OP_BECOME]            = do_become,
	[OP_LOOPBACK]          = do_loopback,
	[OP_HOSTNAME]          = do_hostname,
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
	[OP_WORKDIR]           = do_workdir,
	[OP_FORK]              = do_fork,
	[OP_SESSION]           = do_session,
	[OP_TERMINAL]          = do_terminal,
	[OP_KEYRING]           = do_keyring,
	[OP_STREAMS]           = do_streams,
	[OP_LIMIT]             = do_limit,
	[OP_CHDIR]             = do_chdir,
	[OP_BOUND]             = do_bound,
	[OP_NO_NEW_PRIVILEGES] = do_no_new_privileges,
	[OP_USER]              = do_user,
	[OP_CAPABILITIES]      = do_capabilities,
	[OP_SCOPE]             = do_scope,
	[OP_FILTER]            = do_filter,
	[OP_EXEC]              = do_exec,
};
/* clang-format on */

/**
 * Move what the parent left us past every number in use and close the rest: descriptors of other
 * threads' work (and of other sandboxes) must not live on in init.  0, 1 and 2 stay taken, so that
 * nothing else gets these numbers.
 */
static int descriptors_settle(struct child *child)
{
	int base = 3, end = SLOT_FIRST_FREE;

	for (int i = 0; i < end; i++)
		base = child->slots[i] >= base ? child->slots[i] + 1 : base;
	for (int i = 0; i < end; i++) {
		if (SYS(dup3, child->slots[i], base + i, O_CLOEXEC) < 0)
			return -1;
		child->slots[i] = base + i;
	}
	for (int fd = 0; fd < 3; fd++)
		SYS(dup3, base + SLOT_LINK, fd, O_CLOEXEC);
	if (SYS(close_range, 3U, (unsigned)base - 1, 0U) < 0 && base > 3)
		return -1;
	return SYS(close_range, (unsigned)(base + end), ~0U, 0U);
}

[[gnu::noreturn]] static void give_up(const struct child *child, size_t at)
{
	struct message message = {
		.kind = MESSAGE_OP_FAILED,
		.sys = errno,
		.op = (uint32_t)at,
	};

	tell(child, &message);
	SYS(exit_group, 1);
	__builtin_unreachable();
}

static void ops_continue(struct child *child, size_t from)
{
	for (child->at = from; child->at < child->op_count; child->at++) {
		const struct op *op = &child->ops[child->at];

		if (doers[op->kind](child, op) < 0)
			give_up(child, child->at);
	}
	SYS(exit_group, 0);
	__builtin_unreachable();
}

/** Guests may read what init's argv and environment were. */
static void arguments_blank(const struct child *child)
{
	volatile char *bytes = child->arguments;

	for (size_t i = 0; i < child->arguments_size; i++)
		bytes[i] = '\0';
}

void ops_run(struct child *child)
{
	arguments_blank(child);
	if (descriptors_settle(child) < 0)
		give_up(child, 0);
	ops_continue(child, 0);
}

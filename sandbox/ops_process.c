/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Ops of the main process: it gives up what it shall not have, then becomes the program.
 */
#include "sandbox/ops_internal.h"
#include "sandbox/users.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

int capabilities_set(uint64_t set)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {
		{ (uint32_t)set, (uint32_t)set, 0 },
		{ (uint32_t)(set >> 32), (uint32_t)(set >> 32), 0 },
	};

	return SYS(capset, &header, data);
}

/** Whether the namespace was made by somebody without rights, whose groups may shut him out. */
static bool groups_are_fixed(void)
{
	int fd = SYS(openat, AT_FDCWD, "/proc/self/setgroups", O_RDONLY | O_CLOEXEC);
	char word[4] = {};
	bool is_read = fd >= 0 && SYS(read, fd, word, sizeof(word)) == (long)sizeof(word);

	shut(fd);
	return is_read && memcmp(word, "deny", sizeof(word)) == 0;
}

int groups_set(size_t count, const gid_t *groups)
{
	if (SYS(setgroups, count, groups) == 0)
		return 0;
	if (errno == EPERM && groups_are_fixed())
		return 0;
	errno = EPERM;
	return -1;
}

static uint64_t capabilities_permitted(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {};

	SYS(capget, &header, data);
	return (uint64_t)data[1].permitted << 32 | data[0].permitted;
}

/* ---- the main process ---- */

int do_session(struct child *child, const struct op *op)
{
	(void)child;
	(void)op;
	return SYS(setsid) < 0 ? -1 : 0;
}

/** /dev/console is the terminal too. */
static int console_make(int terminal)
{
	int file = SYS(openat, AT_FDCWD, "/dev/console",
		       O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int tree = file < 0 ? -1
			    : open_tree(terminal, "",
					OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	int status = tree < 0 ? -1
			      : move_mount(tree, "", file, "",
					   MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);

	shut(tree);
	shut(file);
	return status;
}

/**
 * A terminal of the sandbox's own devpts: programs find it there by name, and nothing that is
 * written to it reaches ours but as bytes.
 */
int do_terminal(struct child *child, const struct op *op)
{
	int master = SYS(openat, AT_FDCWD, "/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	int unlocked = 0, peer, status;

	if (master < 0)
		return -1;
	SYS(ioctl, master, TIOCSWINSZ, op->data);
	if (SYS(ioctl, master, TIOCSPTLCK, &unlocked) < 0 ||
	    (peer = SYS(ioctl, master, TIOCGPTPEER, (long)(O_RDWR | O_NOCTTY | O_CLOEXEC))) < 0) {
		shut(master);
		return -1;
	}
	for (int i = 0; i < 3; i++)
		(void)slot_set(child, op->to + i, peer);
	status = SYS(fchown, peer, (uid_t)op->number, (gid_t)-1) < 0 ||
				 SYS(ioctl, peer, TIOCSCTTY, 0L) < 0 || console_make(peer) < 0
			 ? -1
			 : descriptor_send(slot(child, SLOT_INPUT), "t", 1, master);
	shut(master);
	return status;
}

int do_keyring(struct child *child, const struct op *op)
{
	(void)child;
	(void)op;
	if (SYS(keyctl, (long)KEYCTL_JOIN_SESSION_KEYRING, NULL, 0UL, 0UL, 0UL) < 0)
		return errno == ENOSYS || errno == EDQUOT || errno == EPERM ? 0 : -1;
	return 0;
}

/** The parent may block and ignore some. */
int do_signals(struct child *child, const struct op *op)
{
	/* The kernel's own struct: all zero is SIG_DFL without flags. */
	const uint64_t action[4] = {}, none = 0;

	(void)child;
	(void)op;
	/* Two of them fail: nobody decides about SIGKILL and SIGSTOP. */
	for (int number = 1; number < 65; number++)
		SYS(rt_sigaction, number, action, NULL, sizeof(none));
	return SYS(rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof(none));
}

/** The link stays open until exec, for what goes wrong there; all others go now. */
int do_streams(struct child *child, const struct op *op)
{
	int link = slot(child, SLOT_LINK);

	for (int fd = 0; fd < 3; fd++) {
		if (SYS(dup3, slot(child, op->from + fd), fd, 0) < 0)
			return -1;
	}
	if (link > 3 && SYS(close_range, 3U, (unsigned)link - 1, 0U) < 0)
		return -1;
	return SYS(close_range, (unsigned)link + 1, ~0U, 0U);
}

int do_limit(struct child *child, const struct op *op)
{
	const uint64_t *want = op->data;
	struct rlimit64 now, limit = { want[0], want[1] };

	(void)child;
	if (SYS(prlimit64, 0, (unsigned)op->number, &limit, NULL) == 0)
		return 0;
	if (SYS(prlimit64, 0, (unsigned)op->number, NULL, &now) < 0)
		return -1;
	/* Raising the hard limit takes a privilege of the host: give what there is. */
	if (limit.rlim_max > now.rlim_max)
		limit.rlim_max = now.rlim_max;
	if (limit.rlim_cur > limit.rlim_max)
		limit.rlim_cur = limit.rlim_max;
	return SYS(prlimit64, 0, (unsigned)op->number, &limit, NULL);
}

/** A directory outside of the root has no path from it: the kernel says "(unreachable)". */
int do_chdir(struct child *child, const struct op *op)
{
	char path[4096];

	if (SYS(fchdir, slot(child, op->at)) < 0 || SYS(getcwd, path, sizeof(path)) < 0)
		return -1;
	if (path[0] != '/') {
		errno = EXDEV;
		return -1;
	}
	return 0;
}

int do_bound(struct child *child, const struct op *op)
{
	(void)child;
	if (SYS(prctl, PR_CAP_AMBIENT, (unsigned long)PR_CAP_AMBIENT_CLEAR_ALL, 0UL, 0UL, 0UL) < 0)
		return -1;
	for (unsigned long number = 0; number < 64; number++) {
		if (op->number >> number & 1)
			continue;
		if (SYS(prctl, PR_CAPBSET_DROP, number, 0UL, 0UL, 0UL) < 0)
			return errno == EINVAL ? 0 : -1; /* past the last one there is */
	}
	return 0;
}

int do_no_new_privileges(struct child *child, const struct op *op)
{
	(void)child;
	(void)op;
	return SYS(prctl, PR_SET_NO_NEW_PRIVS, 1UL, 0UL, 0UL, 0UL);
}

int do_personality(struct child *child, const struct op *op)
{
	(void)child;
	return SYS(personality, op->number) < 0 ? -1 : 0;
}

/** What comes after it takes the right to limit oneself without giving up all privileges. */
int do_user(struct child *child, const struct op *op)
{
	const struct user *user = op->data;
	uint64_t all = capabilities_permitted();

	(void)child;
	SYS(umask, 022);
	if (SYS(prctl, PR_SET_KEEPCAPS, 1UL, 0UL, 0UL, 0UL) < 0 ||
	    groups_set(user->group_count, user->groups) < 0 ||
	    SYS(setresgid, user->gid, user->gid, user->gid) < 0 ||
	    SYS(setresuid, user->uid, user->uid, user->uid) < 0 || capabilities_set(all) < 0)
		return -1;
	/* Changing ids may have undone it, for init too, whose memory this still is. */
	return SYS(prctl, PR_SET_DUMPABLE, 0UL, 0UL, 0UL, 0UL);
}

int do_capabilities(struct child *child, const struct op *op)
{
	(void)child;
	return capabilities_set(op->number);
}

int do_scope(struct child *child, const struct op *op)
{
	/* Since Linux 6.12; headers may be older than the kernel. */
	const struct {
		uint64_t files, network, scoped;
	} rules = { 0, 0, op->number };
	int fd = SYS(landlock_create_ruleset, &rules, sizeof(rules), 0U), status;

	(void)child;
	if (fd < 0)
		return -1;
	status = SYS(landlock_restrict_self, fd, 0U);
	shut(fd);
	return status;
}

/** Speculation is left as it is: the old default costs more than it protects here. */
static long filter_set(const struct filter *filter, unsigned flags)
{
	struct sock_fprog program = { filter->count, filter->instructions };

	return SYS(seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW | flags,
		   &program);
}

int do_filter(struct child *child, const struct op *op)
{
	const struct message message = { .kind = MESSAGE_LISTENER };
	unsigned listens = SECCOMP_FILTER_FLAG_NEW_LISTENER;
	long fd;
	int status;

	if (!op->number)
		return (int)filter_set(op->data, 0);
	/* A call that is being answered is not to be made twice; since Linux 5.19. */
	fd = filter_set(op->data, listens | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);
	if (fd < 0 && errno == EINVAL)
		fd = filter_set(op->data, listens);
	/* Somebody around us is asked for all below him: then these calls fail. */
	if (fd < 0 && errno == EBUSY)
		return (int)filter_set(op->data, 0);
	if (fd < 0)
		return -1;
	if (child->phase != PHASE_OWN) {
		child->listener = (int)fd;
		return 0;
	}
	status = descriptor_send(slot(child, SLOT_LINK), &message, sizeof(message), (int)fd);
	shut((int)fd);
	return status;
}

/** Why exec of a file failed: ENOENT of one that is there means that its interpreter is not. */
static int exec_reason(const char *path, int sys)
{
	if (sys == ENOENT && SYS(faccessat, AT_FDCWD, path, F_OK) == 0)
		return ELIBACC;
	return sys;
}

/** As execvp() does: go on where a candidate is not there, and remember one that is forbidden. */
int do_exec(struct child *child, const struct op *op)
{
	const struct program *program = op->data;
	struct message message = { .kind = MESSAGE_EXEC_FAILED, .sys = ENOENT };
	int sys;

	root_await();
	for (const char *const *path = program->candidates; *path; path++) {
		SYS(execve, *path, program->argv, program->envp);
		sys = exec_reason(*path, errno);
		if (sys == ENOENT || sys == ENOTDIR)
			continue;
		message.sys = sys;
		if (sys != EACCES)
			break;
	}
	tell(child, &message);
	SYS(exit_group, message.sys == ENOENT || message.sys == ELIBACC ? 127 : 126);
	__builtin_unreachable();
}

/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Running a compiled sandbox: the parent's side.
 *
 * The child is cloned into all its namespaces at once and waits; we write its id maps, open what
 * it mounts (as root: through mounts that are id-mapped by its namespace), send the descriptors,
 * and from then on read packets until the link closes.  The kernel kills all of a pid namespace
 * with its first process, so ending a sandbox is one signal to one pidfd.
 */
#include "sandbox/cgroup.h"
#include "sandbox/compiled.h"
#include "sandbox/userns.h"
#include "sandbox/watch.h"
#include "sandbox/zygote.h"

#include "base/fd.h"
#include "base/mem.h"
#include "base/progress.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { STUBS_MAX = 32 };

/** Of a program whose time was up, as timeout(1) has it. */
enum { STATUS_TIMEOUT = 124 };

/** A mount point that had to be made in the image; removed when all is over. */
struct stub {
	char *path;
	uint64_t inode;
};

/** One run. */
struct run {
	const struct ctx *ctx;
	const struct sandbox *sandbox;
	bool shifted;
	pid_t pid;
	bool by_zygote; /* it is the zygote's child */
	int pidfd, link;
	bool exited, refused; /* EXIT came; an op failed */
	bool timed_out;
	struct cgroup *cgroup; /* or NULL */
	bool killed;           /* by us, since the program did not end when it was asked to */
	int signal;            /* that ended init, which nothing inside can send */
	struct stub stubs[STUBS_MAX];
	size_t stub_count;
};

/** Where a process's argv and environment are in its memory; found once. */
static struct {
	pthread_once_t once;
	char *start;
	size_t size;
} arguments = { PTHREAD_ONCE_INIT, NULL, 0 };

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
	if (!at || sscanf(at, "%lu %lu %lu %lu", &arg_start, &arg_end, &env_start, &env_end) != 4 ||
	    arg_end != env_start || env_end < arg_start)
		return;
	arguments.start = (char *)arg_start;
	arguments.size = env_end - arg_start;
}

/* ---- what the child gets ---- */

/**
 * A detached mount of `source`.  *unshifted is set where it holds a layer whose file system has no
 * id-mapped mounts.
 */
static int source_open(const struct source *source, int userns, bool *unshifted, struct error *err)
{
	if (source->unmapped)
		userns = -1;
	struct mount_attr change = {
		.attr_set = source->attributes | (userns >= 0 ? MOUNT_ATTR_IDMAP : 0),
		.userns_fd = userns >= 0 ? (uint64_t)userns : 0,
	};
	unsigned flags = AT_EMPTY_PATH | AT_RECURSIVE;
	owned(fd) int fd = open_tree(AT_FDCWD, source->path,
				     OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);

	if (fd < 0)
		return fail_sys(err, "open %s", source->path);
	if (mount_setattr(fd, "", flags, &change, sizeof(change)) == 0)
		return fd_take(&fd);
	if (errno == EINVAL && userns >= 0 && source->is_layer) {
		*unshifted = true;
		return fail_sys(err, "map ids of %s", source->path);
	}
	/* A bind of a file system without: its owners are nobody inside. */
	change.attr_set &= ~(uint64_t)MOUNT_ATTR_IDMAP;
	if (mount_setattr(fd, "", flags, &change, sizeof(change)) < 0)
		return fail_sys(err, "mount attributes of %s", source->path);
	return fd_take(&fd);
}

static void fds_close(int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		fd_drop(&fds[i]);
	free(fds);
}

/** Open all sources; the list is the caller's to close. */
static int *sources_open(const struct sandbox *sandbox, int userns, bool *unshifted,
			 struct error *err)
{
	int *fds = xcalloc(sandbox->source_count, sizeof(*fds));

	for (size_t i = 0; i < sandbox->source_count; i++) {
		fds[i] = source_open(&sandbox->sources[i], userns, unshifted, err);
		if (fds[i] < 0) {
			fds_close(fds, i);
			return NULL;
		}
	}
	return fds;
}

/** Send the go, with descriptors. */
static result descriptors_send(int link, const int *fds, size_t count, struct error *err)
{
	size_t size = count * sizeof(int);
	owned(str) char *control = xcalloc(1, CMSG_SPACE(size));
	struct iovec bytes = { (char[]){ 'g' }, 1 };
	struct msghdr message = { .msg_iov = &bytes, .msg_iovlen = 1 };

	if (count) {
		struct cmsghdr *header;

		message.msg_control = control;
		message.msg_controllen = CMSG_SPACE(size);
		header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(size);
		memcpy(CMSG_DATA(header), fds, size);
	}
	if (sendmsg(link, &message, MSG_NOSIGNAL) < 0)
		return fail_sys(err, "send descriptors");
	return OK;
}

/** Pipes belong to the program's user, so that it may open /dev/stdout again. */
static void streams_give(const struct run *run)
{
	const struct sandbox *sandbox = run->sandbox;
	uid_t uid = sandbox->user.uid + (run->shifted ? SHIFT_FIRST : 0);

	for (size_t i = 0; i < countof(sandbox->streams); i++) {
		struct statfs info;

		/* Best effort: a pipe of somebody else's stays theirs. */
		if (fstatfs(sandbox->streams[i], &info) == 0 && info.f_type == PIPEFS_MAGIC &&
		    fchown(sandbox->streams[i], uid, (gid_t)-1) < 0)
			continue;
	}
}

static result child_prepare(struct run *run, bool *unshifted, struct error *err)
{
	const struct sandbox *sandbox = run->sandbox;
	const struct id_range shift = { 0, SHIFT_FIRST, SHIFT_COUNT };
	owned(str) char *path = xasprintf("/proc/%d/ns/user", (int)run->pid);
	owned(fd) int userns = -1;
	int *fds;
	result status;

	/* Before it makes any process that would not follow. */
	if (run->cgroup && cgroup_add(run->cgroup, run->pid, err))
		return FAILED;
	if (userns_map(run->pid, run->shifted ? &shift : NULL, err))
		return FAILED;
	if (run->shifted) {
		userns = open(path, O_RDONLY | O_CLOEXEC);
		if (userns < 0)
			return fail_sys(err, "open %s", path);
	}
	fds = sources_open(sandbox, userns, unshifted, err);
	if (!fds)
		return FAILED;
	streams_give(run);
	status = descriptors_send(run->link, fds, sandbox->source_count, err);
	fds_close(fds, sandbox->source_count);
	return status;
}

/* ---- what the child says ---- */

/** What an errno of an op means where strerror() does not tell. */
static const struct {
	enum op_kind kind;
	int sys;
	const char *path; /* NULL: any */
	enum fault fault;
	const char *hint;
} hints[] = {
	{ OP_COVER, ELOOP, NULL, FAULT_INPUT, "the image has a symbolic link there" },
	{ OP_COVER, ENOTDIR, NULL, FAULT_INPUT,
	  "a file would cover a directory, or the other way round" },
	{ OP_COVER, EROFS, NULL, FAULT_INPUT,
	  "it is inside of a read-only mount that has no such directory" },
	{ OP_WORKDIR, ELOOP, NULL, FAULT_INPUT, "it leads out of the root, or in circles" },
	{ OP_WORKDIR, ENOTDIR, NULL, FAULT_INPUT, "there is something else in the image" },
	{ OP_COVER, EEXIST, NULL, FAULT_INPUT,
	  "the image has a symbolic link there that leads nowhere" },
	{ OP_COVER, ENOENT, NULL, FAULT_INPUT, "it cannot be made there" },
	{ OP_COVER, EACCES, NULL, FAULT_INPUT, "it cannot be made there" },
	{ OP_WORKDIR, EEXIST, NULL, FAULT_INPUT,
	  "the image has a symbolic link there that leads nowhere" },
	{ OP_WORKDIR, ENOENT, NULL, FAULT_INPUT, "it cannot be made there" },
	{ OP_WORKDIR, EACCES, NULL, FAULT_INPUT, "it cannot be made there" },
	{ OP_WORKDIR, EPERM, NULL, FAULT_INPUT, "it cannot be made there" },
	{ OP_WORKDIR, EROFS, NULL, FAULT_INPUT, "it is inside of a read-only mount" },
	{ OP_CHDIR, EXDEV, NULL, FAULT_INPUT, "it is outside of the root" },
	{ OP_FILESYSTEM, EPERM, "binfmt_misc", FAULT_PRIVILEGE,
	  "it takes Linux 6.7; else run 'sudo mpemu setup'" },
	{ OP_FILESYSTEM, EPERM, "proc", FAULT_PRIVILEGE,
	  "a container around us hides parts of /proc; run it with "
	  "--security-opt systempaths=unconfined" },
	{ OP_FILESYSTEM, EPERM, "sysfs", FAULT_PRIVILEGE,
	  "a container around us hides parts of /sys; run it with "
	  "--security-opt systempaths=unconfined" },
};

static int op_fail(const struct op *op, int sys, struct error *err)
{
	errno = sys;
	(void)fail_sys(err, "sandbox: %s", op->text);
	for (size_t i = 0; i < countof(hints); i++) {
		size_t length = strlen(err->text);

		if (hints[i].kind != op->kind || hints[i].sys != sys ||
		    (hints[i].path && strcmp(hints[i].path, op->path) != 0))
			continue;
		err->fault = hints[i].fault;
		snprintf(err->text + length, sizeof(err->text) - length, " (%s)", hints[i].hint);
	}
	return FAILED;
}

static void stub_remember(struct run *run, const struct message *message)
{
	if (run->stub_count == STUBS_MAX)
		return;
	run->stubs[run->stub_count++] = (struct stub){
		xstrndup(message->path, sizeof(message->path)),
		message->inode,
	};
}

static void exit_take(struct sandbox_exit *out, const struct message *message)
{
	int status = message->wait_status;

	out->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	out->status = out->signal ? 128 + out->signal : WEXITSTATUS(status);
	out->usage.user_us = message->user_us;
	out->usage.system_us = message->system_us;
	out->usage.peak_bytes = message->peak_bytes;
}

static void message_take(struct run *run, const struct message *message, struct sandbox_exit *out,
			 struct error *err)
{
	switch (message->kind) {
	case MESSAGE_OP_FAILED:
		run->refused = true;
		(void)op_fail(&run->sandbox->ops[message->op], message->sys, err);
		break;
	case MESSAGE_STUB:
		stub_remember(run, message);
		break;
	case MESSAGE_EXEC_FAILED:
		out->exec_failed = true;
		out->exec_errno = message->sys;
		break;
	case MESSAGE_STARTED:
		break; /* the watch has it */
	case MESSAGE_EXIT:
		run->exited = true;
		exit_take(out, message);
	}
}

/** Read what the child has to say until nobody can say anything any more. */
static void link_read(struct run *run, struct sandbox_exit *out, struct error *err)
{
	struct watch watch = {
		.ctx = run->ctx,
		.link = run->link,
		.init = run->pidfd,
		.main = -1,
		.signal_fd = run->sandbox->signal_fd ? run->sandbox->signal_fd : -1,
	};
	struct message message;

	watch_limit(&watch, run->sandbox->timeout_ms);
	while (watch_next(&watch, &message))
		message_take(run, &message, out, err);
	run->killed = watch.killed;
	run->timed_out = watch.timed_out;
	watch_end(&watch);
}

/* ---- from the beginning to the end ---- */

/** Clone the child, or have it cloned; in it, this never returns.  0, or an errno. */
static int child_clone(struct run *run, struct child *child)
{
	const struct sandbox *sandbox = run->sandbox;
	struct zygote *zygote = sandbox->privilege.zygote;
	struct clone_args args = {
		.flags = sandbox->namespaces | CLONE_PIDFD | CLONE_CLEAR_SIGHAND,
		.pidfd = (uintptr_t)&run->pidfd,
		.exit_signal = SIGCHLD,
	};
	struct cloned cloned;

	run->by_zygote = zygote && zygote_clone(zygote, child, sandbox->namespaces, &cloned);
	if (run->by_zygote) {
		run->pid = cloned.pid;
		run->pidfd = cloned.pidfd;
		return cloned.sys;
	}
	run->pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (run->pid == 0)
		ops_run(child);
	return run->pid < 0 ? errno : 0;
}

static result child_start(struct run *run, struct error *err)
{
	const struct sandbox *sandbox = run->sandbox;
	size_t slot_count = (size_t)sandbox->slot_count;
	struct child child = {
		.ops = sandbox->ops,
		.op_count = sandbox->op_count,
		.slots = xcalloc(slot_count, sizeof(int)),
		.slot_count = slot_count,
		.arguments = arguments.start,
		.arguments_size = arguments.size,
	};
	int pair[2], sys;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		free(child.slots);
		return fail_sys(err, "socketpair");
	}
	for (size_t i = 0; i < slot_count; i++)
		child.slots[i] = -1;
	child.slots[SLOT_LINK] = pair[1];
	memcpy(&child.slots[SLOT_INPUT], sandbox->streams, sizeof(sandbox->streams));
	sys = child_clone(run, &child);
	free(child.slots);
	close(pair[1]);
	run->link = pair[0];
	if (sys)
		return userns_fail(sys, err);
	return OK;
}

static void child_kill(const struct run *run)
{
	(void)syscall(SYS_pidfd_send_signal, run->pidfd, SIGKILL, NULL, 0L);
}

/** Wait until it, and with it everything in its namespace, is gone. */
static void child_wait(struct run *run)
{
	struct pollfd poll_fd = { .fd = run->pidfd, .events = POLLIN };
	siginfo_t info = {};

	if (run->by_zygote) {
		/* Reaped only now, so that until here its number is nobody else's. */
		while (poll(&poll_fd, 1, -1) < 0 && errno == EINTR)
			;
		run->signal = zygote_reap(run->sandbox->privilege.zygote, run->pid);
		return;
	}
	while (waitid(P_PIDFD, (id_t)run->pidfd, &info, WEXITED | __WALL) < 0 && errno == EINTR)
		;
	run->signal = info.si_code == CLD_EXITED ? 0 : info.si_status;
}

/** Remove one stub from the upper directory, if it is what we made and still empty. */
static void stub_remove(int upper, const struct stub *stub)
{
	struct open_how how = {
		.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
	};
	const char *slash = strrchr(stub->path, '/');
	owned(str) char *parent = NULL;
	owned(fd) int dir = -1;
	struct stat info;

	if (!slash)
		return;
	parent = slash == stub->path ? xstrdup(".")
				     : xstrndup(stub->path + 1, (size_t)(slash - stub->path) - 1);
	dir = (int)syscall(SYS_openat2, upper, parent, &how, sizeof(how));
	if (dir < 0 || fstatat(dir, slash + 1, &info, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	if (S_ISDIR(info.st_mode))
		unlinkat(dir, slash + 1, AT_REMOVEDIR); /* which refuses if it is not empty */
	else if (S_ISREG(info.st_mode) && info.st_size == 0 && info.st_ino == stub->inode)
		unlinkat(dir, slash + 1, 0);
}

static void stubs_remove(struct run *run)
{
	owned(fd) int upper = -1;

	if (run->stub_count)
		upper = open(run->sandbox->upper, O_PATH | O_DIRECTORY | O_CLOEXEC);
	while (run->stub_count) {
		struct stub *stub = &run->stubs[--run->stub_count];

		if (upper >= 0)
			stub_remove(upper, stub);
		free(stub->path);
	}
}

/** How it ended, now that nothing of it is left. */
static result run_judge(const struct run *run, struct sandbox_exit *out, struct error *err)
{
	if (cancel_check(run->ctx, err))
		return FAILED;
	if (run->refused)
		return FAILED; /* err has the op */
	if (!run->exited && (run->killed || out->out_of_memory)) {
		out->timed_out = run->timed_out;
		out->signal = SIGKILL;
		out->status = run->timed_out ? STATUS_TIMEOUT : 128 + SIGKILL;
		return OK;
	}
	if (!run->exited)
		return fail(err, FAULT_SYSTEM, "sandbox: its first process was killed (signal %d)",
			    run->signal);
	return OK;
}

static result run_once(struct run *run, bool *unshifted, struct sandbox_exit *out,
		       struct error *err)
{
	result status = FAILED;

	if (cgroup_new(&run->sandbox->resources, &run->cgroup, err))
		return FAILED;
	if (child_start(run, err) == OK) {
		status = child_prepare(run, unshifted, err);
		if (status)
			child_kill(run);
		else
			link_read(run, out, err);
		child_wait(run);
		out->out_of_memory = run->cgroup && cgroup_out_of_memory(run->cgroup);
		if (status == OK)
			status = run_judge(run, out, err);
		stubs_remove(run);
	}
	cgroup_drop(&run->cgroup);
	fd_drop(&run->pidfd);
	fd_drop(&run->link);
	return status;
}

result sandbox_run(const struct ctx *ctx, const struct sandbox *sandbox, struct sandbox_exit *out,
		   struct error *err)
{
	struct run run = { .ctx = ctx, .sandbox = sandbox, .pidfd = -1, .link = -1 };
	struct sandbox_exit result_exit = {};
	bool unshifted = false;
	struct error own;

	if (cancel_check(ctx, err))
		return FAILED;
	pthread_once(&arguments.once, arguments_find);
	run.shifted = sandbox->privilege.is_root;
	if (run_once(&run, &unshifted, &result_exit, &own) == OK) {
		*out = result_exit;
		return OK;
	}
	if (unshifted) {
		progress_warn(ctx, "%s; root in the sandbox is root on this host", own.text);
		run = (struct run){ .ctx = ctx, .sandbox = sandbox, .pidfd = -1, .link = -1 };
		if (run_once(&run, &unshifted, &result_exit, &own) == OK) {
			*out = result_exit;
			return OK;
		}
	}
	*err = own;
	return FAILED;
}

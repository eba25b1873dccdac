/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Running a compiled sandbox: the parent's side.
 *
 * There is a blank that waits; we open what it mounts (as root: through mounts that are id-mapped
 * by its namespace), send the descriptors and the list of ops, and from then on read packets until
 * it has ended or the link closes.  The kernel kills all of a pid namespace
 * with its first process, so ending a sandbox is one signal to one pidfd.
 */
#include "sandbox/cgroup.h"
#include "sandbox/device.h"
#include "sandbox/door.h"
#include "sandbox/ending.h"
#include "sandbox/prepare.h"
#include "sandbox/refusal.h"
#include "sandbox/userns.h"
#include "sandbox/watch.h"
#include "sandbox/zygote.h"

#include "base/fd.h"
#include "base/mem.h"
#include "base/progress.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/sched.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/** Of a program whose time was up, as timeout(1) has it. */
enum { STATUS_TIMEOUT = 124 };

/** One run. */
struct run {
	const struct ctx *ctx;
	const struct sandbox *sandbox;
	struct zygote *zygote;
	struct blank blank;
	bool exited, refused; /* EXIT came; an op failed */
	bool timed_out, layer_full;
	struct cgroup *cgroup; /* or NULL */
	bool killed;           /* by us, since the program did not end when it was asked to */
};

/* ---- what the child gets ---- */

static int source_fail(const char *what, const char *path, struct error *err)
{
	int sys = errno;

	(void)fail_sys(err, "%s %s", what, path);
	refusal_explain(sys, err);
	return FAILED;
}

/**
 * A detached mount of `source`.  *unshifted is set where it holds a layer whose file system has no
 * id-mapped mounts.
 */
static int source_open(const struct source *source, const char *path, int userns, bool *unshifted,
		       struct error *err)
{
	if (source->unmapped)
		userns = -1;
	/* Else what is mounted inside, with the right to, would be mounted on this host too. */
	struct mount_attr change = {
		.attr_set = source->attributes | (userns >= 0 ? MOUNT_ATTR_IDMAP : 0),
		.propagation = MS_PRIVATE,
		.userns_fd = userns >= 0 ? (uint64_t)userns : 0,
	};
	unsigned flags = AT_EMPTY_PATH | AT_RECURSIVE;
	owned(fd) int fd =
		open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);

	if (fd < 0)
		return source_fail("open", path, err);
	if (mount_setattr(fd, "", flags, &change, sizeof(change)) == 0)
		return fd_take(&fd);
	if (errno == EINVAL && userns >= 0 && source->is_layer) {
		*unshifted = true;
		return fail_sys(err, "map ids of %s", path);
	}
	/* A bind of a file system without: its owners are nobody inside. */
	change.attr_set &= ~(uint64_t)MOUNT_ATTR_IDMAP;
	if (mount_setattr(fd, "", flags, &change, sizeof(change)) < 0)
		return source_fail("mount attributes of", path, err);
	return fd_take(&fd);
}

/** A device is its root's, who is whoever id 0 is. */
static int source_find(const struct run *run, const struct source *source, bool *unshifted,
		       struct error *err)
{
	const char *path = source->path;

	if (source->is_device)
		return device_open(path, run->sandbox->kind.shifted ? SHIFT_FIRST : 0, err);
	if (source->is_group)
		path = cgroup_directory(run->cgroup, source->controller);
	return source_open(source, path, run->blank.userns, unshifted, err);
}

/** Open all sources: descriptors for the child, after those of its streams. */
static bool sources_open(const struct run *run, int *fds, size_t *count, bool *unshifted,
			 struct error *err)
{
	const struct sandbox *sandbox = run->sandbox;

	for (size_t i = 0; i < sandbox->source_count; i++) {
		int fd = source_find(run, &sandbox->sources[i], unshifted, err);

		if (fd < 0)
			return false;
		fds[(*count)++] = fd;
	}
	return true;
}

/** Pipes belong to the program's user, so that it may open /dev/stdout again. */
static void streams_give(const struct run *run)
{
	const struct sandbox *sandbox = run->sandbox;
	uid_t uid = sandbox->user.uid + (sandbox->kind.shifted ? SHIFT_FIRST : 0);

	for (size_t i = 0; i < countof(sandbox->streams); i++) {
		struct statfs info;

		/* Best effort: a pipe of somebody else's stays theirs. */
		if (fstatfs(sandbox->streams[i], &info) == 0 && info.f_type == PIPEFS_MAGIC &&
		    fchown(sandbox->streams[i], uid, (gid_t)-1) < 0)
			continue;
	}
}

static result child_start(struct run *run, const int *fds, size_t count, struct error *err)
{
	const struct sandbox *sandbox = run->sandbox;
	size_t slot_count = (size_t)sandbox->slot_count;
	struct child child = {
		.phase = PHASE_OWN,
		.ops = sandbox->ops,
		.op_count = sandbox->op_count,
		.slots = xcalloc(slot_count, sizeof(int)),
		.slot_count = slot_count,
		.source_slot = sandbox->source_slot,
		.source_count = sandbox->source_count,
		.fresh_main = sandbox->fresh_main,
	};
	result status;

	for (size_t i = 0; i < slot_count; i++)
		child.slots[i] = -1;
	status = blank_start(run->zygote, &run->blank, &child, fds, count, err);
	free(child.slots);
	return status;
}

static result child_prepare(struct run *run, bool *unshifted, struct error *err)
{
	const struct sandbox *sandbox = run->sandbox;
	const size_t streams = countof(sandbox->streams);
	int fds[DESCRIPTORS_MAX];
	size_t count = streams;
	result status = FAILED;

	/* Before it makes any process that would not follow. */
	if (run->cgroup && cgroup_add(run->cgroup, run->blank.pid, err))
		return FAILED;
	memcpy(fds, sandbox->streams, sizeof(sandbox->streams));
	streams_give(run);
	if (sources_open(run, fds, &count, unshifted, err))
		status = child_start(run, fds, count, err);
	while (count > streams)
		close(fds[--count]);
	return status;
}

/* ---- what the child says ---- */

/** The op that failed: of the list, or of what was done in advance. */
static void refusal_take(const struct run *run, const struct message *message, struct error *err)
{
	owned(sandbox) struct sandbox *blank = NULL;

	if (message->phase != PHASE_OWN)
		blank = message->phase == PHASE_BLANK ? blank_compile(&run->sandbox->kind)
						      : lone_compile(&run->sandbox->kind);
	(void)op_fail(&(blank ? blank : run->sandbox)->ops[message->op], message->sys, err);
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
		refusal_take(run, message, err);
		break;
	case MESSAGE_EXEC_FAILED:
		out->exec_failed = true;
		out->exec_errno = message->sys;
		break;
	case MESSAGE_LISTENER:
		break; /* the watch has it */
	case MESSAGE_STARTED:
		zygote_next(run->zygote, &run->sandbox->kind);
		break;
	case MESSAGE_EXIT:
		run->exited = true;
		exit_take(out, message);
	}
}

/** Read what the child has to say until nobody can say anything any more. */
static void link_read(struct run *run, struct sandbox_exit *out, struct error *err)
{
	const struct nodes nodes = {
		.allowed = run->sandbox->kind.makes_devices && run->sandbox->kind.shifted,
		.upper = run->sandbox->upper,
		.userns = run->blank.userns,
	};
	struct watch watch = {
		.ctx = run->ctx,
		.listener = -1,
		.nodes = &nodes,
		.link = run->blank.link,
		.init = run->blank.pidfd,
		.main = -1,
		.signal_fd = run->sandbox->signal_fd ? run->sandbox->signal_fd : -1,
		.sampling = run->sandbox->sampling,
		.door = run->sandbox->door,
	};
	struct message message;
	struct quota quota;

	quota_begin(&quota, run->sandbox->upper, run->sandbox->resources.layer);
	watch.quota = quota.limit ? &quota : NULL;
	watch_limit(&watch, run->sandbox->timeout_ms);
	sampling_begin(watch.sampling);
	while (!run->exited && watch_next(&watch, &message))
		message_take(run, &message, out, err);
	run->killed = watch.killed;
	run->timed_out = watch.timed_out;
	run->layer_full = watch.layer_full;
	sampling_end(watch.sampling, out->usage.user_us + out->usage.system_us);
	quota_end(&quota);
	watch_end(&watch);
	door_close(watch.door);
}

/* ---- from the beginning to the end ---- */

static void child_kill(const struct run *run)
{
	(void)syscall(SYS_pidfd_send_signal, run->blank.pidfd, SIGKILL, NULL, 0L);
}

/**
 * Its first process says that it has ended once nothing else of it is alive, and then goes with all
 * mounts: that need not be waited for.  Else wait until it, and with it everything in its
 * namespace, is gone.
 */
static void child_wait(struct run *run)
{
	int pidfd = fd_take(&run->blank.pidfd);

	fd_drop(&run->blank.link);
	if (run->exited && !run->cgroup)
		ending_add(run->sandbox, pidfd);
	else
		blank_await(pidfd);
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
		out->layer_full = run->layer_full;
		out->signal = SIGKILL;
		out->status = run->timed_out ? STATUS_TIMEOUT : 128 + SIGKILL;
		return OK;
	}
	if (!run->exited)
		return fail(err, FAULT_SYSTEM, "sandbox: its first process was killed");
	return OK;
}

static result run_once(struct run *run, bool *unshifted, struct sandbox_exit *out,
		       struct error *err)
{
	result status;

	if (cgroup_new(&run->sandbox->resources, &run->cgroup, err))
		return FAILED;
	for (size_t i = 0; i < run->sandbox->layer_count; i++)
		ending_await(run->sandbox->layers[i].path);
	status = zygote_blank(run->zygote, &run->sandbox->kind, &run->blank, err);
	if (status == OK) {
		status = child_prepare(run, unshifted, err);
		if (status)
			child_kill(run);
		else
			link_read(run, out, err);
		child_wait(run);
		out->out_of_memory = run->cgroup && cgroup_out_of_memory(run->cgroup);
		if (status == OK)
			status = run_judge(run, out, err);
	}
	cgroup_drop(&run->cgroup);
	return status;
}

/** Once more with our ids, where the file system of the layers has no id-mapped mounts. */
static result run_unshifted(const struct ctx *ctx, const struct sandbox *sandbox,
			    struct zygote *zygote, struct sandbox_exit *out, struct error *err)
{
	struct sandbox same = *sandbox;
	struct run run = { .ctx = ctx, .sandbox = &same, .zygote = zygote };
	bool ignored;

	progress_warn(ctx, "%s; root in the sandbox is root on this host", err->text);
	same.kind.shifted = false;
	return run_once(&run, &ignored, out, err);
}

result sandbox_run(const struct ctx *ctx, const struct sandbox *sandbox, struct sandbox_exit *out,
		   struct error *err)
{
	owned(zygote) struct zygote *own = NULL;
	struct run run = { .ctx = ctx, .sandbox = sandbox };
	struct sandbox_exit ended = {};
	bool unshifted = false;

	if (cancel_check(ctx, err))
		return FAILED;
	if (!sandbox->privilege.zygote && zygote_start(false, &own, err))
		return FAILED;
	run.zygote = own ? own : sandbox->privilege.zygote;
	if (run_once(&run, &unshifted, &ended, err) &&
	    (!unshifted || run_unshifted(ctx, sandbox, run.zygote, &ended, err)))
		return FAILED;
	*out = ended;
	return OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Our side of making a device node.
 *
 * The caller waits in its system call.  What it passes is read once and is ours from then on; its
 * process is looked at by one descriptor of its directory in /proc, so that nobody else can take
 * its place.  In the root, the node is made behind the overlay's back, under a name that nobody
 * knows yet, and gets its own through the overlay, which so has never seen the layer change.
 */
#include "sandbox/nodes.h"
#include "sandbox/caps.h"
#include "sandbox/compiled.h"
#include "sandbox/nodes_internal.h"
#include "sandbox/realm.h"

#include "base/fd.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STATUS_MAX = 16 << 10 };

/* Each returns 0 or an errno, which is what the caller gets; what we may not look at is EPERM. */

/* ---- who asks, and for what ---- */

/** The arguments of mknod() or mknodat(), whatever the architecture; the path's address. */
static int call_read(const struct seccomp_data *data, int *directory, uint64_t *path,
		     struct node_request *request)
{
	owned(str) char *name = seccomp_syscall_resolve_num_arch(data->arch, data->nr);
	bool at = name && strcmp(name, "mknodat") == 0;
	const __u64 *args = data->args + at;

	if (!name || (!at && strcmp(name, "mknod") != 0))
		return ENOSYS;
	*directory = at ? (int)data->args[0] : AT_FDCWD;
	*path = args[0];
	request->mode = (mode_t)(args[1] & (S_IFMT | 07777));
	request->device = (uint32_t)args[2];
	if (!S_ISCHR(request->mode) && !S_ISBLK(request->mode))
		return EINVAL;
	/* 0:0 would hide what is below it. */
	return request->device ? 0 : EPERM;
}

/** Up to its NUL, page by page: what comes behind it may not be there. */
static int path_read(int proc, uint64_t at, struct node_request *request)
{
	enum { PAGE = 4096 };
	owned(fd) int memory = openat(proc, "mem", O_RDONLY | O_CLOEXEC);
	size_t length = 0;

	if (memory < 0)
		return EPERM;
	while (length < sizeof(request->path)) {
		size_t want = PAGE - (at + length) % PAGE;
		ssize_t got;

		if (want > sizeof(request->path) - length)
			want = sizeof(request->path) - length;
		got = pread(memory, request->path + length, want, (off_t)(at + length));
		if (got <= 0)
			return EFAULT;
		if (memchr(request->path + length, '\0', (size_t)got))
			return 0;
		length += (size_t)got;
	}
	return ENAMETOOLONG;
}

/** A line "NAME:\t..." of /proc/PID/status; "" where there is none. */
static const char *status_line(const char *status, const char *name)
{
	owned(str) char *start = xasprintf("\n%s:\t", name);
	const char *found = strstr(status, start);

	return found ? found + strlen(start) : "";
}

/** It has to be root there, with the right to make nodes, and to write where it wants. */
static int rights_read(int proc, struct node_caller *caller)
{
	const uint64_t needed = CAPABILITY_BIT(CAP_MKNOD) | CAPABILITY_BIT(CAP_DAC_OVERRIDE);
	owned(buf) struct buf status = {};
	unsigned long long set, uid, gid;
	struct error ignored;
	unsigned mask;

	if (read_file(proc, "status", STATUS_MAX, &status, &ignored) ||
	    sscanf(status_line(status.data, "CapEff"), "%llx", &set) != 1 ||
	    sscanf(status_line(status.data, "Uid"), "%*u %*u %*u %llu", &uid) != 1 ||
	    sscanf(status_line(status.data, "Gid"), "%*u %*u %*u %llu", &gid) != 1 ||
	    sscanf(status_line(status.data, "Umask"), "%o", &mask) != 1)
		return EPERM;
	if ((set & needed) != needed || uid != SHIFT_FIRST || gid < SHIFT_FIRST)
		return EPERM;
	caller->gid = (gid_t)(gid - SHIFT_FIRST);
	caller->mask = (mode_t)mask;
	return 0;
}

static bool is_same(int a, int b)
{
	struct stat one, other;

	return fstat(a, &one) == 0 && fstat(b, &other) == 0 && one.st_dev == other.st_dev &&
	       one.st_ino == other.st_ino;
}

static int caller_open(const struct nodes *nodes, int proc, int directory,
		       struct node_caller *caller)
{
	char name[32];

	caller->root = openat(proc, "root", O_PATH | O_CLOEXEC);
	caller->userns = openat(proc, "ns/user", O_RDONLY | O_CLOEXEC);
	caller->mountns = openat(proc, "ns/mnt", O_RDONLY | O_CLOEXEC);
	if (caller->root < 0 || caller->mountns < 0 || !is_same(caller->userns, nodes->userns))
		return EPERM;
	snprintf(name, sizeof(name), directory == AT_FDCWD ? "cwd" : "fd/%d", directory);
	caller->directory = openat(proc, name, O_PATH | O_CLOEXEC);
	return caller->directory < 0 ? EBADF : rights_read(proc, caller);
}

static void caller_close(struct node_caller *caller)
{
	fd_drop(&caller->root);
	fd_drop(&caller->directory);
	fd_drop(&caller->userns);
	fd_drop(&caller->mountns);
}

/* ---- the node ---- */

/** In the layer itself, whose ids are the image's; `*dir` is the directory. */
static int layer_make(const struct nodes *nodes, const struct node_request *request,
		      const struct node_place *place, const char *name, int *dir)
{
	owned(fd) int upper = open(nodes->upper, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (upper >= 0)
		*dir = open_plain(upper, place->path + 1, O_RDONLY | O_DIRECTORY, 0);
	if (*dir < 0 ||
	    syscall(SYS_mknodat, *dir, name, (request->mode & S_IFMT) | 0600, request->device) < 0)
		return errno;
	return fchownat(*dir, name, place->uid, place->gid, AT_SYMLINK_NOFOLLOW) < 0 ||
			       fchmodat(*dir, name, place->mode, 0) < 0
		       ? errno
		       : 0;
}

/** In /dev: with the ids that the sandbox's root has on this host, and all of our rights. */
static int direct_make(const struct node_request *request, const struct node_place *place, int dir)
{
	const char *slash = strrchr(request->path, '/');
	const char *name = slash ? slash + 1 : request->path;
	const uid_t uid = SHIFT_FIRST + place->uid;
	const gid_t gid = SHIFT_FIRST + place->gid;
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return errno;
	if (pid == 0) {
		umask(0);
		if (prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP) < 0 ||
		    syscall(SYS_setresgid, gid, gid, gid) < 0 ||
		    syscall(SYS_setresuid, uid, uid, uid) < 0 ||
		    syscall(SYS_mknodat, dir, name, (request->mode & S_IFMT) | place->mode,
			    request->device) < 0)
			_exit(errno);
		_exit(0);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EPERM;
}

/** What the one inside has found, with a descriptor of the directory. */
static bool place_receive(int link, struct node_place *place, int *dir)
{
	size_t count;

	return packet_receive(link, place, sizeof(*place), dir, 1, &count) ==
		       (ssize_t)sizeof(*place) &&
	       count == 1;
}

static void names_make(struct node_names *names)
{
	uint64_t numbers[2] = {};

	(void)!getrandom(numbers, sizeof(numbers), 0);
	snprintf(names->file, sizeof(names->file), ".node-%016llx", (unsigned long long)numbers[0]);
	snprintf(names->node, sizeof(names->node), ".node-%016llx", (unsigned long long)numbers[1]);
}

/** The part of it that is done here, while the other one waits; `*layer` is open if that is it. */
static void node_serve(const struct nodes *nodes, const struct node_request *request,
		       const struct node_names *names, int link, int *layer)
{
	struct node_place *place = xnew(struct node_place);
	owned(fd) int dir = -1;
	int sys;

	if (place_receive(link, place, &dir)) {
		sys = place->is_layer ? layer_make(nodes, request, place, names->node, layer)
				      : direct_make(request, place, dir);
		(void)!send(link, &sys, sizeof(sys), MSG_NOSIGNAL);
	}
	free(place);
}

static int node_make(const struct nodes *nodes, const struct node_request *request,
		     const struct node_caller *caller)
{
	owned(fd) int layer = -1;
	struct node_names names;
	int links[2], status;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, links) < 0)
		return errno;
	names_make(&names);
	pid = fork();
	if (pid == 0)
		node_inside(request, caller, &names, links[1]);
	close(links[1]);
	if (pid > 0)
		node_serve(nodes, request, &names, links[0], &layer);
	close(links[0]);
	if (pid < 0)
		return ENOMEM;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	/* One that did not get its name, maybe since its directory was moved. */
	if (layer >= 0)
		unlinkat(layer, names.node, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : EPERM;
}

/* ---- questions and answers ---- */

static int question_answer(const struct nodes *nodes, int listener,
			   const struct seccomp_notif *asked, struct node_request *request)
{
	struct node_caller caller = { -1, -1, -1, -1, 0, 0 };
	owned(str) char *directory = xasprintf("/proc/%u", asked->pid);
	owned(fd) int proc = -1;
	uint64_t path;
	int from, sys = call_read(&asked->data, &from, &path, request);

	if (sys || !nodes->allowed)
		return sys ? sys : EPERM;
	proc = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	/* It still waits, so it is the one whose number this is. */
	if (proc < 0 || ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &asked->id) < 0)
		return EPERM;
	sys = path_read(proc, path, request);
	if (!sys)
		sys = caller_open(nodes, proc, from, &caller);
	if (!sys)
		sys = node_make(nodes, request, &caller);
	caller_close(&caller);
	return sys;
}

bool nodes_serve(const struct nodes *nodes, int listener)
{
	struct node_request *request;
	struct seccomp_notif asked = {};
	struct seccomp_notif_resp answer = {};

	/* ENOENT: it was killed before. */
	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &asked) < 0)
		return errno == ENOENT || errno == EINTR;
	request = xnew(struct node_request);
	answer.id = asked.id;
	answer.error = -question_answer(nodes, listener, &asked, request);
	(void)ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
	free(request);
	return true;
}

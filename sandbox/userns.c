/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Becoming root over our own files without being root: a user namespace with the caller's
 * subordinate ids, which newuidmap and newgidmap hand out.
 */
#include "sandbox/userns.h"
#include "sandbox/compiled.h"

#include "base/fd.h"
#include "base/mem.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SMALL_FILE_MAX = 1 << 20 };

/** Switches that forbid user namespaces: the value that does, and what to type. */
static const struct {
	const char *path;
	char bad;
	const char *cure;
} switches[] = {
	{ "/proc/sys/user/max_user_namespaces", '0', "sudo sysctl user.max_user_namespaces=15000" },
	{ "/proc/sys/kernel/unprivileged_userns_clone", '0',
	  "sudo sysctl kernel.unprivileged_userns_clone=1" },
	{ "/proc/sys/kernel/apparmor_restrict_unprivileged_userns", '1',
	  "sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0" },
};

static bool switch_is(const char *path, char value)
{
	owned(buf) struct buf text = {};
	struct error ignored;

	return !read_file(AT_FDCWD, path, SMALL_FILE_MAX, &text, &ignored) && text.length &&
	       text.data[0] == value && (text.length < 2 || text.data[1] == '\n');
}

int userns_fail(int sys, struct error *err)
{
	for (size_t i = 0; i < countof(switches); i++) {
		if (switch_is(switches[i].path, switches[i].bad))
			return fail(err, FAULT_PRIVILEGE,
				    "this system forbids user namespaces (%s is %c): type '%s'",
				    switches[i].path, switches[i].bad, switches[i].cure);
	}
	/* Containers answer the latter for clone3, which is older than all that we need. */
	if (sys == EPERM || sys == ENOSYS)
		return fail(err, FAULT_PRIVILEGE,
			    "user namespaces are forbidden here; in a container, run it with "
			    "--privileged or --security-opt seccomp=unconfined");
	errno = sys;
	return fail_sys(err, "new user namespace");
}

/** Our own ids as they are; the kernel wants no line of a map to span two lines of ours. */
static result map_own(const char *kind, struct buf *lines, struct error *err)
{
	owned(str) char *path = xasprintf("/proc/self/%s", kind);
	FILE *file = fopen(path, "re");
	unsigned inside, outside, count;

	if (!file)
		return fail_sys(err, "open %s", path);
	while (fscanf(file, "%u %u %u", &inside, &outside, &count) == 3)
		buf_printf(lines, "%u %u %u\n", inside, inside, count);
	fclose(file);
	return OK;
}

static result map_write(pid_t pid, const char *kind, const struct id_range *range,
			struct error *err)
{
	owned(str) char *path = xasprintf("/proc/%d/%s", (int)pid, kind);
	owned(buf) struct buf lines = {};
	owned(fd) int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (range)
		buf_printf(&lines, "%u %u %u\n", range->inside, range->outside, range->count);
	else if (map_own(kind, &lines, err))
		return FAILED;
	if (fd < 0 || write(fd, lines.data, lines.length) < 0)
		return fail_sys(err, "map ids (%s: %.*s)", kind, (int)lines.length - 1, lines.data);
	return OK;
}

result userns_map(pid_t pid, const struct id_range *range, struct error *err)
{
	if (map_write(pid, "uid_map", range, err) || map_write(pid, "gid_map", range, err))
		return FAILED;
	return OK;
}

/* ---- subordinate ids ---- */

bool subordinate_find(const char *text, const char *name, uid_t uid, struct id_range *out)
{
	owned(strings) struct strings lines = {};
	owned(str) char *id = xasprintf("%u", uid);

	strings_split(&lines, text, '\n');
	for (size_t i = 0; i < lines.count; i++) {
		owned(strings) struct strings fields = {};
		uint64_t first, count;
		struct error ignored;

		strings_split(&fields, lines.items[i], ':');
		if (fields.count != 3 ||
		    (strcmp(fields.items[0], name) != 0 && strcmp(fields.items[0], id) != 0))
			continue;
		if (number_parse(fields.items[1], UINT32_MAX - 1, &first, &ignored) ||
		    number_parse(fields.items[2], UINT32_MAX - 1 - first, &count, &ignored) ||
		    !count)
			continue;
		*out = (struct id_range){ 1, (uint32_t)first, (uint32_t)count };
		return true;
	}
	return false;
}

static result subordinate_read(const char *path, const char *name, struct id_range *out,
			       struct error *err)
{
	owned(buf) struct buf text = {};
	struct error ignored;

	/* A file that is not there gives nothing to anybody. */
	if (read_file(AT_FDCWD, path, SMALL_FILE_MAX, &text, &ignored))
		buf_clear(&text);
	if (subordinate_find(buf_text(&text), name, geteuid(), out))
		return OK;
	return fail(err, FAULT_PRIVILEGE,
		    "%s gives no ids to %s; add some: sudo usermod --add-subuids 100000-165535 "
		    "--add-subgids 100000-165535 %s",
		    path, name, name);
}

static bool helper_exists(const char *name)
{
	owned(strings) struct strings directories = {};
	const char *path = getenv("PATH");

	strings_split(&directories, path ? path : "/usr/bin:/bin", ':');
	for (size_t i = 0; i < directories.count; i++) {
		owned(str) char *file = xasprintf("%s/%s", directories.items[i], name);

		if (access(file, X_OK) == 0)
			return true;
	}
	return false;
}

/** Run newuidmap or newgidmap for our parent; what it says goes to our standard error. */
static int helper_run(const char *name, pid_t pid, uint32_t own, const struct id_range *range)
{
	owned(str) char *target = xasprintf("%d", (int)pid), *self = xasprintf("%u", own);
	owned(str) char *first = xasprintf("%u", range->outside);
	owned(str) char *count = xasprintf("%u", range->count);
	pid_t helper = fork();
	int status;

	if (helper == 0) {
		execlp(name, name, target, "0", self, "1", "1", first, count, NULL);
		_exit(127);
	}
	if (helper < 0 || waitpid(helper, &status, 0) < 0)
		return -1;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

/** What the helpers need, gathered before anything changes. */
struct mapping {
	uid_t uid;
	gid_t gid;
	struct id_range uids, gids;
};

/**
 * Both helpers must run outside of the namespace that they map: a child that was forked before we
 * enter it waits for a byte and then runs them on us.
 */
static pid_t mapper_start(const struct mapping *mapping, int go, int report)
{
	pid_t parent = getpid(), pid = fork();
	char byte;

	if (pid != 0)
		return pid;
	dup2(report, STDERR_FILENO);
	if (read(go, &byte, 1) != 1)
		_exit(0);
	if (helper_run("newuidmap", parent, mapping->uid, &mapping->uids) < 0 ||
	    helper_run("newgidmap", parent, mapping->gid, &mapping->gids) < 0)
		_exit(1);
	_exit(0);
}

/** Let the mapper do its work; what it complained of is the error. */
static result mapper_finish(pid_t pid, int go, int report, struct error *err)
{
	owned(buf) struct buf said = {};
	struct error ignored;
	int status;

	if (write(go, "g", 1) != 1)
		return fail_sys(err, "write");
	if (read_all(report, SMALL_FILE_MAX, &said, &ignored))
		buf_clear(&said);
	if (waitpid(pid, &status, 0) < 0)
		return fail_sys(err, "wait");
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return fail(err, FAULT_PRIVILEGE, "%.*s",
			    said.length ? (int)strcspn(said.data, "\n") : 16,
			    said.length ? said.data : "newuidmap failed");
	return OK;
}

/** Root of the namespace we are in, over mounts that the host never sees. */
static result become_root(struct error *err)
{
	/* Refused where groups might be used to shut somebody out. */
	if ((setgroups(0, NULL) < 0 && errno != EPERM) || setresgid(0, 0, 0) < 0 ||
	    setresuid(0, 0, 0) < 0 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return userns_fail(errno, err);
	return OK;
}

static result mapping_find(struct mapping *out, struct error *err)
{
	const struct passwd *user = getpwuid(geteuid());
	owned(str) char *name =
		user ? xstrdup(user->pw_name) : xasprintf("%u", (unsigned)geteuid());

	out->uid = geteuid();
	out->gid = getegid();
	if (!helper_exists("newuidmap") || !helper_exists("newgidmap"))
		return fail(err, FAULT_PRIVILEGE,
			    "newuidmap is not installed: type 'sudo apt install uidmap'");
	if (subordinate_read("/etc/subuid", name, &out->uids, err) ||
	    subordinate_read("/etc/subgid", name, &out->gids, err))
		return FAILED;
	return OK;
}

/** From now on in a namespace of our own, in which we are root. */
static result namespace_enter(const struct mapping *mapping, struct error *err)
{
	int go[2], report[2];
	result status;
	pid_t mapper;

	if (pipe2(go, O_CLOEXEC) < 0 || pipe2(report, O_CLOEXEC) < 0)
		return fail_sys(err, "pipe");
	mapper = mapper_start(mapping, go[0], report[1]);
	close(go[0]);
	close(report[1]);
	if (mapper < 0)
		status = fail_sys(err, "fork");
	else if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		status = userns_fail(errno, err);
	else
		status = mapper_finish(mapper, go[1], report[0], err) || become_root(err) ? FAILED
											  : OK;
	close(go[1]);
	close(report[0]);
	return status;
}

/* ---- our own id ---- */

static result setting_write(const char *path, const char *text, struct error *err)
{
	owned(fd) int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return fail_sys(err, "write '%s' to %s", text, path);
	return OK;
}

/** As namespace_enter(), without help: nobody but us is in there. */
static result lone_enter(struct error *err)
{
	owned(str) char *uids = xasprintf("0 %u 1", (unsigned)geteuid());
	owned(str) char *gids = xasprintf("0 %u 1", (unsigned)getegid());
	bool is_root = geteuid() == 0;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return userns_fail(errno, err);
	if (setting_write("/proc/self/setgroups", "deny", err))
		return FAILED;
	/* Nor may root hand its id on without the right to. */
	if (is_root && setting_write("/proc/self/uid_map", uids, err))
		return fail(err, FAULT_PRIVILEGE,
			    "root of this container has no capabilities: let mpemu be another "
			    "user in it, or run it with --privileged (bwrap: --cap-add ALL)");
	if ((!is_root && setting_write("/proc/self/uid_map", uids, err)) ||
	    setting_write("/proc/self/gid_map", gids, err))
		return FAILED;
	return become_root(err);
}

/* ---- who we are ---- */

/** How many ids from 0 on the current namespace has. */
static uint32_t ids_mapped(const char *path, bool *is_initial)
{
	FILE *file = fopen(path, "re");
	unsigned inside, outside, count, next = 0;

	*is_initial = false;
	while (file && fscanf(file, "%u %u %u", &inside, &outside, &count) == 3) {
		*is_initial = inside == 0 && outside == 0 && count == UINT32_MAX;
		if (inside == next)
			next = inside + count;
	}
	if (file)
		fclose(file);
	return next;
}

/** Root of a container may have been left nothing but the name. */
static bool has_rights(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {};

	return geteuid() == 0 && syscall(SYS_capget, &header, data) == 0 &&
	       data[0].effective & 1U << CAP_SYS_ADMIN;
}

static result enter_as_user(struct privilege *out, struct error *err)
{
	static struct error why;
	struct mapping mapping;

	if (mapping_find(&mapping, &why)) {
		*out = (struct privilege){ .id_count = 1, .lone = why.text };
		return lone_enter(err);
	}
	if (namespace_enter(&mapping, err))
		return FAILED;
	*out = (struct privilege){ .id_count = 1 + (mapping.uids.count < mapping.gids.count
							    ? mapping.uids.count
							    : mapping.gids.count) };
	return OK;
}

result userns_enter(struct privilege *out, struct error *err)
{
	bool initial;
	uint32_t uids, gids;

	if (!has_rights())
		return enter_as_user(out, err);
	uids = ids_mapped("/proc/self/uid_map", &initial);
	gids = ids_mapped("/proc/self/gid_map", &initial);
	*out = (struct privilege){
		.is_root = initial,
		.id_count = initial       ? SHIFT_COUNT
			    : uids < gids ? uids
					  : gids,
	};
	return OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Both versions of control groups, also side by side (hybrid), by the names of their files.
 *
 * The directory is made below the one that this process is in.  In version 2 that one can hand its
 * controllers on only while it holds no processes, except the topmost: then the one above is tried.
 */
#include "sandbox/cgroup.h"
#include "sandbox/cgroup_guard.h"

#include "base/fd.h"
#include "base/mem.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { FILE_MAX = 1 << 20, REMOVE_TRIES = 100, REMOVE_WAIT_NS = 10000000 };

/** Time slices of a CPU, in microseconds. */
enum { CPU_PERIOD = 100000 };

static const char *const controller_names[CONTROLLERS] = { "memory", "cpu", "pids" };

const char *controller_name(enum controller which)
{
	return controller_names[which];
}

/* ---- where they are ---- */

/** Whether `name` is in a list with commas. */
static bool listed(const char *list, size_t length, const char *name)
{
	size_t size = strlen(name);

	for (const char *at = list; at < list + length;) {
		size_t part = strcspn(at, ",");

		if (at + part > list + length)
			part = (size_t)(list + length - at);
		if (part == size && memcmp(at, name, size) == 0)
			return true;
		at += part + 1;
	}
	return false;
}

/** From "4:memory:/a/b" the path, for a controller; NULL: for version 2, "0::/a/b". */
static bool own_path(const struct strings *lines, const char *controller, char *out, size_t size)
{
	for (size_t i = 0; i < lines->count; i++) {
		const char *list = strchr(lines->items[i], ':'), *path;

		path = list ? strchr(list + 1, ':') : NULL;
		if (!path || strlen(path + 1) >= size)
			continue;
		if (controller ? !listed(list + 1, (size_t)(path - list - 1), controller)
			       : path != list + 1)
			continue;
		snprintf(out, size, "%s", path + 1);
		return true;
	}
	return false;
}

/** One line of mountinfo that is a hierarchy: what of it is mounted where. */
struct mount {
	char root[256], point[256], type[16], options[256];
};

static bool mount_parse(const char *line, struct mount *out)
{
	const char *rest = strstr(line, " - ");

	return rest && sscanf(line, "%*s %*s %*s %255s %255s", out->root, out->point) == 2 &&
	       sscanf(rest, " - %15s %*s %255s", out->type, out->options) == 2;
}

/** `path` of a hierarchy as seen below a mount of its `root`. */
static bool place_set(struct cgroup_place *place, const struct mount *mount, const char *path)
{
	size_t length = strcmp(mount->root, "/") == 0 ? 0 : strlen(mount->root);
	bool inside = strncmp(path, mount->root, length) == 0 &&
		      (path[length] == '/' || path[length] == '\0');
	int size = snprintf(place->path, sizeof(place->path), "%s%s", mount->point,
			    inside ? path + length : "");

	if (size < 0 || (size_t)size >= sizeof(place->path)) {
		place->path[0] = '\0';
		return false;
	}
	if (ends_with(place->path, "/"))
		place->path[size - 1] = '\0';
	return true;
}

void cgroup_find(const char *cgroups, const char *mounts, struct cgroup_place out[CONTROLLERS])
{
	owned(strings) struct strings own = {}, lines = {};
	struct mount mount;
	char path[256];

	strings_split(&own, cgroups, '\n');
	strings_split(&lines, mounts, '\n');
	memset(out, 0, CONTROLLERS * sizeof(*out));
	for (size_t i = 0; i < lines.count; i++) {
		if (!mount_parse(lines.items[i], &mount))
			continue;
		for (int c = 0; c < CONTROLLERS; c++) {
			const char *name = controller_names[c];

			if (strcmp(mount.type, "cgroup") == 0 &&
			    listed(mount.options, strlen(mount.options), name) &&
			    own_path(&own, name, path, sizeof(path)) &&
			    place_set(&out[c], &mount, path))
				out[c].unified = false;
			else if (strcmp(mount.type, "cgroup2") == 0 && !out[c].path[0] &&
				 !own_path(&own, name, path, sizeof(path)) &&
				 own_path(&own, NULL, path, sizeof(path)))
				out[c].unified = place_set(&out[c], &mount, path);
		}
	}
}

/* ---- making them ---- */

struct cgroup {
	char *directories[CONTROLLERS]; /* NULL where there is none; of version 2 only the first */
	bool unified[CONTROLLERS], asked[CONTROLLERS];
	struct cgroup_place places[CONTROLLERS];
};

static result file_write(const char *directory, const char *name, const char *text,
			 struct error *err)
{
	owned(str) char *path = xasprintf("%s/%s", directory, name);
	owned(fd) int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return fail_sys(err, "write '%s' to %s", text, path);
	return OK;
}

/** A file of one line or a few; "" where it cannot be read. */
static void file_show(const char *directory, const char *name, struct buf *out)
{
	owned(str) char *path = xasprintf("%s/%s", directory, name);
	struct error ignored;

	if (read_file(AT_FDCWD, path, FILE_MAX, out, &ignored))
		buf_clear(out);
}

/** Whether children of a directory of version 2 have a controller, made so if need be. */
static bool hands_on(const char *directory, const char *controller)
{
	owned(str) char *wish = xasprintf("+%s", controller);
	struct error ignored;

	return file_write(directory, "cgroup.subtree_control", wish, &ignored) == OK;
}

/** The directory in which groups with a controller can be made; the caller frees it. */
static char *parent_of(const struct cgroup_place *place, const char *controller)
{
	owned(str) char *above = NULL;

	if (!place->path[0])
		return NULL;
	if (!place->unified || hands_on(place->path, controller))
		return xstrdup(place->path);
	above = xstrndup(place->path, (size_t)(strrchr(place->path, '/') - place->path));
	return hands_on(above, controller) ? take(above) : NULL;
}

/** Those of processes that were killed before they could remove theirs. */
static void leftovers_remove(const char *parent)
{
	static const char prefix[] = "mpemu-";
	owned(fd) int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir)
		return;
	(void)fd_take(&fd);
	for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
		long pid = starts_with(entry->d_name, prefix)
				   ? strtol(entry->d_name + strlen(prefix), NULL, 10)
				   : 0;

		/* One that is in use cannot be removed. */
		if (pid > 0 && kill((pid_t)pid, 0) < 0 && errno == ESRCH)
			unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR);
	}
	closedir(dir);
}

static result directory_make(struct cgroup *cgroup, enum controller which, const char *name,
			     struct error *err)
{
	const struct cgroup_place *place = &cgroup->places[which];
	owned(str) char *parent = NULL, *path = NULL;

	if (!place->path[0])
		return fail(err, FAULT_PRIVILEGE, "the kernel has no %s control groups",
			    controller_names[which]);
	parent = parent_of(place, controller_names[which]);
	if (!parent)
		return fail(err, FAULT_PRIVILEGE,
			    "%s hands on no %s controller; try systemd-run --user --scope -p "
			    "Delegate=yes",
			    place->path, controller_names[which]);
	leftovers_remove(parent);
	cgroup_guard_place(parent);
	path = xasprintf("%s/%s", parent, name);
	if (mkdir(path, 0755) < 0 && errno != EEXIST) {
		(void)fail_sys(err, "%s", path);
		err->fault = FAULT_PRIVILEGE;
		return FAILED;
	}
	cgroup->directories[which] = take(path);
	cgroup->unified[which] = place->unified;
	return OK;
}

/* ---- limits ---- */

static result memory_set(const struct cgroup *cgroup, uint64_t bytes, struct error *err)
{
	const char *directory = cgroup->directories[CONTROL_MEMORY];
	owned(str) char *text = xasprintf("%llu", (unsigned long long)bytes);
	struct error ignored;
	bool unified = cgroup->unified[CONTROL_MEMORY];

	if (file_write(directory, unified ? "memory.max" : "memory.limit_in_bytes", text, err))
		return FAILED;
	/* No swap on top, where the kernel counts it. */
	(void)!file_write(directory, unified ? "memory.swap.max" : "memory.memsw.limit_in_bytes",
			  unified ? "0" : text, &ignored);
	return OK;
}

static result cpu_set(const struct cgroup *cgroup, uint64_t milli, struct error *err)
{
	const char *directory = cgroup->directories[CONTROL_CPU];
	unsigned long long quota = (unsigned long long)milli * (CPU_PERIOD / 1000);
	owned(str) char *both = xasprintf("%llu %d", quota, CPU_PERIOD);
	owned(str) char *text = xasprintf("%llu", quota);
	owned(str) char *period = xasprintf("%d", CPU_PERIOD);

	if (cgroup->unified[CONTROL_CPU])
		return file_write(directory, "cpu.max", both, err);
	return file_write(directory, "cpu.cfs_period_us", period, err) ||
			       file_write(directory, "cpu.cfs_quota_us", text, err)
		       ? FAILED
		       : OK;
}

static result pids_set(const struct cgroup *cgroup, uint64_t count, struct error *err)
{
	owned(str) char *text = xasprintf("%llu", (unsigned long long)count);

	return file_write(cgroup->directories[CONTROL_PIDS], "pids.max", text, err);
}

/** A limit, the option that asks for it, and how it is set. */
static const struct {
	const char *option;
	size_t offset;
	result (*set)(const struct cgroup *cgroup, uint64_t value, struct error *err);
} kinds[CONTROLLERS] = {
	[CONTROL_MEMORY] = { "--memory", offsetof(struct resource_limits, memory), memory_set },
	[CONTROL_CPU] = { "--cpus", offsetof(struct resource_limits, milli_cpus), cpu_set },
	[CONTROL_PIDS] = { "--pids-limit", offsetof(struct resource_limits, pids), pids_set },
};

static uint64_t limit_of(const struct resource_limits *limits, enum controller which)
{
	return *(const uint64_t *)(const void *)((const char *)limits + kinds[which].offset);
}

static result limit_apply(struct cgroup *cgroup, enum controller which, uint64_t value,
			  const char *name, struct error *err)
{
	if (directory_make(cgroup, which, name, err) || kinds[which].set(cgroup, value, err)) {
		err->fault = FAULT_PRIVILEGE;
		return fail_in(err, "%s", kinds[which].option);
	}
	return OK;
}

static result places_find(struct cgroup_place places[CONTROLLERS], struct error *err)
{
	owned(buf) struct buf own = {}, mounts = {};

	if (read_file(AT_FDCWD, "/proc/self/cgroup", FILE_MAX, &own, err) ||
	    read_file(AT_FDCWD, "/proc/self/mountinfo", FILE_MAX, &mounts, err))
		return FAILED;
	cgroup_find(buf_text(&own), buf_text(&mounts), places);
	return OK;
}

static bool any_wanted(const struct resource_limits *limits)
{
	return limits->memory || limits->milli_cpus || limits->pids;
}

result cgroup_versions(const struct resource_limits *limits, int versions[CONTROLLERS],
		       struct error *err)
{
	struct cgroup_place places[CONTROLLERS];

	memset(versions, 0, CONTROLLERS * sizeof(*versions));
	if (!any_wanted(limits))
		return OK;
	if (places_find(places, err))
		return FAILED;
	for (int which = 0; which < CONTROLLERS; which++) {
		if (limit_of(limits, (enum controller)which) && places[which].path[0])
			versions[which] = places[which].unified ? 2 : 1;
	}
	return OK;
}

result cgroup_new(const struct resource_limits *limits, struct cgroup **out, struct error *err)
{
	owned(cgroup) struct cgroup *cgroup = NULL;
	owned(str) char *name = NULL;

	if (!any_wanted(limits))
		return OK;
	cgroup = xnew(struct cgroup);
	name = xasprintf("mpemu-%d-%u", (int)getpid(), cgroup_guard_number());
	if (places_find(cgroup->places, err))
		return FAILED;
	for (int which = 0; which < CONTROLLERS; which++) {
		uint64_t value = limit_of(limits, (enum controller)which);

		cgroup->asked[which] = value != 0;
		if (value && limit_apply(cgroup, (enum controller)which, value, name, err))
			return FAILED;
	}
	*out = take(cgroup);
	return OK;
}

result cgroup_add(const struct cgroup *cgroup, pid_t pid, struct error *err)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", (int)pid);
	for (int which = 0; which < CONTROLLERS; which++) {
		const char *directory = cgroup->directories[which];
		struct error ignored;

		if (directory &&
		    file_write(directory, "cgroup.procs", text,
			       cgroup->asked[which] ? err : &ignored) &&
		    cgroup->asked[which]) {
			err->fault = FAULT_PRIVILEGE;
			return fail_in(err, "%s", kinds[which].option);
		}
	}
	return OK;
}

const char *cgroup_directory(const struct cgroup *cgroup, enum controller which)
{
	return cgroup->directories[which];
}

bool cgroup_out_of_memory(const struct cgroup *cgroup)
{
	const char *directory = cgroup->directories[CONTROL_MEMORY], *at;
	owned(buf) struct buf text = {};

	if (!directory)
		return false;
	file_show(directory,
		  cgroup->unified[CONTROL_MEMORY] ? "memory.events" : "memory.oom_control", &text);
	at = strstr(buf_text(&text), "oom_kill ");
	return at && strtoull(at + strlen("oom_kill "), NULL, 10) > 0;
}

/* ---- removing them ---- */

static void processes_kill(const char *directory)
{
	owned(buf) struct buf text = {};
	owned(strings) struct strings lines = {};
	struct error ignored;

	if (file_write(directory, "cgroup.kill", "1", &ignored) == OK)
		return;
	file_show(directory, "cgroup.procs", &text);
	strings_split(&lines, buf_text(&text), '\n');
	for (size_t i = 0; i < lines.count; i++) {
		long pid = strtol(lines.items[i], NULL, 10);

		/* 0: of a pid namespace that we do not see. */
		if (pid > 0)
			kill((pid_t)pid, SIGKILL);
	}
}

/** It is empty as a rule, but the last process may still be on its way out. */
static void directory_remove(const char *directory)
{
	const struct timespec wait = { .tv_nsec = REMOVE_WAIT_NS };

	for (int i = 0; i < REMOVE_TRIES; i++) {
		if (rmdir(directory) == 0 || errno != EBUSY)
			return;
		processes_kill(directory);
		nanosleep(&wait, NULL);
	}
}

void cgroup_drop(struct cgroup **cgroup)
{
	struct cgroup *old = *cgroup;

	if (!old)
		return;
	for (int which = 0; which < CONTROLLERS; which++) {
		if (old->directories[which])
			directory_remove(old->directories[which]);
		free(old->directories[which]);
	}
	free(old);
	*cgroup = NULL;
}

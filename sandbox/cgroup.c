/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Limits by control groups of both versions, by the names of their files.
 *
 * A sandbox has a directory in each hierarchy of version 1 that a limit needs, and one for all
 * limits that are of version 2.
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

enum { REMOVE_TRIES = 500, REMOVE_WAIT_NS = 10000000 };

/** Time slices of a CPU, in microseconds. */
enum { CPU_PERIOD = 100000 };

struct cgroup {
	char *directories[CONTROLLERS]; /* NULL where none is needed; the same one for version 2 */
	bool unified[CONTROLLERS];
};

/* ---- making them ---- */

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

static result directory_make(const char *parent, const char *name, char **out, struct error *err)
{
	owned(str) char *path = xasprintf("%s/%s", parent, name);

	leftovers_remove(parent);
	cgroup_guard_place(parent);
	if (mkdir(path, 0755) < 0 && errno != EEXIST) {
		(void)fail_sys(err, "%s", path);
		err->fault = FAULT_PRIVILEGE;
		return FAILED;
	}
	*out = take(path);
	return OK;
}

/** One for all controllers of `wanted`, which are of version 2. */
static result unified_make(struct cgroup *cgroup, const struct cgroup_place *place, unsigned wanted,
			   const char *name, struct error *err)
{
	owned(str) char *parent = NULL, *path = NULL;

	if (cgroup_parent(place, wanted, &parent, err) || directory_make(parent, name, &path, err))
		return FAILED;
	for (int which = 0; which < CONTROLLERS; which++) {
		if (!(wanted & 1u << which))
			continue;
		cgroup->directories[which] = xstrdup(path);
		cgroup->unified[which] = true;
	}
	return OK;
}

/* ---- limits ---- */

static result memory_set(const struct cgroup *cgroup, uint64_t bytes, struct error *err)
{
	const char *directory = cgroup->directories[CONTROL_MEMORY];
	owned(str) char *text = xasprintf("%llu", (unsigned long long)bytes);
	struct error ignored;
	bool unified = cgroup->unified[CONTROL_MEMORY];

	if (cgroup_write(directory, unified ? "memory.max" : "memory.limit_in_bytes", text, err))
		return FAILED;
	/* No swap on top, where the kernel counts it. */
	(void)!cgroup_write(directory, unified ? "memory.swap.max" : "memory.memsw.limit_in_bytes",
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
		return cgroup_write(directory, "cpu.max", both, err);
	return cgroup_write(directory, "cpu.cfs_period_us", period, err) ||
			       cgroup_write(directory, "cpu.cfs_quota_us", text, err)
		       ? FAILED
		       : OK;
}

static result pids_set(const struct cgroup *cgroup, uint64_t count, struct error *err)
{
	owned(str) char *text = xasprintf("%llu", (unsigned long long)count);

	return cgroup_write(cgroup->directories[CONTROL_PIDS], "pids.max", text, err);
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
	if (cgroup_places(places, err))
		return FAILED;
	for (int which = 0; which < CONTROLLERS; which++) {
		if (limit_of(limits, (enum controller)which) && places[which].path[0])
			versions[which] = places[which].unified ? 2 : 1;
	}
	return OK;
}

/** Say which options ask for the limits that cannot be. */
static result options_name(unsigned wanted, struct error *err)
{
	owned(buf) struct buf names = {};

	for (int which = 0; which < CONTROLLERS; which++) {
		if (wanted & 1u << which)
			buf_printf(&names, "%s%s", names.length ? ", " : "", kinds[which].option);
	}
	return fail_in(err, "%s", buf_text(&names));
}

static result directories_make(struct cgroup *cgroup, const struct resource_limits *limits,
			       const char *name, struct error *err)
{
	struct cgroup_place places[CONTROLLERS];
	const struct cgroup_place *unified = NULL;
	unsigned wanted = 0;

	if (cgroup_places(places, err))
		return FAILED;
	for (int which = 0; which < CONTROLLERS; which++) {
		const struct cgroup_place *place = &places[which];

		if (!limit_of(limits, (enum controller)which))
			continue;
		if (!place->path[0])
			return fail(err, FAULT_PRIVILEGE, "%s: the kernel has no %s control groups",
				    kinds[which].option, controller_name((enum controller)which));
		if (place->unified) {
			unified = place;
			wanted |= 1u << which;
		} else if (directory_make(place->path, name, &cgroup->directories[which], err)) {
			return fail_in(err, "%s", kinds[which].option);
		}
	}
	if (unified && unified_make(cgroup, unified, wanted, name, err))
		return options_name(wanted, err);
	return OK;
}

result cgroup_new(const struct resource_limits *limits, struct cgroup **out, struct error *err)
{
	owned(cgroup) struct cgroup *cgroup = NULL;
	owned(str) char *name = NULL;
	struct error ignored;

	if (!any_wanted(limits))
		return OK;
	cgroup = xnew(struct cgroup);
	name = xasprintf("mpemu-%d-%u", (int)getpid(), cgroup_guard_number());
	if (directories_make(cgroup, limits, name, err))
		return FAILED;
	for (int which = 0; which < CONTROLLERS; which++) {
		uint64_t value = limit_of(limits, (enum controller)which);

		if (value && kinds[which].set(cgroup, value, err)) {
			err->fault = FAULT_PRIVILEGE;
			return fail_in(err, "%s", kinds[which].option);
		}
	}
	/* Else what lost a process may go on without, and end well. */
	if (limits->memory && limits->ends_whole && cgroup->unified[CONTROL_MEMORY])
		(void)!cgroup_write(cgroup->directories[CONTROL_MEMORY], "memory.oom.group", "1",
				    &ignored);
	*out = take(cgroup);
	return OK;
}

/** Whether it is there for the first time in the list. */
static bool is_first(const struct cgroup *cgroup, int which)
{
	const char *directory = cgroup->directories[which];

	for (int other = 0; directory && other < which; other++) {
		if (cgroup->directories[other] && !strcmp(cgroup->directories[other], directory))
			return false;
	}
	return directory;
}

result cgroup_add(const struct cgroup *cgroup, pid_t pid, struct error *err)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", (int)pid);
	for (int which = 0; which < CONTROLLERS; which++) {
		if (is_first(cgroup, which) &&
		    cgroup_write(cgroup->directories[which], "cgroup.procs", text, err)) {
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
	cgroup_read(directory,
		    cgroup->unified[CONTROL_MEMORY] ? "memory.events" : "memory.oom_control",
		    &text);
	at = strstr(buf_text(&text), "oom_kill ");
	return at && strtoull(at + strlen("oom_kill "), NULL, 10) > 0;
}

/* ---- removing them ---- */

static void processes_kill(const char *directory)
{
	owned(buf) struct buf text = {};
	owned(strings) struct strings lines = {};
	struct error ignored;

	if (cgroup_write(directory, "cgroup.kill", "1", &ignored) == OK)
		return;
	cgroup_read(directory, "cgroup.procs", &text);
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
		if (is_first(old, which))
			directory_remove(old->directories[which]);
	}
	for (int which = 0; which < CONTROLLERS; which++)
		free(old->directories[which]);
	free(old);
	*cgroup = NULL;
}

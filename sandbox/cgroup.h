/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Control groups: a directory per sandbox in each hierarchy, where its limits are.
 */
#ifndef SANDBOX_CGROUP_H
#define SANDBOX_CGROUP_H

#include "sandbox/sandbox.h"

enum controller { CONTROL_MEMORY, CONTROL_CPU, CONTROL_PIDS, CONTROLLERS };

/** Where this process is in one hierarchy. */
struct cgroup_place {
	bool unified;   /* version 2 */
	char path[512]; /* of the directory it is in, below /sys/fs/cgroup; "": there is none */
	size_t top;     /* the length of what is mounted of the hierarchy: nothing above is seen */
};

/** Where processes go that are in the way of limits for others; not one of cgroup_new's names. */
#define CGROUP_LEAF "mpemu-leaf"

/**
 * The places of all controllers, from /proc/self/cgroup and /proc/self/mountinfo.  A controller
 * that no version 1 hierarchy has may be one of version 2, if there is one.
 */
void cgroup_find(const char *cgroups, const char *mounts, struct cgroup_place out[CONTROLLERS]);

result cgroup_places(struct cgroup_place places[CONTROLLERS], struct error *err);

/**
 * In version 2, the directory below which groups can have all the controllers that are `wanted`, a
 * bit each; for the caller to free.  What it takes is done: controllers are handed down to it, and
 * where only the own group will do, all processes in it move to a leaf.
 */
result cgroup_parent(const struct cgroup_place *place, unsigned wanted, char **out,
		     struct error *err);

/** A file of a group: write it; read it, "" where it cannot be. */
result cgroup_write(const char *directory, const char *name, const char *text, struct error *err);
void cgroup_read(const char *directory, const char *name, struct buf *out);

/** "memory", "cpu" or "pids". */
const char *controller_name(enum controller which);

/**
 * Of each controller that the limits need, the version of control groups that has it; 0 for the
 * others, and where there is none.
 */
result cgroup_versions(const struct resource_limits *limits, int versions[CONTROLLERS],
		       struct error *err);

struct cgroup;

/**
 * Groups with these limits, as far as any are asked for or can be had.  FAULT_PRIVILEGE says why a
 * limit that was asked for cannot be; `*out` may be NULL where none was.
 */
result cgroup_new(const struct resource_limits *limits, struct cgroup **out, struct error *err);

/** Move a process there: it must have no children yet. */
result cgroup_add(const struct cgroup *cgroup, pid_t pid, struct error *err);

/** The directory with the limits of a controller, which were asked for; borrowed. */
const char *cgroup_directory(const struct cgroup *cgroup, enum controller which);

/** Whether the kernel killed any of its processes for want of memory. */
bool cgroup_out_of_memory(const struct cgroup *cgroup);

/** Remove it, and kill what is still in it. */
void cgroup_drop(struct cgroup **cgroup);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Programs that size themselves by their limits (those of Java, Go and Node do) read them there.
 */
#include "sandbox/compile_cgroup.h"
#include "sandbox/cgroup.h"
#include "sandbox/compile_root.h"

#include "base/mem.h"

#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#define PLACE "/sys/fs/cgroup"

/** A group without children has as many links as any directory without. */
enum { LINKS_ALONE = 2 };

static int group_source(struct plan *plan, enum controller which)
{
	struct sandbox *sandbox = plan->sandbox;
	int slot = source_add(plan, controller_name(which), false,
			      ATTRIBUTES_SYSTEM | MOUNT_ATTR_RDONLY);

	sandbox->sources[sandbox->source_count - 1].is_group = true;
	sandbox->sources[sandbox->source_count - 1].unmapped = true;
	sandbox->sources[sandbox->source_count - 1].controller = which;
	return slot;
}

/** The group of a hierarchy, below `top`. */
static void hierarchy_add(struct plan *plan, int top, enum controller which, const char *name)
{
	int group = group_source(plan, which);
	struct op *op = op_add(plan, OP_DIRECTORY, "make " PLACE "/%s", name);

	op->at = top;
	op->path = name;
	op->mode = 0755;
	op = op_add(plan, OP_ATTACH, "mount its %s group", name);
	op->from = group;
	op->at = top;
	op->path = name;
}

/** Of version 1, each hierarchy is a directory of its own; beside them is that of version 2. */
static void hierarchies_add(struct plan *plan, const int versions[CONTROLLERS])
{
	static const char *const options[] = { "source", "tmpfs", "mode", "0755", NULL };
	int top = filesystem_add(plan, "tmpfs", options, ATTRIBUTES_SYSTEM);
	bool has_unified = false;

	cover_add(plan, top, "a tmpfs", PLACE, COVER_DIRECTORY | COVER_PLAIN);
	for (int which = 0; which < CONTROLLERS; which++) {
		enum controller controller = (enum controller)which;

		if (versions[which] == 1)
			hierarchy_add(plan, top, controller, controller_name(controller));
		else if (versions[which] == 2 && !has_unified)
			hierarchy_add(plan, top, controller, "unified");
		has_unified |= versions[which] == 2;
	}
	op_add(plan, OP_READ_ONLY, "make " PLACE " read-only")->at = top;
}

/** Whether the group that this process is in, and its sandboxes, can be shown: it is alone. */
static bool own_is_alone(void)
{
	struct cgroup_place places[CONTROLLERS];
	struct error ignored;
	struct statfs info;
	struct stat group;

	return statfs(PLACE, &info) == 0 && info.f_type == CGROUP2_SUPER_MAGIC &&
	       cgroup_places(places, &ignored) == OK && places[CONTROL_MEMORY].unified &&
	       stat(places[CONTROL_MEMORY].path, &group) == 0 && group.st_nlink == LINKS_ALONE;
}

/**
 * Without limits of its own, a sandbox is in the group of this process, and its group namespace
 * begins there: what limits this process limits it too.  Where there are other groups below (at the
 * topmost one), they would tell of this host.
 */
static void own_view_add(struct plan *plan)
{
	static const char *const options[] = { "source", "cgroup2", NULL };

	if (plan->spec->shows_group && own_is_alone())
		cover_add(plan,
			  filesystem_add(plan, "cgroup2", options,
					 ATTRIBUTES_SYSTEM | MOUNT_ATTR_RDONLY),
			  "its control group", PLACE, COVER_DIRECTORY | COVER_PLAIN);
}

result cgroup_view_add(struct plan *plan, struct error *err)
{
	int versions[CONTROLLERS], first = CONTROLLERS;
	bool is_one = true; /* directory for all of them */

	if (cgroup_versions(&plan->spec->resources, versions, err))
		return FAILED;
	for (int which = CONTROLLERS - 1; which >= 0; which--) {
		is_one &= versions[which] != 1;
		first = versions[which] ? which : first;
	}
	if (first == CONTROLLERS) {
		own_view_add(plan);
		return OK;
	}
	op_add(plan, OP_GROUPS, "let control groups begin at its own");
	if (is_one)
		cover_add(plan, group_source(plan, (enum controller)first), "its control group",
			  PLACE, COVER_DIRECTORY | COVER_PLAIN);
	else
		hierarchies_add(plan, versions);
	return OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Where control groups are, by the files of machines that this one is not.
 */
#include "sandbox/cgroup.h"
#include "tests/tap.h"

#define V2   "30 20 0:27 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
#define MEM  "35 20 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
#define CPU  "36 20 0:31 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
#define ACCT "37 20 0:32 / /sys/fs/cgroup/cpuacct rw - cgroup cgroup rw,cpuacct\n"
#define SIDE "38 20 0:33 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
#define PART "39 20 0:34 /docker/7 /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n"

static const struct {
	const char *name, *cgroups, *mounts, *memory, *cpu;
	bool memory_unified;
} machines[] = {
	{ "version 2", "0::/user.slice/a.scope\n", V2, "/sys/fs/cgroup/user.slice/a.scope",
	  "/sys/fs/cgroup/user.slice/a.scope", true },
	{ "version 2, the topmost", "0::/\n", V2, "/sys/fs/cgroup", "/sys/fs/cgroup", true },
	{ "version 1", "4:memory:/a\n3:cpu,cpuacct:/\n", MEM CPU, "/sys/fs/cgroup/memory/a",
	  "/sys/fs/cgroup/cpu,cpuacct", false },
	{ "both", "4:memory:/a\n0::/b\n", SIDE MEM, "/sys/fs/cgroup/memory/a",
	  "/sys/fs/cgroup/unified/b", false },
	{ "both, the other way round", "4:memory:/a\n0::/b\n", MEM SIDE, "/sys/fs/cgroup/memory/a",
	  "/sys/fs/cgroup/unified/b", false },
	{ "a controller that begins alike", "2:cpuacct:/\n", ACCT, "", "", false },
	{ "a part of a hierarchy", "4:memory:/docker/7/x\n", PART, "/sys/fs/cgroup/memory/x", "",
	  false },
	{ "a place outside of what is mounted", "4:memory:/\n", PART, "/sys/fs/cgroup/memory", "",
	  false },
	{ "none", "", "", "", "", false },
	{ "nonsense", "4:memory\n::\nx", "a b c\n - cgroup\n", "", "", false },
};

TEST(control_groups_are_found_in_both_versions)
{
	for (size_t i = 0; i < countof(machines); i++) {
		struct cgroup_place places[CONTROLLERS];

		cgroup_find(machines[i].cgroups, machines[i].mounts, places);
		tap_check(!strcmp(places[CONTROL_MEMORY].path, machines[i].memory) &&
				  !strcmp(places[CONTROL_CPU].path, machines[i].cpu) &&
				  places[CONTROL_MEMORY].unified == machines[i].memory_unified,
			  __FILE__, __LINE__, "%s: %s, %s, %d", machines[i].name,
			  places[CONTROL_MEMORY].path, places[CONTROL_CPU].path,
			  places[CONTROL_MEMORY].unified);
	}
}

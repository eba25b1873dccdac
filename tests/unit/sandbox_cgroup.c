/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Where control groups are and can be made, by the files of machines that this one is not.
 */
#include "sandbox/cgroup.h"

#include "base/fd.h"
#include "base/mem.h"
#include "tests/tap.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

/* ---- whose children can have controllers ---- */

#define MEMORY (1u << CONTROL_MEMORY)
#define PIDS   (1u << CONTROL_PIDS)

/** Groups in a tree of ordinary files, "" for the topmost: "GROUP FILE=CONTENT" each. */
static const struct {
	const char *name, *files[12], *own;
	unsigned wanted;
	const char *parent, *why; /* relative to the topmost; or NULL and part of the error */
	const char *written;      /* "GROUP FILE=CONTENT" that comes of it; or NULL */
} trees[] = {
	{ "the topmost of all may hold processes",
	  { " cgroup.controllers=memory pids", " cgroup.subtree_control=", " cgroup.procs=1" },
	  "",
	  MEMORY | PIDS,
	  "",
	  NULL,
	  " cgroup.subtree_control=+memory +pids" },
	{ "beside a scope",
	  { "/a cgroup.type=domain", "/a cgroup.subtree_control=cpu memory",
	    "/a/b cgroup.type=domain", "/a/b cgroup.controllers=cpu memory",
	    "/a/b cgroup.procs=7" },
	  "/a/b",
	  MEMORY,
	  "/a",
	  NULL,
	  "/a cgroup.subtree_control=cpu memory" },
	{ "names are compared as a whole",
	  { " cgroup.subtree_control=memoryx xmemory", " cgroup.controllers=memory" },
	  "",
	  MEMORY,
	  "",
	  NULL,
	  " cgroup.subtree_control=+memory xmemory" },
	{ "what is missing comes from above",
	  { " cgroup.controllers=memory pids", " cgroup.subtree_control=", "/a cgroup.type=domain",
	    "/a cgroup.controllers=", "/a cgroup.subtree_control=", "/a/b cgroup.type=domain",
	    "/a/b cgroup.procs=7", "/a/b cgroup.controllers=" },
	  "/a/b",
	  PIDS,
	  "/a",
	  NULL,
	  " cgroup.subtree_control=+pids" },
	{ "not through a group that holds processes",
	  { " cgroup.controllers=pids", " cgroup.subtree_control=", "/a cgroup.type=domain",
	    "/a cgroup.controllers=", "/a cgroup.subtree_control=", "/a cgroup.procs=6",
	    "/a/b cgroup.type=domain", "/a/b cgroup.procs=7", "/a/b cgroup.controllers=" },
	  "/a/b",
	  PIDS,
	  NULL,
	  "/a/b has not all of them itself",
	  " cgroup.subtree_control=" },
	{ "what the kernel does not have",
	  { " cgroup.controllers=cpu", "/a cgroup.type=domain", "/a cgroup.controllers=cpu" },
	  "/a",
	  MEMORY,
	  NULL,
	  "has not all of them itself",
	  NULL },
	{ "who is not seen cannot be moved to a leaf",
	  { " cgroup.type=domain", " cgroup.controllers=memory", " cgroup.procs=0",
	    " cgroup.subtree_control=" },
	  "",
	  MEMORY,
	  NULL,
	  "has processes of others",
	  " cgroup.subtree_control=" },
	{ "who cannot be moved stays",
	  { " cgroup.type=domain", " cgroup.controllers=memory", " cgroup.procs=1",
	    " cgroup.subtree_control=" },
	  "",
	  MEMORY,
	  NULL,
	  "",
	  " cgroup.subtree_control=" },
};

/** "TOP/GROUP/FILE", and the content that is to be there. */
static char *tree_path(const char *top, const char *entry, const char **content)
{
	const char *file = strchr(entry, ' '), *equals = strchr(entry, '=');

	*content = equals + 1;
	return xasprintf("%s%.*s/%.*s", top, (int)(file - entry), entry, (int)(equals - file - 1),
			 file + 1);
}

static void tree_make(const char *top, const char *const *files)
{
	for (; *files; files++) {
		const char *content;
		owned(str) char *path = tree_path(top, *files, &content);
		owned(str) char *directory = xstrndup(path, (size_t)(strrchr(path, '/') - path));
		FILE *file;

		mkdir(directory, 0755);
		file = fopen(path, "w");
		if (CHECK(file)) {
			fputs(content, file);
			fclose(file);
		}
	}
}

static bool tree_has(const char *top, const char *entry)
{
	const char *content;
	owned(str) char *path = tree_path(top, entry, &content);
	owned(buf) struct buf text = {};
	struct error ignored;

	return read_file(AT_FDCWD, path, 4096, &text, &ignored) == OK &&
	       strcmp(buf_text(&text), content) == 0;
}

static void tree_check(size_t i, const char *top)
{
	struct cgroup_place place = { .unified = true, .top = strlen(top) };
	owned(str) char *parent = NULL, *leaf = NULL;
	struct error err = {};
	result status;

	snprintf(place.path, sizeof(place.path), "%s%s", top, trees[i].own);
	leaf = xasprintf("%s/" CGROUP_LEAF, place.path);
	tree_make(top, trees[i].files);
	status = cgroup_parent(&place, trees[i].wanted, &parent, &err);
	tap_check((status == OK) == (trees[i].parent != NULL) &&
			  (!parent || !strcmp(parent + place.top, trees[i].parent)) &&
			  (status == OK || strstr(err.text, trees[i].why)) &&
			  (!trees[i].written || tree_has(top, trees[i].written)) &&
			  access(leaf, F_OK) < 0,
		  __FILE__, __LINE__, "%s: %s: %s", trees[i].name, parent ? parent : "none",
		  err.text);
}

TEST(groups_with_limits_are_made_where_they_can_be)
{
	for (size_t i = 0; i < countof(trees); i++) {
		char top[] = "/tmp/mpemu-groups-XXXXXX";
		struct error ignored;

		if (!CHECK(mkdtemp(top)))
			return;
		tree_check(i, top);
		(void)!remove_tree(AT_FDCWD, top, &ignored);
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Device nodes that the root of a step makes.
 */
#include "tests/unit/sandbox_place.h"

/** What makes device nodes, and what comes of it: results of the calls, then the upper's file. */
static const struct {
	const char *name, *calls[6];
	const char *want, *path; /* the path of the node, or NULL: there is none */
	mode_t mode;
	gid_t gid;
} nodes[] = {
	{ "a disk",
	  { CALL(mknodat, ",-100,/disk,0x6180,0xfe00") },
	  "0\n",
	  "disk",
	  S_IFBLK | 0600,
	  0 },
	{ "a terminal",
	  { CALL(mknod, ",/tty,0x21b6,0x500"), CALL(fchownat, ",-100,/tty,0,5,0") },
	  "0\n0\n",
	  "tty",
	  S_IFCHR | 0644,
	  5 },
	{ "with a umask",
	  { CALL(umask, ",63"), CALL(mknodat, ",-100,/n,0x21ff,0x101") },
	  "18\n0\n",
	  "n",
	  S_IFCHR | 0700,
	  0 },
	{ "by a descriptor",
	  { CALL(mkdirat, ",-100,/a,493"), CALL(openat, ",-100,/a,0x210000"),
	    CALL(mknodat, ",3,n,0x2180,0x101") },
	  "0\n3\n0\n",
	  "a/n",
	  S_IFCHR | 0600,
	  0 },
	{ "through a link, from where it is, and up",
	  { CALL(mkdirat, ",-100,/a,493"), CALL(symlinkat, ",/a,-100,/l"), CALL(chdir, ",/l"),
	    CALL(mknodat, ",-100,../../../l/./n,0x2180,0x101") },
	  "0\n0\n0\n0\n",
	  "a/n",
	  S_IFCHR | 0600,
	  0 },
	{ "in a root of its own",
	  { CALL(mkdirat, ",-100,/a,493"), CALL(chroot, ",/a"), CALL(chdir, ",/"),
	    CALL(mknodat, ",-100,/../../n,0x2180,0x101") },
	  "0\n0\n0\n0\n",
	  "a/n",
	  S_IFCHR | 0600,
	  0 },
	{ "where the group is handed down",
	  { CALL(mkdirat, ",-100,/a,493"), CALL(fchownat, ",-100,/a,0,77,0"),
	    CALL(fchmodat, ",-100,/a,1533"), CALL(mknodat, ",-100,/a/n,0x2180,0x101") },
	  "0\n0\n0\n0\n",
	  "a/n",
	  S_IFCHR | 0600,
	  77 },
	{ "which nobody can open",
	  { CALL(mknodat, ",-100,/null,0x21b6,0x103"), CALL(openat, ",-100,/null,0"),
	    CALL(openat, ",-100,/null,2"), CALL(openat, ",-100,/null,0x200000") },
	  "0\n-13\n-13\n3\n",
	  "null",
	  S_IFCHR | 0644,
	  0 },
	{ "nor in /dev",
	  { CALL(mknodat, ",-100,/dev/n,0x21b6,0x103"), CALL(openat, ",-100,/dev/n,0"),
	    CALL(mknodat, ",-100,/dev/shm/n,0x21b6,0x103"),
	    CALL(mknodat, ",-100,/dev/null,0x21b6,0x103") },
	  "0\n-13\n-1\n-17\n",
	  NULL,
	  0,
	  0 },
	{ "no whiteout", { CALL(mknodat, ",-100,/n,0x2180,0") }, "-1\n", NULL, 0, 0 },
	{ "not over something",
	  { CALL(mkdirat, ",-100,/a,493"), CALL(mknodat, ",-100,/a,0x2180,0x101"),
	    CALL(mknodat, ",-100,/guest,0x2180,0x101"), CALL(mknodat, ",-100,/,0x2180,0x101"),
	    CALL(mknodat, ",-100,.,0x2180,0x101") },
	  "0\n-17\n-17\n-2\n-17\n",
	  NULL,
	  0,
	  0 },
	{ "not where nothing is, or no directory",
	  { CALL(mknodat, ",-100,/none/n,0x2180,0x101"),
	    CALL(mknodat, ",-100,/guest/n,0x2180,0x101"), CALL(mknodat, ",77,n,0x2180,0x101"),
	    CALL(mknodat, ",-100,0,0x2180,0x101"), CALL(mknodat, ",-100,,0x2180,0x101") },
	  "-2\n-20\n-9\n-14\n-2\n",
	  NULL,
	  0,
	  0 },
	{ "not where the kernel's own files are",
	  { CALL(mknodat, ",-100,/proc/n,0x2180,0x101"), CALL(mknodat, ",-100,/sys/n,0x2180,0x101"),
	    CALL(mknodat, ",-100,/proc/self/cwd/n,0x2180,0x101") },
	  "-2\n-30\n-2\n",
	  NULL,
	  0,
	  0 },
	{ "not by others than root",
	  { CALL(setuid, ",1000"), CALL(mknodat, ",-100,/n,0x2180,0x101") },
	  "0\n-1\n",
	  NULL,
	  0,
	  0 },
};

TEST(root_of_a_step_makes_device_nodes_that_nobody_can_open)
{
	__attribute__((cleanup(place_drop))) struct place place;
	char text[4096];

	place_make(&place);
	if (!place.privilege.is_root)
		tap_skip("only the host's root makes device nodes");
	for (size_t i = 0; i < countof(nodes); i++) {
		const char *argv[countof(nodes[i].calls) + 2] = { "/guest" };
		owned(str) char *path =
			xasprintf("%s/upper/%s", place.top, nodes[i].path ? nodes[i].path : "n");
		struct sandbox_spec spec = spec_make(&place, argv);
		struct sandbox_exit end = {};
		struct error err = {};
		struct stat info = {};

		for (size_t at = 0; at < countof(nodes[i].calls); at++)
			argv[at + 1] = nodes[i].calls[at];
		spec.makes_devices = true;
		if (tap_check(!spec_run(&spec, &end, &err), __FILE__, __LINE__, "%s: %s",
			      nodes[i].name, err.text))
			tap_check(strcmp(output_text(&place, text), nodes[i].want) == 0, __FILE__,
				  __LINE__, "%s: %s", nodes[i].name, text);
		(void)lstat(path, &info);
		if (nodes[i].path)
			tap_check(info.st_mode == nodes[i].mode && info.st_gid == nodes[i].gid &&
					  info.st_uid == 0 && info.st_rdev != 0,
				  __FILE__, __LINE__, "%s is %o of %u:%u", nodes[i].name,
				  info.st_mode, info.st_uid, info.st_gid);
		else
			tap_check(info.st_mode == 0, __FILE__, __LINE__, "%s", nodes[i].name);
		place_clean(&place);
	}
}

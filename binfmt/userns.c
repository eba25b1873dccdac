/* SPDX-License-Identifier: Apache-2.0 */
#include "binfmt/userns.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct userns userns_plan(void)
{
	struct userns userns;

	snprintf(userns.uid_map, sizeof(userns.uid_map), "0 %u 1", (unsigned)geteuid());
	snprintf(userns.gid_map, sizeof(userns.gid_map), "0 %u 1", (unsigned)getegid());
	return userns;
}

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t written;

	if (fd < 0)
		return -1;
	written = write(fd, text, strlen(text));
	close(fd);
	return written < 0 ? -1 : 0;
}

int userns_make(const struct userns *userns)
{
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return -1;
	/* Without "deny" an unprivileged process may not write its gid_map. */
	if (write_file("/proc/self/setgroups", "deny") < 0 ||
	    write_file("/proc/self/uid_map", userns->uid_map) < 0 ||
	    write_file("/proc/self/gid_map", userns->gid_map) < 0)
		return -1;
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The host's own node would be nobody's inside, and /dev knows no id-mapped mounts: a new one is
 * made, in a file system of this host's, since those of a user namespace have no devices.
 */
#include "sandbox/device.h"

#include "base/fd.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

int device_open(const char *path, uid_t owner, struct error *err)
{
	owned(fd) int fs = -1, mount = -1;
	struct stat info;

	if (stat(path, &info) < 0) {
		(void)fail_sys(err, "device %s", path);
		return -1;
	}
	if (!S_ISCHR(info.st_mode) && !S_ISBLK(info.st_mode)) {
		(void)fail(err, FAULT_INPUT, "%s is no device node", path);
		return -1;
	}
	fs = fsopen("tmpfs", FSOPEN_CLOEXEC);
	if (fs >= 0 && fsconfig(fs, FSCONFIG_SET_STRING, "mode", "0755", 0) == 0 &&
	    fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
		mount = fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
	if (mount < 0 || mknodat(mount, DEVICE_NODE, info.st_mode, info.st_rdev) < 0 ||
	    fchmodat(mount, DEVICE_NODE, info.st_mode & 07777, 0) < 0 ||
	    fchownat(mount, DEVICE_NODE, owner, owner, 0) < 0) {
		(void)fail_sys(err, "make a node for %s", path);
		return -1;
	}
	return fd_take(&mount);
}

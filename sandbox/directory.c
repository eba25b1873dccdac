/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/inroot.h"
#include "sandbox/sandbox.h"

#include "base/fd.h"

#include <errno.h>

result tree_directory(int root_fd, const char *path, uint32_t uid, uint32_t gid,
		      const struct timespec *mtime, int *fd, struct error *err)
{
	const struct dirs_options options = {
		.mode = 0755,
		.uid = uid,
		.gid = gid,
		.mtime = mtime,
	};
	owned(buf) struct buf resolved = {};
	int made;

	if (path_resolve(root_fd, path, CLIMBING_STAYS, &resolved, err))
		return FAILED;
	made = dirs_make(root_fd, buf_text(&resolved), &options);
	if (made < 0 && (errno == ENOTDIR || errno == EEXIST))
		return fail(err, FAULT_INPUT,
			    "/%s is in the way, or something on its path: no directory",
			    buf_text(&resolved));
	if (made < 0)
		return fail_sys(err, "make directory /%s", buf_text(&resolved));
	*fd = made;
	return OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Names of owners, looked up in the file system that they are for.
 */
#include "sandbox/sandbox.h"
#include "sandbox/users.h"

#include "base/fd.h"
#include "base/mem.h"
#include "base/progress.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/** Read a file of the image, if there is one; what is no regular file counts as none. */
static result file_text(int root_fd, const char *path, struct buf *out, struct error *err)
{
	owned(fd) int fd =
		root_fd < 0 ? -1 : open_in_root(root_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	struct stat status;

	if (fd < 0 || fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))
		return OK;
	if (read_all(fd, USER_FILE_MAX, out, err))
		return fail_in(err, "%s", path);
	return OK;
}

/** "USER:GROUP" with 0 for root, who is that whatever a file says; the caller frees it. */
static char *roots_numbered(const char *text)
{
	const char *colon = strchr(text, ':');
	owned(str) char *user = xstrndup(text, strcspn(text, ":"));

	return xasprintf("%s%s%s", strcmp(user, "root") == 0 ? "0" : user, colon ? ":" : "",
			 !colon                           ? ""
			 : strcmp(colon + 1, "root") == 0 ? "0"
							  : colon + 1);
}

result owner_resolve(const struct ctx *ctx, int root_fd, const char *text, uint32_t *uid,
		     uint32_t *gid, struct error *err)
{
	owned(str) char *numbered = roots_numbered(text);
	owned(buf) struct buf passwd = {}, group = {};
	struct owner owner;

	if (root_fd < 0 && numbered[strspn(numbered, "0123456789:")])
		return fail(err, FAULT_INPUT,
			    "owner %s: nothing of the stage is read, so it wants numbers, or root",
			    text);
	if (file_text(root_fd, "etc/passwd", &passwd, err) ||
	    file_text(root_fd, "etc/group", &group, err) ||
	    user_owner(numbered, buf_text(&passwd), buf_text(&group), &owner, err))
		return FAILED;
	/* As other builders do, but not in silence. */
	if (owner.user_unknown)
		progress_warn(ctx, "owner %s: no such user in /etc/passwd; root is taken instead",
			      text);
	if (owner.group_unknown)
		progress_warn(ctx, "owner %s: no such group in /etc/group; %u is taken instead",
			      text, owner.gid);
	*uid = owner.uid;
	*gid = owner.gid;
	return OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The order matters: chown clears set-id bits and capabilities, writing changes times.
 */
#include "sandbox/looks.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

static result owner_fault(const struct looks *looks, struct error *err)
{
	if (errno == EINVAL)
		return fail(err, FAULT_PRIVILEGE,
			    "owner %u:%u is not among your subordinate ids: "
			    "give yourself a larger range in /etc/subuid and /etc/subgid",
			    looks->uid, looks->gid);
	return fail_sys(err, "change owner to %u:%u", looks->uid, looks->gid);
}

static bool may_lack(int sys)
{
	return sys == EOPNOTSUPP || sys == EPERM;
}

result looks_give(int fd, const struct looks *looks, struct error *err)
{
	struct timespec times[2] = { looks->mtime, looks->mtime };

	if (fchown(fd, looks->uid, looks->gid) < 0)
		return owner_fault(looks, err);
	if (fchmod(fd, looks->mode & 07777) < 0)
		return fail_sys(err, "change mode");
	for (size_t i = 0; looks->attributes && i < looks->attributes->count; i++) {
		const struct attribute *one = &looks->attributes->items[i];

		if (fsetxattr(fd, one->name, one->value, one->length, 0) < 0 && !may_lack(errno))
			return fail_sys(err, "set attribute %s", one->name);
	}
	if (futimens(fd, times) < 0)
		return fail_sys(err, "set time");
	return OK;
}

result looks_give_at(int dir_fd, const char *name, const struct looks *looks, struct error *err)
{
	struct timespec times[2] = { looks->mtime, looks->mtime };

	if (fchownat(dir_fd, name, looks->uid, looks->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return owner_fault(looks, err);
	if (!S_ISLNK(looks->mode) && fchmodat(dir_fd, name, looks->mode & 07777, 0) < 0)
		return fail_sys(err, "change mode");
	for (size_t i = 0; looks->attributes && i < looks->attributes->count; i++)
		if (attribute_set(dir_fd, name, &looks->attributes->items[i]) < 0 &&
		    !may_lack(errno))
			return fail_sys(err, "set attribute %s", looks->attributes->items[i].name);
	if (utimensat(dir_fd, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return fail_sys(err, "set time");
	return OK;
}

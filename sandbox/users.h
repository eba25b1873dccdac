/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Who a program runs as, by the image's own /etc/passwd and /etc/group.
 *
 * Both files are outside data: lines that make no sense are passed over, and an entry that is
 * chosen must have exact ids, never ones that overflowed into somebody else's.
 */
#ifndef SANDBOX_USERS_H
#define SANDBOX_USERS_H

#include "base/error.h"

#include <stdbool.h>

enum {
	USER_FILE_MAX = 4 << 20, /* bytes of passwd or group that are read at most */
	USER_GROUPS_MAX = 256,
	USER_HOME_MAX = 1024,
	USER_ID_MAX = 0x7fffffff,
};

struct user {
	uint32_t uid, gid;
	uint32_t groups[USER_GROUPS_MAX]; /* supplementary */
	size_t group_count;
	char home[USER_HOME_MAX]; /* "/" where nobody says */
};

/**
 * "name|uid[:group|gid]" by the rules of Docker; NULL and "" are uid 0.  Supplementary groups are
 * given unless a group is named; the group itself is always one of them.  `passwd` and `group` are
 * the texts of the files, "" where the image has none.  FAULT_INPUT names what was not found or is
 * out of range.
 */
result user_resolve(const char *text, const char *passwd, const char *group, struct user *out,
		    struct error *err);

/** One more supplementary group, "name|gid"; FAULT_INPUT as above. */
result user_group_add(struct user *user, const char *text, const char *group, struct error *err);

struct owner {
	uint32_t uid, gid;
	bool user_unknown, group_unknown; /* nobody has that name: then root, or the user's own */
};

/**
 * "name|uid[:group|gid]" as files are given to it: the group of a name is its own one, that of a
 * number is the number; behind a colon nothing is root.
 */
result user_owner(const char *text, const char *passwd, const char *group, struct owner *out,
		  struct error *err);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/users.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

/**
 * The first line is the user that is asked for, then come /etc/passwd, a line with "--" and
 * /etc/group.  Whatever they hold: ids are in range, and a number asked for is the number given.
 */
void fuzz_one(const char *text, size_t size)
{
	char *copy = strdup(text);
	char *passwd = strchrnul(copy, '\n'), *group;
	struct user user;
	struct error err = {};

	(void)size;
	if (*passwd)
		*passwd++ = '\0';
	group = strstr(passwd, "\n--\n");
	if (group) {
		*group = '\0';
		group += 4;
	}
	if (user_resolve(copy, passwd, group ? group : "", &user, &err) == OK) {
		if (user.uid > USER_ID_MAX || user.gid > USER_ID_MAX || user.home[0] != '/' ||
		    user.group_count > USER_GROUPS_MAX)
			abort();
		if (copy[strspn(copy, "0123456789")] == '\0' && *copy &&
		    strtoul(copy, NULL, 10) != user.uid)
			abort();
	}
	free(copy);
}

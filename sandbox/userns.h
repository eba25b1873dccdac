/* SPDX-License-Identifier: Apache-2.0 */
/**
 * User namespaces: why one cannot be had, and what ids it gives to whom.
 */
#ifndef SANDBOX_USERNS_H
#define SANDBOX_USERNS_H

#include "base/error.h"

#include <sys/types.h>

/** A run of ids: `count` from `inside` on stand for those from `outside` on. */
struct id_range {
	uint32_t inside, outside, count;
};

/**
 * Fail for an errno of clone(CLONE_NEWUSER) or unshare(): FAULT_PRIVILEGE with the kernel switch
 * that forbids it and what to type.  Always FAILED.
 */
int userns_fail(int sys, struct error *err);

/**
 * Give a process in a new user namespace its ids, the same for users and groups; NULL stands for
 * all that we have, as they are.
 */
result userns_map(pid_t pid, const struct id_range *range, struct error *err);

/**
 * The first range that /etc/subuid or /etc/subgid (`text`) gives to the user of that name or id;
 * false where there is none.
 */
bool subordinate_find(const char *text, const char *name, uid_t uid, struct id_range *out);

#endif

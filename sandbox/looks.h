/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What a file has besides its content: owner, mode, attributes and time, given in that order.
 */
#ifndef SANDBOX_LOOKS_H
#define SANDBOX_LOOKS_H

#include "sandbox/attribute.h"

#include <time.h>

struct looks {
	uint32_t uid, gid;
	mode_t mode; /* with the type */
	struct timespec mtime;
	const struct attributes *attributes; /* or NULL */
};

/**
 * Give them to an open file.  An owner that the user namespace does not have is FAULT_PRIVILEGE;
 * attributes that this file system or user cannot set are left out, as tar and cp do.
 */
result looks_give(int fd, const struct looks *looks, struct error *err);

/** The same for what cannot be opened: links, devices, FIFOs. */
result looks_give_at(int dir_fd, const char *name, const struct looks *looks, struct error *err);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What the two sides of making a device node share: ours, and a process in the sandbox.
 */
#ifndef SANDBOX_NODES_INTERNAL_H
#define SANDBOX_NODES_INTERNAL_H

#include "sandbox/inroot.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/** What is asked for: mknodat(directory, path, mode, device), as the kernel takes them. */
struct node_request {
	char path[PATH_LENGTH_MAX + 1];
	mode_t mode;
	uint32_t device;
};

/** Who asks, as descriptors and numbers; -1: not open. */
struct node_caller {
	int root, directory, userns, mountns;
	gid_t gid;
	mode_t mask;
};

/** Names in the caller's directory while it is done, which nobody can have looked up before. */
struct node_names {
	char file[32], node[32];
};

/** Where it is to be made; comes with a descriptor of the directory, seen from inside. */
struct node_place {
	bool is_layer;                  /* in the root, not in /dev */
	char path[PATH_LENGTH_MAX + 1]; /* of the directory, from the root's top */
	mode_t mode;                    /* permissions, less what the umask takes */
	uid_t uid;                      /* as seen inside */
	gid_t gid;
};

/**
 * In a fresh process: go to where the caller is, as the sandbox's root, make a file in the
 * directory in place of the node, and send the struct node_place over `link`.  Once an int comes
 * back (an errno, or 0: the node is there as names->node, where is_layer), give it its name.  Ends
 * with the errno.
 */
[[gnu::noreturn]] void node_inside(const struct node_request *request,
				   const struct node_caller *caller, const struct node_names *names,
				   int link);

#endif

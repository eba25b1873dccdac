/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Device nodes, made for a sandbox whose root is nobody on this host.
 *
 * The kernel lets only the host's root make them.  The filter of calls asks us instead, and we make
 * the node where the caller could have made a file, if its own rights in the sandbox would do.
 * What is given away is a name in a layer, or in the sandbox's /dev: no device can be opened there,
 * and layers on this host are in a directory that is root's alone.
 */
#ifndef SANDBOX_NODES_H
#define SANDBOX_NODES_H

#include <stdbool.h>

/** The sandbox that asks. */
struct nodes {
	bool allowed;      /* else each is refused: EPERM, as the kernel says */
	const char *upper; /* of its root; ids on disk are the image's */
	int userns;        /* that it runs in */
};

/** Answer the next question of `listener`; false where it is of no more use. */
bool nodes_serve(const struct nodes *nodes, int listener);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Networks of sandboxes' own that reach the outside: a helper program outside of the network
 * namespace passes on what its one interface sends.
 */
#ifndef SANDBOX_NETWORK_H
#define SANDBOX_NETWORK_H

#include <stdbool.h>
#include <sys/types.h>

/** Who answers for names in there: the helper, which asks the resolver of this host. */
#define NETWORK_RESOLVER "10.0.2.3"

/** A network namespace, and the user namespace that it belongs to. */
struct network_place {
	int network, user; /* -1: none */
};

/**
 * Those of `pid`, which has not begun to hide itself: without root nobody finds them afterwards.
 * Where they cannot be had, network_serve() fails.
 */
void network_find(pid_t pid, struct network_place *out);

/**
 * Connect it; takes the descriptors.  What serves it ends with this process, which must be a small
 * one, without threads.  `ready` gets a byte when the network is up, and is closed without one
 * where it cannot be; the caller closes its own copy.  0, or -1 with errno.
 */
int network_serve(struct network_place *place, int ready);

/** Wait for that byte; whether it came. */
bool network_wait(int ready);

#endif

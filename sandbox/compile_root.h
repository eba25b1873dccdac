/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The root of a sandbox, from its overlay to its last bind.
 */
#ifndef SANDBOX_COMPILE_ROOT_H
#define SANDBOX_COMPILE_ROOT_H

#include "sandbox/oplist.h"

/** What is known of one bind before the root is there. */
struct bind_plan {
	const struct bind *bind;
	char *target; /* clean; for the caller to free */
	bool is_directory;
};

/**
 * Check all binds.  Outer ones come first, else they would hide the inner ones; equal ones stay in
 * their order.
 */
result binds_prepare(struct plan *plan, struct bind_plan *binds, struct error *err);

/** The overlay of all layers; plan->root. */
void root_mount(struct plan *plan);

/** /proc, /dev and /sys; files below /etc; settings; what the caller binds. */
void blank_use(struct plan *plan);
void host_files_add(struct plan *plan, const char *hostname);
void sysctls_add(struct plan *plan);
void binds_add(struct plan *plan, const struct bind_plan *binds);

/** The merged view of the bind's layers, an empty one below them; its slot. */
int view_add(struct plan *plan, const struct bind *bind, uint64_t attributes);

/** Mount it on a path of the root; `what` is for people. */
void cover_add(struct plan *plan, int mount, const char *what, const char *path, unsigned cover);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What of control groups a program sees: its own, where it has any.
 */
#ifndef SANDBOX_COMPILE_CGROUP_H
#define SANDBOX_COMPILE_CGROUP_H

#include "sandbox/oplist.h"

/**
 * Show the groups of the sandbox's limits, read-only, at /sys/fs/cgroup; without any, the one that
 * it shares with this process, where version 2 is all there is.
 */
result cgroup_view_add(struct plan *plan, struct error *err);

#endif

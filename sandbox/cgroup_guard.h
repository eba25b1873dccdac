/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Control groups outlive whoever made them: a process of our own waits for the end of this one, and
 * removes what it could not because it was killed.
 */
#ifndef SANDBOX_CGROUP_GUARD_H
#define SANDBOX_CGROUP_GUARD_H

/** The number of a new group, from 0; its directory is `parent`/mpemu-PID-NUMBER. */
unsigned cgroup_guard_number(void);

/** Groups are made in `parent`; to be said before the first of them is. */
void cgroup_guard_place(const char *parent);

#endif

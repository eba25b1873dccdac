/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Which system calls a sandbox may make: tables, by name.
 */
#ifndef SANDBOX_CALLS_H
#define SANDBOX_CALLS_H

#include "base/defs.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

extern const char *const calls_allowed[];
extern const size_t calls_allowed_count;

/** Calls that programs try first and then do without, but only where the kernel lacks them. */
extern const char *const calls_absent[];
extern const size_t calls_absent_count;

/** Listed so that no call older than these counts as newer than all that is known. */
extern const char *const calls_newest[];
extern const size_t calls_newest_count;

/**
 * Calls that depend on one 32-bit argument: refused where it has one of `bits`, or is more than
 * `max` (0: any).  Of what is left the listed values alone are allowed, or alone are not.  Where it
 * `asks`, the one who runs the sandbox is asked instead of refusing, if he listens.
 */
struct call_check {
	const char *name;
	unsigned argument;
	uint32_t bits, max;
	bool allows_listed, asks;
	uint32_t values[9];
	unsigned count;
};
extern const struct call_check calls_checked[];
extern const size_t calls_checked_count;

/** Calls that whoever holds a capability may make too, arguments unseen. */
struct call_privileged {
	int capability;
	const char *names[28];
};
extern const struct call_privileged calls_privileged[];
extern const size_t calls_privileged_count;

#endif

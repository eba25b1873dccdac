/* SPDX-License-Identifier: Apache-2.0 */
/**
 * How a stack of layer directories is mounted on this kernel; system calls only.
 */
#ifndef SANDBOX_OVERLAY_H
#define SANDBOX_OVERLAY_H

#include "base/defs.h"

/** Most layers that one mount takes (the kernel's own limit). */
enum { OVERLAY_LAYERS_MAX = 500 };

/** Directories by descriptor (O_PATH will do), so that no path is too long or needs escaping. */
struct overlay_stack {
	const int *lowers; /* topmost first; may be empty */
	size_t lower_count;
	int upper, work;  /* -1 for a read-only view */
	bool is_volatile; /* never sync the upper file system: a crash loses it anyway */
};

/**
 * Mount the stack with `userxattr` and return the mount, attached nowhere, as a descriptor for
 * move_mount() or for openat() below it; or -errno.  One directory is enough: an empty file system
 * is put below it where the kernel asks for two.
 *
 * Makes system calls only (no memory, no locks), so that it may run in a cloned child.  /proc must
 * be there.  Kernels before 6.5 are told the layers in one string: some 200 fit, -E2BIG past that.
 */
int overlay_mount(const struct overlay_stack *stack);

#endif

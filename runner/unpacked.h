/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Toolchains that images have unpacked, and of which no package database tells: Go's in
 * /usr/local/go, and what rustup has put into /usr/local/rustup/toolchains.
 *
 * They are treated as packages whose names begin with "unpacked/", with all files that may have
 * twins. No list says what content is genuine, so that two roots must: a foreign one and a native
 * one that are variants of one image as its author gave it, in which a toolchain has the same
 * sources and its programs name the same version.  What a step has changed since does not have the
 * content that the foreign one has.
 */
#ifndef RUNNER_UNPACKED_H
#define RUNNER_UNPACKED_H

#include "base/ctx.h"
#include "runner/cache.h"
#include "runner/packages.h"
#include "runner/twin_arch.h"

/** A root, its machine, and its packages, which toolchains are added to. */
struct unpacked_root {
	const struct ctx *ctx;
	struct cache *cache; /* or NULL; remembers what files hold */
	int fd;
	const struct twin_arch *arch;
	struct packages *packages;
};

/** Add the toolchains that the root has, without their files. */
result unpacked_add(const struct unpacked_root *root, struct error *err);

/** Read which files they have, and what is in them. */
result unpacked_read(const struct unpacked_root *root, struct error *err);

/**
 * Whether a toolchain is the same on both sides but for the machine: `*reason` says why not, or is
 * NULL. Reads all of its sources.
 */
result unpacked_compare(const struct unpacked_root *native, const struct package *ours,
			const struct unpacked_root *foreign, const struct package *theirs,
			const char **reason, struct error *err);

/**
 * Whether a root has nothing where the toolchain's libraries are that the genuine one does not
 * have: its programs would find it there first.
 */
bool unpacked_has_its_own(const struct unpacked_root *root, const struct unpacked_root *genuine,
			  const struct package *package);

/** Whether one of these layers may have a toolchain, so that it is worth looking. */
bool unpacked_likely(const struct strings *lowers);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Packages that a step installs while it runs, as its own database tells of them.
 */
#ifndef RUNNER_LIVE_PACKAGES_H
#define RUNNER_LIVE_PACKAGES_H

#include "runner/packages.h"
#include "runner/tools.h"
#include "sandbox/sandbox.h"

struct live_packages {
	struct strings items;      /* "make:arm64=4.4.1-2": new ones, at the last look */
	struct strings were_there; /* the same, of those before */
};

void live_packages_drop(struct live_packages *packages);

/**
 * Take what the database of `view` says that the one of `before` did not; whether it lists others
 * than at the last look.
 */
result live_packages_look(struct live_packages *packages, int view, int before, bool *are_new,
			  struct error *err);

/** "make" of "make:arm64=4.4.1-2" */
char *live_package_name(const char *text);

/**
 * What the archive has to tell of: what may have twins, and what such programs need, which the
 * `count` native roots have too.
 */
void live_packages_archived(const struct live_packages *packages, enum tool_mode mode,
			    struct packages *const *natives, size_t count, struct strings *out);

/** By what a change of the database is noticed; false where there is none. */
bool live_known_read(int view, struct assist_known *out);
bool live_known_equal(const struct assist_known *a, const struct assist_known *b);

#endif

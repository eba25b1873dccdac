/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Native roots that nobody builds anyhow: cross toolchains, installed into a hidden layer on top of
 * a native base, once for each base and set of versions.
 */
#ifndef RUNNER_TOOLCHAIN_H
#define RUNNER_TOOLCHAIN_H

#include "runner/twins.h"
#include "sandbox/sandbox.h"

/** Those that one process makes; what failed once is not tried again. */
struct toolchains;

struct toolchains *toolchains_new(void);
void toolchains_drop(struct toolchains **toolchains);

struct toolchain_request {
	const struct ctx *ctx;
	const char *root; /* of the store */
	const struct privilege *privilege;
	const struct twin_recipe *recipe;
	const struct strings *lowers; /* the native base, topmost first */
};

/** Make sure that it is there; the path of its layer is added to `path`. */
result toolchain_obtain(struct toolchains *toolchains, const struct toolchain_request *request,
			struct buf *path, struct error *err);

/** Whether it is there, or was tried before: then toolchain_obtain() takes no time. */
bool toolchain_is_known(struct toolchains *toolchains, const struct toolchain_request *request);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The variant of an image for this machine, as a place to take twins from.
 */
#ifndef RUNNER_ASSIST_IMAGE_H
#define RUNNER_ASSIST_IMAGE_H

#include "base/ctx.h"
#include "base/text.h"
#include "registry/registry.h"

/**
 * Add its layers, topmost first, to `lowers`.  The store is asked first; the registry only where
 * the store's index says that there is such a variant, or (`wanted`: somebody named the image for
 * this purpose) where the store does not have the name at all.  Nothing is added where there is
 * none, which fails only with `wanted`.
 */
result assist_image(const struct ctx *ctx, struct store *store, const char *root,
		    const struct transport *transport, const char *name, bool wanted,
		    struct strings *lowers, struct error *err);

#endif

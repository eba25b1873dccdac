/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Images of other OCI layouts, taken into the store.
 */
#ifndef RUNNER_LAYOUT_H
#define RUNNER_LAYOUT_H

#include "registry/registry.h"

#define LAYOUT_SCHEME "oci-layout://"

/**
 * Copy what "oci-layout://PATH[:TAG|@DIGEST]" names for one platform into the store; `out` is its
 * manifest, chosen by index_choose_base().  Without a tag it is "latest", or the only one there is.
 * Every digest is checked. FAULT_MISSING says what the layout lacks.
 */
result layout_import(const struct ctx *ctx, struct store *store, const char *name,
		     const struct platform *platform, struct descriptor *out, struct error *err);

#endif

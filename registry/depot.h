/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The two kinds of places behind a depot.
 */
#ifndef REGISTRY_DEPOT_H
#define REGISTRY_DEPOT_H

#include "registry/registry.h"

struct client;
struct layout;

/** One of them is set. */
struct depot {
	struct client *client; /* a repository of a registry */
	struct layout *layout; /* a directory */
};

/* ---- depot_layout.c ---- */

result layout_open(const char *path, bool writes, struct layout **out, struct error *err);
void layout_drop(struct layout **layout);
result layout_lock(const struct ctx *ctx, struct layout *layout, struct error *err);
void layout_unlock(struct layout *layout);
result layout_manifest(struct layout *layout, const char *name, struct buf *body,
		       struct descriptor *out, struct error *err);
result layout_blob(const struct ctx *ctx, struct layout *layout, const struct descriptor *blob,
		   int fd, struct error *err);
result layout_put_blob(const struct ctx *ctx, struct layout *layout, const struct descriptor *blob,
		       int fd, struct error *err);
result layout_put_manifest(const struct ctx *ctx, struct layout *layout, const char *tag,
			   const struct buf *body, struct error *err);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What the two halves of the store share: store.c keeps the blobs, names.c what is named.
 */
#ifndef REGISTRY_STORE_H
#define REGISTRY_STORE_H

#include "registry/registry.h"

/** Nothing here changes after store_open(), so that threads need no lock of their own. */
struct store {
	char *path; /* ROOT/oci, for messages */
	int dir, blobs, ingest;
	int use; /* locked while the store is open: shared, or alone for who removes things */
};

/**
 * Open a regular file of the store, never through a link and never waiting: -1 with errno where it
 * cannot be opened, else its descriptor, and its size in `size`.  ELOOP: it is something else.
 */
int plain_open(int dir_fd, const char *name, uint64_t *size);

/** Read such a file whole. */
result plain_read(int dir_fd, const char *name, size_t limit, struct buf *out, struct error *err);

/** A store, or `name` of it, could not be opened: whose fault that is, from errno.  Always FAILED.
 */
int store_open_failed(const char *name, struct error *err);

/** Keep others from removing things while this store is open; waits for who is at it. */
result use_share(const struct ctx *ctx, struct store *store, struct error *err);

/** Every descriptor of index.json and what it is called, "" where it has no name we know. */
result names_all(const struct store *store, struct store_entry **out, size_t *count,
		 struct error *err);

/** Make index.json where there is none. */
result names_prepare(struct store *store, struct error *err);

#endif

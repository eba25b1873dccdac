/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Layer blobs as streams: threads read, hash and unpack ahead of who takes the tar out of one, and
 * hash, pack and write behind who puts a tar into one.
 */
#ifndef SANDBOX_BLOB_H
#define SANDBOX_BLOB_H

#include "sandbox/sandbox.h"

/** A blob being read. */
struct source;

/**
 * Start reading at the current offset of `fd`, which is borrowed until source_drop().  More than
 * `tar_limit` bytes of tar are FAULT_INPUT.
 */
result source_new(const struct ctx *ctx, int fd, uint64_t tar_limit, struct source **out,
		  struct error *err);

/** Stops the threads if they still run. */
void source_drop(struct source **source);

/** The next bytes of the tar, valid until the next call; length 0 at the end. */
result source_next(struct source *source, const void **data, size_t *length, struct error *err);

/** Read what is left, and give digests and sizes (the other fields are left alone). */
result source_finish(struct source *source, struct layer_info *out, struct error *err);

/** A blob being written. */
struct sink;

/** `fd` is borrowed until sink_drop(). */
struct sink *sink_new(int fd, enum compression compression);
void sink_drop(struct sink **sink);

/** Put some of the tar in.  A fault of the writing side shows here or in sink_finish(). */
result sink_add(struct sink *sink, const void *data, size_t length, struct error *err);
result sink_zeros(struct sink *sink, size_t length, struct error *err);

/** Bytes of tar so far. */
uint64_t sink_size(const struct sink *sink);

result sink_finish(struct sink *sink, struct layer_info *out, struct error *err);

#endif

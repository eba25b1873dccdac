/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Packed streams: gzip (isa-l), zstd, or neither.
 *
 * What is packed does not depend on the number of processors.  It may depend on the library's
 * version, on how the bytes were cut into pieces (a sink always cuts alike) and, for gzip, on the
 * kind of processor: a layer's identity is the digest of its tar.
 */
#ifndef SANDBOX_CODEC_H
#define SANDBOX_CODEC_H

#include "base/digest.h"
#include "base/text.h"

enum {
	CODEC_MAGIC_LENGTH = 6, /* bytes that codec_detect() wants, if the stream has them */
	CODEC_WINDOW_LOG_MAX =
		27, /* a zstd stream may ask for 128 MiB of memory, as zstd(1) lets it */
};

/** How a stream is packed, by its first bytes; FAULT_INPUT for what layers cannot be packed with.
 */
result codec_detect(const void *bytes, size_t length, enum compression *out, struct error *err);

/** Unpacking: several members or frames in a row are one stream; zeros may follow. */
struct decoder;

struct decoder *decoder_new(enum compression compression);
void decoder_drop(struct decoder **decoder);

/**
 * Unpack some: moves `*in` and `*in_length` past what was used, sets `*made`.  To be called again
 * until it uses nothing and makes nothing.  FAULT_INPUT for what is damaged or follows the end.
 */
result decoder_run(struct decoder *decoder, const void **in, size_t *in_length, void *out,
		   size_t out_size, size_t *made, struct error *err);

/** The input has ended; FAULT_INPUT if it should not have. */
result decoder_end(struct decoder *decoder, struct error *err);

struct encoder;

struct encoder *encoder_new(enum compression compression);
void encoder_drop(struct encoder **encoder);

/** Pack some more, adding what comes out to `out`; with `is_last` all of it comes out. */
result encoder_run(struct encoder *encoder, const void *data, size_t length, bool is_last,
		   struct buf *out, struct error *err);

#endif

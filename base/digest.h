/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Content digests ("sha256:…") and the hashers that make them; how content may be compressed.
 */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include "base/error.h"

/** A sha256, the one algorithm every registry serves. */
struct digest {
	uint8_t bytes[32];
};

#define DIGEST_HEX_MAX  65
#define DIGEST_TEXT_MAX 72

/** How a layer blob is packed; registry and sandbox both speak it. */
enum compression { COMPRESSION_NONE, COMPRESSION_GZIP, COMPRESSION_ZSTD };

/** Parse "sha256:" and 64 lower-case hex digits, nothing else; FAULT_INPUT. */
result digest_parse(const char *text, struct digest *out, struct error *err);

/** "sha256:<hex>" and "<hex>", written into the caller's buffer and returned. */
const char *digest_text(const struct digest *digest, char text[DIGEST_TEXT_MAX]);
const char *digest_hex(const struct digest *digest, char text[DIGEST_HEX_MAX]);

bool digest_equal(const struct digest *a, const struct digest *b);

/** Whether it is the all-zero value, which stands for "not known yet". */
bool digest_is_zero(const struct digest *digest);

/** Hash bytes in memory. */
struct digest digest_of(const void *data, size_t length);

/** A hash in progress (libcrypto). */
struct hasher;

struct hasher *hasher_new(void);
void hasher_drop(struct hasher **hasher);
void hasher_add(struct hasher *hasher, const void *data, size_t length);

/** Hash the text and its closing NUL, so that two fields never run together. */
void hasher_add_str(struct hasher *hasher, const char *text);

/** The digest of all that was added; the hasher starts anew. */
struct digest hasher_finish(struct hasher *hasher);

#endif

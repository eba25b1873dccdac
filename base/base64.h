/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Base64 of the standard alphabet (RFC 4648, section 4).  Of our own: with libcrypto's come all of
 * its tables, half of what loading this program takes.
 */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "base/text.h"

/** Add the base64 of some bytes, padded. */
void base64_encode(const void *data, size_t length, struct buf *out);

/**
 * Add the bytes that `text` stands for, of `length` characters; padding may be missing.  False
 * where it is no base64; what `out` got is then a part of no use.
 */
bool base64_decode(const char *text, size_t length, struct buf *out);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Values as Go's fmt prints them: histories of images are made of that.
 */
#ifndef RUNNER_GOTEXT_H
#define RUNNER_GOTEXT_H

#include "base/text.h"

/** %q of a string: "a\tb"; bytes that are not UTF-8 become \xNN. */
void go_quote(struct buf *out, const char *text);

/** %q of an integer, which is a character literal: 3 is '\x03', 65 is 'A'. */
void go_quote_number(struct buf *out, uint32_t number);

/** time.Duration: "1m30s", "1.5s", "300ms", "0s". */
void go_duration(struct buf *out, int64_t nanoseconds);

/** %v of a list: [a b]; with `quoted` %q: ["a" "b"]. */
void go_list(struct buf *out, const struct strings *words, bool quoted);

#endif

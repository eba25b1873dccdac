/* SPDX-License-Identifier: Apache-2.0 */
/**
 * isa-l, loaded when the first gzip stream is read or written; see base/lazy.h.
 */
#include "base/lazy.h"

#include <isa-l/igzip_lib.h>

static void load(void);

static struct lazy library = {
	.name = "libisal.so.2",
	.package = "libisal2",
	.once = PTHREAD_ONCE_INIT,
	.load = load,
};

static void load(void)
{
	lazy_load(&library);
}

LAZY_CALL(library, void, isal_inflate_init, (struct inflate_state * state), (state))
LAZY_CALL(library, void, isal_inflate_reset, (struct inflate_state * state), (state))
LAZY_CALL(library, int, isal_inflate, (struct inflate_state * state), (state))
LAZY_CALL(library, void, isal_deflate_init, (struct isal_zstream * stream), (stream))
LAZY_CALL(library, int, isal_deflate, (struct isal_zstream * stream), (stream))

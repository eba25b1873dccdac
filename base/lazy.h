/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Libraries that most commands do not need, loaded when the first of their functions is called.
 *
 * libcurl and libarchive alone bring some forty more: with them, a program that ends at once takes
 * longer to load than to run in a sandbox.  A folder that uses one defines its functions anew in a
 * file of LAZY_CALLs, which find the real ones; all other code calls them as ever.
 */
#ifndef BASE_LAZY_H
#define BASE_LAZY_H

#include "base/defs.h"

#include <pthread.h>

struct lazy {
	const char *name; /* "libcurl.so.4" */
	const char *package;
	pthread_once_t once;
	void *handle;
	void (*load)(void);
};

/** Load the library; ends the program (status 1, one line) where it is not installed. */
void lazy_load(struct lazy *library);

/** A function of it, looked up once and kept in `*at`; ends the program where it is not there. */
void *lazy_find(struct lazy *library, void **at, const char *name);

/** Define `name` as a call of the library's own. */
#define LAZY_CALL(library, type, name, parameters, arguments)                                   \
	type name parameters                                                                    \
	{                                                                                       \
		static void *at;                                                                \
		type(*real) parameters = (type(*) parameters)lazy_find(&(library), &at, #name); \
                                                                                                \
		return real arguments;                                                          \
	}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Memory: small objects abort when there is none, parsed documents live in an arena.
 *
 * Sizes that outside data decides are limited before they come here.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include "base/defs.h"

/** Zeroed memory of `count` times `size` bytes; never NULL.  Release with free(). */
void *xcalloc(size_t count, size_t size);

/** Grow or shrink to `count` times `size` bytes; never NULL.  New bytes are not zeroed. */
void *xrealloc(void *old, size_t count, size_t size);

#define xnew(type) ((type *)xcalloc(1, sizeof(type)))

char *xstrdup(const char *text);
char *xstrndup(const char *text, size_t length);
char *xasprintf(const char *format, ...) PRINTF(1, 2);

/** For `owned(str) char *text`. */
void str_drop(char **text);

/**
 * Make room for one more element at `array[count]`; growth is geometric.  `array` is an lvalue
 * pointer, `count` the elements in use; the capacity is derived from it, so keep none.
 */
#define array_grow(array, count) ((array) = array_grow_(array, count, sizeof(*(array))))
void *array_grow_(void *array, size_t count, size_t size);

/** Memory that is released all at once. */
struct arena;

struct arena *arena_new(void);
void arena_drop(struct arena **arena);

/** Zeroed, aligned for any type. */
void *arena_alloc(struct arena *arena, size_t size);
char *arena_strndup(struct arena *arena, const char *text, size_t length);
char *arena_strdup(struct arena *arena, const char *text);
char *arena_printf(struct arena *arena, const char *format, ...) PRINTF(2, 3);

#define arena_new_in(arena, type) ((type *)arena_alloc(arena, sizeof(type)))

#endif

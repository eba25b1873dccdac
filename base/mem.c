/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

[[gnu::noreturn]] static void out_of_memory(void)
{
	fputs("mpemu: out of memory\n", stderr);
	abort();
}

void *xcalloc(size_t count, size_t size)
{
	void *memory = calloc(count ? count : 1, size ? size : 1);

	if (!memory)
		out_of_memory();
	return memory;
}

void *xrealloc(void *old, size_t count, size_t size)
{
	size_t bytes;
	void *memory;

	if (__builtin_mul_overflow(count, size, &bytes))
		out_of_memory();
	memory = realloc(old, bytes ? bytes : 1);
	if (!memory)
		out_of_memory();
	return memory;
}

char *xstrndup(const char *text, size_t length)
{
	char *copy = strndup(text, length);

	if (!copy)
		out_of_memory();
	return copy;
}

char *xstrdup(const char *text)
{
	return xstrndup(text, strlen(text));
}

char *xasprintf(const char *format, ...)
{
	va_list args;
	char *text;
	int length;

	va_start(args, format);
	length = vasprintf(&text, format, args);
	va_end(args);
	if (length < 0)
		out_of_memory();
	return text;
}

void str_drop(char **text)
{
	free(*text);
	*text = NULL;
}

void *array_grow_(void *array, size_t count, size_t size)
{
	/* Full exactly when the count is zero or a power of two. */
	if (count & (count - 1))
		return array;
	return xrealloc(array, count ? count * 2 : 1, size);
}

enum { ARENA_CHUNK = 16 << 10, ARENA_ALIGN = _Alignof(max_align_t) };

struct chunk {
	struct chunk *next;
	size_t used, size;
	_Alignas(max_align_t) char bytes[];
};

struct arena {
	struct chunk *chunks;
};

struct arena *arena_new(void)
{
	return xnew(struct arena);
}

void arena_drop(struct arena **arena)
{
	struct chunk *next;

	if (!*arena)
		return;
	for (struct chunk *chunk = (*arena)->chunks; chunk; chunk = next) {
		next = chunk->next;
		free(chunk);
	}
	free(*arena);
	*arena = NULL;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	struct chunk *chunk = arena->chunks;
	void *memory;

	if (size > SIZE_MAX / 2)
		out_of_memory();
	size = (size + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
	if (!chunk || chunk->size - chunk->used < size) {
		size_t room = size > ARENA_CHUNK ? size : ARENA_CHUNK;

		chunk = xcalloc(1, sizeof(*chunk) + room);
		chunk->size = room;
		chunk->next = arena->chunks;
		arena->chunks = chunk;
	}
	memory = chunk->bytes + chunk->used;
	chunk->used += size;
	return memory;
}

char *arena_strndup(struct arena *arena, const char *text, size_t length)
{
	size_t real = strnlen(text, length);
	char *copy = arena_alloc(arena, real + 1);

	memcpy(copy, text, real);
	return copy;
}

char *arena_strdup(struct arena *arena, const char *text)
{
	return arena_strndup(arena, text, strlen(text));
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
	va_list args, again;
	char *text;
	int length;

	va_start(args, format);
	va_copy(again, args);
	length = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (length < 0)
		out_of_memory();
	text = arena_alloc(arena, (size_t)length + 1);
	vsnprintf(text, (size_t)length + 1, format, again);
	va_end(again);
	return text;
}

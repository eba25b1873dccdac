/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/slow_steps.h"

#include "base/mem.h"
#include "base/progress.h"

#include <pthread.h>
#include <stdlib.h>

struct slow_step {
	size_t number;
	char *text;
};

struct slow_steps {
	pthread_mutex_t lock;
	struct slow_step *items;
	size_t count;
};

struct slow_steps *slow_steps_new(void)
{
	struct slow_steps *steps = xnew(struct slow_steps);

	pthread_mutex_init(&steps->lock, NULL);
	return steps;
}

void slow_steps_drop(struct slow_steps **steps)
{
	struct slow_steps *old = *steps;

	if (!old)
		return;
	for (size_t i = 0; i < old->count; i++)
		free(old->items[i].text);
	free(old->items);
	pthread_mutex_destroy(&old->lock);
	free(old);
	*steps = NULL;
}

void slow_steps_add(struct slow_steps *steps, size_t number, const char *name, const char *why)
{
	pthread_mutex_lock(&steps->lock);
	array_grow(steps->items, steps->count);
	steps->items[steps->count++] = (struct slow_step){ number, xasprintf("%s: %s", name, why) };
	pthread_mutex_unlock(&steps->lock);
}

static int by_number(const void *a, const void *b)
{
	const struct slow_step *left = a, *right = b;

	return (left->number > right->number) - (left->number < right->number);
}

void slow_steps_tell(struct slow_steps *steps, const struct ctx *ctx)
{
	if (steps->count)
		qsort(steps->items, steps->count, sizeof(*steps->items), by_number);
	for (size_t i = 0; i < steps->count; i++)
		progress_note(ctx, "%s", steps->items[i].text);
}

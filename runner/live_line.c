/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/live_line.h"

#include "base/mem.h"
#include "runner/twins.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	NAMES_MAX = 64, /* that wait for an answer */
	NAME_SIZE = 48, /* longer ones come cut */
};

struct live_line {
	void (*look)(void *closure, const char *name);
	void *closure;
	struct assist_hidden *hidden;
	pthread_mutex_t lock;
	pthread_cond_t asked;
	pthread_t thread;
	bool runs, ends;
	char names[NAMES_MAX][NAME_SIZE];
	size_t name_count;
	const struct strings *making; /* packages that are being installed, or NULL */
};

static bool is_made_now(const struct live_line *line, const char *name)
{
	return !line->making || twin_packages_serve(line->making, name);
}

/** The next name, which stays in the line: who asks the same meanwhile gets the same answer. */
static bool name_next(struct live_line *line, char name[NAME_SIZE])
{
	bool is_there;

	pthread_mutex_lock(&line->lock);
	while (!line->ends && !line->name_count)
		pthread_cond_wait(&line->asked, &line->lock);
	is_there = !line->ends;
	if (is_there)
		memcpy(name, line->names[0], NAME_SIZE);
	pthread_mutex_unlock(&line->lock);
	return is_there;
}

static void name_done(struct live_line *line, const char *name)
{
	pthread_mutex_lock(&line->lock);
	line->name_count--;
	memmove(line->names[0], line->names[1], line->name_count * NAME_SIZE);
	assist_hidden_answer(line->hidden, name);
	pthread_mutex_unlock(&line->lock);
}

static void *line_run(void *closure)
{
	struct live_line *line = closure;
	char name[NAME_SIZE];

	while (name_next(line, name)) {
		line->look(line->closure, name);
		name_done(line, name);
	}
	return NULL;
}

/** Put it in the line; false where it is to be answered now. */
static bool name_put(struct live_line *line, const char *name)
{
	if (line->ends || line->name_count == NAMES_MAX || !is_made_now(line, name))
		return false;
	for (size_t i = 0; i < line->name_count; i++) {
		if (strcmp(line->names[i], name) == 0)
			return true;
	}
	if (!line->runs && pthread_create(&line->thread, NULL, line_run, line))
		return false;
	line->runs = true;
	snprintf(line->names[line->name_count++], NAME_SIZE, "%s", name);
	pthread_cond_signal(&line->asked);
	return true;
}

struct live_line *live_line_new(void (*look)(void *closure, const char *name), void *closure)
{
	struct live_line *line = xnew(struct live_line);

	line->look = look;
	line->closure = closure;
	pthread_mutex_init(&line->lock, NULL);
	pthread_cond_init(&line->asked, NULL);
	return line;
}

void live_line_drop(struct live_line **line)
{
	struct live_line *old = *line;

	if (!old)
		return;
	pthread_cond_destroy(&old->asked);
	pthread_mutex_destroy(&old->lock);
	free(old);
	*line = NULL;
}

void live_line_begin(struct live_line *line, struct assist_hidden *hidden)
{
	line->hidden = hidden;
}

void live_line_ask(struct live_line *line, const char *name)
{
	bool waits;

	pthread_mutex_lock(&line->lock);
	waits = name_put(line, name);
	pthread_mutex_unlock(&line->lock);
	if (!waits)
		assist_hidden_answer(line->hidden, name);
}

void live_line_making(struct live_line *line, const struct strings *packages)
{
	size_t kept = 1;

	pthread_mutex_lock(&line->lock);
	line->making = packages;
	for (size_t i = 1; packages && i < line->name_count; i++) {
		if (is_made_now(line, line->names[i]))
			memmove(line->names[kept++], line->names[i], NAME_SIZE);
		else
			assist_hidden_answer(line->hidden, line->names[i]);
	}
	if (packages)
		line->name_count = kept;
	pthread_mutex_unlock(&line->lock);
}

void live_line_end(struct live_line *line)
{
	pthread_mutex_lock(&line->lock);
	line->ends = true;
	pthread_cond_signal(&line->asked);
	pthread_mutex_unlock(&line->lock);
}

void live_line_join(struct live_line *line)
{
	if (line->runs)
		pthread_join(line->thread, NULL);
	line->runs = false;
}

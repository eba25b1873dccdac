/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/output.h"

#include "base/fd.h"
#include "base/mem.h"
#include "base/progress.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	OUTPUT_LINE_MAX = 8 << 10,
	OUTPUT_TOTAL_MAX = 16 << 20, /* bytes of one step that are shown */
	OUTPUT_BURST = 2 << 20,      /* of them at once, and in each second after that: */
	OUTPUT_RATE = 256 << 10,
	OUTPUT_RESUME = 64 << 10, /* allowance that it takes to begin again */
	KEPT_LINES = 20,          /* the last of those that were dropped */
	READ_SIZE = 256 << 10,    /* and the pipe's */
};

struct output_pump {
	const struct ctx *ctx;
	const struct step *step;
	int read_fd, write_fd;
	pthread_t thread;
	bool running;
	uint64_t shown;              /* bytes */
	double allowance;            /* bytes that may be shown now */
	double refilled;             /* when it was counted */
	uint64_t dropped;            /* lines since the last one that was shown */
	struct buf kept[KEPT_LINES]; /* a ring: what failed stands at the end */
	struct buf line;
	bool line_cut; /* the rest of an overlong line is being dropped */
};

static void emit(struct output_pump *pump, const char *text, size_t length)
{
	const struct event event = {
		.kind = EVENT_STEP_OUTPUT,
		.step = pump->step->id + 1,
		.platform = pump->step->target,
		.name = pump->step->name,
		.text = text,
		.text_length = length,
	};

	progress_emit(pump->ctx, &event);
}

static double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/** Whether as much as this may be shown now. */
static bool is_allowed(struct output_pump *pump, double cost)
{
	double now = seconds_now();

	pump->allowance += (now - pump->refilled) * OUTPUT_RATE;
	if (pump->allowance > OUTPUT_BURST)
		pump->allowance = OUTPUT_BURST;
	pump->refilled = now;
	return pump->allowance >= (pump->dropped ? OUTPUT_RESUME : cost) &&
	       pump->shown <= OUTPUT_TOTAL_MAX;
}

/** Whether a line may be shown; counts it if so.  Each also costs what events cost. */
static bool line_allowed(struct output_pump *pump, size_t length)
{
	double cost = (double)length + 64;

	if (!is_allowed(pump, cost))
		return false;
	pump->allowance -= cost;
	pump->shown += length;
	return true;
}

static void line_drop(struct output_pump *pump, size_t length)
{
	struct buf *slot = &pump->kept[pump->dropped++ % KEPT_LINES];

	buf_clear(slot);
	buf_add(slot, buf_text(&pump->line), length);
}

/** Say how many were dropped, and show the last of them after all. */
static void dropped_end(struct output_pump *pump)
{
	uint64_t first = pump->dropped > KEPT_LINES ? pump->dropped - KEPT_LINES : 0;
	char notice[96];

	if (first) {
		snprintf(notice, sizeof(notice),
			 "[%llu lines were not shown: the step writes too much]",
			 (unsigned long long)first);
		emit(pump, notice, strlen(notice));
	}
	for (uint64_t i = first; i < pump->dropped; i++) {
		const struct buf *line = &pump->kept[i % KEPT_LINES];

		emit(pump, buf_text(line), line->length);
	}
	pump->dropped = 0;
}

static void line_end(struct output_pump *pump)
{
	size_t length = pump->line.length;

	if (length && pump->line.data[length - 1] == '\r')
		length--;
	if (line_allowed(pump, length)) {
		dropped_end(pump);
		emit(pump, buf_text(&pump->line), length);
	} else {
		line_drop(pump, length);
	}
	buf_clear(&pump->line);
	pump->line_cut = false;
}

/**
 * While lines are being dropped, all of a block but its last ones is only counted: a step that
 * writes gigabytes shall not wait for us.  Where the rest of the block begins.
 */
static const char *block_skip(struct output_pump *pump, const char *data, const char *end)
{
	const char *rest = end;
	uint64_t count = 0;

	if (pump->dropped < KEPT_LINES || is_allowed(pump, 0))
		return data;
	for (int i = 0; i <= KEPT_LINES; i++) {
		rest = memrchr(data, '\n', (size_t)(rest - data));
		if (!rest)
			return data;
	}
	for (const char *at = data; at <= rest; at++)
		count += *at == '\n';
	pump->dropped += count;
	buf_clear(&pump->line);
	pump->line_cut = false;
	return rest + 1;
}

static void take_bytes(struct output_pump *pump, const char *data, size_t length)
{
	const char *end = data + length;

	data = block_skip(pump, data, end);
	while (data < end) {
		const char *newline = memchr(data, '\n', (size_t)(end - data));
		size_t part = (size_t)((newline ? newline : end) - data);
		size_t room = OUTPUT_LINE_MAX - pump->line.length;

		if (!pump->line_cut)
			buf_add(&pump->line, data, part < room ? part : room);
		if (part > room && !pump->line_cut) {
			buf_add_str(&pump->line, " [line clipped]");
			pump->line_cut = true;
		}
		if (newline)
			line_end(pump);
		data += part + (newline ? 1 : 0);
	}
}

static void *pump_run(void *closure)
{
	struct output_pump *pump = closure;
	static const size_t size = READ_SIZE;
	char *data = xcalloc(1, size);

	for (;;) {
		ssize_t got = read(pump->read_fd, data, size);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		take_bytes(pump, data, (size_t)got);
	}
	if (pump->line.length)
		line_end(pump);
	dropped_end(pump);
	free(data);
	return NULL;
}

int output_fd(const struct output_pump *pump)
{
	return pump->write_fd;
}

void output_finish(struct output_pump *pump)
{
	fd_drop(&pump->write_fd);
	if (pump->running)
		pthread_join(pump->thread, NULL);
	pump->running = false;
}

void output_pump_drop(struct output_pump **pump)
{
	if (!*pump)
		return;
	output_finish(*pump);
	fd_drop(&(*pump)->read_fd);
	buf_drop(&(*pump)->line);
	for (size_t i = 0; i < KEPT_LINES; i++)
		buf_drop(&(*pump)->kept[i]);
	free(*pump);
	*pump = NULL;
}

result output_new(const struct ctx *ctx, const struct step *step, struct output_pump **out,
		  struct error *err)
{
	struct output_pump *pump;
	int fds[2], status;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return fail_sys(err, "make a pipe");
	/* Best effort: fewer changes between the step and us. */
	(void)fcntl(fds[1], F_SETPIPE_SZ, READ_SIZE);
	pump = xnew(struct output_pump);
	pump->ctx = ctx;
	pump->step = step;
	pump->allowance = OUTPUT_BURST;
	pump->refilled = seconds_now();
	pump->read_fd = fds[0];
	pump->write_fd = fds[1];
	status = pthread_create(&pump->thread, NULL, pump_run, pump);
	if (status) {
		errno = status;
		(void)fail_sys(err, "start a thread");
		output_pump_drop(&pump);
		return FAILED;
	}
	pump->running = true;
	*out = pump;
	return OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/output.h"

#include "base/fd.h"
#include "base/mem.h"
#include "base/progress.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum {
	OUTPUT_LINE_MAX = 8 << 10,
	OUTPUT_TOTAL_MAX = 16 << 20, /* bytes of one step that are shown */
	READ_SIZE = 64 << 10,
};

struct output_pump {
	const struct ctx *ctx;
	const struct step *step;
	int read_fd, write_fd;
	pthread_t thread;
	bool running;
	uint64_t total;
	bool clipped;
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

static void line_end(struct output_pump *pump)
{
	size_t length = pump->line.length;

	if (pump->total > OUTPUT_TOTAL_MAX) {
		static const char notice[] = "[output clipped: 16 MiB were shown]";

		if (!pump->clipped)
			emit(pump, notice, strlen(notice));
		pump->clipped = true;
	} else {
		if (length && pump->line.data[length - 1] == '\r')
			length--;
		emit(pump, buf_text(&pump->line), length);
	}
	buf_clear(&pump->line);
	pump->line_cut = false;
}

static void take_bytes(struct output_pump *pump, const char *data, size_t length)
{
	const char *end = data + length;

	pump->total += length;
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
	pump = xnew(struct output_pump);
	pump->ctx = ctx;
	pump->step = step;
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

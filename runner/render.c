/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/render.h"

#include "base/json.h"
#include "base/mem.h"
#include "runner/table.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum {
	TAIL_LINES = 20, /* of a step that failed */
	REDRAW_MS = 100,
	LIVE_LINES_MAX = 16,
};

/** A step that runs. */
struct live {
	size_t step;
	char *name;
	struct timespec start;
	char *tail[TAIL_LINES]; /* a ring: the last lines it wrote, escaped */
	size_t lines;
};

struct render {
	struct progress sink; /* first: a pointer to it is a pointer to us */
	void (*draw)(struct render *render, const struct event *event);
	pthread_mutex_t lock;
	struct live *live;
	size_t live_count;

	/* tty */
	struct buf owed; /* lines that are finished, to be printed above the live ones */
	size_t drawn;    /* live lines on the screen now */
	bool ticking, ending;
	pthread_t ticker;
	pthread_cond_t end;
};

static double seconds_since(const struct timespec *start)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - start->tv_sec) + (double)(now.tv_nsec - start->tv_nsec) / 1e9;
}

/* ---- steps that run ---- */

static struct live *live_find(struct render *render, size_t step)
{
	for (size_t i = 0; i < render->live_count; i++) {
		if (render->live[i].step == step)
			return &render->live[i];
	}
	return NULL;
}

static void live_begin(struct render *render, const struct event *event)
{
	struct live *live;
	owned(buf) struct buf name = {};

	array_grow(render->live, render->live_count);
	live = &render->live[render->live_count++];
	*live = (struct live){ .step = event->step };
	text_escape(&name, event->name, strlen(event->name));
	live->name = buf_take(&name);
	clock_gettime(CLOCK_MONOTONIC, &live->start);
}

static void live_output(struct render *render, const struct event *event)
{
	struct live *live = live_find(render, event->step);
	owned(buf) struct buf line = {};
	char **slot;

	if (!live)
		return;
	text_escape(&line, event->text, event->text_length);
	slot = &live->tail[live->lines++ % TAIL_LINES];
	free(*slot);
	*slot = buf_take(&line);
}

static const char *live_last(const struct live *live)
{
	return live->lines ? live->tail[(live->lines - 1) % TAIL_LINES] : "";
}

static void live_end(struct render *render, size_t step)
{
	struct live *live = live_find(render, step);

	if (!live)
		return;
	free(live->name);
	for (size_t i = 0; i < TAIL_LINES; i++)
		free(live->tail[i]);
	*live = render->live[--render->live_count];
}

/** The last lines of a step that failed, between rules. */
static void tail_text(const struct live *live, struct buf *out)
{
	size_t from = live->lines > TAIL_LINES ? live->lines - TAIL_LINES : 0;

	buf_printf(out, "------\n > %s:\n", live->name);
	for (size_t i = from; i < live->lines; i++)
		buf_printf(out, "   %s\n", live->tail[i % TAIL_LINES]);
	buf_add_str(out, "------\n");
}

static void put(const struct buf *text)
{
	/* A reader that went away is no reason to fail: SIGPIPE is ignored. */
	if (text->length && write(STDERR_FILENO, text->data, text->length) < 0)
		return;
}

/* ---- what belongs to no step ---- */

static void summary_row(struct table *table, const struct summary *summary)
{
	static const char *const outcomes[] = { "done", "failed", "stopped" };
	char platform[PLATFORM_TEXT_MAX], size[SIZE_TEXT_MAX];
	owned(buf) struct buf cell = {};

	table_add(table, platform_text(&summary->platform, platform));
	table_add(table, outcomes[summary->outcome]);
	buf_printf(&cell, "%zu run, %zu cached", summary->steps_run, summary->steps_cached);
	table_add(table, buf_text(&cell));
	buf_clear(&cell);
	buf_printf(&cell, "%.1fs", summary->seconds);
	table_add(table, buf_text(&cell));
	table_add(table, *summary->digest ? size_text(summary->size, size) : "-");
	if (summary->failed_step)
		table_add(table, summary->failed_step);
	else
		table_add(table, *summary->digest ? summary->digest : "-");
}

static void summary_text(const struct event *event, struct buf *out)
{
	static const char *const head[] = { "PLATFORM", "STATE", "STEPS", "TIME", "SIZE", "IMAGE" };
	owned(table) struct table table = { .columns = countof(head) };

	for (size_t i = 0; i < countof(head); i++)
		table_add(&table, head[i]);
	for (size_t i = 0; i < event->summary_count; i++)
		summary_row(&table, &event->summaries[i]);
	table_text(&table, out);
}

static bool message_text(const struct event *event, struct buf *out)
{
	owned(buf) struct buf text = {};

	if (event->kind == EVENT_SUMMARY) {
		summary_text(event, out);
		return true;
	}
	if (event->kind != EVENT_NOTE && event->kind != EVENT_WARNING)
		return false;
	text_escape(&text, event->text, event->text_length);
	buf_printf(out, "%s%s\n", event->kind == EVENT_WARNING ? "warning: " : "", buf_text(&text));
	return true;
}

/* ---- quiet ---- */

static void draw_quiet(struct render *render, const struct event *event)
{
	owned(buf) struct buf out = {};
	struct live *live = live_find(render, event->step);

	if (event->kind == EVENT_STEP_FAILED && live)
		tail_text(live, &out);
	else if (event->kind == EVENT_WARNING)
		(void)message_text(event, &out);
	put(&out);
}

/* ---- plain ---- */

static void draw_plain(struct render *render, const struct event *event)
{
	owned(buf) struct buf out = {};
	struct live *live = live_find(render, event->step);

	if (message_text(event, &out)) {
		put(&out);
		return;
	}
	if (!live)
		return;
	switch (event->kind) {
	case EVENT_STEP_STARTED:
		buf_printf(&out, "#%zu %s\n", event->step, live->name);
		break;
	case EVENT_STEP_OUTPUT:
		buf_printf(&out, "#%zu %.3f %s\n", event->step, seconds_since(&live->start),
			   live_last(live));
		break;
	case EVENT_STEP_CACHED:
		buf_printf(&out, "#%zu CACHED\n", event->step);
		break;
	case EVENT_STEP_DONE:
		buf_printf(&out, "#%zu DONE %.1fs\n", event->step, event->seconds);
		break;
	case EVENT_STEP_FAILED:
		buf_printf(&out, "#%zu FAILED %.1fs\n", event->step, event->seconds);
		tail_text(live, &out);
		break;
	default:
		break;
	}
	put(&out);
}

/* ---- json ---- */

static const char *const event_names[] = {
	[EVENT_PLAN] = "plan",
	[EVENT_STEP_STARTED] = "step-started",
	[EVENT_STEP_OUTPUT] = "step-output",
	[EVENT_STEP_CACHED] = "step-cached",
	[EVENT_STEP_DONE] = "step-done",
	[EVENT_STEP_FAILED] = "step-failed",
	[EVENT_TRANSFER] = "transfer",
	[EVENT_NOTE] = "note",
	[EVENT_WARNING] = "warning",
	[EVENT_SUMMARY] = "summary",
};

static void set_text(json_t *object, const char *key, const char *text, size_t length)
{
	json_t *value = json_stringn(text, length);
	owned(buf) struct buf escaped = {};

	if (!value) {
		text_escape(&escaped, text, length);
		value = json_string(buf_text(&escaped));
	}
	json_object_set_new(object, key, value);
}

static void draw_json(struct render *render, const struct event *event)
{
	owned(json) json_t *object = json_object();
	owned(str) char *text = NULL;
	owned(buf) struct buf line = {};
	char platform[PLATFORM_TEXT_MAX];
	struct timespec now;

	(void)render;
	clock_gettime(CLOCK_REALTIME, &now);
	json_object_set_new(object, "event", json_string(event_names[event->kind]));
	json_object_set_new(object, "time",
			    json_real((double)now.tv_sec + (double)now.tv_nsec / 1e9));
	if (event->step)
		json_object_set_new(object, "step", json_integer((json_int_t)event->step));
	if (event->platform)
		json_object_set_new(object, "platform",
				    json_string(platform_text(event->platform, platform)));
	if (event->name)
		set_text(object, "name", event->name, strlen(event->name));
	if (event->text && (event->text_length || event->kind == EVENT_STEP_OUTPUT))
		set_text(object, "text", event->text, event->text_length);
	if (event->kind == EVENT_TRANSFER) {
		json_object_set_new(object, "bytes", json_integer((json_int_t)event->bytes));
		json_object_set_new(object, "total", json_integer((json_int_t)event->total));
	}
	if (event->kind == EVENT_STEP_DONE || event->kind == EVENT_STEP_FAILED)
		json_object_set_new(object, "seconds", json_real(event->seconds));
	text = json_text(object, false);
	buf_printf(&line, "%s\n", text);
	put(&line);
}

/* ---- tty ---- */

static size_t terminal_width(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col < 20)
		return 80;
	return size.ws_col;
}

/** Cut a line to the width; counts characters, taking each as one column. */
static void add_cut(struct buf *out, const char *text, size_t width)
{
	for (; *text && width; text++) {
		if (((unsigned char)*text & 0xc0) != 0x80)
			width--;
		buf_add_char(out, *text == '\t' ? ' ' : *text);
	}
	while ((*text & 0xc0) == 0x80)
		buf_add_char(out, *text++);
}

static void live_line(const struct live *live, size_t width, struct buf *out)
{
	owned(buf) struct buf left = {};
	char time[32];

	buf_printf(&left, " => %s", live->name);
	if (live->lines)
		buf_printf(&left, "  | %s", live_last(live));
	snprintf(time, sizeof(time), " %.1fs", seconds_since(&live->start));
	add_cut(out, buf_text(&left), width - strlen(time) - 1);
	buf_printf(out, "%s\x1b[K\n", time);
}

/** Print what is finished above, and the running steps below, in one write. */
static void redraw(struct render *render)
{
	owned(buf) struct buf out = {};
	size_t width = terminal_width();
	size_t shown = render->live_count < LIVE_LINES_MAX ? render->live_count : LIVE_LINES_MAX;

	if (!render->owed.length && !render->drawn && !shown)
		return;
	if (render->drawn)
		buf_printf(&out, "\x1b[%zuA", render->drawn);
	buf_add_str(&out, "\r\x1b[J");
	buf_add(&out, render->owed.data, render->owed.length);
	buf_clear(&render->owed);
	for (size_t i = 0; i < shown; i++)
		live_line(&render->live[i], width, &out);
	if (render->live_count > shown) {
		buf_printf(&out, "    and %zu more\n", render->live_count - shown);
		shown++;
	}
	render->drawn = shown;
	put(&out);
}

static void draw_tty(struct render *render, const struct event *event)
{
	struct live *live = live_find(render, event->step);
	owned(buf) struct buf line = {};
	size_t width = terminal_width();

	if (message_text(event, &render->owed) || !live)
		return;
	if (event->kind == EVENT_STEP_CACHED)
		buf_printf(&line, " => CACHED %s", live->name);
	else if (event->kind == EVENT_STEP_DONE)
		buf_printf(&line, " => %4.1fs %s", event->seconds, live->name);
	else if (event->kind == EVENT_STEP_FAILED)
		buf_printf(&line, " => FAILED %s", live->name);
	else
		return;
	add_cut(&render->owed, buf_text(&line), width - 1);
	buf_add_char(&render->owed, '\n');
	if (event->kind == EVENT_STEP_FAILED)
		tail_text(live, &render->owed);
}

static void *tick(void *closure)
{
	struct render *render = closure;

	pthread_mutex_lock(&render->lock);
	while (!render->ending) {
		struct timespec until;

		redraw(render);
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += REDRAW_MS * 1000000L;
		if (until.tv_nsec >= 1000000000L) {
			until.tv_nsec -= 1000000000L;
			until.tv_sec++;
		}
		pthread_cond_timedwait(&render->end, &render->lock, &until);
	}
	redraw(render);
	pthread_mutex_unlock(&render->lock);
	return NULL;
}

/* ---- the sink ---- */

static void emit(struct progress *progress, const struct event *event)
{
	struct render *render = (struct render *)progress;

	pthread_mutex_lock(&render->lock);
	if (event->kind == EVENT_STEP_STARTED)
		live_begin(render, event);
	else if (event->kind == EVENT_STEP_OUTPUT)
		live_output(render, event);
	render->draw(render, event);
	if (event->kind == EVENT_STEP_DONE || event->kind == EVENT_STEP_CACHED ||
	    event->kind == EVENT_STEP_FAILED)
		live_end(render, event->step);
	pthread_mutex_unlock(&render->lock);
}

static const struct {
	const char *name;
	void (*draw)(struct render *render, const struct event *event);
} modes[] = {
	{ "plain", draw_plain },
	{ "json", draw_json },
	{ "quiet", draw_quiet },
	{ "tty", draw_tty },
};

static const char *mode_choose(const char *mode)
{
	const char *term = getenv("TERM");

	if (mode && strcmp(mode, "auto") != 0)
		return mode;
	return isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0 ? "tty" : "plain";
}

result render_new(const char *mode, struct render **out, struct error *err)
{
	const char *name = mode_choose(mode);
	struct render *render;
	size_t at = 0;

	while (at < countof(modes) && strcmp(modes[at].name, name) != 0)
		at++;
	if (at == countof(modes))
		return fail(err, FAULT_USAGE, "--progress %s: want auto, tty, plain, json or quiet",
			    mode);
	render = xnew(struct render);
	render->sink.emit = emit;
	render->draw = modes[at].draw;
	pthread_mutex_init(&render->lock, NULL);
	pthread_cond_init(&render->end, NULL);
	if (render->draw == draw_tty)
		render->ticking = pthread_create(&render->ticker, NULL, tick, render) == 0;
	*out = render;
	return OK;
}

void render_drop(struct render **render)
{
	struct render *old = *render;

	if (!old)
		return;
	*render = NULL;
	if (old->ticking) {
		pthread_mutex_lock(&old->lock);
		while (old->live_count)
			live_end(old, old->live[0].step);
		old->ending = true;
		pthread_cond_signal(&old->end);
		pthread_mutex_unlock(&old->lock);
		pthread_join(old->ticker, NULL);
	}
	while (old->live_count)
		live_end(old, old->live[0].step);
	free(old->live);
	buf_drop(&old->owed);
	pthread_cond_destroy(&old->end);
	pthread_mutex_destroy(&old->lock);
	free(old);
}

struct progress *render_sink(struct render *render)
{
	return &render->sink;
}

/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The sink: events of all threads go one by one through a view, and what it makes of them to
 * standard error.  A terminal is brought up to date by a thread of its own, ten times a second.
 */
#include "runner/render.h"

#include "base/fd.h"
#include "base/json.h"
#include "base/mem.h"
#include "runner/view.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { REDRAW_MS = 100 };

struct render {
	struct progress sink; /* first: a pointer to it is a pointer to us */
	pthread_mutex_t lock;
	struct view *view;
	struct buf out;
	bool building; /* a plan was told: frames come in time, not with each event */

	bool ticking, ending;
	pthread_t ticker;
	pthread_cond_t end;
};

/* ---- what is around us ---- */

static double clock_seconds(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static struct moment moment_now(void)
{
	return (struct moment){ clock_seconds(CLOCK_MONOTONIC), clock_seconds(CLOCK_REALTIME) };
}

static struct screen screen_now(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || !size.ws_col || !size.ws_row)
		return (struct screen){ .columns = 80, .rows = 24 };
	return (struct screen){ .columns = size.ws_col, .rows = size.ws_row };
}

/** systemd says which stream is its journal: it may be another one by now. */
static bool is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat status;

	return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
	       fstat(STDERR_FILENO, &status) == 0 && status.st_dev == device &&
	       status.st_ino == inode;
}

static struct style style_now(bool verbose)
{
	const char *no_colour = getenv("NO_COLOR");

	return (struct style){
		.colour = !no_colour || !*no_colour,
		.journal = is_journal(),
		.verbose = verbose,
	};
}

/* ---- writing ---- */

/** In one write: a line is never mixed with another program's, a frame never seen in part. */
static void put(struct buf *text)
{
	struct error ignored;

	/* A reader that went away is no reason to fail: SIGPIPE is ignored. */
	(void)write_all(STDERR_FILENO, text->data, text->length, &ignored);
	buf_clear(text);
}

static void draw(struct render *render)
{
	if (render->view->kind->draw)
		render->view->kind->draw(render->view, moment_now(), screen_now(), &render->out);
	put(&render->out);
}

static void *tick(void *closure)
{
	struct render *render = closure;

	pthread_mutex_lock(&render->lock);
	while (!render->ending) {
		struct timespec until;

		draw(render);
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec += REDRAW_MS * 1000000L;
		if (until.tv_nsec >= 1000000000L) {
			until.tv_nsec -= 1000000000L;
			until.tv_sec++;
		}
		pthread_cond_clockwait(&render->end, &render->lock, CLOCK_MONOTONIC, &until);
	}
	pthread_mutex_unlock(&render->lock);
	return NULL;
}

/* Outside of a build nothing may be owed once all is quiet: a result or a program's own output
 * comes next on the same terminal. */
static void emit(struct progress *progress, const struct event *event)
{
	struct render *render = (struct render *)progress;

	pthread_mutex_lock(&render->lock);
	render->building |= event->kind == EVENT_PLAN;
	view_event(render->view, event, moment_now(), &render->out);
	put(&render->out);
	if (!render->building && view_is_idle(render->view))
		draw(render);
	pthread_mutex_unlock(&render->lock);
}

/* ---- the sink ---- */

static const char *mode_choose(const char *mode)
{
	const char *term = getenv("TERM");

	if (mode && strcmp(mode, "auto") != 0)
		return mode;
	return isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0 ? "tty" : "plain";
}

result render_new(const char *mode, bool verbose, struct render **out, struct error *err)
{
	const struct view_kind *kind = view_kind_find(mode_choose(mode));
	struct render *render;

	if (!kind)
		return fail(err, FAULT_USAGE, "--progress %s: want auto, tty, plain, json or quiet",
			    mode);
	render = xnew(struct render);
	render->sink.emit = emit;
	render->view = view_new(kind, style_now(verbose));
	pthread_mutex_init(&render->lock, NULL);
	pthread_cond_init(&render->end, NULL);
	if (kind->draw)
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
		old->ending = true;
		pthread_cond_signal(&old->end);
		pthread_mutex_unlock(&old->lock);
		pthread_join(old->ticker, NULL);
	}
	view_end(old->view);
	draw(old);
	view_drop(&old->view);
	buf_drop(&old->out);
	pthread_cond_destroy(&old->end);
	pthread_mutex_destroy(&old->lock);
	free(old);
}

struct progress *render_sink(struct render *render)
{
	return &render->sink;
}

void render_error(const char *mode, const struct error *err)
{
	owned(buf) struct buf text = {}, line = {};
	owned(json) json_t *object = NULL;
	owned(str) char *json = NULL;

	text_escape(&text, err->text, strlen(err->text));
	if (mode && strcmp(mode, "json") == 0) {
		object = json_object();
		json_object_set_new(object, "event", json_string("error"));
		json_object_set_new(object, "time", json_real(clock_seconds(CLOCK_REALTIME)));
		json_object_set_new(object, "text", json_string(buf_text(&text)));
		json_object_set_new(object, "status", json_integer(fault_exit_status(err->fault)));
		json = json_text(object, false);
		buf_printf(&line, "%s\n", json);
	} else {
		buf_printf(&line, "%smpemu: %s\n", is_journal() ? "<3>" : "", buf_text(&text));
	}
	put(&line);
}

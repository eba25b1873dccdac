/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/view.h"

#include "base/mem.h"
#include "runner/columns.h"
#include "runner/table.h"

#include <stdlib.h>
#include <string.h>

enum {
	BRIEF_DIGEST = 19, /* "sha256:" and twelve digits */
	BRIEF_STEP = 32,
};

const struct view_kind *view_kind_find(const char *name)
{
	static const struct view_kind *const kinds[] = { &view_plain, &view_json, &view_quiet,
							 &view_tty };

	for (size_t i = 0; i < countof(kinds); i++) {
		if (strcmp(kinds[i]->name, name) == 0)
			return kinds[i];
	}
	return NULL;
}

/* ---- steps that run ---- */

static struct live *live_find(struct view *view, size_t step)
{
	for (size_t i = 0; step && i < view->live_count; i++) {
		if (view->live[i].step == step)
			return &view->live[i];
	}
	return NULL;
}

static struct live *live_begin(struct view *view, const struct event *event, struct moment now)
{
	const char *name = event->name ? event->name : "";
	struct live *live;
	owned(buf) struct buf escaped = {};

	array_grow(view->live, view->live_count);
	live = &view->live[view->live_count++];
	text_escape(&escaped, name, strlen(name));
	*live = (struct live){
		.step = event->step,
		.number = ++view->numbered,
		.name = buf_take(&escaped),
		.start = now.elapsed,
	};
	return live;
}

static void live_output(struct live *live, const struct event *event)
{
	owned(buf) struct buf line = {};
	char **slot = &live->tail[live->lines++ % TAIL_LINES];

	text_escape(&line, event->text, event->text_length);
	free(*slot);
	*slot = buf_take(&line);
}

const char *live_last(const struct live *live)
{
	return live->lines ? live->tail[(live->lines - 1) % TAIL_LINES] : "";
}

/** The order of the others stays: lines on a terminal should not jump. */
static void live_end(struct view *view, struct live *live)
{
	size_t behind = (size_t)(view->live + view->live_count - live) - 1;

	free(live->name);
	for (size_t i = 0; i < TAIL_LINES; i++)
		free(live->tail[i]);
	memmove(live, live + 1, behind * sizeof(*live));
	view->live_count--;
}

void tail_text(const struct live *live, const struct event *event, struct buf *out)
{
	size_t from = live->lines > TAIL_LINES ? live->lines - TAIL_LINES : 0;

	buf_printf(out, "------\n > %s:\n", live->name);
	for (size_t i = from; i < live->lines; i++)
		buf_printf(out, "   %s\n", live->tail[i % TAIL_LINES]);
	buf_add_str(out, "------\n");
	if (event->text_length) {
		text_escape(out, event->text, event->text_length);
		buf_add_char(out, '\n');
	}
}

/* ---- transfers ---- */

struct transfer *transfer_find(struct view *view, const struct event *event, struct moment now)
{
	owned(buf) struct buf name = {};
	struct transfer *transfer = NULL;

	text_escape(&name, event->text, event->text_length);
	for (size_t i = 0; i < view->transfer_count; i++) {
		if (strcmp(view->transfers[i].name, buf_text(&name)) == 0)
			transfer = &view->transfers[i];
	}
	if (!transfer) {
		array_grow(view->transfers, view->transfer_count);
		transfer = &view->transfers[view->transfer_count++];
		*transfer = (struct transfer){
			.name = xstrdup(buf_text(&name)),
			.start = now.elapsed,
			.told = now.elapsed,
		};
	}
	transfer->bytes = event->bytes;
	transfer->total = event->total;
	return transfer;
}

void transfer_end(struct view *view, struct transfer *transfer)
{
	size_t behind = (size_t)(view->transfers + view->transfer_count - transfer) - 1;

	free(transfer->name);
	memmove(transfer, transfer + 1, behind * sizeof(*transfer));
	view->transfer_count--;
}

void transfer_text(const struct transfer *transfer, struct buf *out)
{
	char bytes[SIZE_TEXT_MAX], total[SIZE_TEXT_MAX];

	buf_add_str(out, size_text(transfer->bytes, bytes));
	if (transfer->total)
		buf_printf(out, " / %s %3.0f%%", size_text(transfer->total, total),
			   100 * ((double)transfer->bytes / (double)transfer->total));
}

/* ---- what belongs to no step ---- */

const char *outcome_text(enum outcome outcome)
{
	static const char *const outcomes[] = {
		[OUTCOME_DONE] = "done",
		[OUTCOME_FAILED] = "failed",
		[OUTCOME_STOPPED] = "stopped",
	};

	return outcomes[outcome];
}

static void summary_row(struct table *table, const struct summary *summary, bool brief)
{
	char platform[PLATFORM_TEXT_MAX], size[SIZE_TEXT_MAX];
	owned(buf) struct buf cell = {};

	table_add(table, platform_text(&summary->platform, platform));
	table_add(table, outcome_text(summary->outcome));
	buf_printf(&cell, "%zu run, %zu cached", summary->steps_run, summary->steps_cached);
	table_add(table, buf_text(&cell));
	buf_clear(&cell);
	buf_printf(&cell, "%.1fs", summary->seconds);
	table_add(table, buf_text(&cell));
	table_add(table, *summary->digest ? size_text(summary->size, size) : "-");
	buf_clear(&cell);
	if (summary->failed_step)
		columns_add(&cell, summary->failed_step, brief ? BRIEF_STEP : DIGEST_TEXT_MAX);
	else
		buf_printf(&cell, "%.*s", brief ? BRIEF_DIGEST : DIGEST_TEXT_MAX,
			   *summary->digest ? summary->digest : "-");
	table_add(table, buf_text(&cell));
}

static void summary_table(const struct event *event, bool brief, struct buf *out)
{
	static const char *const head[] = { "PLATFORM", "STATE", "STEPS", "TIME", "SIZE", "IMAGE" };
	owned(table) struct table table = { .columns = countof(head) };

	for (size_t i = 0; i < countof(head); i++)
		table_add(&table, head[i]);
	for (size_t i = 0; i < event->summary_count; i++)
		summary_row(&table, &event->summaries[i], brief);
	table_text(&table, out);
}

void message_text(const struct event *event, bool brief, struct buf *out)
{
	if (event->kind == EVENT_SUMMARY)
		summary_table(event, brief, out);
	if (event->kind != EVENT_NOTE && event->kind != EVENT_WARNING &&
	    event->kind != EVENT_STEP_ASSIST)
		return;
	if (event->kind == EVENT_WARNING)
		buf_add_str(out, "warning: ");
	text_escape(out, event->text, event->text_length);
	buf_add_char(out, '\n');
}

/* ---- the view ---- */

/** A step that fails before it was worth telling of is told of now. */
static struct live *live_for(struct view *view, const struct event *event, struct moment now)
{
	struct live *live = live_find(view, event->step);

	if (!live && event->kind == EVENT_STEP_STARTED)
		live = live_begin(view, event, now);
	if (live && event->kind == EVENT_STEP_OUTPUT)
		live_output(live, event);
	return live;
}

static bool is_ending(enum event_kind kind)
{
	return kind == EVENT_STEP_CACHED || kind == EVENT_STEP_DONE || kind == EVENT_STEP_FAILED ||
	       kind == EVENT_STEP_STOPPED;
}

void view_event(struct view *view, const struct event *event, struct moment now, struct buf *out)
{
	struct live *live;

	if (event->kind == EVENT_STEP_FAILED && !live_find(view, event->step)) {
		struct event start = *event;

		start.kind = EVENT_STEP_STARTED;
		start.text_length = 0;
		view_event(view, &start, now, out);
	}
	if (event->kind == EVENT_PLAN) {
		view->total = event->total;
		view->start = now.elapsed;
	}
	view->done += event->kind == EVENT_STEP_DONE || event->kind == EVENT_STEP_CACHED;
	view->cached += event->kind == EVENT_STEP_CACHED;
	live = live_for(view, event, now);
	view->kind->event(view, event, live, now, out);
	if (live && is_ending(event->kind))
		live_end(view, live);
}

bool view_is_idle(const struct view *view)
{
	return !view->live_count && !view->transfer_count;
}

void view_end(struct view *view)
{
	while (view->live_count)
		live_end(view, view->live);
	while (view->transfer_count)
		transfer_end(view, view->transfers);
}

struct view *view_new(const struct view_kind *kind, struct style style)
{
	struct view *view = xnew(struct view);

	view->kind = kind;
	view->style = style;
	return view;
}

void view_drop(struct view **view)
{
	struct view *old = *view;

	if (!old)
		return;
	*view = NULL;
	view_end(old);
	free(old->live);
	free(old->transfers);
	buf_drop(&old->owed);
	strings_drop(&old->frame);
	free(old);
}

/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The view for people: finished lines scroll by, and below them stand a headline, a line for each
 * running step and one for each transfer.
 *
 * Only lines that changed are written again.  The cursor rests below the last line and is never
 * hidden, so whenever the program dies the terminal is in order.
 */
#include "runner/columns.h"
#include "runner/view.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

enum {
	LIVE_LINES_MAX = 24,
	BAR_COLUMNS = 24,
	COLUMNS_MIN = 20,
	STATE_COLUMNS = 17, /* before the name of a finished step, and one behind it */
};

static const char green[] = "\x1b[32m", yellow[] = "\x1b[33m", red[] = "\x1b[31m";

static void add_coloured(const struct view *view, struct buf *out, const char *colour,
			 const char *text)
{
	if (view->style.colour)
		buf_printf(out, "%s%s\x1b[0m", colour, text);
	else
		buf_add_str(out, text);
}

/** `left` cut to leave room for `right` at the edge; the last column stays free. */
static void add_line(struct buf *out, const char *left, const char *right, size_t columns)
{
	size_t room = columns > strlen(right) + 2 ? columns - strlen(right) - 2 : 1;
	size_t used = columns_of(left) < room ? columns_of(left) : room;

	columns_add(out, left, room);
	columns_pad(out, room - used);
	buf_printf(out, " %s", right);
}

/* ---- lines that stay ---- */

/** A finished step: one line, its output is gone. */
static void owe_step(struct view *view, const char *colour, const char *state,
		     const struct live *live, double seconds)
{
	struct buf *out = &view->owed;

	buf_add_char(out, ' ');
	add_coloured(view, out, colour, state);
	columns_pad(out, 7 - strlen(state));
	buf_printf(out, " %5.1fs ", seconds);
	if (view->frame_columns > STATE_COLUMNS)
		columns_add(out, live->name, view->frame_columns - STATE_COLUMNS);
	else
		buf_add_str(out, live->name);
	buf_add_char(out, '\n');
}

/** "[linux/arm64 2/5] what it wrote" */
static void owe_output(struct view *view, const struct live *live)
{
	size_t length = strcspn(live->name, "]");

	buf_add(&view->owed, live->name, live->name[length] ? length + 1 : 0);
	buf_printf(&view->owed, " %s\n", live_last(live));
}

static void tty_step(struct view *view, const struct event *event, const struct live *live)
{
	switch (event->kind) {
	case EVENT_STEP_OUTPUT:
		if (view->style.verbose)
			owe_output(view, live);
		break;
	case EVENT_STEP_CACHED:
		owe_step(view, yellow, "CACHED", live, event->seconds);
		break;
	case EVENT_STEP_DONE:
		owe_step(view, green, "DONE", live, event->seconds);
		break;
	case EVENT_STEP_FAILED:
		owe_step(view, red, "FAILED", live, event->seconds);
		tail_text(live, event, &view->owed);
		break;
	case EVENT_STEP_ASSIST:
		if (view->style.verbose)
			buf_printf(&view->owed, "%*s%s\n", STATE_COLUMNS - 1, "", event->text);
		break;
	case EVENT_STEP_STOPPED:
		owe_step(view, yellow, "STOPPED", live, event->seconds);
		break;
	default:
		break;
	}
}

static void tty_event(struct view *view, const struct event *event, struct live *live,
		      struct moment now, struct buf *out)
{
	struct transfer *transfer;

	(void)out;
	if (live) {
		tty_step(view, event, live);
	} else if (event->kind == EVENT_TRANSFER) {
		transfer = transfer_find(view, event, now);
		if (transfer->bytes == transfer->total)
			transfer_end(view, transfer);
	} else {
		message_text(event, true, &view->owed);
	}
}

/* ---- lines that change ---- */

static void frame_head(const struct view *view, struct moment now, size_t columns,
		       struct strings *frame)
{
	owned(buf) struct buf left = {}, line = {};
	char right[32];

	if (!view->total || view_is_idle(view))
		return;
	buf_printf(&left, "building: %zu of %llu steps done", view->done,
		   (unsigned long long)view->total);
	if (view->cached)
		buf_printf(&left, ", %zu cached", view->cached);
	snprintf(right, sizeof(right), "%.1fs", now.elapsed - view->start);
	add_line(&line, buf_text(&left), right, columns);
	strings_add(frame, buf_text(&line));
}

/** What a step said last gets half of the line at least, the step's name the rest. */
static void frame_step(const struct live *live, struct moment now, size_t columns,
		       struct strings *frame)
{
	owned(buf) struct buf left = {}, line = {};
	const char *last = live_last(live);
	size_t name_room = columns - 2, last_room = columns_of(last) + 3;
	char right[32];

	if (last_room > columns / 2)
		last_room = columns / 2;
	if (*last)
		name_room = columns - last_room > 12 ? columns - last_room - 12 : 4;
	buf_add_str(&left, "  ");
	columns_add(&left, live->name, name_room);
	if (*last)
		buf_printf(&left, " | %s", last);
	snprintf(right, sizeof(right), "%.1fs", now.elapsed - live->start);
	add_line(&line, buf_text(&left), right, columns);
	strings_add(frame, buf_text(&line));
}

static void add_bar(struct buf *out, const struct transfer *transfer)
{
	double part = transfer->total ? (double)transfer->bytes / (double)transfer->total : 0;
	size_t full = part >= 1 ? BAR_COLUMNS : (size_t)(part * BAR_COLUMNS);

	buf_add_str(out, " [");
	for (size_t i = 0; i < BAR_COLUMNS; i++)
		buf_add_char(out, i < full ? '=' : i == full ? '>' : ' ');
	buf_add_char(out, ']');
}

static void frame_transfer(const struct transfer *transfer, struct moment now, size_t columns,
			   struct strings *frame)
{
	owned(buf) struct buf left = {}, right = {}, line = {};

	buf_printf(&left, "  %s", transfer->name);
	if (columns >= columns_of(transfer->name) + BAR_COLUMNS + 40)
		add_bar(&left, transfer);
	transfer_text(transfer, &right);
	buf_printf(&right, " %.1fs", now.elapsed - transfer->start);
	add_line(&line, buf_text(&left), buf_text(&right), columns);
	strings_add(frame, buf_text(&line));
}

/** No more lines than the screen has: one that scrolled away could not be written again. */
static void frame_make(const struct view *view, struct moment now, struct screen screen,
		       struct strings *frame)
{
	size_t most = screen.rows > 3 ? screen.rows - 3 : 1, shown = 0;
	size_t wanted = view->live_count + view->transfer_count;

	if (most > LIVE_LINES_MAX)
		most = LIVE_LINES_MAX;
	frame_head(view, now, screen.columns, frame);
	for (size_t i = 0; i < view->live_count && shown < most; i++, shown++)
		frame_step(&view->live[i], now, screen.columns, frame);
	for (size_t i = 0; i < view->transfer_count && shown < most; i++, shown++)
		frame_transfer(&view->transfers[i], now, screen.columns, frame);
	if (wanted > shown)
		strings_printf(frame, "  and %zu more", wanted - shown);
}

/* ---- drawing ---- */

/** Rows that the frame takes on the screen: a terminal that became narrower has broken lines. */
static size_t frame_rows(const struct view *view, size_t columns)
{
	size_t rows = 0;

	for (size_t i = 0; i < view->frame.count; i++) {
		size_t width = columns_of(view->frame.items[i]);

		rows += width > columns ? (width + columns - 1) / columns : 1;
	}
	return rows;
}

/** Write the new frame over the old one, from its first line on; equal lines are passed over. */
static void frame_write(const struct strings *old, const struct strings *new, struct buf *out)
{
	for (size_t i = 0; i < new->count; i++) {
		if (i < old->count && strcmp(old->items[i], new->items[i]) == 0)
			buf_add_char(out, '\n');
		else
			buf_printf(out, "%s\x1b[K\n", new->items[i]);
	}
	if (old->count > new->count)
		buf_add_str(out, "\x1b[J");
}

static bool frames_equal(const struct strings *a, const struct strings *b)
{
	for (size_t i = 0; i < a->count && i < b->count; i++) {
		if (strcmp(a->items[i], b->items[i]) != 0)
			return false;
	}
	return a->count == b->count;
}

static void tty_draw(struct view *view, struct moment now, struct screen screen, struct buf *out)
{
	owned(strings) struct strings frame = {};
	size_t columns = screen.columns, rows;
	bool fresh;

	if (screen.columns < COLUMNS_MIN)
		screen.columns = COLUMNS_MIN;
	frame_make(view, now, screen, &frame);
	fresh = view->owed.length || view->frame_columns != columns;
	view->frame_columns = columns;
	if (!fresh && frames_equal(&view->frame, &frame))
		return;
	if (!view->owed.length && !view->frame.count && !frame.count)
		return;
	rows = frame_rows(view, columns);
	if (rows)
		buf_printf(out, "\r\x1b[%zuA", rows);
	if (fresh && rows)
		buf_add_str(out, "\x1b[J");
	buf_add(out, view->owed.data, view->owed.length);
	buf_clear(&view->owed);
	if (fresh)
		strings_drop(&view->frame);
	frame_write(&view->frame, &frame, out);
	strings_drop(&view->frame);
	view->frame = frame;
	frame = (struct strings){};
}

const struct view_kind view_tty = { .name = "tty", .event = tty_event, .draw = tty_draw };

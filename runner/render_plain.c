/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Views for logs: plain, a line an event, as `docker build --progress plain` writes them; quiet,
 * only what is wrong.
 */
#include "runner/view.h"

#include <string.h>

enum { TRANSFER_SECONDS = 5 }; /* between two lines about the same blob */

/** Priority that journald takes off the front of a line; "" leaves it at "informational". */
static const char *priority(enum event_kind kind)
{
	return kind == EVENT_STEP_FAILED ? "<3>" : kind == EVENT_WARNING ? "<4>" : "";
}

/** Put the prefix before each line. */
static void add_prefixed(struct buf *out, const char *prefix, const char *text)
{
	while (*text) {
		size_t length = strcspn(text, "\n") + 1;

		buf_add_str(out, prefix);
		buf_add(out, text, length);
		text += length;
	}
}

/** The last news, and what is on its way for long. */
static void plain_transfer(struct view *view, const struct event *event, struct moment now,
			   struct buf *out)
{
	struct transfer *transfer = transfer_find(view, event, now);
	bool finished = transfer->bytes == transfer->total;
	char size[SIZE_TEXT_MAX];

	if (finished) {
		buf_printf(out, "%s %s DONE %.1fs\n", transfer->name,
			   size_text(transfer->total, size), now.elapsed - transfer->start);
		transfer_end(view, transfer);
	} else if (now.elapsed - transfer->told >= TRANSFER_SECONDS) {
		buf_printf(out, "%s ", transfer->name);
		transfer_text(transfer, out);
		buf_add_char(out, '\n');
		transfer->told = now.elapsed;
	}
}

static void plain_step(const struct event *event, const struct live *live, struct moment now,
		       struct buf *out)
{
	buf_printf(out, "#%zu ", live->number);
	switch (event->kind) {
	case EVENT_STEP_STARTED:
		buf_printf(out, "%s\n", live->name);
		break;
	case EVENT_STEP_OUTPUT:
		buf_printf(out, "%.3f %s\n", now.elapsed - live->start, live_last(live));
		break;
	case EVENT_STEP_CACHED:
		buf_add_str(out, "CACHED\n");
		break;
	case EVENT_STEP_DONE:
		buf_printf(out, "DONE %.1fs\n", event->seconds);
		break;
	case EVENT_STEP_ASSIST:
		buf_printf(out, "%s\n", event->text);
		break;
	case EVENT_STEP_FAILED:
		buf_printf(out, "FAILED %.1fs\n", event->seconds);
		tail_text(live, event, out);
		break;
	default:
		buf_printf(out, "STOPPED %.1fs\n", event->seconds);
		break;
	}
}

static void plain_event(struct view *view, const struct event *event, struct live *live,
			struct moment now, struct buf *out)
{
	owned(buf) struct buf text = {};

	if (event->kind == EVENT_TRANSFER)
		plain_transfer(view, event, now, &text);
	else if (live)
		plain_step(event, live, now, &text);
	else
		message_text(event, false, &text);
	add_prefixed(out, view->style.journal ? priority(event->kind) : "", buf_text(&text));
}

static void quiet_event(struct view *view, const struct event *event, struct live *live,
			struct moment now, struct buf *out)
{
	owned(buf) struct buf text = {};

	(void)now;
	if (event->kind == EVENT_STEP_FAILED && live)
		tail_text(live, event, &text);
	else if (event->kind == EVENT_WARNING)
		message_text(event, false, &text);
	add_prefixed(out, view->style.journal ? priority(event->kind) : "", buf_text(&text));
}

const struct view_kind view_plain = { .name = "plain", .event = plain_event };
const struct view_kind view_quiet = { .name = "quiet", .event = quiet_event };

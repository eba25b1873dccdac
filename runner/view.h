/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A view turns events into bytes.  Private to render*.c.
 *
 * Pure: what time it is and how large the terminal is are arguments, and what is to be written goes
 * into a buffer; render.c asks the clock, takes the lock and writes.
 */
#ifndef RUNNER_VIEW_H
#define RUNNER_VIEW_H

#include "base/progress.h"
#include "base/text.h"

enum { TAIL_LINES = 20 }; /* that are shown of a step that failed */

struct moment {
	double elapsed; /* seconds since any fixed point, never going back */
	double wall;    /* seconds since 1970 */
};

struct screen {
	size_t columns, rows;
};

/** How the bytes are dressed. */
struct style {
	bool colour;
	bool verbose; /* a terminal keeps what steps write */
	bool journal; /* lines that matter start with <3> or <4>, as systemd wants it */
};

/** A step that runs. */
struct live {
	size_t step, number; /* as in the plan; as told: from 1, without gaps */
	char *name;
	double start;
	char *tail[TAIL_LINES]; /* a ring: the last lines it wrote, escaped */
	size_t lines;
};

/** Bytes on their way, known by what is said of them. */
struct transfer {
	char *name;
	uint64_t bytes, total;
	double start, told; /* told: when a log last heard of it */
};

struct view {
	const struct view_kind *kind;
	struct style style;
	struct live *live;
	size_t live_count;
	struct transfer *transfers;
	size_t transfer_count;
	size_t numbered;     /* steps that have a number */
	uint64_t total;      /* steps of the plan; 0: no plan */
	size_t done, cached; /* of them; cached ones are done too */
	double start;        /* of the plan */

	/* What the terminal shows; render_tty.c's. */
	struct buf owed;      /* finished lines, to be printed above the live ones */
	struct strings frame; /* the live lines on the screen */
	size_t frame_columns; /* how wide it was then */
};

struct view_kind {
	const char *name;
	void (*event)(struct view *view, const struct event *event, struct live *live,
		      struct moment now, struct buf *out);
	/** Bring the screen up to date; NULL where event() has written all. */
	void (*draw)(struct view *view, struct moment now, struct screen screen, struct buf *out);
};

extern const struct view_kind view_plain, view_json, view_quiet, view_tty;

/** By name, or NULL. */
const struct view_kind *view_kind_find(const char *name);

struct view *view_new(const struct view_kind *kind, struct style style);
void view_drop(struct view **view);

/** Add to `out` what is to be written because of an event. */
void view_event(struct view *view, const struct event *event, struct moment now, struct buf *out);

/** Nothing runs and nothing moves. */
bool view_is_idle(const struct view *view);

/** Nothing runs any more, whatever the events said; for the last draw(). */
void view_end(struct view *view);

/* ---- what views share ---- */

const char *live_last(const struct live *live);

/** Why a step failed, below its last lines, between rules. */
void tail_text(const struct live *live, const struct event *event, struct buf *out);

/**
 * A note, a warning or how the programs of a run ran, with its newline, or the table of a summary;
 * nothing for other events.
 * `brief`: digests as people tell them apart.
 */
void message_text(const struct event *event, bool brief, struct buf *out);
const char *outcome_text(enum outcome outcome);

/** The transfer that an event tells of; it is begun where it is new. */
struct transfer *transfer_find(struct view *view, const struct event *event, struct moment now);
void transfer_end(struct view *view, struct transfer *transfer);

/** "4.2 MB / 10 MB 42%" */
void transfer_text(const struct transfer *transfer, struct buf *out);

#endif

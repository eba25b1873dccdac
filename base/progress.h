/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What is going on, told as values.  No layer below runner/ prints; it emits events into a sink.
 */
#ifndef BASE_PROGRESS_H
#define BASE_PROGRESS_H

#include "base/ctx.h"
#include "base/digest.h"
#include "base/platform.h"

enum event_kind {
	EVENT_PLAN, /* total: steps that the build has; once, before the first of them */
	EVENT_STEP_STARTED,
	EVENT_STEP_OUTPUT, /* text: bytes a step wrote, one line without its newline */
	EVENT_STEP_CACHED,
	EVENT_STEP_DONE,
	EVENT_STEP_FAILED,  /* text: why */
	EVENT_STEP_STOPPED, /* it had started, and the build was stopped */
	EVENT_STEP_ASSIST,  /* how its programs ran; before its end, or of a run (step 0); text: the
			       same in words */
	EVENT_TRANSFER,     /* text: what; bytes of total so far; bytes == total: finished */
	EVENT_NOTE,         /* text: a message that is good to know */
	EVENT_WARNING,      /* text: a message that somebody should read */
	EVENT_SUMMARY,      /* summaries: how it went on each platform; once, at the end */
};

enum outcome { OUTCOME_DONE, OUTCOME_FAILED, OUTCOME_STOPPED };

/** What a build for several platforms came to on one of them. */
struct summary {
	struct platform platform;
	enum outcome outcome;           /* STOPPED: given up because of something else */
	const char *failed_step;        /* its name in OUTCOME_FAILED, else NULL; borrowed */
	size_t steps_run, steps_cached; /* of those that events told about */
	double seconds;                 /* in its steps, one after the other */
	uint64_t size;                  /* bytes of the image's layers, packed; 0: no image */
	char digest[DIGEST_TEXT_MAX];   /* of the image's manifest; "": no image */
};

/** A program that ran emulated although others of its step ran natively. */
struct ran_program {
	const char *name, *why;
	const char *reason; /* why it has no twin; "": it has one */
	uint64_t count;
};

/** A part of the time that a step took. */
struct ran_time {
	const char *name;
	const char *script; /* that it interpreted; "": none */
	const char *why;    /* why it was emulated; "": it ran natively, or nobody knows */
	const char *reason; /* why it has no twin; "" likewise */
	bool emulated;
	double share; /* 0 to 1, of all */
};

struct event {
	enum event_kind kind;
	size_t step;                     /* number of the step, from 1; 0: about no step */
	const struct platform *platform; /* or NULL */
	const char *name;                /* of the step: "[2/5] RUN make" */
	unsigned line;                   /* of the step, in the Dockerfile; 0: none */
	const char *text;
	size_t text_length;
	uint64_t bytes, total;
	double seconds;            /* how long it took: CACHED, DONE, FAILED */
	uint64_t native, emulated; /* how many programs ran so: ASSIST */
	const struct ran_program *programs;
	size_t program_count;
	const struct ran_time *times; /* the largest parts; ASSIST */
	size_t time_count;
	double cpu_seconds;    /* that they are parts of; 0: unknown */
	double emulated_share; /* of it; 0 to 1 */
	const struct summary *summaries;
	size_t summary_count;
};

/** A sink.  emit() may be called from any thread; what the event points to is borrowed. */
struct progress {
	void (*emit)(struct progress *progress, const struct event *event);
};

/** Give an event to the sink of ctx, if there is one. */
void progress_emit(const struct ctx *ctx, const struct event *event);

void progress_note(const struct ctx *ctx, const char *format, ...) PRINTF(2, 3);
void progress_warn(const struct ctx *ctx, const char *format, ...) PRINTF(2, 3);
void progress_transfer(const struct ctx *ctx, const char *what, uint64_t bytes, uint64_t total);

#endif

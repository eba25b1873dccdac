/* SPDX-License-Identifier: Apache-2.0 */
#include "base/progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MESSAGE_MAX = 1024 };

void progress_emit(const struct ctx *ctx, const struct event *event)
{
	if (ctx && ctx->progress)
		ctx->progress->emit(ctx->progress, event);
}

PRINTF(3, 0)
static void emit_message(const struct ctx *ctx, enum event_kind kind, const char *format,
			 va_list args)
{
	char text[MESSAGE_MAX];
	struct event event = { .kind = kind, .text = text };

	vsnprintf(text, sizeof(text), format, args);
	event.text_length = strlen(text);
	progress_emit(ctx, &event);
}

void progress_note(const struct ctx *ctx, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	emit_message(ctx, EVENT_NOTE, format, args);
	va_end(args);
}

void progress_warn(const struct ctx *ctx, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	emit_message(ctx, EVENT_WARNING, format, args);
	va_end(args);
}

void progress_transfer(const struct ctx *ctx, const char *what, uint64_t bytes, uint64_t total)
{
	struct event event = {
		.kind = EVENT_TRANSFER,
		.text = what,
		.text_length = strlen(what),
		.bytes = bytes,
		.total = total,
	};

	progress_emit(ctx, &event);
}

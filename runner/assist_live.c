/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/assist_live.h"

#include "base/mem.h"
#include "runner/live_roots.h"
#include "runner/tools.h"

#include <stdlib.h>

enum {
	SEARCHES_MAX = 24, /* of one step: a database that changes all the time is no package's */
	LOOKS_MAX = 512,   /* at the database, by one step */
};

struct assist_live {
	struct assist_request request; /* of it, all that is pointed to is kept below */
	struct platform platform;
	struct strings base;
	struct cancel *cancel;
	struct ctx ctx;
	uint8_t message[ASSIST_TRIP_SIZE];
	struct trip trip;
	struct door *door;
	struct assist_hidden *hidden;
	struct live_line *line;

	/* The line's thread's own. */
	struct live_views views;
	struct live_packages packages;
	struct live_roots roots;
	struct assist_known known;
	bool is_known, is_over;
	size_t searches, looks;
	struct buf why; /* there are no twins; empty: there may be */
	struct assist_set *set;
};

/* ---- what the step asks ---- */

static result publish(struct assist_live *live, const struct assist_set *set, struct error *err)
{
	owned(buf) struct buf empty = {};
	const struct assist_content content = {
		.table = set ? &set->table : &empty,
		.twins = set ? set->twins : NULL,
		.twin_count = set ? set->twin_count : 0,
		.aliases = set ? set->aliases : NULL,
		.alias_count = set ? set->alias_count : 0,
	};
	struct assist_known known = live->known;

	known.pending = live->roots.pending.count > 0;
	known.is_over = live->is_over || live->searches == SEARCHES_MAX || live->looks == LOOKS_MAX;
	if (!set && assist_table_write(NULL, 0, &empty, err))
		return FAILED;
	return assist_hidden_publish(live->hidden, &content, &known, err);
}

static result search(struct assist_live *live, const char *name, struct error *err)
{
	struct assist_set *set = NULL;
	result status =
		live_roots_search(&live->roots, assist_hidden_since(live->hidden), name, &set, err);

	live->searches++;
	if (set) {
		assist_set_drop(&live->set);
		live->set = set;
	}
	return status;
}

/** Whether there may be more than is known; then it is. */
static result look(struct assist_live *live, const char *name, struct error *err)
{
	struct assist_known known;
	bool is_changed, is_wanted, are_new = false;

	if (live_views_open(&live->views, live->door, err)) {
		live_views_close(&live->views);
		live->is_over = true;
		return FAILED;
	}
	if (!live_known_read(live->views.view, &known))
		return fail(err, FAULT_MISSING, "there is no package database");
	is_changed = !live->is_known || !live_known_equal(&known, &live->known);
	if (is_changed && live_packages_look(&live->packages, live->views.view, live->views.before,
					     &are_new, err))
		return FAILED;
	live->known = known;
	live->is_known = true;
	/* A package that was installed again has new files. */
	is_wanted = are_new || twin_packages_serve(&live->roots.pending, name) ||
		    (is_changed && live_roots_serve(&live->roots, name));
	if (is_wanted && search(live, name, err))
		return FAILED;
	return is_wanted || is_changed ? publish(live, live->set, err) : OK;
}

/** What fails costs the step no more than the help. */
static void live_look(void *closure, const char *name)
{
	struct assist_live *live = closure;
	struct error own = {}, ignored = {};

	if (live->is_over || live->searches == SEARCHES_MAX || live->looks == LOOKS_MAX)
		return;
	live->looks++;
	buf_clear(&live->why);
	if (!look(live, name, &own) || cancel_fired(live->cancel))
		return;
	buf_add_str(&live->why, own.text);
	strings_drop(&live->roots.pending);
	(void)publish(live, live->set, &ignored);
}

/* ---- from the beginning to the end ---- */

/** The sandbox has ended. */
static void live_stop(void *closure)
{
	struct assist_live *live = closure;

	live_line_end(live->line);
	cancel_fire(live->cancel, NULL);
	live_line_join(live->line);
	live_views_close(&live->views);
}

struct assist_live *assist_live_new(const struct assist_request *request,
				    const struct assist_set *first)
{
	struct assist_live *live = xnew(struct assist_live);
	const struct strings *base = assist_toolchain_base(request);

	live->request = *request;
	live->platform = *request->platform;
	live->request.platform = &live->platform;
	strings_add_all(&live->base, base->items);
	live->request.toolchain_base = &live->base;
	live_views_init(&live->views, request, first);
	live->cancel = cancel_new();
	live->ctx = (struct ctx){ live->cancel, request->ctx->progress };
	assist_trip_message(live->message);
	live->trip = (struct trip){ SANDBOX_TRIP, live->message, sizeof(live->message) };
	live->door = door_new(live_stop, live);
	live->line = live_line_new(live_look, live);
	live->roots = (struct live_roots){
		.request = &live->request,
		.ctx = &live->ctx,
		.trip = &live->trip,
		.door = live->door,
		.line = live->line,
		.views = &live->views,
		.packages = &live->packages,
	};
	return live;
}

void assist_live_drop(struct assist_live **live)
{
	struct assist_live *old = *live;

	if (!old)
		return;
	live_stop(old);
	door_drop(&old->door);
	cancel_drop(&old->cancel);
	assist_set_drop(&old->set);
	live_roots_drop(&old->roots);
	live_packages_drop(&old->packages);
	live_views_drop(&old->views);
	live_line_drop(&old->line);
	strings_drop(&old->base);
	buf_drop(&old->why);
	free(old);
	*live = NULL;
}

void assist_live_begin(struct assist_live *live, struct assist_hidden *hidden)
{
	live->hidden = hidden;
	live_line_begin(live->line, hidden);
}

void assist_live_asked(void *closure, const char *name)
{
	struct assist_live *live = closure;

	live_line_ask(live->line, name);
}

struct door *assist_live_door(struct assist_live *live)
{
	return live->door;
}

const char *assist_live_reason(const struct assist_live *live, const char *name)
{
	const char *reason = live->set ? assist_set_reason(live->set, name) : NULL;

	for (size_t i = 0; !reason && i < live->packages.items.count; i++) {
		owned(str) char *package = live_package_name(live->packages.items.items[i]);

		/* A row for all programs of a package does not say that this is one of them. */
		if (tool_serves(package, name) && !tool_serves(package, ""))
			reason = live->why.length ? buf_text(&live->why)
						  : "the step has installed it";
	}
	return reason;
}

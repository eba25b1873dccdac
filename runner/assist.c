/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/assist.h"

#include "base/fd.h"
#include "base/mem.h"
#include "binfmt/binfmt.h"
#include "runner/assist_live.h"
#include "runner/assist_set.h"
#include "runner/engines.h"
#include "runner/tools.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct assist {
	struct assist_set *set;
	struct assist_live *live; /* or NULL */
	struct assist_hidden *hidden;
	struct assist_root *roots;
	struct buf engine; /* directory of the emulator */
	struct sampling *sampling;
	char *place;
	char rule[BINFMT_RULE_MAX];
	struct assist_spec spec;
};

static const struct {
	enum assist_mode mode;
	const char *name;
} modes[] = {
	{ ASSIST_OFF, "off" },
	{ ASSIST_SAFE, "safe" },
	{ ASSIST_FULL, "full" },
	{ ASSIST_VERIFY, "verify" },
	{ ASSIST_VERIFY_FULL, "verify-full" },
};

result assist_mode_parse(const char *text, enum assist_mode *out, struct error *err)
{
	for (size_t i = 0; i < countof(modes); i++) {
		if (strcmp(text, modes[i].name) == 0) {
			*out = modes[i].mode;
			return OK;
		}
	}
	return fail(err, FAULT_USAGE, "--assist %s: want off, safe, full, verify or verify-full",
		    text);
}

const char *assist_mode_text(enum assist_mode mode)
{
	return modes[mode].name;
}

/* ---- what there is ---- */

/** Views of the stacks, open for as long as twins are looked for. */
struct views {
	int foreign;
	struct twin_source sources[TWIN_ROOTS_MAX];
	struct strings lowers[TWIN_ROOTS_MAX]; /* of those that were made for it */
	size_t count;
	bool lacks_toolchain; /* one could not be made, this time */
	uint8_t message[ASSIST_TRIP_SIZE];
	struct trip trip;
};

static void views_close(struct views *views)
{
	fd_drop(&views->foreign);
	for (size_t i = 0; i < views->count; i++) {
		fd_drop(&views->sources[i].native);
		fd_drop(&views->sources[i].peer);
		strings_drop(&views->lowers[i]);
	}
}

static result view_open(const struct strings *lowers, int *out, struct error *err)
{
	return overlay_open((const char *const *)lowers->items, lowers->count, NULL, NULL, out,
			    err);
}

static result views_open(const struct assist_request *request, struct views *out, struct error *err)
{
	assist_trip_message(out->message);
	out->trip = (struct trip){ SANDBOX_TRIP, out->message, sizeof(out->message) };
	if (view_open(request->lowers, &out->foreign, err))
		return FAILED;
	for (size_t i = 0; i < request->source_count && i < TWIN_ROOTS_MAX; i++) {
		const struct assist_source *from = &request->sources[i];
		struct twin_source *to = &out->sources[out->count++];

		*to = (struct twin_source){
			.origin = from->origin,
			.native = -1,
			.peer = -1,
			.lowers = (struct strings *)(uintptr_t)from->lowers,
			.published = from->is_published ? from->peer : NULL,
		};
		if (view_open(from->lowers, &to->native, err) ||
		    (from->peer && view_open(from->peer, &to->peer, err)))
			return FAILED;
	}
	return OK;
}

static struct twin_request twins_wanted(const struct assist_request *request,
					const struct views *views)
{
	struct twin_request want = assist_twins_wanted(request, &views->trip);

	want.foreign = views->foreign;
	want.sources = views->sources;
	want.source_count = views->count;
	return want;
}

/** A toolchain on top of a native root; one that cannot be made is only missed. */
static result toolchain_add(const struct assist_request *request, const struct twin_recipe *recipe,
			    struct views *views, struct error *err)
{
	const struct strings *base = assist_toolchain_base(request);
	struct strings *lowers = &views->lowers[views->count];
	const struct toolchain_request wanted = {
		.ctx = request->ctx,
		.root = request->root,
		.privilege = request->privilege,
		.recipe = recipe,
		.lowers = base,
	};
	owned(buf) struct buf path = {};
	struct error ignored = {};
	struct twin_source *to;

	if (views->count == TWIN_ROOTS_MAX)
		return OK;
	if (toolchain_obtain(request->toolchains, &wanted, &path, &ignored)) {
		views->lacks_toolchain = true;
		return cancel_check(request->ctx, err);
	}
	strings_add(lowers, buf_text(&path));
	strings_add_all(lowers, base->items);
	to = &views->sources[views->count++];
	*to = (struct twin_source){
		.origin = TWIN_TOOLCHAIN, .native = -1, .peer = -1, .lowers = lowers
	};
	return view_open(lowers, &to->native, err);
}

static result toolchains_add(const struct assist_request *request, struct views *views,
			     struct error *err)
{
	const struct twin_request want = twins_wanted(request, views);
	owned(twin_recipes) struct twin_recipes *recipes = NULL;

	if (!request->toolchains || !request->source_count)
		return OK;
	if (twin_recipes_find(request->ctx, &want, &recipes, err))
		return FAILED;
	for (size_t i = 0; i < recipes->count; i++) {
		if (toolchain_add(request, &recipes->items[i], views, err))
			return FAILED;
	}
	return OK;
}

/** Look at all that there is. */
static result set_search(const struct assist_request *request, struct views *views,
			 struct assist_set **out, struct error *err)
{
	owned(twin_set) struct twin_set *found = NULL;
	struct twin_request want;

	if (views_open(request, views, err) || toolchains_add(request, views, err))
		return FAILED;
	want = twins_wanted(request, views);
	return twins_find(request->ctx, &want, &found, err) ||
			       assist_set_make(found, views->foreign, out, err)
		       ? FAILED
		       : OK;
}

/** All that a search depends on. */
static struct digest set_key(const struct assist_request *request)
{
	owned(hasher) struct hasher *key = assist_key_new();
	char text[PLATFORM_TEXT_MAX];
	const uint8_t choices[] = { assist_tool_mode(request) == TOOL_FULL, request->may_repeat,
				    request->refuse_long_double, request->toolchains != NULL };

	hasher_add_str(key, request->root);
	hasher_add_str(key, platform_text(request->platform, text));
	hasher_add(key, choices, sizeof(choices));
	assist_key_add(key, request->lowers);
	assist_key_add(key, assist_toolchain_base(request));
	for (size_t i = 0; i < request->source_count; i++) {
		const struct assist_source *source = &request->sources[i];
		const uint8_t has_peer = source->peer != NULL;
		const uint8_t kind[] = { has_peer, source->is_published };

		hasher_add(key, &source->origin, sizeof(source->origin));
		hasher_add(key, kind, sizeof(kind));
		assist_key_add(key, source->lowers);
		if (has_peer)
			assist_key_add(key, source->peer);
	}
	return hasher_finish(key);
}

/** Find the twins, as before if nothing is new. */
static result set_get(const struct assist_request *request, struct assist_set **out,
		      struct error *err)
{
	const struct digest key = set_key(request);
	struct views views = { .foreign = -1 };
	result status;

	if (assist_set_load(request->root, &key, out))
		return OK;
	status = set_search(request, &views, out, err);
	views_close(&views);
	if (!status && !views.lacks_toolchain)
		assist_set_save(request->root, &key, *out);
	return status;
}

/* ---- one run ---- */

static result rule_make(struct assist *assist, const struct assist_request *request,
			struct error *err)
{
	const struct emulator *emulator = emulator_for(request->platform);
	char path[PATH_MAX], flags[16];

	if (!emulator)
		return fail(err, FAULT_MISSING, "no emulator is known");
	if (engine_obtain(request->root, emulator, &assist->engine, err))
		return FAILED;
	snprintf(path, sizeof(path), "%s/%s", SANDBOX_ENGINE, emulator->name);
	binfmt_flags(true, flags);
	return binfmt_rule(emulator, path, flags, assist->rule, err);
}

static void spec_make(struct assist *assist)
{
	const struct assist_set *set = assist->set;

	assist->sampling = sampling_new();
	assist->roots = xcalloc(set->root_count + 1, sizeof(*assist->roots));
	for (size_t i = 0; i < set->root_count; i++)
		assist->roots[i] = (struct assist_root){
			.lowers = (const char *const *)set->roots[i].items,
			.lower_count = set->roots[i].count,
		};
	assist->spec = (struct assist_spec){
		.hidden = assist->place,
		.roots = assist->roots,
		.root_count = set->root_count,
		.sampling = assist->sampling,
		.door = assist->live ? assist_live_door(assist->live) : NULL,
	};
}

static result place_make(const char *path, struct error *err)
{
	struct error ignored = {};

	/* Of somebody who died here; the directory around it is used again. */
	(void)remove_tree(AT_FDCWD, path, &ignored);
	if (mkdir(path, 0700) < 0)
		return fail_sys(err, "create %s", path);
	return OK;
}

/** Everything but finding the twins; what fails here keeps the step from no more than assist. */
static result run_prepare(struct assist *assist, const struct assist_request *request,
			  struct error *err)
{
	const struct assist_set *set = assist->set;
	struct assist_live *live =
		request->toolchains && request->upper ? assist_live_new(request, set) : NULL;
	const struct assist_content content = {
		.table = &set->table,
		.twins = set->twins,
		.twin_count = set->twin_count,
		.aliases = set->aliases,
		.alias_count = set->alias_count,
		.root_count = set->root_count,
		.asked = live ? assist_live_asked : NULL,
		.closure = live,
	};

	assist->live = live;
	assist->place = xasprintf("%s/assist", request->place);
	spec_make(assist);
	if (rule_make(assist, request, err) || place_make(assist->place, err) ||
	    assist_hidden_make(assist->place, request->privilege, &content, &assist->hidden, err))
		return FAILED;
	if (assist->live)
		assist_live_begin(assist->live, assist->hidden);
	assist->spec.engine = buf_text(&assist->engine);
	return OK;
}

const char *assist_obstacle(void)
{
	struct stat info;

	if (!binfmt_private_supported())
		return "this kernel has no binfmt_misc of a user namespace (Linux 6.7)";
	if (stat(SANDBOX_HIDDEN, &info) < 0 || !S_ISDIR(info.st_mode))
		return "this kernel has no " SANDBOX_HIDDEN;
	return NULL;
}

result assist_start(const struct assist_request *request, struct assist **out, struct buf *why,
		    struct error *err)
{
	owned(assist) struct assist *assist = NULL;
	struct error own = {};
	result status;

	if (!request->source_count) {
		if (why)
			buf_add_str(why, "there is no native root to take twins from");
		return OK;
	}
	assist = xnew(struct assist);
	status = set_get(request, &assist->set, &own) ||
				 (assist->set->twin_count && run_prepare(assist, request, &own))
			 ? FAILED
			 : OK;
	if (status && cancel_check(request->ctx, err))
		return FAILED;
	if (status && why)
		buf_add_str(why, own.text);
	if (!status && why && assist->set->miss_count &&
	    strcmp(assist->set->misses[0].path, TWIN_MISS_ALL) == 0)
		buf_add_str(why, assist->set->misses[0].reason);
	if (!status && assist->set->twin_count)
		*out = take(assist);
	return OK;
}

const char *assist_rule(const struct assist *assist)
{
	return assist->rule;
}

const struct assist_spec *assist_spec(const struct assist *assist)
{
	return &assist->spec;
}

void assist_counts(struct assist *assist, struct assist_counts *out)
{
	assist_hidden_counts(assist->hidden, out);
}

void assist_times(struct assist *assist, struct program_times *out)
{
	sampling_times(assist->sampling, out);
}

bool assist_tripped(struct assist *assist, char at[ASSIST_NAME_SIZE])
{
	struct assist_counts counts;

	assist_counts(assist, &counts);
	snprintf(at, ASSIST_NAME_SIZE, "%s", counts.tripped_at);
	return counts.tripped > 0;
}

const char *assist_reason(const struct assist *assist, const char *name)
{
	const char *reason = assist->live ? assist_live_reason(assist->live, name) : NULL;

	if (!reason)
		reason = assist_set_reason(assist->set, name);
	return reason ? reason : "it is no reviewed tool";
}

void assist_drop(struct assist **assist)
{
	struct assist *old = *assist;
	struct error ignored = {};

	if (!old)
		return;
	assist_hidden_drop(&old->hidden);
	assist_live_drop(&old->live);
	/* Its content is ours, and a second try of the step begins anew. */
	if (old->place)
		(void)remove_tree(AT_FDCWD, old->place, &ignored);
	sampling_drop(&old->sampling);
	assist_set_drop(&old->set);
	buf_drop(&old->engine);
	free(old->roots);
	free(old->place);
	free(old);
	*assist = NULL;
}

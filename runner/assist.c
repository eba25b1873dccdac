/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/assist.h"

#include "base/fd.h"
#include "base/mem.h"
#include "binfmt/binfmt.h"
#include "runner/aliases.h"
#include "runner/engines.h"
#include "runner/tools.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct assist {
	struct twin_set *twins;
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
};

result assist_mode_parse(const char *text, enum assist_mode *out, struct error *err)
{
	for (size_t i = 0; i < countof(modes); i++) {
		if (strcmp(text, modes[i].name) == 0) {
			*out = modes[i].mode;
			return OK;
		}
	}
	return fail(err, FAULT_USAGE, "--assist %s: want off, safe, full or verify", text);
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
	return (struct twin_request){
		.foreign = views->foreign,
		.target = *request->platform,
		.host = platform_host(),
		.mode = request->mode == ASSIST_FULL ? TOOL_FULL : TOOL_SAFE,
		.sources = views->sources,
		.source_count = views->count,
		.prefix = SANDBOX_HIDDEN,
		.trip = request->may_repeat ? &views->trip : NULL,
		.refuse_long_double = request->refuse_long_double,
		.store = request->root,
		.cache = request->cache,
	};
}

/** A toolchain on top of the first source; one that cannot be made is only missed. */
static result toolchain_add(const struct assist_request *request, const struct twin_recipe *recipe,
			    struct views *views, struct error *err)
{
	const struct strings *base = request->sources[0].lowers;
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
	if (toolchain_obtain(request->toolchains, &wanted, &path, &ignored))
		return cancel_check(request->ctx, err);
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

static result twins_get(const struct assist_request *request, struct views *views,
			struct twin_set **out, struct error *err)
{
	struct twin_request want;

	if (toolchains_add(request, views, err))
		return FAILED;
	want = twins_wanted(request, views);
	return twins_find(request->ctx, &want, out, err);
}

/* ---- the table ---- */

/** One row of the table; false where the file is not there, or is none that may have a twin. */
static bool row_make(const struct twin_set *twins, const struct twin *twin, int foreign,
		     struct assist_twin *out)
{
	owned(fd) int fd = open_in_root(foreign, twin->path, O_PATH | O_NOFOLLOW, 0);
	const struct tool *tool = twin->tool;
	struct stat info;

	if (fd < 0 || fstat(fd, &info) < 0 || !S_ISREG(info.st_mode) ||
	    (info.st_mode & (S_ISUID | S_ISGID)))
		return false;
	*out = (struct assist_twin){
		.inode = info.st_ino,
		.size = (uint64_t)info.st_size,
		.mtime = info.st_mtim,
		.ctime = info.st_ctim,
		.native = arena_printf(twins->arena, SANDBOX_HIDDEN "/%zu%s", twin->root,
				       twin->native),
		.library_path_ok = tool->flags & TOOL_PRELOAD_OK,
		.place_matters = tool->flags & TOOL_DRIVER,
		.refuse = twin->refuse,
		.insert = twin->insert,
		.insert_unless = tool->insert_unless,
		.before = twin->before,
		.env = twin->env,
		.scripts = tool->scripts,
		.plugin_from = twin->plugin_from,
		.plugin_to = twin->plugin_to,
	};
	return true;
}

/** All rows; the caller frees them. */
static struct assist_twin *rows_make(const struct twin_set *twins, int foreign, size_t *count)
{
	struct assist_twin *rows = xcalloc(twins->count + 1, sizeof(*rows));

	*count = 0;
	for (size_t i = 0; i < twins->count; i++)
		*count += row_make(twins, &twins->twins[i], foreign, &rows[*count]);
	return rows;
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
	const struct twin_set *twins = assist->twins;

	assist->sampling = sampling_new();
	assist->roots = xcalloc(twins->root_count + 1, sizeof(*assist->roots));
	for (size_t i = 0; i < twins->root_count; i++)
		assist->roots[i] = (struct assist_root){
			.lowers = (const char *const *)twins->roots[i].lowers.items,
			.lower_count = twins->roots[i].lowers.count,
		};
	assist->spec = (struct assist_spec){
		.hidden = assist->place,
		.roots = assist->roots,
		.root_count = twins->root_count,
		.sampling = assist->sampling,
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
static result run_prepare(struct assist *assist, const struct assist_request *request, int foreign,
			  struct error *err)
{
	owned(buf) struct buf table = {};
	owned(aliases) struct aliases *aliases = NULL;
	size_t count;
	struct assist_twin *rows = rows_make(assist->twins, foreign, &count);
	struct assist_content content = {
		.table = &table,
		.twins = rows,
		.root_count = assist->twins->root_count,
	};
	result status;

	aliases = aliases_find(foreign, rows, count);
	content.aliases = aliases->items;
	content.alias_count = aliases->count;
	assist->place = xasprintf("%s/assist", request->place);
	spec_make(assist);
	status = assist_table_write(rows, count, &table, err) || rule_make(assist, request, err) ||
				 place_make(assist->place, err) ||
				 assist_hidden_make(assist->place, request->privilege, &content,
						    &assist->hidden, err)
			 ? FAILED
			 : OK;
	assist->spec.engine = buf_text(&assist->engine);
	free(rows);
	return status;
}

/** What this machine lacks, or NULL. */
static const char *obstacle_find(const struct assist_request *request)
{
	struct stat info;

	if (!binfmt_private_supported())
		return "this kernel has no binfmt_misc of a user namespace (Linux 6.7)";
	if (!request->source_count)
		return "there is no native root to take twins from";
	if (stat(SANDBOX_HIDDEN, &info) < 0 || !S_ISDIR(info.st_mode))
		return "this kernel has no " SANDBOX_HIDDEN;
	return NULL;
}

result assist_start(const struct assist_request *request, struct assist **out, struct buf *why,
		    struct error *err)
{
	owned(assist) struct assist *assist = NULL;
	struct views views = { .foreign = -1 };
	const char *obstacle = obstacle_find(request);
	struct error own = {};
	result status;

	if (obstacle) {
		if (why)
			buf_add_str(why, obstacle);
		return OK;
	}
	assist = xnew(struct assist);
	status = views_open(request, &views, &own) ||
				 twins_get(request, &views, &assist->twins, &own) ||
				 (assist->twins->count &&
				  run_prepare(assist, request, views.foreign, &own))
			 ? FAILED
			 : OK;
	views_close(&views);
	if (status && cancel_check(request->ctx, err))
		return FAILED;
	if (status && why)
		buf_add_str(why, own.text);
	if (!status && assist->twins->count)
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

bool assist_tripped(struct assist *assist)
{
	struct assist_counts counts;

	assist_counts(assist, &counts);
	return counts.tripped > 0;
}

const struct twin_miss *assist_miss(const struct assist *assist, const char *name)
{
	for (size_t i = 0; i < assist->twins->miss_count; i++) {
		const struct twin_miss *miss = &assist->twins->misses[i];

		if (strcmp(strrchr(miss->path, '/') + 1, name) == 0)
			return miss;
	}
	return NULL;
}

void assist_drop(struct assist **assist)
{
	struct assist *old = *assist;
	struct error ignored = {};

	if (!old)
		return;
	assist_hidden_drop(&old->hidden);
	/* Its content is ours, and a second try of the step begins anew. */
	if (old->place)
		(void)remove_tree(AT_FDCWD, old->place, &ignored);
	sampling_drop(&old->sampling);
	twin_set_drop(&old->twins);
	buf_drop(&old->engine);
	free(old->roots);
	free(old->place);
	free(old);
	*assist = NULL;
}

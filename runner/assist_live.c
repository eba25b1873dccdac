/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/assist_live.h"

#include "base/fd.h"
#include "base/mem.h"
#include "runner/packages.h"
#include "runner/tools.h"
#include "runner/twin_files.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum {
	NAMES_MAX = 64,     /* that wait for an answer */
	NAME_SIZE = 48,     /* longer ones come cut */
	SEARCHES_MAX = 24,  /* of one step: a database that changes all the time is no package's */
	LOOKS_MAX = 512,    /* at the database, by one step */
	RECIPES_MAX = 6,    /* that are looked at */
	ARCHIVES_MAX = 6,   /* lists that are obtained */
	ARCHIVED_MAX = 128, /* packages */
	SETTLE_NS = 30 * 1000 * 1000, /* more than a tick of any kernel's clock */
};

/** A native root that was made for this step. */
struct live_source {
	struct strings lowers, packages; /* what was installed into it */
	char *mounted;                   /* its topmost directory, where it is to be seen already */
};

struct assist_live {
	struct assist_request request; /* of it, all that is pointed to is kept below */
	struct platform platform;
	struct strings lowers, base;
	struct strings first[TWIN_ROOTS_MAX]; /* the roots that the sandbox begins with */
	size_t first_count;
	char *upper_path;
	struct cancel *cancel;
	struct ctx ctx;
	uint8_t message[ASSIST_TRIP_SIZE];
	struct trip trip;
	struct door *door;
	struct assist_hidden *hidden;

	pthread_mutex_t lock;
	pthread_cond_t asked;
	pthread_t thread;
	bool runs, ends;
	char names[NAMES_MAX][NAME_SIZE];
	size_t name_count;
	const struct strings *making; /* packages that are being installed, or NULL */

	/* The thread's own. */
	int view, upper, before;
	int natives[TWIN_ROOTS_MAX];
	struct strings packages;   /* "make:arm64=4.4.1-2": new ones, at the last search */
	struct strings were_there; /* the same, of those before */
	struct assist_known known;
	bool is_known, is_over;
	struct strings pending; /* packages of what would be made if somebody asked for it */
	struct live_source sources[TWIN_ROOTS_MAX];
	size_t source_count;
	struct digest tried[RECIPES_MAX];
	size_t tried_count, archive_count, searches, looks;
	struct buf why; /* there are no twins; empty: there may be */
	struct assist_set *set;
};

/* ---- what the step asks ---- */

static bool is_made_now(const struct assist_live *live, const char *name)
{
	return !live->making || twin_packages_serve(live->making, name);
}

static void *live_run(void *closure);

/** Put it in the line; false where it is to be answered now. */
static bool name_put(struct assist_live *live, const char *name)
{
	if (live->ends || live->name_count == NAMES_MAX || !is_made_now(live, name))
		return false;
	for (size_t i = 0; i < live->name_count; i++) {
		if (strcmp(live->names[i], name) == 0)
			return true;
	}
	if (!live->runs && pthread_create(&live->thread, NULL, live_run, live))
		return false;
	live->runs = true;
	snprintf(live->names[live->name_count++], NAME_SIZE, "%s", name);
	pthread_cond_signal(&live->asked);
	return true;
}

void assist_live_asked(void *closure, const char *name)
{
	struct assist_live *live = closure;
	bool waits;

	pthread_mutex_lock(&live->lock);
	waits = name_put(live, name);
	pthread_mutex_unlock(&live->lock);
	if (!waits)
		assist_hidden_answer(live->hidden, name);
}

/** The next name, which stays in the line: who asks the same meanwhile gets the same answer. */
static bool name_next(struct assist_live *live, char name[NAME_SIZE])
{
	bool is_there;

	pthread_mutex_lock(&live->lock);
	while (!live->ends && !live->name_count)
		pthread_cond_wait(&live->asked, &live->lock);
	is_there = !live->ends;
	if (is_there)
		memcpy(name, live->names[0], NAME_SIZE);
	pthread_mutex_unlock(&live->lock);
	return is_there;
}

static void name_done(struct assist_live *live, const char *name)
{
	pthread_mutex_lock(&live->lock);
	live->name_count--;
	memmove(live->names[0], live->names[1], live->name_count * NAME_SIZE);
	assist_hidden_answer(live->hidden, name);
	pthread_mutex_unlock(&live->lock);
}

/** All others who wait already go on emulated, unless it is made for them, too. */
static void making_set(struct assist_live *live, const struct strings *packages)
{
	size_t kept = 1;

	pthread_mutex_lock(&live->lock);
	live->making = packages;
	for (size_t i = 1; packages && i < live->name_count; i++) {
		if (is_made_now(live, live->names[i]))
			memmove(live->names[kept++], live->names[i], NAME_SIZE);
		else
			assist_hidden_answer(live->hidden, live->names[i]);
	}
	if (packages)
		live->name_count = kept;
	pthread_mutex_unlock(&live->lock);
}

/* ---- what there is ---- */

static result view_open(char *const *lowers, size_t count, int *out, struct error *err)
{
	return overlay_open((const char *const *)lowers, count, NULL, NULL, out, err);
}

/** Open, once, all that twins are looked for in. */
static result views_open(struct assist_live *live, struct error *err)
{
	if (live->view >= 0)
		return OK;
	live->upper = twin_upper_open(live->upper_path);
	if (live->upper < 0)
		return fail(err, FAULT_SYSTEM, "%s is on no disk", live->upper_path);
	if (view_open(live->lowers.items, live->lowers.count, &live->before, err))
		return FAILED;
	/* The first directory of each has copies, of what is below it. */
	for (size_t i = 0; i < live->first_count; i++) {
		if (view_open(live->first[i].items + 1, live->first[i].count - 1, &live->natives[i],
			      err))
			return FAILED;
	}
	return door_root(live->door, &live->view, err);
}

static void views_close(struct assist_live *live)
{
	fd_drop(&live->view);
	fd_drop(&live->upper);
	fd_drop(&live->before);
	for (size_t i = 0; i < live->first_count; i++)
		fd_drop(&live->natives[i]);
}

static bool known_read(int root, struct assist_known *out)
{
	owned(fd) int fd = open_in_root(root, "/var/lib/dpkg/status", O_PATH, 0);
	struct stat info;

	if (fd < 0 || fstat(fd, &info) < 0)
		return false;
	*out = (struct assist_known){ info.st_mtim,           info.st_ctim, info.st_ino,
				      (uint64_t)info.st_size, false,        false };
	return true;
}

static bool known_equal(const struct assist_known *a, const struct assist_known *b)
{
	return a->inode == b->inode && a->size == b->size && a->ctime.tv_sec == b->ctime.tv_sec &&
	       a->ctime.tv_nsec == b->ctime.tv_nsec;
}

/* ---- packages ---- */

static void package_text(const struct package *package, struct strings *out)
{
	if (strcmp(package->arch, "all") == 0)
		strings_printf(out, "%s=%s", package->name, package->version);
	else
		strings_printf(out, "%s:%s=%s", package->name, package->arch, package->version);
}

static result packages_list(int root, struct strings *out, struct error *err)
{
	owned(packages) struct packages *packages = NULL;

	if (packages_open(root, &packages, err))
		return FAILED;
	for (size_t i = 0; packages->kind == PACKAGES_DPKG && i < packages->count; i++)
		package_text(&packages->items[i], out);
	return OK;
}

static int text_compare(const void *a, const void *b)
{
	const char *const *left = a, *const *right = b;

	return strcmp(*left, *right);
}

static bool was_there(const struct assist_live *live, const char *package)
{
	const struct strings *list = &live->were_there;

	return list->count &&
	       bsearch(&package, list->items, list->count, sizeof(*list->items), text_compare);
}

static result packages_before(struct assist_live *live, struct error *err)
{
	struct strings *list = &live->were_there;

	if (list->count)
		return OK;
	if (packages_list(live->before, list, err))
		return FAILED;
	if (list->count)
		qsort(list->items, list->count, sizeof(*list->items), text_compare);
	return OK;
}

/** Those that were not there before the step. */
static result packages_new(struct assist_live *live, struct strings *out, struct error *err)
{
	owned(strings) struct strings all = {};

	if (packages_before(live, err) || packages_list(live->view, &all, err))
		return FAILED;
	for (size_t i = 0; i < all.count; i++) {
		if (!was_there(live, all.items[i]))
			strings_add(out, all.items[i]);
	}
	return OK;
}

static bool strings_equal(const struct strings *a, const struct strings *b)
{
	bool same = a->count == b->count;

	for (size_t i = 0; same && i < a->count; i++)
		same = strcmp(a->items[i], b->items[i]) == 0;
	return same;
}

/** "make" of "make:arm64=4.4.1-2" */
static char *package_name(const char *text)
{
	return xstrndup(text, strcspn(text, ":="));
}

/** What a native root was made for, or may be. */
static bool is_made_for(const struct assist_live *live, const char *name)
{
	static const char *const toolchain[] = { "binutils", "gcc-", "g++-", "cpp-" };

	for (size_t i = 0; i < countof(toolchain); i++) {
		if (starts_with(name, toolchain[i]))
			return true;
	}
	return tool_package_fetched(name, assist_tool_mode(&live->request));
}

/** What the archive has to tell of: what may have twins, and what such programs need. */
static void archived_list(const struct assist_live *live, struct packages *const *natives,
			  struct strings *out)
{
	for (size_t i = 0; i < live->packages.count && out->count < ARCHIVED_MAX; i++) {
		const char *text = live->packages.items[i];
		const bool is_script = text[strcspn(text, ":=")] == '='; /* for all machines */
		owned(str) char *name = package_name(text);
		bool wanted = is_script ? tool_package_known(name, assist_tool_mode(&live->request))
					: is_made_for(live, name);

		for (size_t j = 0; !wanted && !is_script && j < live->source_count; j++)
			wanted = packages_find(natives[j], name, NULL) != NULL;
		if (wanted)
			strings_add(out, text);
	}
}

/* ---- native roots ---- */

static struct toolchain_request toolchain_wanted(const struct assist_live *live,
						 const struct twin_recipe *recipe)
{
	return (struct toolchain_request){
		.ctx = &live->ctx,
		.root = live->request.root,
		.privilege = live->request.privilege,
		.recipe = recipe,
		.lowers = live->request.toolchain_base,
	};
}

/** The layer's path; made, if it is not there, while only those wait whom it is made for. */
static result layer_obtain(struct assist_live *live, const struct twin_recipe *recipe,
			   const struct strings *packages, struct buf *path, struct error *err)
{
	const struct toolchain_request wanted = toolchain_wanted(live, recipe);
	result status;

	making_set(live, packages);
	status = toolchain_obtain(live->request.toolchains, &wanted, path, err);
	making_set(live, NULL);
	return status;
}

static result source_add(struct assist_live *live, struct twin_recipe *recipe, struct error *err)
{
	owned(buf) struct buf path = {};
	struct live_source *source;

	if (layer_obtain(live, recipe, &recipe->packages, &path, err))
		return FAILED;
	source = &live->sources[live->source_count++];
	strings_add(&source->lowers, buf_text(&path));
	strings_add_all(&source->lowers, live->request.toolchain_base->items);
	strings_add_all(&source->packages, recipe->packages.items);
	return OK;
}

static bool was_tried(const struct assist_live *live, const struct digest *key)
{
	for (size_t i = 0; i < live->tried_count; i++) {
		if (digest_equal(&live->tried[i], key))
			return true;
	}
	return false;
}

/**
 * One more root, if it is there or the name is what it would be made for.  That it cannot be had is
 * told where it is tried.
 */
static void recipe_follow(struct assist_live *live, struct twin_recipe *recipe, const char *name)
{
	const struct toolchain_request wanted = toolchain_wanted(live, recipe);
	struct error ignored;

	if (was_tried(live, &recipe->key) || live->tried_count == RECIPES_MAX ||
	    live->first_count + live->source_count == TWIN_ROOTS_MAX)
		return;
	if (!toolchain_is_known(live->request.toolchains, &wanted) &&
	    !twin_packages_serve(&recipe->packages, name)) {
		strings_add_all(&live->pending, recipe->packages.items);
		return;
	}
	live->tried[live->tried_count++] = recipe->key;
	(void)source_add(live, recipe, &ignored);
}

/** Whether what the name may be is in a root of this step. */
static bool sources_serve(const struct assist_live *live, const char *name)
{
	for (size_t i = 0; i < live->source_count; i++) {
		if (twin_packages_serve(&live->sources[i].packages, name))
			return true;
	}
	return false;
}

/** What one search has open. */
struct search {
	struct twin_live guard;
	struct twin_source sources[TWIN_ROOTS_MAX];
	size_t source_count; /* of them, the step's own follow those that it began with */
	size_t own;
};

static void search_close(struct search *search)
{
	for (size_t i = search->own; i < search->source_count; i++)
		fd_drop(&search->sources[i].native);
	fd_drop(&search->guard.archive);
}

static struct twin_request twins_wanted(const struct assist_live *live, const struct search *search)
{
	struct twin_request want = assist_twins_wanted(&live->request, &live->trip);

	want.foreign = live->view;
	want.live = &search->guard;
	want.sources = search->sources;
	want.source_count = search->source_count;
	return want;
}

static result own_open(struct assist_live *live, struct search *search, struct error *err)
{
	for (size_t i = search->source_count - search->own; i < live->source_count; i++) {
		struct strings *lowers = &live->sources[i].lowers;
		struct twin_source *to = &search->sources[search->source_count];

		*to = (struct twin_source){ TWIN_TOOLCHAIN, -1, lowers, live->before };
		if (view_open(lowers->items, lowers->count, &to->native, err))
			return FAILED;
		search->source_count++;
	}
	return OK;
}

static result sources_find(struct assist_live *live, struct search *search, const char *name,
			   struct error *err)
{
	owned(twin_recipes) struct twin_recipes *recipes = NULL;
	struct twin_request want;

	for (size_t i = 0; i < live->first_count; i++)
		search->sources[search->source_count++] =
			(struct twin_source){ TWIN_TOOLCHAIN, live->natives[i], &live->first[i],
					      live->before };
	search->own = search->source_count;
	if (own_open(live, search, err))
		return FAILED;
	want = twins_wanted(live, search);
	if (twin_recipes_find(&live->ctx, &want, &recipes, err))
		return FAILED;
	strings_drop(&live->pending);
	for (size_t i = 0; i < recipes->count; i++)
		recipe_follow(live, &recipes->items[i], name);
	return cancel_check(&live->ctx, err) || own_open(live, search, err) ? FAILED : OK;
}

/* ---- what is genuine ---- */

static result natives_read(const struct search *search, struct packages **out, struct error *err)
{
	for (size_t i = search->own; i < search->source_count; i++) {
		if (packages_open(search->sources[i].native, &out[i - search->own], err))
			return FAILED;
	}
	return OK;
}

static result archive_recipe(const struct assist_live *live, const struct search *search,
			     struct twin_recipes **out, struct error *err)
{
	struct packages *natives[TWIN_ROOTS_MAX] = {};
	owned(strings) struct strings wanted = {};
	result status = natives_read(search, natives, err);

	if (!status) {
		archived_list(live, natives, &wanted);
		twin_archive_recipe(&live->platform, &wanted, out);
	}
	for (size_t i = 0; i < countof(natives); i++)
		packages_drop(&natives[i]);
	return status;
}

/** Open what the archive says; it is asked for the sake of a program that has a native root. */
static result archive_find(struct assist_live *live, struct search *search, const char *name,
			   struct error *err)
{
	owned(twin_recipes) struct twin_recipes *recipes = NULL;
	owned(buf) struct buf path = {};
	owned(strings) struct strings serves = {};
	struct toolchain_request wanted;

	if (archive_recipe(live, search, &recipes, err))
		return FAILED;
	if (!recipes->count)
		return OK;
	wanted = toolchain_wanted(live, recipes->items);
	for (size_t i = 0; i < live->source_count; i++)
		strings_add_all(&serves, live->sources[i].packages.items);
	if (!toolchain_is_known(live->request.toolchains, &wanted) &&
	    !twin_packages_serve(&serves, name)) {
		strings_add_all(&live->pending, serves.items);
		return OK;
	}
	if (live->archive_count == ARCHIVES_MAX)
		return fail(err, FAULT_INPUT, "it installs something else all the time");
	live->archive_count++;
	if (layer_obtain(live, recipes->items, &serves, &path, err))
		return FAILED;
	buf_add_str(&path, "/" ARCHIVE_ROOT);
	search->guard.archive = open(buf_text(&path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return search->guard.archive < 0 ? (result)fail_sys(err, "open %s", buf_text(&path)) : OK;
}

/* ---- twins ---- */

/** Have the roots seen: a directory of copies that has grown covers the one before. */
static result roots_mount(struct assist_live *live, const struct assist_set *set, struct error *err)
{
	for (size_t i = 0; i < set->root_count; i++) {
		const struct strings *root = &set->roots[i];
		struct live_source *source = &live->sources[i];

		if (source->mounted && strcmp(source->mounted, root->items[0]) == 0)
			continue;
		if (door_mount(live->door, (const char *const *)root->items, root->count,
			       live->first_count + i, err))
			return FAILED;
		free(source->mounted);
		source->mounted = xstrdup(root->items[0]);
	}
	return OK;
}

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

	known.pending = live->pending.count > 0;
	known.is_over = live->is_over || live->searches == SEARCHES_MAX || live->looks == LOOKS_MAX;
	if (!set && assist_table_write(NULL, 0, &empty, err))
		return FAILED;
	return assist_hidden_publish(live->hidden, &content, &known, err);
}

static result twins_search(struct assist_live *live, struct search *search, const char *name,
			   struct assist_set **out, struct error *err)
{
	owned(twin_set) struct twin_set *found = NULL;
	struct twin_request want;

	if (sources_find(live, search, name, err))
		return FAILED;
	if (!live->source_count)
		return OK;
	if (archive_find(live, search, name, err))
		return FAILED;
	if (search->guard.archive < 0)
		return OK;
	want = twins_wanted(live, search);
	want.sources += search->own;
	want.source_count -= search->own;
	want.first_root = search->own;
	return twins_find(&live->ctx, &want, &found, err) ||
			       assist_set_make(found, live->view, out, err) ||
			       roots_mount(live, *out, err)
		       ? FAILED
		       : OK;
}

/** What was written before now will have another change time when it is written to again. */
static struct timespec times_settle(void)
{
	const struct timespec pause = { .tv_nsec = SETTLE_NS };
	struct timespec now;

	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	nanosleep(&pause, NULL);
	return now;
}

static result search_make(struct assist_live *live, const char *name, struct error *err)
{
	struct search search = {
		.guard = { live->upper, -1, assist_hidden_since(live->hidden), times_settle() },
	};
	owned(assist_set) struct assist_set *set = NULL;
	result status = twins_search(live, &search, name, &set, err);

	live->searches++;
	search_close(&search);
	if (!status && set) {
		struct assist_set *old = live->set;

		live->set = take(set);
		assist_set_drop(&old);
	}
	return status;
}

/** Take what the database says; whether it lists others than before. */
static result packages_look(struct assist_live *live, bool *are_new, struct error *err)
{
	owned(strings) struct strings packages = {};

	if (packages_new(live, &packages, err))
		return FAILED;
	*are_new = !strings_equal(&packages, &live->packages);
	if (*are_new) {
		strings_drop(&live->packages);
		live->packages = packages;
		packages = (struct strings){};
	}
	return OK;
}

/** Whether there may be more than is known; then it is. */
static result look(struct assist_live *live, const char *name, struct error *err)
{
	struct assist_known known;
	bool is_changed, is_wanted, are_new = false;

	if (views_open(live, err)) {
		views_close(live);
		live->is_over = true;
		return FAILED;
	}
	if (!known_read(live->view, &known))
		return fail(err, FAULT_MISSING, "there is no package database");
	is_changed = !live->is_known || !known_equal(&known, &live->known);
	if (is_changed && packages_look(live, &are_new, err))
		return FAILED;
	live->known = known;
	live->is_known = true;
	/* A package that was installed again has new files. */
	is_wanted = are_new || twin_packages_serve(&live->pending, name) ||
		    (is_changed && sources_serve(live, name));
	if (is_wanted && search_make(live, name, err))
		return FAILED;
	return is_wanted || is_changed ? publish(live, live->set, err) : OK;
}

/** What fails costs the step no more than the help. */
static void question_answer(struct assist_live *live, const char *name)
{
	struct error own = {}, ignored = {};

	if (live->is_over || live->searches == SEARCHES_MAX || live->looks == LOOKS_MAX)
		return;
	live->looks++;
	buf_clear(&live->why);
	if (!look(live, name, &own) || cancel_fired(live->cancel))
		return;
	buf_add_str(&live->why, own.text);
	strings_drop(&live->pending);
	(void)publish(live, live->set, &ignored);
}

static void *live_run(void *closure)
{
	struct assist_live *live = closure;
	char name[NAME_SIZE];

	while (name_next(live, name)) {
		question_answer(live, name);
		name_done(live, name);
	}
	return NULL;
}

/* ---- from the beginning to the end ---- */

/** The sandbox has ended. */
static void live_stop(void *closure)
{
	struct assist_live *live = closure;

	pthread_mutex_lock(&live->lock);
	live->ends = true;
	pthread_cond_signal(&live->asked);
	pthread_mutex_unlock(&live->lock);
	cancel_fire(live->cancel, NULL);
	if (live->runs)
		pthread_join(live->thread, NULL);
	live->runs = false;
	views_close(live);
}

struct assist_live *assist_live_new(const struct assist_request *request,
				    const struct assist_set *first)
{
	struct assist_live *live = xnew(struct assist_live);
	const struct strings *base = assist_toolchain_base(request);

	live->request = *request;
	live->platform = *request->platform;
	live->request.platform = &live->platform;
	strings_add_all(&live->lowers, request->lowers->items);
	strings_add_all(&live->base, base->items);
	live->request.toolchain_base = &live->base;
	for (; live->first_count < first->root_count; live->first_count++)
		strings_add_all(&live->first[live->first_count],
				first->roots[live->first_count].items);
	live->upper_path = xstrdup(request->upper);
	live->cancel = cancel_new();
	live->ctx = (struct ctx){ live->cancel, request->ctx->progress };
	assist_trip_message(live->message);
	live->trip = (struct trip){ SANDBOX_TRIP, live->message, sizeof(live->message) };
	live->door = door_new(live_stop, live);
	pthread_mutex_init(&live->lock, NULL);
	pthread_cond_init(&live->asked, NULL);
	live->view = live->upper = live->before = -1;
	for (size_t i = 0; i < TWIN_ROOTS_MAX; i++)
		live->natives[i] = -1;
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
	for (size_t i = 0; i < old->first_count; i++)
		strings_drop(&old->first[i]);
	for (size_t i = 0; i < old->source_count; i++) {
		strings_drop(&old->sources[i].lowers);
		strings_drop(&old->sources[i].packages);
		free(old->sources[i].mounted);
	}
	strings_drop(&old->lowers);
	strings_drop(&old->base);
	strings_drop(&old->packages);
	strings_drop(&old->were_there);
	strings_drop(&old->pending);
	free(old->upper_path);
	buf_drop(&old->why);
	pthread_cond_destroy(&old->asked);
	pthread_mutex_destroy(&old->lock);
	free(old);
	*live = NULL;
}

void assist_live_begin(struct assist_live *live, struct assist_hidden *hidden)
{
	live->hidden = hidden;
}

struct door *assist_live_door(struct assist_live *live)
{
	return live->door;
}

const char *assist_live_reason(const struct assist_live *live, const char *name)
{
	const char *reason = live->set ? assist_set_reason(live->set, name) : NULL;

	for (size_t i = 0; !reason && i < live->packages.count; i++) {
		owned(str) char *package = package_name(live->packages.items[i]);

		/* A row for all programs of a package does not say that this is one of them. */
		if (tool_serves(package, name) && !tool_serves(package, ""))
			reason = live->why.length ? buf_text(&live->why)
						  : "the step has installed it";
	}
	return reason;
}

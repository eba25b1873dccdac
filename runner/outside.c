/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/outside.h"

#include "base/fd.h"
#include "base/mem.h"
#include "base/progress.h"
#include "registry/registry.h"
#include "runner/git.h"
#include "runner/workdir.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/** Something that was got, or that somebody is getting now. */
struct thing {
	char *key;
	bool done;
	char *text; /* a path or a commit */
	struct digest digest;
};

struct outside {
	char *root;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct workdir *dir; /* made when it is needed */
	struct thing **things;
	size_t count, serial;
};

struct outside *outside_new(const char *root)
{
	struct outside *outside = xnew(struct outside);

	outside->root = xstrdup(root);
	pthread_mutex_init(&outside->lock, NULL);
	pthread_cond_init(&outside->changed, NULL);
	return outside;
}

static void thing_drop(struct thing *thing)
{
	free(thing->key);
	free(thing->text);
	free(thing);
}

void outside_drop(struct outside **outside)
{
	struct outside *old = *outside;

	if (!old)
		return;
	for (size_t i = 0; i < old->count; i++)
		thing_drop(old->things[i]);
	free(old->things);
	workdir_drop(&old->dir);
	pthread_cond_destroy(&old->changed);
	pthread_mutex_destroy(&old->lock);
	free(old->root);
	free(old);
	*outside = NULL;
}

static struct thing *thing_find(struct outside *outside, const char *key)
{
	for (size_t i = 0; i < outside->count; i++) {
		if (strcmp(outside->things[i]->key, key) == 0)
			return outside->things[i];
	}
	return NULL;
}

/** The thing of this key: one that is done, or (`*mine`) a new one that the caller is to get. */
static struct thing *thing_take(struct outside *outside, const char *key, bool *mine)
{
	struct thing *thing;

	*mine = false;
	pthread_mutex_lock(&outside->lock);
	while ((thing = thing_find(outside, key)) && !thing->done)
		pthread_cond_wait(&outside->changed, &outside->lock);
	if (!thing) {
		thing = xnew(struct thing);
		thing->key = xstrdup(key);
		array_grow(outside->things, outside->count);
		outside->things[outside->count++] = thing;
		*mine = true;
	}
	pthread_mutex_unlock(&outside->lock);
	return thing;
}

/** It is there, or could not be got: then the next who asks tries again. */
static void thing_end(struct outside *outside, struct thing *thing, result got)
{
	pthread_mutex_lock(&outside->lock);
	thing->done = got == OK;
	for (size_t i = 0; got && i < outside->count; i++) {
		if (outside->things[i] != thing)
			continue;
		outside->things[i] = outside->things[--outside->count];
		thing_drop(thing);
		break;
	}
	pthread_cond_broadcast(&outside->changed);
	pthread_mutex_unlock(&outside->lock);
}

/** A path for something new. */
static result place_new_path(struct outside *outside, char **path, struct error *err)
{
	result made = OK;

	pthread_mutex_lock(&outside->lock);
	if (!outside->dir)
		made = workdir_new(outside->root, &outside->dir, err);
	if (!made)
		*path = xasprintf("%s/scratch/%zu", workdir_path(outside->dir), outside->serial++);
	pthread_mutex_unlock(&outside->lock);
	return made;
}

/* ---- files ---- */

static result download(struct outside *outside, const struct ctx *ctx, const struct remote *remote,
		       struct thing *thing, struct error *err)
{
	owned(str) char *directory = NULL, *path = NULL;
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT } };
	struct fetched fetched;
	owned(fd) int fd = -1;

	if (place_new_path(outside, &directory, err))
		return FAILED;
	path = xasprintf("%s/%s", directory, remote->name);
	if (mkdir(directory, 0755) < 0)
		return fail_sys(err, "create %s", directory);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail_sys(err, "create %s", path);
	progress_note(ctx, "downloading %s", remote->url);
	if (url_fetch(ctx, remote->url, OUTSIDE_BYTES_MAX, fd, &fetched, err))
		return fail_in(err, "%s", remote->url);
	/* What nobody says the time of has none, whenever it was fetched. */
	times[1].tv_sec = fetched.modified;
	if (futimens(fd, times) < 0)
		return fail_sys(err, "set time of %s", path);
	thing->digest = fetched.digest;
	thing->text = take(directory);
	return OK;
}

result outside_file(struct outside *outside, const struct ctx *ctx, const struct remote *remote,
		    const struct digest *checksum, char **directory, struct error *err)
{
	char want[DIGEST_TEXT_MAX], have[DIGEST_TEXT_MAX];
	bool mine;
	struct thing *thing = thing_take(outside, remote->url, &mine);

	if (mine) {
		result got = download(outside, ctx, remote, thing, err);

		thing_end(outside, thing, got);
		if (got)
			return FAILED;
	}
	if (checksum && !digest_equal(checksum, &thing->digest))
		return fail(err, FAULT_INTEGRITY, "%s: digest mismatch: want %s, got %s",
			    remote->url, digest_text(checksum, want),
			    digest_text(&thing->digest, have));
	*directory = xstrdup(thing->text);
	return OK;
}

/* ---- repositories ---- */

result outside_commit(struct outside *outside, const struct ctx *ctx, const struct remote *remote,
		      char **commit, struct error *err)
{
	owned(str) char *key =
		xasprintf("commit %s %s", remote->url, remote->ref ? remote->ref : "");
	bool mine;
	struct thing *thing = thing_take(outside, key, &mine);

	if (mine) {
		result got = git_resolve(ctx, remote, &thing->text, err);

		thing_end(outside, thing, got);
		if (got)
			return FAILED;
	}
	*commit = xstrdup(thing->text);
	return OK;
}

static result check_out(struct outside *outside, const struct ctx *ctx, const struct remote *remote,
			const char *commit, bool keep_git_dir, struct thing *thing,
			struct error *err)
{
	owned(str) char *path = NULL;

	if (place_new_path(outside, &path, err))
		return FAILED;
	progress_note(ctx, "fetching %s at %s", remote->url, commit);
	if (git_checkout(ctx, remote, commit, keep_git_dir, path, err))
		return FAILED;
	thing->text = take(path);
	return OK;
}

result outside_tree(struct outside *outside, const struct ctx *ctx, const struct remote *remote,
		    const char *commit, bool keep_git_dir, char **directory, struct error *err)
{
	/* the name is part of what is kept */
	owned(str) char *key =
		xasprintf("tree %d %d %s %s %s", keep_git_dir, remote->submodules == CHOICE_NO,
			  commit, remote->url, keep_git_dir && remote->ref ? remote->ref : "");
	bool mine;
	struct thing *thing = thing_take(outside, key, &mine);

	if (mine) {
		result got = check_out(outside, ctx, remote, commit, keep_git_dir, thing, err);

		thing_end(outside, thing, got);
		if (got)
			return FAILED;
	}
	*directory = xstrdup(thing->text);
	return OK;
}

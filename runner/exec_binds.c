/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What of the host a RUN sees, it sees as a copy or through the sandbox's own lookups: the context
 * is copied (owned by root, .dockerignore obeyed), stages are mounted as overlays inside, paths in
 * either are resolved with their root as the root.
 */
#include "runner/exec_mounts.h"

#include "base/fd.h"
#include "base/mem.h"
#include "runner/agent_proxy.h"
#include "runner/mount_cache.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/** Modes where nothing is said. */
enum { CACHE_MODE = 0755, AGENT_MODE = 0600 };

void run_mounts_close(struct run_mounts *mounts)
{
	for (size_t i = 0; i < mounts->count; i++) {
		struct run_mount *mount = &mounts->items[i];

		agent_proxy_drop(&mount->proxy);
		mount_cache_drop(&mount->cache);
		buf_drop(&mount->value);
	}
	free(mounts->binds);
	mounts->binds = NULL;
	mounts->bind_count = 0;
	strings_drop(&mounts->paths);
}

void run_mounts_drop(struct run_mounts *mounts)
{
	run_mounts_close(mounts);
	for (size_t i = 0; i < mounts->count; i++) {
		struct run_mount *mount = &mounts->items[i];

		mount_drop(&mount->want);
		free(mount->target);
		free(mount->path);
	}
	free(mounts->items);
	*mounts = (struct run_mounts){};
}

/* ---- caches ---- */

/** Whether the cache was asked to look in a way; of a part of it nobody can. */
static bool has_looks(const struct run_mount *mount)
{
	const struct mount *want = &mount->want;

	return !mount->path[1] && (want->has_mode || want->has_uid || want->has_gid);
}

/** Equal names, equal directories: what the id says, for whom, and what it starts from. */
static struct digest cache_name(const struct job *job, const struct run_mount *mount)
{
	const struct mount *want = &mount->want;
	owned(hasher) struct hasher *hasher = hasher_new();
	const char *space = env_get(&job->build->request->build_args, "BUILDKIT_CACHE_MOUNT_NS");
	char text[PLATFORM_TEXT_MAX];

	hasher_add_str(hasher, "mpemu cache 1");
	hasher_add_str(hasher, space ? space : "");
	hasher_add_str(hasher, want->id);
	hasher_add_str(hasher, platform_text(job->step->platform, text));
	if (has_looks(mount)) {
		const uint32_t looks[] = { want->has_mode ? want->mode : CACHE_MODE, want->uid,
					   want->gid };

		hasher_add(hasher, looks, sizeof(looks));
	}
	if (mount->source)
		hasher_add(hasher, mount->source->result->files.bytes,
			   sizeof(mount->source->result->files.bytes));
	return hasher_finish(hasher);
}

struct filling {
	const struct job *job;
	const struct run_mount *mount;
};

/** A cache with `from` starts as what is there, unless it has looks: then it starts empty. */
static result cache_fill(void *closure, const char *path, struct error *err)
{
	static const struct copy_options options = { .keep_owner = true };
	const struct filling *filling = closure;
	owned(fd) int to = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), from = -1;

	if (to < 0)
		return fail_sys(err, "open %s", path);
	if (stage_open(filling->mount->source, &from, err))
		return FAILED;
	return tree_copy(filling->job->build->ctx, from, ".", to, "/", &options, err);
}

static result cache_open_one(const struct job *job, struct run_mount *mount, struct error *err)
{
	struct filling filling = { job, mount };
	bool wanted = has_looks(mount);
	const struct mount_cache_looks looks = {
		.mode = wanted && mount->want.has_mode ? mount->want.mode : CACHE_MODE,
		.uid = wanted ? mount->want.uid : 0,
		.gid = wanted ? mount->want.gid : 0,
		.fill = mount->source && !wanted ? cache_fill : NULL,
		.closure = &filling,
	};

	return mount_cache_open(job->build->ctx, job->build->request->root, &mount->cache_name,
				mount->want.sharing, &looks, &mount->cache, err);
}

static int by_cache_name(const void *a, const void *b)
{
	const struct run_mount *const *one = a, *const *two = b;

	return memcmp(&(*one)->cache_name, &(*two)->cache_name, sizeof((*one)->cache_name));
}

/**
 * In the order of their names, so that no two steps wait for each other; one that is named twice is
 * opened once, since its lock would wait for itself.
 */
static result caches_open(const struct job *job, struct run_mounts *mounts, struct error *err)
{
	struct run_mount **order = xcalloc(mounts->count, sizeof(struct run_mount *));
	size_t count = 0;
	result status = OK;

	for (size_t i = 0; i < mounts->count; i++) {
		if (mounts->items[i].want.kind != MOUNT_CACHE)
			continue;
		mounts->items[i].cache_name = cache_name(job, &mounts->items[i]);
		order[count++] = &mounts->items[i];
	}
	if (count)
		qsort(order, count, sizeof(struct run_mount *), by_cache_name);
	for (size_t i = 0; i < count && !status; i++) {
		if (i && by_cache_name(&order[i - 1], &order[i]) == 0)
			continue;
		status = cache_open_one(job, order[i], err);
	}
	free(order);
	return status;
}

/** The directory of a mount's cache, opened by it or by another of the same name. */
static const char *cache_path(const struct run_mounts *mounts, const struct run_mount *mount)
{
	for (size_t i = 0; i < mounts->count; i++) {
		const struct run_mount *other = &mounts->items[i];

		if (other->cache && digest_equal(&other->cache_name, &mount->cache_name))
			return mount_cache_path(other->cache);
	}
	return NULL;
}

/* ---- binds ---- */

/** A path that lives as long as the mounts. */
static const char *keep_path(struct run_mounts *mounts, char *path)
{
	strings_add(&mounts->paths, path);
	free(path);
	return mounts->paths.items[mounts->paths.count - 1];
}

static result inside_set(const struct job *job, const struct run_mount *mount, int root,
			 struct bind *bind, struct error *err)
{
	if (!mount->path[1])
		return OK;
	bind->inside = mount->path;
	return source_stat(job, mount, root, &bind->inside_is_file, err);
}

/** A copy of what the context has there: root's, and the program may do with it what it likes. */
static result bind_context(const struct job *job, struct run_mounts *mounts,
			   const struct run_mount *mount, const char *dir, struct bind *bind,
			   struct error *err)
{
	owned(fd) int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct copy_options options = context_options(job->build->context);

	if (dir_fd < 0)
		return fail_sys(err, "open %s", dir);
	bind->source = keep_path(mounts, xasprintf("%s/copy", dir));
	return tree_copy(job->build->ctx, job->build->context->fd,
			 mount->path[1] ? mount->path + 1 : ".", dir_fd, "/copy", &options, err);
}

static result bind_stage(const struct job *job, struct run_mounts *mounts,
			 const struct run_mount *mount, const char *dir, struct bind *bind,
			 struct error *err)
{
	owned(fd) int root = -1;

	bind->lowers = (const char *const *)mount->source->result->lowers.items;
	bind->lower_count = mount->source->result->lowers.count;
	if (!bind->read_only) {
		bind->upper = keep_path(mounts, xasprintf("%s/upper", dir));
		bind->work = keep_path(mounts, xasprintf("%s/work", dir));
		if (mkdir(bind->upper, 0755) < 0 || mkdir(bind->work, 0755) < 0)
			return fail_sys(err, "create %s", bind->upper);
	}
	if (stage_open(mount->source, &root, err))
		return FAILED;
	return inside_set(job, mount, root, bind, err);
}

static result bind_cache(const struct run_mounts *mounts, const struct run_mount *mount,
			 struct bind *bind, struct error *err)
{
	owned(fd) int root = -1, inside = -1;
	struct stat info;

	bind->source = cache_path(mounts, mount);
	if (!mount->path[1])
		return OK;
	bind->inside = mount->path;
	root = open(bind->source, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return fail_sys(err, "open %s", bind->source);
	inside = open_in_root(root, mount->path, O_PATH, 0);
	if (inside < 0 || fstat(inside, &info) < 0)
		return fail_sys(err, "source %s of the cache", mount->path);
	bind->inside_is_file = !S_ISDIR(info.st_mode);
	return OK;
}

static result bind_agent(const struct job *job, struct run_mounts *mounts, struct run_mount *mount,
			 const char *dir, struct bind *bind, struct error *err)
{
	const struct mount *want = &mount->want;
	const char *socket = secrets_agent(&job->build->request->secrets, want->id);

	bind->source = keep_path(mounts, xasprintf("%s/agent", dir));
	bind->read_only = false;
	return agent_proxy_new(socket, bind->source, want->has_mode ? want->mode : AGENT_MODE,
			       want->uid, want->gid, &mount->proxy, err);
}

/** What a secret or an agent is for: `*skip` where nobody gave it and nobody has to. */
static result credential_find(const struct job *job, struct run_mount *mount, struct strings *env,
			      bool *skip, struct error *err)
{
	const struct mount *want = &mount->want;
	const struct secrets *secrets = &job->build->request->secrets;
	bool found = true;

	if (want->kind == MOUNT_SSH)
		found = secrets_agent(secrets, want->id) != NULL;
	else if (want->kind == MOUNT_SECRET &&
		 secrets_read(secrets, want->id, &mount->value, &found, err))
		return fail_in(err, "secret %s", want->id);
	if (!found && want->required)
		return want->kind == MOUNT_SSH
			       ? fail(err, FAULT_INPUT,
				      "unset ssh forward key %s: add --ssh %s to the command",
				      want->id, want->id)
			       : fail(err, FAULT_INPUT,
				      "secret %s: not found: add --secret id=%s,src=FILE to the "
				      "command",
				      want->id, want->id);
	/* One that nobody gave is empty. */
	if (want->kind == MOUNT_SECRET && want->env)
		env_set(env, want->env, found ? buf_text(&mount->value) : "");
	*skip = !found || !mount->target;
	return OK;
}

static result bind_make(const struct job *job, struct run_mounts *mounts, struct run_mount *mount,
			const char *dir, struct bind *bind, struct error *err)
{
	*bind = (struct bind){
		.target = mount->target,
		.read_only = mount->want.read_only,
		.size = mount->want.size,
	};
	switch (mount->want.kind) {
	case MOUNT_BIND:
		return mount->source ? bind_stage(job, mounts, mount, dir, bind, err)
				     : bind_context(job, mounts, mount, dir, bind, err);
	case MOUNT_CACHE:
		return bind_cache(mounts, mount, bind, err);
	case MOUNT_TMPFS:
		return OK;
	case MOUNT_SECRET:
		mount->file.data = buf_text(&mount->value);
		mount->file.size = mount->value.length;
		mount->file.uid = mount->want.uid;
		mount->file.gid = mount->want.gid;
		bind->file = &mount->file;
		bind->read_only = true;
		return OK;
	case MOUNT_SSH:
		return bind_agent(job, mounts, mount, dir, bind, err);
	}
	return OK;
}

static result mount_open(const struct job *job, struct run_mounts *mounts, struct run_mount *mount,
			 const char *workdir, struct strings *env, struct error *err)
{
	owned(str) char *dir = xasprintf("%s/mount-%zu", workdir, mount->number);
	bool skip = false;

	if (credential_find(job, mount, env, &skip, err))
		return FAILED;
	if (skip)
		return OK;
	if (mkdir(dir, 0755) < 0)
		return fail_sys(err, "create %s", dir);
	return bind_make(job, mounts, mount, dir, &mounts->binds[mounts->bind_count++], err);
}

result run_mounts_open(const struct job *job, struct run_mounts *mounts, const char *workdir,
		       struct strings *env, struct error *err)
{
	/* One more than there are: for a script. */
	mounts->binds = xcalloc(mounts->count + 1, sizeof(*mounts->binds));
	if (caches_open(job, mounts, err))
		return FAILED;
	for (size_t i = 0; i < mounts->count; i++) {
		struct run_mount *mount = &mounts->items[i];

		if (mount_open(job, mounts, mount, workdir, env, err))
			return fail_in(err, "RUN --mount=type=%s",
				       mount_kind_name(mount->want.kind));
	}
	return OK;
}

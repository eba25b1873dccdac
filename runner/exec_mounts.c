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
#include "runner/secrets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/** Owner and mode that kinds have where nothing is said. */
enum { CACHE_MODE = 0755, SECRET_MODE = 0400, AGENT_MODE = 0600 };

void run_mounts_drop(struct run_mounts *mounts)
{
	for (size_t i = 0; i < mounts->count; i++) {
		struct run_mount *mount = &mounts->items[i];

		agent_proxy_drop(&mount->proxy);
		mount_cache_drop(&mount->cache);
		mount_drop(&mount->want);
		buf_drop(&mount->value);
		free(mount->target);
		free(mount->path);
	}
	free(mounts->items);
	free(mounts->binds);
	strings_drop(&mounts->paths);
	*mounts = (struct run_mounts){};
}

static bool given(const char *text)
{
	return text && *text;
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* ---- defaults ---- */

static void default_id(struct mount *want, const char *id)
{
	free(want->id);
	want->id = xstrdup(id);
}

static void secret_defaults(struct run_mount *mount)
{
	struct mount *want = &mount->want;

	if (given(want->source))
		default_id(want, want->source);
	else if (!given(want->id))
		default_id(want, last_part(want->target));
	mount->file.mode = want->has_mode ? want->mode : SECRET_MODE;
	if (!given(want->target) && !want->env)
		mount->target = xasprintf("/run/secrets/%s", last_part(want->id));
}

static void agent_defaults(struct run_mount *mount, size_t number)
{
	if (!given(mount->want.id))
		default_id(&mount->want, "default");
	if (!given(mount->want.target))
		mount->target = xasprintf("/run/buildkit/ssh_agent.%zu", number);
}

static void cache_defaults(struct run_mount *mount)
{
	struct mount *want = &mount->want;
	owned(str) char *clean = NULL;

	if (given(want->id))
		return;
	clean = path_absolute(want->target ? want->target : "");
	default_id(want, given(want->target) && *want->target == '/' ? clean
			 : given(want->target)                       ? want->target
								     : ".");
}

static result mount_complete(const struct job *job, struct run_mount *mount, size_t *agents,
			     struct error *err)
{
	const struct mount *want = &mount->want;

	if (want->kind == MOUNT_SECRET)
		secret_defaults(mount);
	else if (want->kind == MOUNT_SSH)
		agent_defaults(mount, (*agents)++);
	else if (want->kind == MOUNT_CACHE)
		cache_defaults(mount);
	mount->path = path_absolute(want->source ? want->source : "");
	if (!mount->target && (want->kind != MOUNT_SECRET || given(want->target)))
		mount->target = path_in(snapshot_text(job->snapshot, "WorkingDir"),
					want->target ? want->target : "");
	if (mount->target && !mount->target[1])
		return fail(err, FAULT_INPUT, "invalid mount target \"/\"");
	return OK;
}

result run_mounts_parse(const struct job *job, struct run_mounts *out, struct strings *env,
			struct error *err)
{
	const struct flag *flag;
	size_t at = 0, agents = 0;

	while ((flag = instruction_next_flag(job->step->instruction, "mount", &at))) {
		const char *value = flag->value ? flag->value : "";
		struct run_mount *mount;

		array_grow(out->items, out->count);
		mount = &out->items[out->count];
		*mount = (struct run_mount){
			.number = out->count,
			.source = job->step->mounts[out->count],
		};
		out->count++;
		if (mount_parse(value, job->build->dockerfile->escape, &job->snapshot->env,
				&mount->want, err) ||
		    mount_complete(job, mount, &agents, err))
			return fail_in(err, "RUN --mount=%s", value);
		if (mount->want.kind == MOUNT_SSH && !env_get(env, "SSH_AUTH_SOCK"))
			env_set(env, "SSH_AUTH_SOCK", mount->target);
	}
	return OK;
}

/* ---- sources ---- */

static const struct copy_options *context_options(const struct job *job,
						  struct copy_options *options)
{
	*options = (struct copy_options){
		.excluded = context_excludes,
		.closure = job->build->context,
	};
	return options;
}

static result stage_open(const struct step *source, int *fd, struct error *err)
{
	const struct strings *lowers = &source->result->lowers;

	return overlay_open((const char *const *)lowers->items, lowers->count, NULL, NULL, fd, err);
}

/** The root of what a mount reads. */
static result source_open(const struct job *job, const struct run_mount *mount, int *fd,
			  struct error *err)
{
	if (mount->source)
		return stage_open(mount->source, fd, err);
	*fd = fcntl(job->build->context->fd, F_DUPFD_CLOEXEC, 3);
	return *fd < 0 ? (result)fail_sys(err, "open the context") : OK;
}

/** Whether the path is there, and as what; links stay inside. */
static result source_stat(const struct job *job, const struct run_mount *mount, int root,
			  bool *is_file, struct error *err)
{
	const char *path = mount->path[1] ? mount->path + 1 : ".";
	owned(fd) int fd = open_in_root(root, path, O_PATH, 0);
	struct stat info;
	bool hidden;

	if (fd < 0 && errno != ENOENT && errno != ENOTDIR)
		return fail_sys(err, "source %s", mount->path);
	if (fd >= 0 && fstat(fd, &info) < 0)
		return fail_sys(err, "source %s", mount->path);
	hidden = fd >= 0 && !mount->source && mount->path[1] &&
		 context_excludes(job->build->context, path, S_ISDIR(info.st_mode)) &&
		 !S_ISDIR(info.st_mode);
	if (fd < 0 || hidden)
		return fail(err, FAULT_INPUT, "%s: not found in %s", mount->path,
			    mount->source ? mount->source->name
					  : "the build context (or excluded by .dockerignore)");
	*is_file = !S_ISDIR(info.st_mode);
	return OK;
}

/* ---- the key ---- */

static void hash_text(struct hasher *hasher, const char *text)
{
	hasher_add_str(hasher, text ? "has" : "not");
	hasher_add_str(hasher, text ? text : "");
}

static void hash_number(struct hasher *hasher, uint64_t number)
{
	hasher_add(hasher, &number, sizeof(number));
}

static void hash_wants(struct hasher *hasher, const struct run_mount *mount)
{
	const struct mount *want = &mount->want;
	const bool flags[] = { want->read_only, want->required, want->has_mode, want->has_uid,
			       want->has_gid };

	hasher_add_str(hasher, mount_kind_name(want->kind));
	hash_text(hasher, mount->target);
	hash_text(hasher, want->id);
	hash_text(hasher, want->env);
	hasher_add(hasher, flags, sizeof(flags));
	hash_number(hasher, want->sharing);
	hash_number(hasher, want->size);
	hash_number(hasher, want->mode);
	hash_number(hasher, want->uid);
	hash_number(hasher, want->gid);
	hasher_add_str(hasher, mount->path);
}

/** The content of the path, as far as the program can see it. */
static result hash_content(const struct job *job, const struct run_mount *mount,
			   struct hasher *hasher, struct error *err)
{
	struct copy_options options = { .keep_owner = true };
	owned(fd) int root = -1;
	struct digest content;
	bool is_file;

	if (source_open(job, mount, &root, err) || source_stat(job, mount, root, &is_file, err) ||
	    tree_hash(job->build->ctx, root, mount->path[1] ? mount->path + 1 : ".",
		      mount->source ? &options : context_options(job, &options),
		      mount->source != NULL, &content, err))
		return FAILED;
	hasher_add(hasher, &is_file, sizeof(is_file));
	hasher_add(hasher, content.bytes, sizeof(content.bytes));
	return OK;
}

static result hash_source(const struct job *job, const struct run_mount *mount,
			  struct hasher *hasher, struct error *err)
{
	const struct step *source = mount->source;

	if (mount->want.kind == MOUNT_BIND &&
	    (!source || (mount->want.read_only && mount->path[1])))
		return hash_content(job, mount, hasher, err);
	/* All of a stage: its own key says it. */
	if (source)
		hasher_add(hasher, source->result->files.bytes,
			   sizeof(source->result->files.bytes));
	return OK;
}

result run_mounts_hash(const struct job *job, const struct run_mounts *mounts,
		       struct hasher *hasher, struct error *err)
{
	for (size_t i = 0; i < mounts->count; i++) {
		const struct run_mount *mount = &mounts->items[i];

		hash_wants(hasher, mount);
		if (hash_source(job, mount, hasher, err))
			return fail_in(err, "RUN --mount of %s", mount->target);
	}
	return OK;
}

/* ---- caches ---- */

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
	if (want->has_mode || want->has_uid || want->has_gid) {
		hash_number(hasher, want->has_mode ? want->mode : CACHE_MODE);
		hash_number(hasher, want->uid);
		hash_number(hasher, want->gid);
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

/** A cache with `from` starts as what is there. */
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
	const struct mount_cache_looks looks = {
		.mode = mount->want.has_mode ? mount->want.mode : CACHE_MODE,
		.uid = mount->want.uid,
		.gid = mount->want.gid,
		.fill = mount->source ? cache_fill : NULL,
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
	struct copy_options options;

	if (dir_fd < 0)
		return fail_sys(err, "open %s", dir);
	bind->source = keep_path(mounts, xasprintf("%s/copy", dir));
	return tree_copy(job->build->ctx, job->build->context->fd,
			 mount->path[1] ? mount->path + 1 : ".", dir_fd, "/copy",
			 context_options(job, &options), err);
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

	bind->source = cache_path(mounts, mount);
	if (!mount->path[1])
		return OK;
	bind->inside = mount->path;
	root = open(bind->source, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return fail_sys(err, "open %s", bind->source);
	inside = open_in_root(root, mount->path, O_PATH | O_DIRECTORY, 0);
	if (inside < 0)
		return fail_sys(err, "source %s of the cache", mount->path);
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
	if (found && want->kind == MOUNT_SECRET && want->env)
		env_set(env, want->env, buf_text(&mount->value));
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

static size_t depth(const char *path)
{
	size_t count = 0;

	for (; *path; path++)
		count += *path == '/';
	return count;
}

/** Outer ones first, else they would hide the inner ones; equal ones in the order of the line. */
static void binds_sort(struct bind *binds, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		struct bind bind = binds[i];
		size_t at = i;

		for (; at && depth(binds[at - 1].target) > depth(bind.target); at--)
			binds[at] = binds[at - 1];
		binds[at] = bind;
	}
}

static result mount_open(const struct job *job, struct run_mounts *mounts, struct run_mount *mount,
			 const char *workdir, struct strings *env, struct error *err)
{
	owned(str) char *dir = xasprintf("%s/mount-%zu", workdir, mount->number);
	bool skip;

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
	binds_sort(mounts->binds, mounts->bind_count);
	return OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What a RUN's mounts name, with defaults filled in, and what of it is part of the step's key.
 */
#include "runner/exec_mounts.h"

#include "base/fd.h"
#include "base/mem.h"
#include "runner/tree_key.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { SECRET_MODE = 0400 };

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
	if (want->env && !*want->env) {
		free(want->env);
		want->env = xstrdup(want->id);
	}
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

result stage_open(const struct step *source, int *fd, struct error *err)
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
result source_stat(const struct job *job, const struct run_mount *mount, int root, bool *is_file,
		   struct error *err)
{
	const char *path = mount->path[1] ? mount->path + 1 : ".";
	owned(fd) int fd = open_in_root(root, path, O_PATH, 0);
	struct stat info;
	bool hidden;

	if (fd < 0 && errno != ENOENT && errno != ENOTDIR)
		return fail_sys(err, "source %s", mount->path);
	if (fd >= 0 && fstat(fd, &info) < 0)
		return fail_sys(err, "source %s", mount->path);
	hidden = fd >= 0 && !mount->source && mount->path[1] && !S_ISDIR(info.st_mode) &&
		 context_sees(job->build->context, path, false) == WANTED_NOT;
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
	const struct copy_options options = mount->source
						    ? (struct copy_options){ .keep_owner = true }
						    : context_options(job->build->context);
	owned(fd) int root = -1;
	struct tree_part part = {
		.source = mount->source,
		.path = mount->path[1] ? mount->path + 1 : ".",
		.options = &options,
		.filter = "",
		.with_owner = options.keep_owner,
	};
	struct digest content;
	bool is_file;

	if (mount->source && mount->source->result->is_forecast)
		return fail(err, FAULT_MISSING, "nobody knows what the stage has");
	if (source_open(job, mount, &root, err) || source_stat(job, mount, root, &is_file, err))
		return FAILED;
	part.root_fd = root;
	if (tree_key(job->build, &part, &content, err))
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

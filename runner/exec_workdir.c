/* SPDX-License-Identifier: Apache-2.0 */
/**
 * WORKDIR: a directory made in an overlay of the layers so far, without running anything.
 */
#include "base/fd.h"
#include "base/mem.h"
#include "runner/exec.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/** What the image has in the way is the image's fault. */
static result create_fail(const char *path, const char *at, struct error *err)
{
	int sys = errno;

	(void)fail_sys(err, "WORKDIR %s: create /%s", path, at);
	if (sys == EEXIST)
		return fail(err, FAULT_INPUT,
			    "WORKDIR %s: the image has a link that leads nowhere at /%s", path, at);
	if (sys == ENOTDIR || sys == ELOOP)
		err->fault = FAULT_INPUT;
	return FAILED;
}

/** Make what is missing of the path, owned by USER, modes 0755. */
static result make_directories(int root_fd, const char *path, uint32_t uid, uint32_t gid,
			       struct error *err)
{
	owned(strings) struct strings parts = {};
	owned(buf) struct buf at = {};

	strings_split(&parts, path, '/');
	for (size_t i = 0; i < parts.count; i++) {
		owned(fd) int parent = -1, made = -1;

		if (!*parts.items[i])
			continue;
		parent = open_in_root(root_fd, at.length ? buf_text(&at) : ".",
				      O_RDONLY | O_DIRECTORY, 0);
		buf_printf(&at, "%s%s", at.length ? "/" : "", parts.items[i]);
		made = open_in_root(root_fd, buf_text(&at), O_PATH | O_DIRECTORY, 0);
		if (made >= 0)
			continue;
		if (parent < 0 || mkdirat(parent, parts.items[i], 0755) < 0 ||
		    fchownat(parent, parts.items[i], uid, gid, AT_SYMLINK_NOFOLLOW) < 0)
			return create_fail(path, buf_text(&at), err);
	}
	return OK;
}

static result workdir_make(struct job *job, const char *workdir, void *closure, struct error *err)
{
	const char *user = snapshot_text(job->snapshot, "User");
	owned(fd) int root_fd = -1;
	uint32_t uid = 0, gid = 0;

	if (job_root_open(job, workdir, &root_fd, err) ||
	    (*user && owner_resolve(root_fd, user, &uid, &gid, err)))
		return FAILED;
	return make_directories(root_fd, closure, uid, gid, err);
}

result exec_workdir(struct job *job, struct error *err)
{
	owned(hasher) struct hasher *hasher = hasher_new();
	owned(str) char *word = NULL, *path = NULL;
	struct digest key;

	if (job_expand(job, job->step->instruction->args[0], &word, err))
		return FAILED;
	path = path_in(snapshot_text(job->snapshot, "WorkingDir"), word);
	json_object_set_new(snapshot_config(job->snapshot), "WorkingDir", json_from_text(path));
	if (strcmp(path, "/") == 0) {
		job_history(job, false, "WORKDIR %s", path);
		return OK;
	}
	hasher_add_str(hasher, "mpemu workdir 1");
	hasher_add(hasher, job->snapshot->files.bytes, sizeof(job->snapshot->files.bytes));
	hasher_add_str(hasher, path);
	hasher_add_str(hasher, snapshot_text(job->snapshot, "User"));
	key = hasher_finish(hasher);
	if (job_layer(job, &key, workdir_make, path, err))
		return FAILED;
	job_history(job, true, "WORKDIR %s", path);
	return OK;
}

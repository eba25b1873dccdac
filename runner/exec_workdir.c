/* SPDX-License-Identifier: Apache-2.0 */
/**
 * WORKDIR: a directory made in an overlay of the layers so far, without running anything.
 */
#include "base/fd.h"
#include "base/mem.h"
#include "runner/exec.h"

#include <string.h>

static result workdir_make(struct job *job, const char *workdir, void *closure, struct error *err)
{
	const char *user = snapshot_text(job->snapshot, "User");
	owned(fd) int root_fd = -1, made = -1;
	const struct timespec epoch = { .tv_sec = job->build->request->epoch };
	uint32_t uid = 0, gid = 0;

	if (job_root_open(job, workdir, &root_fd, err) ||
	    (*user && owner_resolve(job->build->ctx, job->snapshot->layer_count ? root_fd : -1,
				    user, &uid, &gid, err)) ||
	    tree_directory(root_fd, closure, uid, gid, epoch.tv_sec < 0 ? NULL : &epoch, &made,
			   err))
		return fail_in(err, "WORKDIR");
	return OK;
}

/** An absolute path is kept as it was written, one below the last WORKDIR is cleaned. */
static char *workdir_text(const struct job *job, const char *word)
{
	return *word == '/' ? xstrdup(word)
			    : path_in(snapshot_text(job->snapshot, "WorkingDir"), word);
}

result exec_workdir(struct job *job, struct error *err)
{
	owned(hasher) struct hasher *hasher = hasher_new();
	owned(str) char *word = NULL, *text = NULL, *path = NULL;
	struct digest key;

	if (job_expand(job, job->step->instruction->args[0], &word, err))
		return FAILED;
	text = workdir_text(job, word);
	path = path_absolute(text);
	json_object_set_new(snapshot_config(job->snapshot), "WorkingDir", json_from_text(text));
	if (strcmp(text, "/") == 0) {
		job_history(job, false, "WORKDIR /");
		return OK;
	}
	hasher_add_str(hasher, "mpemu workdir 2");
	hasher_add(hasher, job->snapshot->files.bytes, sizeof(job->snapshot->files.bytes));
	hasher_add_str(hasher, path);
	hasher_add_str(hasher, snapshot_text(job->snapshot, "User"));
	hasher_add(hasher, &job->build->request->epoch, sizeof(job->build->request->epoch));
	key = hasher_finish(hasher);
	if (job_layer(job, &key, workdir_make, path, err))
		return FAILED;
	job_history(job, true, "WORKDIR %s", text);
	return OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A further context (--build-context NAME=DIR, archive, URL or repository): its files become a
 * layer, so that FROM, COPY --from and RUN --mount take it as they take a stage.
 */
#include "base/fd.h"
#include "base/mem.h"
#include "runner/exec.h"
#include "runner/remote.h"
#include "sandbox/sandbox.h"

#include <fcntl.h>
#include <string.h>

struct files {
	struct context *context;
	struct copy_options options;
};

static result files_make(struct job *job, const char *workdir, void *closure, struct error *err)
{
	const struct files *files = closure;
	owned(str) char *upper = xasprintf("%s/upper", workdir);
	owned(fd) int fd = open(upper, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return fail_sys(err, "open %s", upper);
	return tree_copy(job->build->ctx, files->context->fd, ".", fd, "/", &files->options, err);
}

static result files_key(const struct job *job, const struct files *files, struct digest *out,
			struct error *err)
{
	owned(hasher) struct hasher *hasher = hasher_new();
	struct digest content;

	if (tree_hash(job->build->ctx, files->context->fd, ".", &files->options,
		      files->options.keep_owner, &content, err))
		return FAILED;
	hasher_add_str(hasher, "mpemu files 1");
	hasher_add(hasher, content.bytes, sizeof(content.bytes));
	*out = hasher_finish(hasher);
	return OK;
}

/** What BuildKit says of such a layer, by where the files are from. */
static char *files_maker(const struct step *step)
{
	owned(remote) struct remote remote = {};
	size_t length = strlen(step->context);
	struct error ignored = {};

	if (!remote_parse(step->image, &remote, &ignored) && remote.kind == REMOTE_GIT)
		return xasprintf("git snapshot for %s#%s", remote.url,
				 remote.ref ? remote.ref : "HEAD");
	length -= ends_with(step->context, ":latest") ? strlen(":latest") : 0;
	return xasprintf("local source for %.*s", (int)length, step->context);
}

result exec_files(struct job *job, struct error *err)
{
	const struct context_source source = {
		.ctx = job->build->ctx,
		.root = job->build->request->root,
		.outside = job->build->outside,
	};
	owned(context) struct context *context = NULL;
	owned(str) char *maker = files_maker(job->step);
	struct files files = {};
	struct digest key;

	job->maker = maker;
	scratch_start(job);
	if (context_open_named(&source, job->step->image, &context, err))
		return FAILED;
	files.context = context;
	files.options = context_options(context);
	if (files_key(job, &files, &key, err) || job_layer(job, &key, files_make, &files, err))
		return fail_in(err, "build context %s", job->step->image);
	return OK;
}

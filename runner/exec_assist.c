/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Where the twins of a step come from: the same stage for this machine's platform, in the state
 * before the same instruction, where the build makes that too; else the native variant of the base
 * image.
 */
#include "runner/exec_assist.h"

#include "base/fd.h"
#include "base/mem.h"
#include "base/progress.h"
#include "runner/assist_tell.h"
#include "runner/bases.h"
#include "runner/layers.h"
#include "runner/slow_steps.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

static const struct step *base_step(const struct step *step)
{
	while (step && step->kind != STEP_IMAGE && step->kind != STEP_SCRATCH)
		step = step->previous;
	return step && step->kind == STEP_IMAGE ? step : NULL;
}

/** The native variant of the base image, if the image says that it has one. */
static result native_base(const struct job *job, struct strings *lowers, struct strings *peer)
{
	const struct platform host = platform_host();
	const struct step *base = base_step(job->step->previous);
	struct build *build = job->build;
	owned(image) struct image *image = NULL;
	struct error ignored = {};

	if (!base || !base->result)
		return FAILED;
	if (base_variant(build, base->image, base->platform, &host, &image, &ignored) ||
	    layers_prepare(build->ctx, build->store, build->request->root, image, lowers, &ignored))
		return FAILED;
	strings_add_all(peer, base->result->lowers.items);
	return OK;
}

result job_assist_start(const struct job *job, const char *workdir, struct assist **out,
			struct error *err)
{
	owned(strings) struct strings base = {}, peer = {};
	struct build *build = job->build;
	const struct step *sibling = job->step->sibling, *image;
	struct assist_source sources[2] = {};
	size_t count = 0;
	struct assist_request request = {
		.ctx = build->ctx,
		.root = build->request->root,
		.cache = build->cache,
		.privilege = build->privilege,
		.mode = build->request->assist,
		.platform = job->step->platform,
		.lowers = &job->snapshot->lowers,
		.sources = sources,
		.toolchains = build->toolchains,
		.may_repeat = true,
		.refuse_long_double = job->refuse_long_double,
		.place = workdir,
	};
	owned(str) char *upper = xasprintf("%s/upper", workdir);
	const char *obstacle;
	owned(buf) struct buf why = {};

	if (request.mode == ASSIST_OFF)
		return OK;
	obstacle = assist_obstacle();
	if (obstacle) {
		if (!atomic_flag_test_and_set(&build->has_no_assist))
			progress_note(build->ctx, "no native assist: %s: all is emulated",
				      obstacle);
		return OK;
	}
	request.upper = upper;
	if (sibling && sibling->result) {
		sources[count++] = (struct assist_source){
			.origin = TWIN_SIBLING,
			.lowers = &sibling->result->lowers,
		};
		/* Of what the steps have changed toolchains need nothing. */
		image = base_step(sibling);
		if (image && image->result)
			request.toolchain_base = &image->result->lowers;
	} else if (!native_base(job, &base, &peer)) {
		sources[count++] = (struct assist_source){
			.origin = TWIN_SIBLING,
			.lowers = &base,
			.peer = &peer,
		};
	}
	if (build->native_tools.count)
		sources[count++] = (struct assist_source){
			.origin = TWIN_IMAGE,
			.lowers = &build->native_tools,
		};
	if (!count)
		return OK;
	request.source_count = count;
	if (assist_start(&request, out, &why, err))
		return FAILED;
	if (why.length)
		progress_note(build->ctx, "%s: no native assist: %s", job->step->name,
			      buf_text(&why));
	return OK;
}

void job_assist_tell(const struct job *job, struct assist *assist)
{
	const struct step *step = job->step;
	const struct event about = {
		.kind = EVENT_STEP_ASSIST,
		.step = step->id + 1,
		.platform = step->target,
		.name = step->name,
		.line = step->instruction->first_line,
	};
	owned(buf) struct buf slow = {};

	assist_tell(job->build->ctx, assist, &about, &slow);
	if (slow.length)
		slow_steps_add(job->build->slow_steps, step->id, step->name, buf_text(&slow));
}

/* ---- verify ---- */

result rerun_start(const struct job *job, const struct sandbox_spec *plain, struct rerun *out,
		   struct error *err)
{
	static const char *const names[] = { "upper", "work", "scratch" };

	out->spec = *plain;
	if (workdir_new(job->build->request->root, &out->dir, err))
		return FAILED;
	for (size_t i = 0; i < countof(names); i++)
		out->paths[i] = xasprintf("%s/%s", workdir_path(out->dir), names[i]);
	out->spec.upper = out->paths[0];
	out->spec.work = out->paths[1];
	out->spec.scratch = out->paths[2];
	out->upper = open(out->spec.upper, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (out->upper < 0)
		return fail_sys(err, "open %s", out->spec.upper);
	return OK;
}

void rerun_drop(struct rerun *rerun)
{
	for (size_t i = 0; i < countof(rerun->paths); i++)
		free(rerun->paths[i]);
	fd_drop(&rerun->upper);
	workdir_drop(&rerun->dir);
}

result verification_tell(const struct job *job, const struct differences *found,
			 const struct differences *unstable, struct error *err)
{
	const struct ctx *ctx = job->build->ctx;
	owned(buf) struct buf report = {};

	differences_print(found->count ? found : unstable, &report);
	if (found->count)
		return fail(err, FAULT_INTEGRITY, "native assist changes what the step leaves:%s",
			    buf_text(&report));
	progress_note(ctx, "%s: left the same with native assist and without%s%s", job->step->name,
		      unstable->count ? ", but for what each run makes anew:" : "",
		      buf_text(&report));
	return OK;
}

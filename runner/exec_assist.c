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
#include "runner/unpacked.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

static const struct step *base_step(const struct step *step)
{
	while (step && step->kind != STEP_IMAGE && step->kind != STEP_SCRATCH)
		step = step->previous;
	return step && step->kind == STEP_IMAGE ? step : NULL;
}

/* ---- variants of images ---- */

enum { VARIANTS_MAX = 3 };

/** Images that the step stands on or has files of, natively and as the step has them. */
struct variants {
	struct strings native[VARIANTS_MAX], foreign[VARIANTS_MAX];
	size_t count;
};

static void variants_drop(struct variants *variants)
{
	for (size_t i = 0; i < VARIANTS_MAX; i++) {
		strings_drop(&variants->native[i]);
		strings_drop(&variants->foreign[i]);
	}
}

static result image_lowers(struct build *build, const struct image *image, struct strings *out,
			   struct error *err)
{
	return layers_prepare(build->ctx, build->store, build->request->root, image, out, err);
}

/** The image's layers for this machine, if its index has them. */
static result native_lowers(struct build *build, const struct step *image, struct strings *out)
{
	const struct platform host = platform_host();
	owned(image) struct image *found = NULL;
	struct error ignored = {};

	return base_variant(build, image->image, image->platform, &host, &found, &ignored) ||
			       image_lowers(build, found, out, &ignored)
		       ? FAILED
		       : OK;
}

/** The image's own layers; a step that is known already need not have unpacked them. */
static result foreign_lowers(struct build *build, const struct step *image, struct strings *out)
{
	owned(image) struct image *found = NULL;
	struct error ignored = {};

	return base_image(build, image->image, image->platform, &found, &ignored) ||
			       image_lowers(build, found, out, &ignored)
		       ? FAILED
		       : OK;
}

/** Take an image whose toolchains the step may have. */
static void variant_add(const struct job *job, const struct step *image, struct variants *out)
{
	struct strings *native = &out->native[out->count], *foreign = &out->foreign[out->count];

	if (out->count == VARIANTS_MAX || !platform_equal(image->platform, job->step->platform))
		return;
	if (!foreign_lowers(job->build, image, foreign) && unpacked_likely(foreign) &&
	    !native_lowers(job->build, image, native)) {
		out->count++;
		return;
	}
	strings_drop(native);
	strings_drop(foreign);
}

/**
 * The images that the step's files come from, but for `known`: its base, and what files were copied
 * of, if there is a toolchain among them.
 */
static void variants_find(const struct job *job, const struct step *known, struct variants *out)
{
	const struct step *seen[VARIANTS_MAX * 2] = {};
	size_t count = 0;

	if (!unpacked_likely(&job->snapshot->lowers))
		return;
	for (const struct step *step = job->step->previous; step; step = step->previous) {
		const struct step *image =
			step->kind == STEP_IMAGE ? step : base_step(step->source);
		bool is_new = image && image != known && count < countof(seen);

		for (size_t i = 0; is_new && i < count; i++)
			is_new = strcmp(seen[i]->image, image->image) != 0;
		if (!is_new)
			continue;
		seen[count++] = image;
		variant_add(job, image, out);
	}
}

/* ---- sources ---- */

enum { SOURCES_MAX = VARIANTS_MAX + 2 };

/** All sources of a request, with what they are made of. */
struct sources {
	struct assist_source items[SOURCES_MAX];
	size_t count;
	struct strings base, peer;
	struct variants variants;
};

static void sources_drop(struct sources *sources)
{
	strings_drop(&sources->base);
	strings_drop(&sources->peer);
	variants_drop(&sources->variants);
}

/** The stage's own state for this machine, else its base image's; which of them is `*image`. */
static void sources_begin(const struct job *job, struct sources *out, const struct step **image)
{
	const struct step *sibling = job->step->sibling;
	const struct step *base = base_step(job->step->previous);

	*image = NULL;
	if (sibling && sibling->result) {
		out->items[out->count++] = (struct assist_source){
			.origin = TWIN_SIBLING,
			.lowers = &sibling->result->lowers,
		};
	} else if (base && base->result && !native_lowers(job->build, base, &out->base)) {
		*image = base;
		strings_add_all(&out->peer, base->result->lowers.items);
		out->items[out->count++] = (struct assist_source){
			.origin = TWIN_SIBLING,
			.lowers = &out->base,
			.peer = &out->peer,
			.is_published = true,
		};
	}
}

static void sources_find(const struct job *job, struct sources *out)
{
	struct build *build = job->build;
	const struct step *base;

	sources_begin(job, out, &base);
	if (build->native_tools.count)
		out->items[out->count++] = (struct assist_source){
			.origin = TWIN_IMAGE,
			.lowers = &build->native_tools,
		};
	variants_find(job, base, &out->variants);
	for (size_t i = 0; i < out->variants.count; i++)
		out->items[out->count++] = (struct assist_source){
			.origin = TWIN_VARIANT,
			.lowers = &out->variants.native[i],
			.peer = &out->variants.foreign[i],
			.is_published = true,
		};
}

/** Of what the steps have changed toolchains need nothing: they are made on the native base. */
static const struct strings *toolchain_base(const struct job *job)
{
	const struct step *sibling = job->step->sibling;
	const struct step *image = sibling && sibling->result ? base_step(sibling) : NULL;

	return image && image->result ? &image->result->lowers : NULL;
}

result job_assist_start(const struct job *job, const char *workdir, struct assist **out,
			struct error *err)
{
	owned(sources) struct sources sources = {};
	struct build *build = job->build;
	struct assist_request request = {
		.ctx = build->ctx,
		.root = build->request->root,
		.cache = build->cache,
		.privilege = build->privilege,
		.mode = build->request->assist,
		.platform = job->step->platform,
		.lowers = &job->snapshot->lowers,
		.sources = sources.items,
		.toolchains = build->toolchains,
		.toolchain_base = toolchain_base(job),
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
	sources_find(job, &sources);
	if (!sources.count)
		return OK;
	request.source_count = sources.count;
	/* Of the others' variants none is for what the step's packages have. */
	if (sources.count == sources.variants.count)
		request.toolchains = NULL;
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

/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/plan.h"

#include "base/mem.h"
#include "runner/expand.h"
#include "runner/mounts.h"
#include "runner/plan_from.h"
#include "runner/plan_globals.h"

#include "registry/registry.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { STEPS_MAX = 200000 };

struct stage {
	const struct instruction *from;
	size_t first, count; /* instructions after FROM */
	const char *name;    /* or NULL */
};

struct planner {
	const struct plan_request *request;
	struct plan *plan;
	struct stage *stages;
	size_t stage_count;
};

/** One platform being planned. */
struct pass {
	struct planner *planner;
	const struct platform *target;
	const struct strings *globals;
	struct base *bases; /* per stage */
	bool *needed;       /* per stage */
	struct step **last; /* per stage: its last step, once planned */
};

/** What FROM of a stage names, and the ONBUILD instructions that it brings. */
struct base {
	bool is_replaced; /* a context has the stage's name: `image` is that, and nothing is run */
	char *image;      /* NULL: a stage */
	size_t stage;     /* where image is NULL */
	struct platform *platform;
	const struct instruction **triggers;
	size_t trigger_count;
};

/* clang-format off */
/** What the executor can do; a flag that is not listed is refused, never ignored. */
static const struct {
	enum instruction_kind kind;
	bool makes_layer;
	bool heredocs;
	const char *flags[10]; /* up to a NULL */
} supported[] = {
	{ INSTRUCTION_ADD,        true,  true,  { "chown", "chmod", "link", "exclude", "unpack",
						  "checksum", "keep-git-dir" } },
	{ INSTRUCTION_ARG,        false, false, {} },
	{ INSTRUCTION_CMD,        false, false, {} },
	{ INSTRUCTION_COPY,       true,  true,  { "from", "chown", "chmod", "link", "exclude",
						  "parents" } },
	{ INSTRUCTION_ENTRYPOINT, false, false, {} },
	{ INSTRUCTION_ENV,        false, false, {} },
	{ INSTRUCTION_EXPOSE,     false, false, {} },
	{ INSTRUCTION_FROM,       false, false, { "platform" } },
	{ INSTRUCTION_HEALTHCHECK, false, false, { "interval", "timeout", "start-period",
						   "start-interval", "retries" } },
	{ INSTRUCTION_LABEL,      false, false, {} },
	{ INSTRUCTION_MAINTAINER, false, false, {} },
	{ INSTRUCTION_ONBUILD,    false, true,  {} },
	{ INSTRUCTION_RUN,        true,  true,  { "mount", "network", "security" } },
	{ INSTRUCTION_SHELL,      false, false, {} },
	{ INSTRUCTION_STOPSIGNAL, false, false, {} },
	{ INSTRUCTION_USER,       false, false, {} },
	{ INSTRUCTION_VOLUME,     false, false, {} },
	{ INSTRUCTION_WORKDIR,    true,  false, {} },
};
/* clang-format on */

bool instruction_makes_layer(const struct instruction *instruction)
{
	for (size_t i = 0; i < countof(supported); i++) {
		if (supported[i].kind == instruction->kind)
			return supported[i].makes_layer;
	}
	return false;
}

bool step_is_told(const struct step *step)
{
	return step->kind != STEP_INSTRUCTION || instruction_makes_layer(step->instruction);
}

void plan_drop(struct plan **plan)
{
	if (!*plan)
		return;
	for (size_t i = 0; i < (*plan)->step_count; i++) {
		free((*plan)->steps[i]->dependants);
		snapshot_drop(&(*plan)->steps[i]->result);
	}
	for (size_t i = 0; i < (*plan)->final_count; i++)
		strings_drop(&(*plan)->globals[i]);
	for (size_t i = 0; i < (*plan)->document_count; i++)
		dockerfile_drop(&(*plan)->documents[i]);
	free((*plan)->documents);
	free((*plan)->globals);
	free((*plan)->steps);
	arena_drop(&(*plan)->arena);
	free(*plan);
	*plan = NULL;
}

static int fail_at(const struct planner *planner, const struct instruction *at, struct error *err)
{
	return fail_in(err, "%s:%u", planner->request->dockerfile->name, at->first_line);
}

static result check_flags(const struct instruction *instruction, const char *const *allowed,
			  struct error *err)
{
	for (size_t i = 0; i < instruction->flag_count; i++) {
		const char *name = instruction->flags[i].name;
		bool known = false;

		for (size_t j = 0; allowed[j]; j++)
			known |= strcmp(allowed[j], name) == 0;
		if (!known)
			return fail(err, FAULT_INPUT,
				    "%s --%s is not supported yet by this version of mpemu",
				    instruction->name, name);
	}
	return OK;
}

static result check_supported(const struct instruction *instruction, struct error *err)
{
	for (size_t i = 0; i < countof(supported); i++) {
		if (supported[i].kind != instruction->kind)
			continue;
		if (instruction->heredoc_count && !supported[i].heredocs)
			return fail(
				err, FAULT_INPUT,
				"%s with a heredoc is not supported yet by this version of mpemu",
				instruction->name);
		return instruction_drops_flags(instruction)
			       ? OK
			       : check_flags(instruction, supported[i].flags, err);
	}
	return fail(err, FAULT_INPUT, "%s is not supported yet by this version of mpemu",
		    instruction->name);
}

/* ---- stages ---- */

/** The name after AS, or NULL. */
static const char *stage_name(const struct instruction *from)
{
	return from->arg_count == 3 ? from->args[2] : NULL;
}

static result stages_find(struct planner *planner, struct error *err)
{
	const struct dockerfile *file = planner->request->dockerfile;

	for (size_t i = 0; i < file->instruction_count; i++) {
		const struct instruction *instruction = &file->instructions[i];

		if (instruction->kind == INSTRUCTION_FROM) {
			array_grow(planner->stages, planner->stage_count);
			planner->stages[planner->stage_count++] = (struct stage){
				.from = instruction,
				.first = i + 1,
				.name = stage_name(instruction),
			};
		} else if (planner->stage_count) {
			planner->stages[planner->stage_count - 1].count++;
		} else if (instruction->kind != INSTRUCTION_ARG) {
			(void)fail(err, FAULT_INPUT,
				   "no build stage in current context: %s before FROM",
				   instruction->name);
			return fail_at(planner, instruction, err);
		}
	}
	if (!planner->stage_count)
		return fail(err, FAULT_INPUT,
			    "%s: dockerfile contains no stages to build: there is no FROM",
			    file->name);
	return OK;
}

/** A stage before `limit` by name, the latest of equal names; SIZE_MAX where none. */
static size_t stage_by_name(const struct planner *planner, const char *name, size_t limit)
{
	for (size_t i = limit; i-- > 0;) {
		if (planner->stages[i].name && strcasecmp(planner->stages[i].name, name) == 0)
			return i;
	}
	return SIZE_MAX;
}

/** The stage that FROM names: the latest, and its name is in lower case. */
static size_t stage_by_base(const struct planner *planner, const char *name, size_t limit)
{
	for (const char *c = name; *c; c++) {
		if (*c >= 'A' && *c <= 'Z')
			return SIZE_MAX;
	}
	return stage_by_name(planner, name, limit);
}

/** The same as stage_by_name(), or by number. */
static size_t stage_by_reference(const struct planner *planner, const char *name, size_t limit)
{
	size_t found = stage_by_name(planner, name, limit);
	struct error ignored = {};
	uint64_t number;

	if (found == SIZE_MAX && !number_parse(name, SIZE_MAX - 1, &number, &ignored) &&
	    number < limit)
		found = (size_t)number;
	return found;
}

static result target_find(const struct planner *planner, size_t *out, struct error *err)
{
	const char *names[64], *near;
	size_t count = 0;

	*out = planner->stage_count - 1;
	if (!planner->request->target || !*planner->request->target)
		return OK;
	*out = stage_by_reference(planner, planner->request->target, planner->stage_count);
	if (*out != SIZE_MAX)
		return OK;
	for (size_t i = 0; i < planner->stage_count && count < countof(names); i++) {
		if (planner->stages[i].name)
			names[count++] = planner->stages[i].name;
	}
	near = nearest(planner->request->target, names, count);
	return fail(err, FAULT_INPUT, "target stage \"%s\" could not be found in %s%s%s%s",
		    planner->request->target, planner->request->dockerfile->name,
		    near ? " (did you mean " : "", near ? near : "", near ? "?)" : "");
}

/* ---- one platform ---- */

static void trigger_add(struct pass *pass, size_t index, const struct instruction *trigger)
{
	const struct instruction *from = pass->planner->stages[index].from;
	struct base *base = &pass->bases[index];
	struct instruction *copy;

	copy = arena_new_in(pass->planner->plan->arena, struct instruction);
	*copy = *trigger;
	array_grow(base->triggers, base->trigger_count);
	base->triggers[base->trigger_count++] = copy;
	/* It has no place in this file but the FROM that brought it. */
	copy->first_line = from->first_line;
	copy->last_line = from->last_line;
	copy->original = arena_printf(pass->planner->plan->arena, "ONBUILD %s", trigger->original);
}

/** A trigger of a stage is read again, as it would be from the image that the stage would be. */
static result trigger_reread(struct pass *pass, size_t index, const struct instruction *onbuild,
			     struct error *err)
{
	struct plan *plan = pass->planner->plan;
	owned(buf) struct buf text = {};
	struct dockerfile *document;

	instruction_trigger_text(onbuild, &text);
	if (trigger_parse(buf_text(&text), &document, err))
		return fail_at(pass->planner, pass->planner->stages[index].from, err);
	array_grow(plan->documents, plan->document_count);
	plan->documents[plan->document_count++] = document;
	trigger_add(pass, index, document->instructions);
	return OK;
}

/** The triggers that the image of a stage's FROM, or the stage that it names, leave to it. */
static result triggers_find(struct pass *pass, size_t index, struct error *err)
{
	const struct planner *planner = pass->planner;
	const struct plan_request *request = planner->request;
	const struct base *base = &pass->bases[index];
	const struct platform *platform = base->platform ? base->platform : pass->target;
	const struct named *named =
		base->image ? named_find(request->contexts, base->image, platform) : NULL;
	const struct triggers *known =
		base->image ? triggers_of(request->triggers, named ? named->value : base->image,
					  platform)
			    : NULL;

	for (size_t i = 0; known && i < known->count; i++)
		trigger_add(pass, index, known->documents[i]->instructions);
	for (size_t i = 0; !base->image && i < planner->stages[base->stage].count; i++) {
		const struct instruction *at =
			&request->dockerfile->instructions[planner->stages[base->stage].first + i];

		if (at->trigger && trigger_reread(pass, index, at, err))
			return FAILED;
	}
	return OK;
}

/** Whether --build-context gives something else for the whole stage. */
static bool is_replaced(const struct pass *pass, size_t index)
{
	const struct base *base = &pass->bases[index];
	const char *name = pass->planner->stages[index].name;

	return name && named_find(pass->planner->request->contexts, name,
				  base->platform ? base->platform : pass->target);
}

/** What FROM says, which must make sense in all stages, needed or not. */
static result base_find(struct pass *pass, size_t index, struct error *err)
{
	const struct planner *planner = pass->planner;
	const struct dockerfile *file = planner->request->dockerfile;
	const struct stage *stage = &planner->stages[index];
	struct base *base = &pass->bases[index];
	owned(str) char *name = NULL;
	struct reference ignored;
	struct platform platform;
	bool given;

	if (from_name(file, stage->from, pass->globals, &name, err) ||
	    from_platform(file, stage->from, pass->globals, &given, &platform, err))
		return fail_at(planner, stage->from, err);
	if (given) {
		base->platform = arena_new_in(planner->plan->arena, struct platform);
		*base->platform = platform;
	}
	if (is_replaced(pass, index)) {
		base->is_replaced = true;
		base->image = arena_strdup(planner->plan->arena, stage->name);
		return OK;
	}
	base->stage = stage_by_base(planner, name, index);
	if (base->stage != SIZE_MAX)
		return OK;
	if (strcmp(name, "scratch") != 0 && reference_parse(name, &ignored, err)) {
		(void)fail_in(err, "failed to parse stage name \"%s\"", name);
		return fail_at(planner, stage->from, err);
	}
	base->image = arena_strdup(planner->plan->arena, name);
	return OK;
}

/** And so must every COPY --from. */
static result bases_find(struct pass *pass, struct error *err)
{
	const struct planner *planner = pass->planner;
	const struct dockerfile *file = planner->request->dockerfile;

	for (size_t i = 0; i < planner->stage_count; i++) {
		if (base_find(pass, i, err))
			return FAILED;
	}
	for (size_t i = 0; i < file->instruction_count; i++) {
		const struct instruction *at = &file->instructions[i];

		if (copy_from_check(file, at, planner->stage_count, err))
			return fail_at(planner, at, err);
	}
	return OK;
}

static void base_need(struct pass *pass, size_t index)
{
	if (!pass->bases[index].image)
		pass->needed[pass->bases[index].stage] = true;
}

/** What a stage runs after FROM: the triggers of its base, then its own instructions. */
static const struct instruction *instruction_at(const struct pass *pass, size_t index, size_t i)
{
	const struct planner *planner = pass->planner;
	const struct base *base = &pass->bases[index];

	if (i < base->trigger_count)
		return base->triggers[i];
	i -= base->trigger_count;
	return &planner->request->dockerfile->instructions[planner->stages[index].first + i];
}

static size_t instruction_count(const struct pass *pass, size_t index)
{
	if (pass->bases[index].is_replaced)
		return 0;
	return pass->bases[index].trigger_count + pass->planner->stages[index].count;
}

/** Mark a stage that an instruction of the stage `index` reads from; an image is as good. */
static result source_mark(struct pass *pass, size_t index, const char *verb, const char *name,
			  struct error *err)
{
	const struct planner *planner = pass->planner;
	size_t found = stage_by_reference(planner, name, index);

	if (found != SIZE_MAX)
		pass->needed[found] = true;
	else if (stage_by_reference(planner, name, planner->stage_count) != SIZE_MAX)
		return fail(err, FAULT_INPUT,
			    "cannot %s from stage \"%s\", it needs to be defined before current "
			    "stage",
			    verb, name);
	return OK;
}

/** The same for all mounts of a RUN. */
static result mounts_mark(struct pass *pass, size_t index, const struct instruction *at,
			  struct error *err)
{
	const struct flag *flag;
	size_t next = 0;

	while ((flag = instruction_next_flag(at, "mount", &next))) {
		owned(str) char *from = NULL;

		if (mount_from(flag->value ? flag->value : "", &from, err))
			return fail_in(err, "RUN --mount=%s", flag->value ? flag->value : "");
		if (from && source_mark(pass, index, "mount", from, err))
			return FAILED;
	}
	return OK;
}

/** Mark the stages that COPY --from and RUN --mount=from= of this stage read. */
static result sources_mark(struct pass *pass, size_t index, struct error *err)
{
	for (size_t i = 0; i < instruction_count(pass, index); i++) {
		const struct instruction *at = instruction_at(pass, index, i);
		const char *name = instruction_flag(at, "from");

		if (check_supported(at, err) ||
		    (at->kind == INSTRUCTION_RUN && mounts_mark(pass, index, at, err)) ||
		    (at->kind == INSTRUCTION_COPY && name &&
		     source_mark(pass, index, "copy", name, err)))
			return fail_at(pass->planner, at, err);
	}
	return OK;
}

static void depend(struct step *step, struct step *need)
{
	if (!need)
		return;
	array_grow(need->dependants, need->dependant_count);
	need->dependants[need->dependant_count++] = step;
	step->missing++;
}

static struct step *step_add(struct pass *pass, enum step_kind kind,
			     const struct instruction *instruction, const struct platform *platform,
			     struct step *previous, struct step *source)
{
	struct plan *plan = pass->planner->plan;
	struct step *step = arena_new_in(plan->arena, struct step);

	*step = (struct step){
		.id = plan->step_count,
		.kind = kind,
		.instruction = instruction,
		.platform = platform,
		.target = pass->target,
		.globals = pass->globals,
		.previous = previous,
		.source = source,
	};
	depend(step, previous);
	if (source != previous)
		depend(step, source);
	array_grow(plan->steps, plan->step_count);
	plan->steps[plan->step_count++] = step;
	return step;
}

/** " (first line...)" where a RUN is a heredoc and nothing else; "" for all others. */
static const char *heredoc_summary(const struct pass *pass, const struct instruction *at)
{
	const struct heredoc *heredoc = at->kind == INSTRUCTION_RUN && at->arg_count && !at->json
						? instruction_heredoc(at, at->args[0])
						: NULL;
	const char *text;
	size_t line;

	if (!heredoc)
		return "";
	text = heredoc->content + strspn(heredoc->content, " \t\r\n");
	line = strcspn(text, "\r\n");
	return arena_printf(pass->planner->plan->arena, " (%.*s%s)", (int)line, text,
			    text[line + strspn(text + line, " \t\r\n")] ? "..." : "");
}

/** "[linux/arm64 build 3/7] RUN make" */
static const char *step_title(const struct pass *pass, const struct step *step,
			      const struct stage *stage, size_t number, size_t total)
{
	char text[PLATFORM_TEXT_MAX];

	return arena_printf(pass->planner->plan->arena, "[%s%s%s %zu/%zu] %s%s",
			    platform_text(step->target, text), stage->name ? " " : "",
			    stage->name ? stage->name : "", number, total,
			    step->instruction->original, heredoc_summary(pass, step->instruction));
}

static struct step *image_step(struct pass *pass, const struct instruction *instruction,
			       const char *image, const struct platform *platform)
{
	char text[PLATFORM_TEXT_MAX];
	bool is_scratch = strcmp(image, "scratch") == 0;
	const struct named *named = named_find(pass->planner->request->contexts, image, platform);
	enum step_kind kind = named && named->kind == NAMED_FILES ? STEP_FILES
			      : !named && is_scratch              ? STEP_SCRATCH
								  : STEP_IMAGE;
	/* Nothing is for any platform, and what will be put there for the target. */
	struct step *step = step_add(pass, kind, instruction,
				     kind == STEP_SCRATCH ? pass->target : platform, NULL, NULL);

	step->image = named ? named->value : image;
	step->name = arena_printf(pass->planner->plan->arena, "[%s] FROM %s",
				  platform_text(platform, text), image);
	return step;
}

/** How many steps of a stage are worth a number: FROM and what makes layers. */
static size_t numbered_steps(const struct pass *pass, size_t index)
{
	size_t count = 1;

	for (size_t i = 0; i < instruction_count(pass, index); i++)
		count += instruction_makes_layer(instruction_at(pass, index, i));
	return count;
}

/** What has the files that `from` names, for an instruction of the stage `index`. */
static struct step *named_step(struct pass *pass, size_t index, const struct instruction *at,
			       const char *name)
{
	size_t found = stage_by_reference(pass->planner, name, index);

	if (found != SIZE_MAX)
		return pass->last[found];
	return image_step(pass, at, arena_strdup(pass->planner->plan->arena, name), pass->target);
}

static struct step *source_step(struct pass *pass, size_t index, const struct instruction *at)
{
	const char *name = instruction_flag(at, "from");

	return at->kind == INSTRUCTION_COPY && name ? named_step(pass, index, at, name) : NULL;
}

/** What each --mount of a RUN reads; sources_mark() has looked at them. */
static struct step **mount_steps(struct pass *pass, size_t index, const struct instruction *at)
{
	struct step **steps =
		arena_alloc(pass->planner->plan->arena, (at->flag_count + 1) * sizeof(*steps));
	struct error ignored = {};
	const struct flag *flag;
	size_t next = 0;

	for (size_t i = 0; (flag = instruction_next_flag(at, "mount", &next)); i++) {
		owned(str) char *from = NULL;

		if (!mount_from(flag->value ? flag->value : "", &from, &ignored) && from)
			steps[i] = named_step(pass, index, at, from);
	}
	return steps;
}

static struct step *first_step(struct pass *pass, size_t index, size_t total)
{
	const struct stage *stage = &pass->planner->stages[index];
	const struct base *base = &pass->bases[index];
	struct step *step, *previous;

	if (base->image) {
		step = image_step(pass, stage->from, base->image,
				  base->platform ? base->platform : pass->target);
	} else {
		previous = pass->last[base->stage];
		/* A --platform has no say here. */
		step = step_add(pass, STEP_STAGE, stage->from, previous->platform, previous, NULL);
	}
	step->name = step_title(pass, step, stage, 1, total);
	return step;
}

/** Whether --no-cache-filter names the stage. */
static bool is_uncached(const struct planner *planner, const struct stage *stage)
{
	const struct strings *names = planner->request->no_cache;

	for (size_t i = 0; names && stage->name && i < names->count; i++) {
		if (strcasecmp(names->items[i], stage->name) == 0)
			return true;
	}
	return false;
}

static result stage_plan(struct pass *pass, size_t index, struct error *err)
{
	const struct planner *planner = pass->planner;
	const struct stage *stage = &planner->stages[index];
	size_t total = numbered_steps(pass, index), number = 1;
	struct step *step = first_step(pass, index, total);

	for (size_t i = 0; i < instruction_count(pass, index); i++) {
		const struct instruction *at = instruction_at(pass, index, i);
		struct step *source = source_step(pass, index, at);
		struct step **mounts = mount_steps(pass, index, at);

		number += instruction_makes_layer(at);
		step = step_add(pass, STEP_INSTRUCTION, at, step->platform, step, source);
		step->no_cache = is_uncached(planner, stage);
		step->mounts = mounts;
		for (size_t j = 0; j < at->flag_count; j++)
			depend(step, mounts[j]);
		step->name = step_title(pass, step, stage, number, total);
	}
	if (planner->plan->step_count > STEPS_MAX)
		return fail(err, FAULT_INPUT, "%s: more than %d steps",
			    planner->request->dockerfile->name, STEPS_MAX);
	pass->last[index] = step;
	return OK;
}

static result pass_run(struct pass *pass, size_t target, struct error *err)
{
	pass->needed[target] = true;
	if (bases_find(pass, err))
		return FAILED;
	for (size_t i = target + 1; i-- > 0;) {
		if (!pass->needed[i])
			continue;
		base_need(pass, i);
		if (triggers_find(pass, i, err) || sources_mark(pass, i, err))
			return FAILED;
	}
	for (size_t i = 0; i <= target; i++) {
		if (pass->needed[i] && stage_plan(pass, i, err))
			return FAILED;
	}
	return OK;
}

static result platform_plan(struct planner *planner, size_t number, struct error *err)
{
	struct plan *plan = planner->plan;
	struct pass pass = {
		.planner = planner,
		.target = &planner->request->platforms[number],
		.globals = &plan->globals[number],
	};
	size_t target;
	result status;

	if (target_find(planner, &target, err) ||
	    globals_make(planner->request->dockerfile, planner->request->build_args, pass.target,
			 planner->request->target, &plan->globals[number], err))
		return FAILED;
	pass.bases = xcalloc(planner->stage_count, sizeof(*pass.bases));
	pass.needed = xcalloc(planner->stage_count, sizeof(*pass.needed));
	pass.last = xcalloc(planner->stage_count, sizeof(struct step *));
	status = pass_run(&pass, target, err);
	plan->finals[number] = pass.last[target];
	for (size_t i = 0; i < planner->stage_count; i++)
		free(pass.bases[i].triggers);
	free(pass.bases);
	free(pass.needed);
	free(pass.last);
	return status;
}

/** The step of an instruction on the host's platform, if there is one before `limit`. */
static struct step *native_step(const struct plan *plan, const struct instruction *instruction,
				const struct platform *host, size_t limit)
{
	for (size_t i = 0; i < limit; i++) {
		struct step *step = plan->steps[i];

		if (step->kind == STEP_INSTRUCTION && step->instruction == instruction &&
		    platform_equal(step->platform, host))
			return step;
	}
	return NULL;
}

/**
 * Let each RUN for another platform find the state that the same RUN begins with on the host's.
 * Steps only ever wait for those before them, so this cannot go in circles.
 */
static void siblings_find(struct plan *plan, const struct platform *host)
{
	for (size_t i = 0; i < plan->step_count; i++) {
		struct step *step = plan->steps[i], *native;

		if (step->kind != STEP_INSTRUCTION || step->instruction->kind != INSTRUCTION_RUN ||
		    platform_equal(step->platform, host))
			continue;
		native = native_step(plan, step->instruction, host, i);
		if (native) {
			step->sibling = native->previous;
			depend(step, step->sibling);
		}
	}
}

/** With siblings, the host's platform comes first: the others wait for it. */
static result platforms_plan(struct planner *planner, struct error *err)
{
	const struct plan_request *request = planner->request;
	const struct platform host = platform_host();

	if (stages_find(planner, err))
		return FAILED;
	planner->plan->final_count = request->platform_count;
	for (int round = request->assist ? 0 : 1; round < 2; round++) {
		for (size_t i = 0; i < request->platform_count; i++) {
			bool first =
				request->assist && platform_equal(&request->platforms[i], &host);

			if (first == (round == 0) && platform_plan(planner, i, err))
				return FAILED;
		}
	}
	if (request->assist)
		siblings_find(planner->plan, &host);
	return OK;
}

result plan_compile(const struct plan_request *request, struct plan **out, struct error *err)
{
	owned(plan) struct plan *plan = xnew(struct plan);
	struct planner planner = { .request = request, .plan = plan };
	result status;

	plan->arena = arena_new();
	plan->globals = xcalloc(request->platform_count, sizeof(*plan->globals));
	status = platforms_plan(&planner, err);
	free(planner.stages);
	if (status)
		return FAILED;
	*out = take(plan);
	return OK;
}

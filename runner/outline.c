/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/outline.h"

#include "base/mem.h"
#include "runner/expand.h"
#include "runner/mounts.h"
#include "runner/plan_globals.h"

#include <stdlib.h>
#include <string.h>

/** A stage as far as its steps have been walked. */
struct scope {
	struct strings env;  /* what its words are expanded with */
	struct strings used; /* arguments that FROM uses and ARG names */
	struct outline own;
	size_t *needs; /* scopes: what it is based on, then what it reads */
	size_t need_count;
};

/** A global argument, and those that its default is made of. */
struct global {
	struct outline_entry entry;
	struct strings uses;
};

struct walk {
	const struct plan *plan;
	const struct dockerfile *file;
	const struct strings *build_args;
	struct global *globals;
	size_t global_count;
	struct scope *scopes;
	size_t scope_count;
	size_t *scope_of; /* by a step's id */
};

/* ---- lists ---- */

static void entry_drop(struct outline_entry *entry)
{
	free(entry->name);
	free(entry->value);
}

static void list_drop(struct outline_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		entry_drop(&list->items[i]);
	free(list->items);
	*list = (struct outline_list){};
}

void outline_drop(struct outline *outline)
{
	list_drop(&outline->args);
	list_drop(&outline->secrets);
	list_drop(&outline->agents);
}

static struct outline_entry *list_find(const struct outline_list *list, const char *name)
{
	for (size_t i = 0; i < list->count; i++) {
		if (strcmp(list->items[i].name, name) == 0)
			return &list->items[i];
	}
	return NULL;
}

/** The entry of this name, a new one where there is none. */
static struct outline_entry *list_take(struct outline_list *list, const char *name)
{
	struct outline_entry *found = list_find(list, name);

	if (found)
		return found;
	array_grow(list->items, list->count);
	found = &list->items[list->count++];
	*found = (struct outline_entry){ .name = xstrdup(name),
					 .value = xstrdup(""),
					 .description = "" };
	return found;
}

static void value_set(struct outline_entry *entry, const char *value)
{
	free(entry->value);
	entry->value = xstrdup(value ? value : "");
}

static void list_merge(struct outline_list *into, const struct outline_list *from)
{
	for (size_t i = 0; i < from->count; i++) {
		const struct outline_entry *entry = &from->items[i];
		struct outline_entry *copy;

		if (list_find(into, entry->name))
			continue;
		copy = list_take(into, entry->name);
		value_set(copy, entry->value);
		copy->description = entry->description;
		copy->required = entry->required;
		copy->at = entry->at;
	}
}

static int entry_compare(const void *a, const void *b)
{
	const struct outline_entry *left = a, *right = b;

	if (left->at->first_line != right->at->first_line)
		return left->at->first_line < right->at->first_line ? -1 : 1;
	return strcmp(left->name, right->name);
}

static void list_sort(struct outline_list *list)
{
	if (list->count)
		qsort(list->items, list->count, sizeof(*list->items), entry_compare);
}

static void walk_drop(struct walk *walk)
{
	for (size_t i = 0; i < walk->global_count; i++) {
		entry_drop(&walk->globals[i].entry);
		strings_drop(&walk->globals[i].uses);
	}
	for (size_t i = 0; i < walk->scope_count; i++) {
		strings_drop(&walk->scopes[i].env);
		strings_drop(&walk->scopes[i].used);
		outline_drop(&walk->scopes[i].own);
		free(walk->scopes[i].needs);
	}
	free(walk->globals);
	free(walk->scopes);
	free(walk->scope_of);
}

/* ---- global arguments ---- */

const char *instruction_description(const struct instruction *instruction, const char *name)
{
	size_t length = strlen(name);

	for (size_t i = 0; length && i < instruction->comment_count; i++) {
		const char *comment = instruction->comments[i];

		if (starts_with(comment, name) && comment[length] == ' ')
			return comment + length + 1;
	}
	return "";
}

static struct global *global_find(const struct walk *walk, const char *name)
{
	for (size_t i = walk->global_count; i-- > 0;) {
		if (strcmp(walk->globals[i].entry.name, name) == 0)
			return &walk->globals[i];
	}
	return NULL;
}

/** Names that a word uses and that are set. */
static void names_used(const struct walk *walk, const char *word, const struct strings *env,
		       struct strings *out)
{
	owned(expand_names) struct expand_names names = {};
	struct error ignored;

	(void)expand_named(word, walk->file->escape, env, 0, &names, NULL, &ignored);
	strings_add_all(out, names.set.items);
}

static void global_add(struct walk *walk, const struct instruction *at, const struct pair *pair,
		       const struct strings *env)
{
	owned(str) char *name = xstrndup(pair->name, pair->name_length);
	struct global *global;

	array_grow(walk->globals, walk->global_count);
	global = &walk->globals[walk->global_count++];
	*global = (struct global){ .entry = { .name = xstrdup(name), .at = at } };
	global->entry.description = instruction_description(at, name);
	value_set(&global->entry, env_get(env, name));
	if (pair->value && !env_get(walk->build_args, name))
		names_used(walk, pair->value, env, &global->uses);
}

static void globals_read(struct walk *walk, const struct strings *env)
{
	const struct instruction *at = walk->file->instructions;

	for (; at < walk->file->instructions + walk->file->instruction_count &&
	       at->kind == INSTRUCTION_ARG;
	     at++) {
		for (size_t i = 0; i < instruction_pair_count(at); i++) {
			struct pair pair = instruction_pair(at, i);

			global_add(walk, at, &pair, env);
		}
	}
}

/* ---- steps ---- */

static void need_add(struct scope *scope, const struct walk *walk, const struct step *step)
{
	if (!step)
		return;
	array_grow(scope->needs, scope->need_count);
	scope->needs[scope->need_count++] = walk->scope_of[step->id];
}

static struct scope *scope_add(struct walk *walk, const struct step *step)
{
	array_grow(walk->scopes, walk->scope_count);
	walk->scope_of[step->id] = walk->scope_count;
	walk->scopes[walk->scope_count] = (struct scope){};
	return &walk->scopes[walk->scope_count++];
}

/** FROM, or an image or context that something reads. */
static void from_walk(struct walk *walk, const struct step *step, outline_look *look, void *closure)
{
	struct scope *scope = scope_add(walk, step);
	const char *platform = instruction_flag(step->instruction, "platform");

	if (step->instruction->kind != INSTRUCTION_FROM)
		return;
	names_used(walk, step->instruction->args[0], step->globals, &scope->used);
	if (platform)
		names_used(walk, platform, step->globals, &scope->used);
	need_add(scope, walk, step->previous);
	if (step->previous)
		strings_add_all(&scope->env,
				walk->scopes[walk->scope_of[step->previous->id]].env.items);
	else if (step->kind == STEP_IMAGE && look)
		look(closure, step, &scope->env);
	if (!env_get(&scope->env, "PATH"))
		strings_add(&scope->env, "PATH=" DEFAULT_PATH);
}

/** --build-arg, else the default, else the global value, which is told of where it is set. */
static result arg_walk(struct walk *walk, struct scope *scope, const struct step *step,
		       struct error *err)
{
	const struct instruction *at = step->instruction;

	for (size_t i = 0; i < instruction_pair_count(at); i++) {
		struct pair pair = instruction_pair(at, i);
		owned(str) char *name = xstrndup(pair.name, pair.name_length), *expanded = NULL;
		const char *value = env_get(walk->build_args, name);
		const char *global = env_get(step->globals, name);
		struct outline_entry *entry;

		if (!value && pair.value &&
		    expand_word(pair.value, walk->file->escape, &scope->env, 0, &expanded, err))
			return FAILED;
		if (!value)
			value = expanded;
		strings_add(&scope->used, name);
		if (value || !global) {
			entry = list_take(&scope->own.args, name);
			value_set(entry, value);
			entry->description = instruction_description(at, name);
			entry->at = at;
		}
		if (value || global)
			env_set(&scope->env, name, value ? value : global);
	}
	return OK;
}

/** All words of a line see the variables as they were before it. */
static result env_walk(struct walk *walk, struct scope *scope, const struct instruction *at,
		       struct error *err)
{
	owned(strings) struct strings names = {}, values = {};

	for (size_t i = 0; i < instruction_pair_count(at); i++) {
		struct pair pair = instruction_pair(at, i);
		owned(str) char *name = NULL, *value = NULL;

		if (expand_word(pair.name, walk->file->escape, &scope->env, 0, &name, err) ||
		    expand_word(pair.value, walk->file->escape, &scope->env, 0, &value, err))
			return FAILED;
		strings_add(&names, name);
		strings_add(&values, value);
	}
	for (size_t i = 0; i < names.count; i++)
		env_set(&scope->env, names.items[i], values.items[i]);
	return OK;
}

static bool given(const char *text)
{
	return text && *text;
}

static void mount_add(struct scope *scope, const struct mount *mount, const struct instruction *at)
{
	struct outline_list *list =
		mount->kind == MOUNT_SECRET ? &scope->own.secrets : &scope->own.agents;
	const char *name = "default", *slash;
	struct outline_entry *entry;

	if (mount->kind == MOUNT_SECRET) {
		name = given(mount->source) ? mount->source
		       : given(mount->id)   ? mount->id
					    : mount->target;
		slash = name == mount->target ? strrchr(name, '/') : NULL;
		name = slash ? slash + 1 : name;
	} else if (given(mount->id)) {
		name = mount->id;
	}
	if (list_find(list, name))
		return;
	entry = list_take(list, name);
	entry->required = mount->required;
	entry->at = at;
}

static result run_walk(struct walk *walk, struct scope *scope, const struct instruction *at,
		       struct error *err)
{
	const struct flag *flag;
	size_t next = 0;

	while ((flag = instruction_next_flag(at, "mount", &next))) {
		struct mount mount = {};
		const char *text = flag->value ? flag->value : "";
		result parsed = mount_parse(text, walk->file->escape, &scope->env, &mount, err);

		if (!parsed && (mount.kind == MOUNT_SECRET || mount.kind == MOUNT_SSH))
			mount_add(scope, &mount, at);
		mount_drop(&mount);
		if (parsed)
			return fail_in(err, "RUN --mount=%s", text);
	}
	return OK;
}

static result instruction_walk(struct walk *walk, const struct step *step, struct error *err)
{
	size_t index = walk->scope_of[step->previous->id];
	struct scope *scope = &walk->scopes[index];
	const struct instruction *at = step->instruction;

	walk->scope_of[step->id] = index;
	need_add(scope, walk, step->source);
	for (size_t i = 0; step->mounts && i < at->flag_count; i++)
		need_add(scope, walk, step->mounts[i]);
	switch (at->kind) {
	case INSTRUCTION_ARG:
		return arg_walk(walk, scope, step, err);
	case INSTRUCTION_ENV:
		return env_walk(walk, scope, at, err);
	case INSTRUCTION_RUN:
		return run_walk(walk, scope, at, err);
	default:
		return OK;
	}
}

/* ---- the target ---- */

/** An argument, and those that its default is made of. */
static void arg_tell(const struct walk *walk, const struct scope *scope, const char *name,
		     struct outline_list *out)
{
	struct outline_entry *own = list_find(&scope->own.args, name);
	struct global *global = own ? NULL : global_find(walk, name);
	struct outline_list one = { own ? own : global ? &global->entry : NULL, 1 };

	if (!one.items || list_find(out, name))
		return;
	list_merge(out, &one);
	for (size_t i = 0; global && i < global->uses.count; i++)
		arg_tell(walk, scope, global->uses.items[i], out);
}

/** Of the target first, then of what it needs: the nearest of equal names counts. */
static void scopes_tell(const struct walk *walk, size_t target, struct outline *out)
{
	bool *told = xcalloc(walk->scope_count, sizeof(*told));
	size_t *stack = NULL, count = 0;

	array_grow(stack, count);
	stack[count++] = target;
	while (count) {
		size_t index = stack[--count];
		const struct scope *scope = &walk->scopes[index];

		if (told[index])
			continue;
		told[index] = true;
		for (size_t i = 0; i < scope->used.count; i++)
			arg_tell(walk, scope, scope->used.items[i], &out->args);
		list_merge(&out->secrets, &scope->own.secrets);
		list_merge(&out->agents, &scope->own.agents);
		for (size_t i = scope->need_count; i-- > 0;) {
			array_grow(stack, count);
			stack[count++] = scope->needs[i];
		}
	}
	free(stack);
	free(told);
}

static result steps_walk(struct walk *walk, outline_look *look, void *closure, struct error *err)
{
	const struct plan *plan = walk->plan;

	for (size_t i = 0; i < plan->step_count; i++) {
		const struct step *step = plan->steps[i];

		if (step->target != plan->finals[0]->target)
			continue;
		if (step->kind != STEP_INSTRUCTION)
			from_walk(walk, step, look, closure);
		else if (instruction_walk(walk, step, err))
			return fail_in(err, "%s:%u", walk->file->name,
				       step->instruction->first_line);
	}
	return OK;
}

result outline_make(const struct plan *plan, const struct dockerfile *file,
		    const struct strings *build_args, outline_look *look, void *closure,
		    struct outline *out, struct error *err)
{
	__attribute__((cleanup(walk_drop))) struct walk walk = { .plan = plan,
								 .file = file,
								 .build_args = build_args };

	walk.scope_of = xcalloc(plan->step_count, sizeof(*walk.scope_of));
	globals_read(&walk, plan->finals[0]->globals);
	if (steps_walk(&walk, look, closure, err))
		return FAILED;
	scopes_tell(&walk, walk.scope_of[plan->finals[0]->id], out);
	list_sort(&out->args);
	list_sort(&out->secrets);
	list_sort(&out->agents);
	return OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Cross toolchains on demand: which packages a native root would need for the compilers that the
 * foreign one has.  Debian builds a compiler and its cross packages from one source, so the names
 * follow from each other: gcc-12 of arm64 is gcc-12-aarch64-linux-gnu of another machine.
 */
#include "runner/twin_source.h"

#include "base/digest.h"

#include <stdlib.h>
#include <string.h>

enum { RECIPE_PACKAGES_MAX = 64 };

void twin_recipes_drop(struct twin_recipes **recipes)
{
	struct twin_recipes *old = *recipes;

	if (!old)
		return;
	for (size_t i = 0; i < old->count; i++)
		strings_drop(&old->items[i].packages);
	free(old->items);
	arena_drop(&old->arena);
	free(old);
	*recipes = NULL;
}

/** "gcc-12", "g++-12", "cpp-12": one of them, with a version that is a number. */
static bool is_compiler(const char *name, size_t length)
{
	static const char *const kinds[] = { "gcc-", "g++-", "cpp-" };

	for (size_t i = 0; i < countof(kinds); i++) {
		size_t kind = strlen(kinds[i]), digits = length - kind;

		if (length > kind && memcmp(name, kinds[i], kind) == 0 &&
		    strspn(name + kind, "0123456789") >= digits)
			return true;
	}
	return false;
}

/**
 * The cross package for a foreign one ("gcc-12", or "gcc-14-aarch64-linux-gnu" where Debian calls
 * the native one so), or NULL where it is no compiler.
 */
static char *cross_name(const char *name, const char *triple)
{
	owned(str) char *suffix = xasprintf("-%s", triple);
	size_t length = strlen(name);

	for (char *at = suffix; *at; at++)
		*at = *at == '_' ? '-' : *at;
	if (ends_with(name, suffix))
		length -= strlen(suffix);
	if (!is_compiler(name, length) && !(length == 8 && memcmp(name, "binutils", 8) == 0))
		return NULL;
	return xasprintf("%.*s%s", (int)length, name, suffix);
}

/** Whether a native root has it in the version that is wanted, or one that full mode may take. */
static bool is_there(struct packages *const *natives, size_t count, const char *name,
		     const char *arch, const char *version, bool any_revision)
{
	for (size_t i = 0; i < count; i++) {
		const struct package *package = packages_find(natives[i], name, arch);

		if (package && versions_match(package->version, version, any_revision))
			return true;
	}
	return false;
}

/** What is to be installed: binutils, whose versions are exact, and compilers, as apt names both.
 */
struct wanted {
	struct strings names, binutils, compilers;
};

static void wanted_drop(struct wanted *wanted)
{
	strings_drop(&wanted->names);
	strings_drop(&wanted->binutils);
	strings_drop(&wanted->compilers);
}

static void packages_wanted(const struct packages *foreign, struct packages *const *natives,
			    size_t native_count, const struct twin_arch *host,
			    const struct twin_arch *target, bool is_full, struct wanted *out)
{
	for (size_t i = 0; i < foreign->count && out->names.count < RECIPE_PACKAGES_MAX; i++) {
		const struct package *package = &foreign->items[i];
		owned(str) char *name = cross_name(package->name, target->triple);

		if (!name || strcmp(package->arch, target->deb) != 0 ||
		    strings_have(&out->names, name) ||
		    is_there(natives, native_count, name, host->deb, package->version, is_full))
			continue;
		strings_add(&out->names, name);
		if (starts_with(name, "binutils"))
			strings_printf(&out->binutils, "%s=%.*s", name,
				       (int)version_source_length(package->version),
				       package->version);
		else
			strings_printf(&out->compilers, "%s=%scross1", name, package->version);
	}
}

static void words_add(struct buf *out, const struct strings *words)
{
	for (size_t i = 0; i < words->count; i++)
		buf_printf(out, " %s", words->items[i]);
}

static void install_add(struct buf *out, const struct strings *words)
{
	buf_add_str(out, "apt-get -qq -y --no-install-recommends install");
	words_add(out, words);
}

/**
 * The very versions where they can be had; else in full mode, which may use it, another revision.
 */
static char *script_make(const struct wanted *wanted, bool is_full)
{
	struct buf script = {};

	buf_add_str(&script, "set -e\nexport DEBIAN_FRONTEND=noninteractive\napt-get -qq update\n");
	if (wanted->binutils.count) {
		install_add(&script, &wanted->binutils);
		buf_add_str(&script, is_full ? " || true\n" : "\n");
	}
	if (wanted->compilers.count) {
		install_add(&script, &wanted->compilers);
		buf_add_str(&script, " ||\n\t");
		if (is_full)
			install_add(&script, &wanted->names);
		else
			buf_add_str(&script, wanted->binutils.count ? "true" : "exit 1");
		buf_add_char(&script, '\n');
	}
	buf_add_str(&script, "apt-get clean\nrm -rf /var/lib/apt/lists/*\n");
	return buf_take(&script);
}

static void recipe_add(struct twin_recipes *recipes, const struct twin_arch *host,
		       const struct twin_arch *target, struct wanted *wanted, bool is_full)
{
	owned(hasher) struct hasher *hasher = hasher_new();
	owned(str) char *script = script_make(wanted, is_full);
	struct twin_recipe *recipe;

	array_grow(recipes->items, recipes->count);
	recipe = &recipes->items[recipes->count++];
	*recipe = (struct twin_recipe){ .packages = wanted->names };
	wanted->names = (struct strings){};
	recipe->title = arena_printf(recipes->arena, "cross toolchain for linux/%s", target->arch);
	recipe->script = arena_strdup(recipes->arena, script);
	hasher_add_str(hasher, "mpemu cross toolchain 1");
	hasher_add_str(hasher, host->deb);
	hasher_add_str(hasher, script);
	recipe->key = hasher_finish(hasher);
}

result twin_recipes_find(const struct ctx *ctx, const struct twin_request *request,
			 struct twin_recipes **out, struct error *err)
{
	owned(twin_recipes) struct twin_recipes *recipes = xnew(struct twin_recipes);
	const struct twin_arch *host = twin_arch_find(&request->host);
	const struct twin_arch *target = twin_arch_find(&request->target);
	owned(packages) struct packages *foreign = NULL;
	struct packages *natives[TWIN_ROOTS_MAX] = {};
	const bool is_full = request->mode == TOOL_FULL;
	owned(wanted) struct wanted wanted = {};
	size_t count = 0;
	int failed = cancel_check(ctx, err);

	recipes->arena = arena_new();
	if (failed || packages_open(request->foreign, &foreign, err))
		return FAILED;
	for (; !failed && count < request->source_count && count < TWIN_ROOTS_MAX; count++)
		failed = packages_open(request->sources[count].native, &natives[count], err);
	if (!failed && host && target && foreign->kind == PACKAGES_DPKG && count &&
	    natives[0]->kind == PACKAGES_DPKG && natives[0]->count)
		packages_wanted(foreign, natives, count, host, target, is_full, &wanted);
	for (size_t i = 0; i < count; i++)
		packages_drop(&natives[i]);
	if (failed)
		return FAILED;
	if (wanted.names.count)
		recipe_add(recipes, host, target, &wanted, is_full);
	*out = take(recipes);
	return OK;
}

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

/** Whether a native root has it in the version that is wanted. */
static bool is_there(struct packages *const *natives, size_t count, const char *name,
		     const char *arch, const char *version)
{
	for (size_t i = 0; i < count; i++) {
		const struct package *package = packages_find(natives[i], name, arch);

		if (package && versions_match(package->version, version, false))
			return true;
	}
	return false;
}

static void packages_wanted(const struct packages *foreign, struct packages *const *natives,
			    size_t native_count, const struct twin_arch *host,
			    const struct twin_arch *target, struct strings *wanted,
			    struct strings *pinned)
{
	for (size_t i = 0; i < foreign->count && wanted->count < RECIPE_PACKAGES_MAX; i++) {
		const struct package *package = &foreign->items[i];
		owned(str) char *name = cross_name(package->name, target->triple);

		if (!name || strcmp(package->arch, target->deb) != 0 ||
		    strings_have(wanted, name) ||
		    is_there(natives, native_count, name, host->deb, package->version))
			continue;
		strings_add(wanted, name);
		if (starts_with(name, "binutils"))
			strings_printf(pinned, "%s=%.*s", name,
				       (int)version_source_length(package->version),
				       package->version);
		else
			strings_printf(pinned, "%s=%scross1", name, package->version);
	}
}

static void words_add(struct buf *out, const struct strings *words)
{
	for (size_t i = 0; i < words->count; i++)
		buf_printf(out, " %s", words->items[i]);
}

/** First the very versions, then what there is: full mode may take it, safe mode will not. */
static char *script_make(const struct strings *wanted, const struct strings *pinned)
{
	static const char install[] = "apt-get -qq -y --no-install-recommends install";
	struct buf script = {};

	buf_add_str(&script, "set -e\nexport DEBIAN_FRONTEND=noninteractive\napt-get -qq update\n");
	buf_add_str(&script, install);
	words_add(&script, pinned);
	buf_add_str(&script, " ||\n\t");
	buf_add_str(&script, install);
	words_add(&script, wanted);
	buf_add_str(&script, "\napt-get clean\nrm -rf /var/lib/apt/lists/*\n");
	return buf_take(&script);
}

static void recipe_add(struct twin_recipes *recipes, const struct twin_arch *host,
		       const struct twin_arch *target, struct strings *wanted,
		       const struct strings *pinned)
{
	owned(hasher) struct hasher *hasher = hasher_new();
	owned(str) char *script = script_make(wanted, pinned);
	struct twin_recipe *recipe;

	array_grow(recipes->items, recipes->count);
	recipe = &recipes->items[recipes->count++];
	*recipe = (struct twin_recipe){ .packages = *wanted };
	*wanted = (struct strings){};
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
	owned(strings) struct strings wanted = {}, pinned = {};
	size_t count = 0;
	int failed = cancel_check(ctx, err);

	recipes->arena = arena_new();
	if (failed || packages_open(request->foreign, &foreign, err))
		return FAILED;
	for (; !failed && count < request->source_count && count < TWIN_ROOTS_MAX; count++)
		failed = packages_open(request->sources[count].native, &natives[count], err);
	if (!failed && host && target && foreign->kind == PACKAGES_DPKG && count &&
	    natives[0]->kind == PACKAGES_DPKG && natives[0]->count)
		packages_wanted(foreign, natives, count, host, target, &wanted, &pinned);
	for (size_t i = 0; i < count; i++)
		packages_drop(&natives[i]);
	if (failed)
		return FAILED;
	if (wanted.count)
		recipe_add(recipes, host, target, &wanted, &pinned);
	*out = take(recipes);
	return OK;
}

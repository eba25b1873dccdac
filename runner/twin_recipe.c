/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Native roots on demand: which packages one would need for the compilers and tools that the
 * foreign one has.  Debian builds a compiler and its cross packages from one source, so the names
 * follow from each other: gcc-12 of arm64 is gcc-12-aarch64-linux-gnu of another machine.
 *
 * Names and versions are a step's to choose, and come into a script for a shell.
 */
#include "runner/twin_source.h"

#include "base/digest.h"

#include <stdlib.h>
#include <string.h>

#define INSTALL "apt-get -qq -y --no-install-recommends install"

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

/** What is to be installed: binutils, whose versions are exact, compilers, and tools, as apt names
 * them.
 */
struct wanted {
	struct strings names, binutils, compilers;
	struct strings tool_names, tools;
};

/** Nothing that a shell or apt would not take for a name or a version, or for "name=version". */
static bool is_plain(const char *text)
{
	const size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyz"
					   "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-:~=");

	return length && !text[length] && *text != '-';
}

static void wanted_drop(struct wanted *wanted)
{
	strings_drop(&wanted->names);
	strings_drop(&wanted->binutils);
	strings_drop(&wanted->compilers);
	strings_drop(&wanted->tool_names);
	strings_drop(&wanted->tools);
}

/** A compiler's package, or one of binutils. */
static void compiler_wanted(const struct package *package, const char *name, struct wanted *out)
{
	if (strings_have(&out->names, name))
		return;
	strings_add(&out->names, name);
	if (starts_with(name, "binutils"))
		strings_printf(&out->binutils, "%s=%.*s", name,
			       (int)version_source_length(package->version), package->version);
	else
		strings_printf(&out->compilers, "%s=%scross1", name, package->version);
}

static void packages_wanted(const struct packages *foreign, struct packages *const *natives,
			    size_t native_count, const struct twin_arch *host,
			    const struct twin_arch *target, bool is_full, struct wanted *out)
{
	for (size_t i = 0; i < foreign->count; i++) {
		const struct package *package = &foreign->items[i];
		owned(str) char *name = cross_name(package->name, target->triple);

		if (strcmp(package->arch, target->deb) != 0 || !is_plain(package->name) ||
		    !is_plain(package->version) ||
		    out->names.count + out->tools.count >= RECIPE_PACKAGES_MAX)
			continue;
		if (name &&
		    !is_there(natives, native_count, name, host->deb, package->version, is_full))
			compiler_wanted(package, name, out);
		if (name || !tool_package_fetched(package->name, is_full ? TOOL_FULL : TOOL_SAFE) ||
		    is_there(natives, native_count, package->name, host->deb, package->version,
			     false))
			continue;
		strings_add(&out->tool_names, package->name);
		strings_printf(&out->tools, "%s=%s", package->name, package->version);
	}
}

static void words_add(struct buf *out, const struct strings *words)
{
	for (size_t i = 0; i < words->count; i++)
		buf_printf(out, " %s", words->items[i]);
}

static void install_add(struct buf *out, const struct strings *words)
{
	buf_add_str(out, INSTALL);
	words_add(out, words);
}

static void script_begin(struct buf *script)
{
	buf_add_str(script, "set -e\nexport DEBIAN_FRONTEND=noninteractive\napt-get -qq update\n");
}

static char *script_end(struct buf *script)
{
	buf_add_str(script, "apt-get clean\nrm -rf /var/lib/apt/lists/*\n");
	return buf_take(script);
}

/**
 * The very versions where they can be had; else in full mode, which may use it, another revision.
 */
static char *compilers_script(const struct wanted *wanted, bool is_full)
{
	struct buf script = {};

	script_begin(&script);
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
	return script_end(&script);
}

/** Those that can be had. */
static char *tools_script(const struct wanted *wanted)
{
	struct buf script = {};

	script_begin(&script);
	install_add(&script, &wanted->tools);
	buf_add_str(&script, " ||\n\tfor tool in");
	words_add(&script, &wanted->tools);
	buf_add_str(&script, "; do\n\t\t" INSTALL " $tool || true\n\tdone\n");
	return script_end(&script);
}

static void recipe_add(struct twin_recipes *recipes, const struct twin_arch *host,
		       const char *title, const char *script, struct strings *packages)
{
	owned(hasher) struct hasher *hasher = hasher_new();
	struct twin_recipe *recipe;

	array_grow(recipes->items, recipes->count);
	recipe = &recipes->items[recipes->count++];
	*recipe = (struct twin_recipe){ .packages = *packages };
	*packages = (struct strings){};
	recipe->title = arena_strdup(recipes->arena, title);
	recipe->script = arena_strdup(recipes->arena, script);
	hasher_add_str(hasher, "mpemu cross toolchain 1");
	hasher_add_str(hasher, host->deb);
	hasher_add_str(hasher, script);
	recipe->key = hasher_finish(hasher);
}

static void recipes_add(struct twin_recipes *recipes, const struct twin_arch *host,
			const struct twin_arch *target, struct wanted *wanted, bool is_full)
{
	if (wanted->names.count) {
		owned(str) char *script = compilers_script(wanted, is_full);
		owned(str) char *title = xasprintf("cross toolchain for linux/%s", target->arch);

		recipe_add(recipes, host, title, script, &wanted->names);
	}
	if (wanted->tools.count) {
		owned(str) char *script = tools_script(wanted);

		recipe_add(recipes, host, "tools of this step", script, &wanted->tool_names);
	}
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
	/* What others' variants have in packages has no twins there. */
	for (size_t i = 0; !failed && i < request->source_count && count < TWIN_ROOTS_MAX; i++)
		if (request->sources[i].origin != TWIN_VARIANT)
			failed = packages_open(request->sources[i].native, &natives[count++], err);
	if (!failed && host && target && foreign->kind == PACKAGES_DPKG && count &&
	    natives[0]->kind == PACKAGES_DPKG && natives[0]->count)
		packages_wanted(foreign, natives, count, host, target, is_full, &wanted);
	for (size_t i = 0; i < count; i++)
		packages_drop(&natives[i]);
	if (failed)
		return FAILED;
	recipes_add(recipes, host, target, &wanted, is_full);
	*out = take(recipes);
	return OK;
}

/* ---- what archives have ---- */

/**
 * Of each package that can be had, by an apt that checks signatures, what its own lists say: they
 * become a database of dpkg's, in a root with nothing else.
 */
#define ARCHIVE_LISTS                                                               \
	"mkdir -p /" ARCHIVE_ROOT "/var/lib/dpkg/info /" ARCHIVE_ROOT "/debs\n"     \
	"cd /" ARCHIVE_ROOT "/debs\n"                                               \
	"apt-get -qq download \"$@\" || for package; do\n"                          \
	"	apt-get -qq download \"$package\" || true\n"                              \
	"done\n"                                                                    \
	"for deb in *.deb; do\n"                                                    \
	"	[ -e \"$deb\" ] || continue\n"                                            \
	"	list=$(dpkg-deb -f \"$deb\" Package)\n"                                   \
	"	[ \"$(dpkg-deb -f \"$deb\" Multi-Arch)\" != same ] ||\n"                  \
	"		list=$list:$(dpkg-deb -f \"$deb\" Architecture)\n"                       \
	"	dpkg-deb --ctrl-tarfile \"$deb\" | tar -xO ./md5sums >list || continue\n" \
	"	mv list ../var/lib/dpkg/info/$list.md5sums\n"                             \
	"	dpkg-deb -f \"$deb\" Package Version Architecture Multi-Arch >>status\n"  \
	"	printf 'Status: install ok installed\\n\\n' >>status\n"                   \
	"done\n"                                                                    \
	"mv status ../var/lib/dpkg/\n"                                              \
	"cd /\n"                                                                    \
	"rm -rf /" ARCHIVE_ROOT "/debs\n"

static char *archive_script(const struct twin_arch *target, const struct strings *packages)
{
	struct buf script = {};

	buf_printf(&script, "dpkg --add-architecture %s\n", target->deb);
	script_begin(&script);
	buf_add_str(&script, "set --");
	words_add(&script, packages);
	buf_add_str(&script, "\n" ARCHIVE_LISTS);
	return script_end(&script);
}

void twin_archive_recipe(const struct platform *target, const struct strings *packages,
			 struct twin_recipes **out)
{
	const struct twin_arch *arch = twin_arch_find(target);
	owned(twin_recipes) struct twin_recipes *recipes = xnew(struct twin_recipes);
	owned(strings) struct strings plain = {};

	recipes->arena = arena_new();
	for (size_t i = 0; i < packages->count; i++)
		if (is_plain(packages->items[i]))
			strings_add(&plain, packages->items[i]);
	if (arch && plain.count) {
		owned(str) char *script = archive_script(arch, &plain);

		recipe_add(recipes, arch, "lists of genuine files of its packages", script, &plain);
	}
	*out = take(recipes);
}

/* ---- what a recipe is good for ---- */

bool twin_packages_serve(const struct strings *packages, const char *name)
{
	for (size_t i = 0; i < packages->count; i++)
		if (tool_serves(packages->items[i], name))
			return true;
	return false;
}

/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Finding twins: each foreign file that a row speaks of is compared with the native roots, one
 * after the other, until one has its twin.
 */
#include "base/fd.h"
#include "runner/twin_root.h"
#include "runner/twins.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/** A search with all that it has found so far. */
struct finder {
	const struct ctx *ctx;
	struct twin_search search;
	struct twin_set *set;
	struct native_root *sources[TWIN_ROOTS_MAX];
	size_t source_count;
	bool has_fma;
	char *gcc_folder, *cross_folder; /* $G and $C of the source at hand */
	struct strings other_plugins;    /* of the foreign root's other compilers */
};

/** A file of a foreign package, and what it is compared with. */
struct candidate {
	struct native_root *source;
	const struct package *foreign, *native;
	const struct package_file *file;        /* as the peer has it */
	const struct package_file *native_file; /* its counterpart */
	const struct tool *tool;
	bool other_version; /* of the native package, which is why there is no counterpart */
};

void twin_set_drop(struct twin_set **set)
{
	struct twin_set *old = *set;

	if (!old)
		return;
	for (size_t i = 0; i < old->root_count; i++) {
		strings_drop(&old->roots[i].lowers);
		strings_drop(&old->roots[i].library_path);
	}
	free(old->roots);
	free(old->twins);
	free(old->misses);
	arena_drop(&old->arena);
	free(old);
	*set = NULL;
}

static void finder_drop(struct finder *finder)
{
	for (size_t i = 0; i < finder->source_count; i++)
		native_root_drop(&finder->sources[i]);
	packages_drop(&finder->search.foreign);
	twin_set_drop(&finder->set);
	fd_drop(&finder->search.files_fd);
	free(finder->gcc_folder);
	free(finder->cross_folder);
	strings_drop(&finder->other_plugins);
}

/* ---- what was found ---- */

static struct twin *twin_of(const struct twin_set *set, const char *path)
{
	for (size_t i = 0; i < set->count; i++)
		if (strcmp(set->twins[i].path, path) == 0)
			return &set->twins[i];
	return NULL;
}

static const char no_package[] = "no native root has its package";

/** Tell why there is none; the first source that has the package is heard. */
static void miss_add(struct twin_set *set, const struct package *package, const char *path,
		     const char *reason)
{
	for (size_t i = 0; i < set->miss_count; i++)
		if (strcmp(set->misses[i].path, path) == 0) {
			if (strcmp(set->misses[i].reason, no_package) == 0)
				set->misses[i].reason = arena_strdup(set->arena, reason);
			return;
		}
	array_grow(set->misses, set->miss_count);
	set->misses[set->miss_count++] = (struct twin_miss){
		.path = arena_strdup(set->arena, path),
		.package = arena_printf(set->arena, "%s %s", package->name, package->version),
		.reason = arena_strdup(set->arena, reason),
	};
}

/** Those that another source had a twin for are no misses. */
static void misses_settle(struct twin_set *set)
{
	size_t kept = 0;

	for (size_t i = 0; i < set->miss_count; i++)
		if (!twin_of(set, set->misses[i].path))
			set->misses[kept++] = set->misses[i];
	set->miss_count = kept;
}

static int twin_compare(const void *left, const void *right)
{
	const struct twin *a = left, *b = right;

	return strcmp(a->path, b->path);
}

static int miss_compare(const void *left, const void *right)
{
	const struct twin_miss *a = left, *b = right;

	return strcmp(a->path, b->path);
}

/* ---- what the host and the rows allow ---- */

/** Fused multiply-add decides the last bit of what the C library's functions give. */
static bool host_has_fma(void)
{
#if defined(__x86_64__)
	return __builtin_cpu_supports("fma") && __builtin_cpu_supports("avx2");
#else
	return true;
#endif
}

/** NULL, or why a row does not apply to this request. */
static const char *row_refusal(const struct finder *finder, const struct native_root *source,
			       const struct tool *tool)
{
	const struct twin_request *request = finder->search.request;
	const struct twin_arch *host = finder->search.host, *target = finder->search.target;

	if (tool->flags & TOOL_DENIED)
		return tool->reason;
	if (tool->mode > request->mode)
		return "it is only used with --assist=full";
	if (target->is_64 != host->is_64 && !(tool->flags & TOOL_ANY_WIDTH))
		return "the target's words are not as wide";
	if (target->is_big != host->is_big && !(tool->flags & TOOL_ANY_ENDIAN))
		return "the target's byte order is another";
	if ((tool->flags & TOOL_FMA) && !finder->has_fma)
		return "this CPU has no fused multiply-add";
	if ((tool->flags & TOOL_LONG_DOUBLE) &&
	    (request->refuse_long_double || !request->trip || !source->has_trip))
		return "it may compute in long double";
	return NULL;
}

/* ---- texts that tell the machine ---- */

/** The row's text for one side, with the vendor that its file has; NULL where it has none. */
static const char *machine_text(struct arena *arena, const char *pattern,
				const struct twin_arch *arch, uint8_t *data, size_t size)
{
	static const char *const vendors[] = { "pc", "unknown", "ibm" };
	const struct native file = { .data = data, .size = size };

	for (size_t i = 0; i < countof(vendors); i++) {
		const struct tool_word items[] = { { 'u', arch->uname },
						   { 'd', arch->deb },
						   { 'T', arch->triple },
						   { 'v', vendors[i] } };
		const struct tool_words words = { items, countof(items) };
		const char *text = tool_expand(arena, pattern, &words);

		if (native_has_text(&file, text))
			return text;
	}
	return NULL;
}

enum { EXCHANGES_MAX = 8 };

static size_t exchanges_make(struct finder *finder, const struct candidate *candidate,
			     const struct found *foreign, const struct native *native,
			     struct exchange out[EXCHANGES_MAX], const char **reason)
{
	const char *const *patterns = candidate->tool->machine;
	uint8_t *data = NULL;
	size_t size = 0, count = 0;

	if (!patterns)
		return 0;
	if (!found_map(foreign, &data, &size)) {
		*reason = "it cannot be read";
		return 0;
	}
	for (; *patterns && count < EXCHANGES_MAX && !*reason; patterns++) {
		const bool optional = **patterns == '?';
		const char *from = machine_text(finder->set->arena, *patterns + optional,
						finder->search.host, native->data, native->size);
		const char *to = machine_text(finder->set->arena, *patterns + optional,
					      finder->search.target, data, size);

		if (from && to)
			out[count++] = (struct exchange){ from, to, false };
		else if (from || to || !optional)
			*reason = "the name of its machine is not where it is expected";
	}
	munmap(data, size);
	return count;
}

/* ---- compilers ---- */

enum { REPLACEMENTS_MAX = 16 };

/** The version in ".../gcc/TRIPLE/14/cc1": a part of its own before the last. */
static bool gcc_version(const char *path, char version[16])
{
	const char *end = strrchr(path, '/'), *start = end;

	while (start && start > path && start[-1] != '/')
		start--;
	if (!end || end == start || (size_t)(end - start) >= 16 || !strstr(path, "/gcc/"))
		return false;
	snprintf(version, 16, "%.*s", (int)(end - start), start);
	return true;
}

/** A cross compiler's own directories become the ones of the compiler that the target has. */
static size_t replacements_make(struct finder *finder, const char *path,
				struct exchange out[REPLACEMENTS_MAX])
{
	/* X: /usr/lib/gcc-cross/TRIPLE/VERSION, Y: the same in gcc; from the longest. */
	static const struct {
		const char *from, *to;
	} patterns[] = {
		{ "$X/../../../../$T/include/c++/$V/$T", "$Y/../../../../include/$T/c++/$V" },
		{ "$X/../../../../$T/include/c++/$V/backward",
		  "$Y/../../../../include/c++/$V/backward" },
		{ "$X/../../../../$T/include/c++/$V", "$Y/../../../../include/c++/$V" },
		{ "$X/../../../../$T/include/c++/v1", "$Y/../../../../include/c++/v1" },
		{ "$X/../../../../$T/libc++_include/c++/$V/v1",
		  "$Y/../../../../libc++_include/c++/$V/v1" },
		{ "$X/../../../../$T/include/finclude/", "$Y/../../../../$T/include/finclude/" },
		{ "$X/../../../../$T/include", "$Y/../../../../$T/include" },
		{ "$X/include", "$Y/include" },
		{ "$X/include-fixed", "$Y/include-fixed" },
		{ "/usr/lib/gcc-cross/", "/usr/lib/gcc/" },
		{ "/usr/libexec/gcc-cross/", "/usr/libexec/gcc/" },
	};
	const char *triple = finder->search.target->triple;
	struct arena *arena = finder->set->arena;
	char version[16];

	if (!gcc_version(path, version))
		return 0;
	for (size_t i = 0; i < countof(patterns); i++) {
		const struct tool_word items[] = {
			{ 'X', arena_printf(arena, "/usr/lib/gcc-cross/%s/%s", triple, version) },
			{ 'Y', arena_printf(arena, "/usr/lib/gcc/%s/%s", triple, version) },
			{ 'T', triple },
			{ 'V', version },
		};
		const struct tool_words words = { items, countof(items) };

		out[i] = (struct exchange){ tool_expand(arena, patterns[i].from, &words),
					    tool_expand(arena, patterns[i].to, &words), true };
	}
	return countof(patterns);
}

/**
 * Where the linker's plugin is on both sides, for the compiler's version that both have; where the
 * foreign root has several, the newest.
 */
static void gcc_folders_find(struct finder *finder, const struct native_root *source)
{
	static const char *const places[] = { "libexec", "lib" };
	const char *triple = finder->search.target->triple;

	free(finder->gcc_folder);
	free(finder->cross_folder);
	finder->gcc_folder = finder->cross_folder = NULL;
	strings_drop(&finder->other_plugins);
	for (int version = 40; version >= 4; version--)
		for (size_t i = 0; i < countof(places); i++) {
			owned(str) char *ours =
				xasprintf("/usr/%s/gcc-cross/%s/%d", places[i], triple, version);
			owned(str) char *theirs =
				xasprintf("/usr/%s/gcc/%s/%d", places[i], triple, version);
			owned(str) char *our_plugin = xasprintf("%s/liblto_plugin.so", ours);
			owned(str) char *their_plugin = xasprintf("%s/liblto_plugin.so", theirs);
			owned(fd) int our_fd = root_open(source->spec->native, our_plugin);
			owned(fd) int their_fd =
				root_open(finder->search.request->foreign, their_plugin);

			if (their_fd >= 0 && (our_fd < 0 || finder->gcc_folder))
				strings_add(&finder->other_plugins, their_plugin);
			if (our_fd < 0 || their_fd < 0 || finder->gcc_folder)
				continue;
			finder->gcc_folder = take(theirs);
			finder->cross_folder = take(ours);
		}
}

/* ---- one file ---- */

/** What the row refuses, and plugins that the native side has none to load instead of. */
static const char *const *refusals(const struct finder *finder, const struct tool *tool,
				   const struct tool_words *words)
{
	static const char *const plugins[] = { "-plugin*", "--plugin*" };
	const bool loads_none = tool->plugin_from && !finder->gcc_folder;
	struct arena *arena = finder->set->arena;
	size_t count = 0;
	const char **out;

	while (tool->refuse && tool->refuse[count])
		count++;
	out = arena_alloc(arena, (count + countof(plugins) + finder->other_plugins.count + 1) *
					 sizeof(*out));
	for (size_t i = 0; i < count; i++)
		out[i] = tool_expand(arena, tool->refuse[i], words);
	for (size_t i = 0; loads_none && i < countof(plugins); i++)
		out[count++] = plugins[i];
	for (size_t i = 0; tool->plugin_from && i < finder->other_plugins.count; i++)
		out[count++] = arena_strdup(arena, finder->other_plugins.items[i]);
	out[count] = NULL;
	return out;
}

static void twin_add(struct finder *finder, const struct candidate *candidate, const char *path,
		     const char *native)
{
	struct twin_set *set = finder->set;
	struct arena *arena = set->arena;
	const struct tool *tool = candidate->tool;
	const struct package *package = candidate->foreign;
	const struct tool_word items[] = {
		{ 'R', candidate->source->root },
		{ 'T', finder->search.target->triple },
		{ 'G', finder->gcc_folder ? finder->gcc_folder : "/none" },
		{ 'C', finder->cross_folder ? finder->cross_folder : "/none" },
	};
	const struct tool_words words = { items, countof(items) };
	bool same = versions_match(candidate->native->version, package->version, false);

	array_grow(set->twins, set->count);
	set->twins[set->count++] = (struct twin){
		.path = arena_strdup(arena, path),
		.native = arena_strdup(arena, native),
		.root = (size_t)(candidate->source->spec - finder->search.request->sources),
		.package = same ? arena_printf(arena, "%s %s", package->name, package->version)
				: arena_printf(arena, "%s %s (as %s)", package->name,
					       package->version, candidate->native->version),
		.tool = tool,
		.refuse = refusals(finder, tool, &words),
		.insert = tool_expand_list(arena, tool->insert, &words),
		.env = tool_expand_list(arena, tool->env, &words),
		.plugin_from = tool_expand(arena, tool->plugin_from, &words),
		.plugin_to = tool_expand(arena, tool->plugin_to, &words),
	};
}

/** The native side is in memory: make sure of its libraries and make its copy. */
static result twin_prepare(struct finder *finder, const struct candidate *candidate,
			   const struct found *foreign, const struct found *native_found,
			   struct native *native, const char **reason, struct error *err)
{
	const bool is_cross = candidate->tool->flags & TOOL_CROSS;
	struct native_root *source = candidate->source;
	struct exchange exchanges[EXCHANGES_MAX], replacements[REPLACEMENTS_MAX];
	struct copy_request request = { .role = COPY_PROGRAM,
					.root = source->root,
					.host = finder->search.host,
					.target = finder->search.target,
					.exchanges = exchanges,
					.replacements = replacements };
	struct copied copied;

	if (native_root_needs(source, native, is_cross, reason, err))
		return FAILED;
	if (!*reason && native_imports(native, "uname") && !source->answers_machine)
		*reason = "it asks for the machine";
	/* The C library was looked at by now. */
	if (!*reason)
		*reason = row_refusal(finder, source, candidate->tool);
	if (!*reason)
		request.exchange_count =
			exchanges_make(finder, candidate, foreign, native, exchanges, reason);
	if (*reason)
		return OK;
	if (is_cross)
		request.replacement_count =
			replacements_make(finder, candidate->file->path, replacements);
	if (twin_copy(finder->search.files_fd, native_found, &candidate->native_file->sum, &request,
		      &copied, err))
		return FAILED;
	*reason = copied.reason;
	if (!copied.reason)
		native_root_add(source, native_found->path, copied.name, false);
	return OK;
}

static result native_examine(struct finder *finder, const struct candidate *candidate,
			     const struct found *foreign, const char **reason, struct error *err)
{
	owned(found) struct found found = { .fd = -1 };
	struct native native;
	uint8_t *data = NULL;
	size_t size = 0;
	int failed = OK;
	bool same;

	if (!found_open(candidate->source->spec->native, candidate->native_file->path, &found)) {
		*reason = "the native root does not have it";
		return OK;
	}
	*reason = found_refusal(&found);
	if (*reason)
		return OK;
	if (found_verify(&found, &candidate->native_file->sum, finder->search.request->cache, &same,
			 err))
		return FAILED;
	if (!same) {
		*reason = "the native root's one was altered";
		return OK;
	}
	if (!found_map(&found, &data, &size) || !native_read(data, size, &native) ||
	    native.machine != finder->search.host->machine)
		*reason = "the native root's one is no program of this machine";
	else
		failed = twin_prepare(finder, candidate, foreign, &found, &native, reason, err);
	if (data)
		munmap(data, size);
	if (!failed && !*reason)
		twin_add(finder, candidate, foreign->path, found.path);
	return failed ? FAILED : OK;
}

/** The foreign side: is it a program, is it the package's, and may it have a twin at all? */
static result candidate_examine(struct finder *finder, const struct candidate *candidate,
				struct error *err)
{
	owned(found) struct found found = { .fd = -1 };
	const char *reason = NULL;
	struct elf_kind kind;
	bool same;

	if (!found_open(finder->search.request->foreign, candidate->file->path, &found) ||
	    !found_elf(&found, &kind) || !kind.is_program || twin_of(finder->set, found.path))
		return OK;
	if (!twin_arch_runs(finder->search.target, &kind))
		reason = "it is for another machine";
	else if (candidate->tool->flags & TOOL_DENIED ||
		 candidate->tool->mode > finder->search.request->mode)
		reason = row_refusal(finder, candidate->source, candidate->tool);
	else if (strings_have(&candidate->source->diverted, candidate->file->path))
		reason = "it is diverted";
	else
		reason = found_refusal(&found);
	if (!reason && !candidate->native)
		reason = no_package;
	else if (!reason && !candidate->native_file)
		reason = candidate->other_version
				 ? arena_printf(finder->set->arena, "the native root has %s %s",
						candidate->native->name, candidate->native->version)
				 : no_package;
	if (!reason &&
	    found_verify(&found, &candidate->file->sum, finder->search.request->cache, &same, err))
		return FAILED;
	if (!reason && !same)
		reason = "it is not as its package has it";
	if (!reason && native_examine(finder, candidate, &found, &reason, err))
		return FAILED;
	if (reason)
		miss_add(finder->set, candidate->foreign, found.path, reason);
	return OK;
}

/* ---- packages ---- */

/** The native package of that name, or of a cross toolchain's; read, or NULL. */
static result native_package(const struct finder *finder, struct native_root *source,
			     const char *name, bool is_cross, struct package **out,
			     struct error *err)
{
	const struct twin_arch *host = finder->search.host;
	const char *arch = source->native->kind == PACKAGES_APK ? host->apk : host->deb;
	owned(str) char *cross = xasprintf("%s-%s", name, finder->search.target->triple);

	for (char *at = cross; *at; at++)
		*at = *at == '_' ? '-' : *at;
	*out = is_cross ? packages_find(source->native, cross, arch) : NULL;
	if (!*out)
		*out = packages_find(source->native, name, arch);
	return *out ? packages_load(source->native, source->spec->native, *out, err) : OK;
}

/** One file of a package, by a row that speaks of it. */
static result file_examine(struct finder *finder, struct native_root *source,
			   const struct package *foreign, const struct package_file *file,
			   const struct tool *tool, struct error *err)
{
	const bool is_cross = tool->flags & TOOL_CROSS;
	const bool any_revision =
		finder->search.request->mode == TOOL_FULL && (tool->flags & TOOL_REVISION);
	struct candidate candidate = {
		.source = source, .foreign = foreign, .file = file, .tool = tool
	};
	struct package *native;
	owned(buf) struct buf path = {};

	if (native_package(finder, source, foreign->name, is_cross, &native, err))
		return FAILED;
	candidate.native = native;
	twin_path_map(finder->search.target, finder->search.host, is_cross, file->path, &path);
	candidate.native_file = native ? package_file_find(native, buf_text(&path)) : NULL;
	if (candidate.native_file &&
	    !versions_match(native->version, foreign->version, any_revision)) {
		candidate.native_file = NULL;
		candidate.other_version = true;
	}
	return candidate_examine(finder, &candidate, err);
}

static result package_examine(struct finder *finder, struct native_root *source,
			      const struct package *foreign, struct error *err)
{
	struct package *peer = packages_find(source->peer, foreign->name, foreign->arch);

	if (!peer || strcmp(peer->version, foreign->version) != 0)
		return OK; /* it was not there when the native root was as it is */
	if (packages_load(source->peer, native_root_peer_fd(source), peer, err))
		return FAILED;
	for (size_t i = 0; i < peer->file_count; i++) {
		const struct package_file *file = &peer->files[i];
		const struct tool *tool = tool_find(foreign->name, file->path);

		if (tool && file_examine(finder, source, foreign, file, tool, err))
			return FAILED;
	}
	return cancel_check(finder->ctx, err);
}

static result source_examine(struct finder *finder, struct native_root *source, struct error *err)
{
	const struct packages *foreign = finder->search.foreign;
	const struct twin_arch *target = finder->search.target;
	const char *arch = foreign->kind == PACKAGES_APK ? target->apk : target->deb;

	gcc_folders_find(finder, source);
	for (size_t i = 0; i < foreign->count; i++)
		if (strcmp(foreign->items[i].arch, arch) == 0 &&
		    tool_package_known(foreign->items[i].name, finder->search.request->mode) &&
		    package_examine(finder, source, &foreign->items[i], err))
			return FAILED;
	return OK;
}

/* ---- roots ---- */

/** What all copies rely on: the short names of the library directories. */
static void root_links(struct finder *finder, struct native_root *source)
{
	const char *triple = finder->search.host->triple;
	owned(str) char *usr_lib = xasprintf("usr/lib/%s", triple);
	owned(str) char *lib = xasprintf("lib/%s", triple);

	native_root_add(source, "L", usr_lib, true);
	native_root_add(source, "l", lib, true);
	if (finder->cross_folder) {
		owned(str) char *plugin = xasprintf("..%s/liblto_plugin.so", finder->cross_folder);

		native_root_add(source, "b/liblto_plugin.so", plugin, true);
	}
}

static result root_add(struct finder *finder, size_t index, int twins_fd, struct error *err)
{
	struct twin_set *set = finder->set;
	struct native_root *source = finder->sources[index];
	const struct twin_request *request = finder->search.request;
	char name[COPY_NAME_MAX];
	struct twin_root *root;

	gcc_folders_find(finder, source);
	root_links(finder, source);
	if (twin_root_make(twins_fd, finder->search.files_fd, source, name, err))
		return FAILED;
	array_grow(set->roots, set->root_count);
	root = &set->roots[set->root_count++];
	*root = (struct twin_root){ .loader = arena_printf(set->arena, "%s/ld", source->root) };
	strings_printf(&root->lowers, "%s/twins/%s", request->store, name);
	strings_add_all(&root->lowers, source->spec->lowers->items);
	strings_printf(&root->library_path, "%s/l", source->root);
	strings_printf(&root->library_path, "%s/L", source->root);
	return OK;
}

static result request_check(const struct twin_request *request, struct error *err)
{
	if (strlen(request->prefix) > TWIN_PREFIX_MAX || *request->prefix != '/' ||
	    (request->trip && strlen(request->trip->path) + request->trip->size > TWIN_TRIP_MAX) ||
	    request->source_count > TWIN_ROOTS_MAX)
		return fail(err, FAULT_INPUT, "twins: too long a prefix, or too many roots");
	return OK;
}

static result find_all(struct finder *finder, int twins_fd, struct error *err)
{
	const struct twin_request *request = finder->search.request;

	if (packages_open(request->foreign, &finder->search.foreign, err))
		return FAILED;
	for (size_t i = 0; i < request->source_count; i++) {
		if (native_root_open(&finder->search, i, &finder->sources[i], err))
			return FAILED;
		finder->source_count++;
		if (source_examine(finder, finder->sources[i], err))
			return FAILED;
	}
	for (size_t i = 0; i < request->source_count; i++)
		if (root_add(finder, i, twins_fd, err))
			return FAILED;
	return OK;
}

result twins_find(const struct ctx *ctx, const struct twin_request *request, struct twin_set **out,
		  struct error *err)
{
	owned(finder) struct finder finder = { .ctx = ctx,
					       .search = { .request = request, .files_fd = -1 },
					       .has_fma = host_has_fma() };
	owned(fd) int twins_fd = -1;

	finder.set = xnew(struct twin_set);
	finder.set->arena = arena_new();
	finder.search.host = twin_arch_find(&request->host);
	finder.search.target = twin_arch_find(&request->target);
	if (request_check(request, err) ||
	    twin_store_open(request->store, &twins_fd, &finder.search.files_fd, err))
		return FAILED;
	/* An ld.so.preload may change every program; so may a platform that nobody knows. */
	if (finder.search.host && finder.search.target && find_all(&finder, twins_fd, err))
		return FAILED;
	misses_settle(finder.set);
	if (finder.set->count)
		qsort(finder.set->twins, finder.set->count, sizeof(struct twin), twin_compare);
	if (finder.set->miss_count)
		qsort(finder.set->misses, finder.set->miss_count, sizeof(struct twin_miss),
		      miss_compare);
	*out = take(finder.set);
	return OK;
}

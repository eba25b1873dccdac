/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Finding twins: each foreign file that a row speaks of is compared with the native roots, one
 * after the other, until one has its twin.
 */
#include "base/cpu.h"
#include "base/fd.h"
#include "runner/twin_finder.h"
#include "runner/twin_root.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
	free(old->scripts);
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

/* ---- packages ---- */

/** The native package of that name, or of a cross toolchain's; read, or NULL. */
static result native_package(const struct finder *finder, struct native_root *source,
			     const char *name, bool is_cross, struct package **out,
			     struct error *err)
{
	const struct twin_arch *host = finder->search.host;
	const char *arch = twin_arch_package(host, source->native->kind);
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

static bool script_have(const struct twin_set *set, const char *path)
{
	for (size_t i = 0; i < set->script_count; i++)
		if (strcmp(set->scripts[i].path, path) == 0)
			return true;
	return false;
}

/** Whether it is a script as its row says. */
static bool is_script(const struct found *found, const struct tool *tool)
{
	char head[2] = {};

	if (tool->flags & TOOL_MODULE)
		return S_ISREG(found->stat.st_mode);
	return pread(found->fd, head, sizeof(head), 0) == sizeof(head) &&
	       memcmp(head, "#!", 2) == 0 && !found_refusal(found);
}

/** A script that is still its package's own needs no counterpart: it is what it is. */
static result script_examine(struct finder *finder, const struct native_root *source,
			     const struct package_file *file, const struct tool *tool,
			     struct error *err)
{
	const struct twin_request *request = finder->search.request;
	struct twin_set *set = finder->set;
	owned(found) struct found found = { .fd = -1 };
	bool same;

	if (strings_have(&source->diverted, file->path) ||
	    !foreign_open(request, file->path, &found) || !is_script(&found, tool) ||
	    script_have(set, found.path))
		return OK;
	if (foreign_verify(request, &found, &file->sum, &same, err))
		return FAILED;
	if (!same)
		return OK;
	array_grow(set->scripts, set->script_count);
	set->scripts[set->script_count++] = (struct twin_script){
		.path = arena_strdup(set->arena, found.path),
		.file = found_file(&found),
	};
	return OK;
}

/** While a step runs: whether the package is a new one, of which the archive told. */
static bool is_archived(const struct native_root *source, const struct package *foreign)
{
	return source->archive && packages_find(source->archive, foreign->name, foreign->arch);
}

static result package_examine(struct finder *finder, struct native_root *source,
			      const struct package *foreign, struct error *err)
{
	struct package *peer;

	if (finder->search.request->live && !is_archived(source, foreign))
		return OK;
	if (native_root_genuine(source, foreign->name, foreign->arch, &peer, err))
		return FAILED;
	if (!peer || strcmp(peer->version, foreign->version) != 0)
		return OK; /* it was not there when the native root was as it is */
	for (size_t i = 0; i < peer->file_count; i++) {
		const struct package_file *file = &peer->files[i];
		const struct tool *tool = tool_find(foreign->name, file->path);

		if (tool && (tool->flags & TOOL_SCRIPT
				     ? script_examine(finder, source, file, tool, err)
				     : file_examine(finder, source, foreign, file, tool, err)))
			return FAILED;
	}
	return cancel_check(finder->ctx, err);
}

static result source_examine(struct finder *finder, struct native_root *source, struct error *err)
{
	const struct packages *foreign = finder->search.foreign;
	const struct twin_arch *target = finder->search.target;
	const char *arch = twin_arch_package(target, foreign->kind);

	const bool only_unpacked = source->spec->origin == TWIN_VARIANT;

	twin_folders_find(finder, source);
	/* Scripts are in packages for all machines. */
	for (size_t i = 0; i < foreign->count; i++)
		if ((foreign->items[i].folder || !only_unpacked) &&
		    (strcmp(foreign->items[i].arch, arch) == 0 ||
		     strcmp(foreign->items[i].arch, "all") == 0 ||
		     strcmp(foreign->items[i].arch, "noarch") == 0) &&
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

	twin_folders_find(finder, source);
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

bool host_has_fma(void)
{
#if defined(__x86_64__)
	return cpu_has(x86_cpu_FMA) && cpu_has(x86_cpu_AVX2);
#else
	return true;
#endif
}

static result request_check(const struct twin_request *request, struct error *err)
{
	if (strlen(request->prefix) > TWIN_PREFIX_MAX || *request->prefix != '/' ||
	    (request->trip && strlen(request->trip->path) + request->trip->size > TWIN_TRIP_MAX) ||
	    request->source_count > TWIN_ROOTS_MAX)
		return fail(err, FAULT_INPUT, "twins: too long a prefix, or too many roots");
	return OK;
}

/** Without packages there is nothing to compare; then one miss tells why, for all programs. */
static void unread_tell(struct twin_set *set, const char *reason)
{
	array_grow(set->misses, set->miss_count);
	set->misses[set->miss_count++] =
		(struct twin_miss){ .path = TWIN_MISS_ALL, .package = "", .reason = reason };
}

static result find_all(struct finder *finder, int twins_fd, struct error *err)
{
	const struct twin_request *request = finder->search.request;

	if (packages_open(request->foreign, &finder->search.foreign, err))
		return FAILED;
	if (finder->search.foreign->unread)
		unread_tell(finder->set, finder->search.foreign->unread);
	if (twin_unpacked_find(finder, err))
		return FAILED;
	for (size_t i = 0; i < request->source_count; i++) {
		if (native_root_open(&finder->search, i, &finder->sources[i], err))
			return FAILED;
		finder->source_count++;
		if (twin_unpacked_prepare(finder, finder->sources[i], err))
			return FAILED;
	}
	/* While a step runs, a later root was made for more of what belongs together. */
	for (size_t i = 0; i < request->source_count; i++) {
		const size_t at = request->live ? request->source_count - 1 - i : i;

		if (source_examine(finder, finder->sources[at], err))
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

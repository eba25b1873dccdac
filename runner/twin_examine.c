/* SPDX-License-Identifier: Apache-2.0 */
/**
 * One file of a foreign package and its counterpart: whether they are twins, and if not, why.
 */
#include "runner/twin_finder.h"
#include "runner/twin_libraries.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* ---- what was found ---- */

struct twin *twin_of(const struct twin_set *set, const char *path)
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

/* ---- what the host and the rows allow ---- */

/** Whether the target's flags of open() have the numbers of arm64; else those of most machines. */
static bool is_arm(const struct finder *finder)
{
	return strcmp(finder->search.target->arch, "arm64") == 0;
}

static bool knows_flags(const struct finder *finder)
{
	return is_arm(finder) || strcmp(finder->search.target->arch, "riscv64") == 0;
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
	if ((tool->flags & TOOL_TRIPLE) && (!target->llvm || !target->rust))
		return "what it compiles for is not known";
	if ((tool->flags & TOOL_FMA) && !finder->has_fma)
		return "this CPU has no fused multiply-add";
	if ((tool->flags & TOOL_INTERPRETER) && !source->answers_machine)
		return "it asks for the machine";
	if ((tool->flags & TOOL_LONG_DOUBLE) &&
	    (request->refuse_long_double || !request->trip || !source->has_trip))
		return "it may compute in long double";
	if ((tool->flags & TOOL_NAN) && (request->refuse_long_double || !request->trip))
		return "it may compute what is no number";
	return NULL;
}

/* ---- one file ---- */

/** Add a row's list, filled in. */
static void list_add(struct arena *arena, const char **out, size_t *count, const char *const *list,
		     const struct tool_words *words)
{
	for (; list && *list; list++)
		out[(*count)++] = tool_expand(arena, *list, words);
}

static size_t list_length(const char *const *list)
{
	size_t count = 0;

	while (list && list[count])
		count++;
	return count;
}

/** What the row refuses, and plugins that the native side has none to load instead of. */
static const char *const *refusals(const struct finder *finder, const struct tool *tool,
				   const struct tool_words *words)
{
	static const char *const plugins[] = { "-plugin*", "--plugin*", NULL };
	const struct twin_arch *host = finder->search.host, *target = finder->search.target;
	const bool loads_none = tool->plugin_from && !finder->gcc_folder;
	struct arena *arena = finder->set->arena;
	const size_t most = list_length(tool->refuse) + list_length(tool->refuse_width) +
			    list_length(tool->refuse_endian) + countof(plugins) +
			    finder->other_plugins.count;
	const char **out = arena_alloc(arena, (most + 1) * sizeof(*out));
	size_t count = 0;

	list_add(arena, out, &count, tool->refuse, words);
	if (host->is_64 != target->is_64)
		list_add(arena, out, &count, tool->refuse_width, words);
	if (host->is_big != target->is_big)
		list_add(arena, out, &count, tool->refuse_endian, words);
	if (loads_none)
		list_add(arena, out, &count, plugins, words);
	for (size_t i = 0; tool->plugin_from && i < finder->other_plugins.count; i++)
		out[count++] = arena_strdup(arena, finder->other_plugins.items[i]);
	out[count] = NULL;
	return out;
}

/** Whether a row's arguments are put in: the foreign program would add them by itself. */
static bool inserts_apply(const struct tool *tool, const struct found *foreign)
{
	uint8_t *data = NULL;
	size_t size = 0;
	bool has;

	if (!tool->if_text)
		return true;
	if (!found_map(foreign, &data, &size))
		return false;
	has = native_has_text(&(struct native){ .data = data, .size = size }, tool->if_text);
	munmap(data, size);
	return has;
}

/** Of ".../bin/rustc", what is before: toolchains look for their files from there. */
static char *bin_parent(const char *path)
{
	const char *end = strrchr(path, '/');

	while (end > path && end[-1] != '/')
		end--;
	return end > path ? xstrndup(path, (size_t)(end - path) - 1) : xstrdup("");
}

static const char *digits_of(struct arena *arena, const char *name)
{
	owned(buf) struct buf digits = {};

	for (; *name; name++)
		if (*name >= '0' && *name <= '9')
			buf_add_char(&digits, *name);
	return arena_strdup(arena, buf_text(&digits));
}

static void twin_add(struct finder *finder, const struct candidate *candidate,
		     const struct found *foreign, const char *native)
{
	struct twin_set *set = finder->set;
	struct arena *arena = set->arena;
	const struct tool *tool = candidate->tool;
	const struct package *package = candidate->foreign;
	owned(str) char *folder = bin_parent(foreign->path);
	const char *name = strrchr(candidate->file->path, '/') + 1;
	const struct tool_word items[] = {
		{ 'N', name },
		{ 'V', digits_of(arena, name) },
		{ 'R', candidate->source->root },
		{ 'T', finder->search.target->triple },
		{ 'G', finder->gcc_folder ? finder->gcc_folder : "/none" },
		{ 'C', finder->cross_folder ? finder->cross_folder : "/none" },
		{ 'A', finder->search.target->arch },
		{ 'L', finder->search.target->llvm ? finder->search.target->llvm : "" },
		{ 'S', finder->search.target->rust ? finder->search.target->rust : "" },
		{ 'D', folder },
	};
	const struct tool_words words = { items, countof(items) };
	const bool same = versions_match(candidate->native->version, package->version, false);
	const bool inserts = inserts_apply(tool, foreign);

	const bool is_free = tool->flags & TOOL_ALL_SCRIPTS && knows_flags(finder) &&
			     finder->search.request->mode == TOOL_FULL;

	array_grow(set->twins, set->count);
	set->twins[set->count++] = (struct twin){
		.file = found_file(foreign),
		.path = arena_strdup(arena, foreign->path),
		.native = arena_strdup(arena, native),
		.root = candidate->source->number,
		.package = same ? arena_printf(arena, "%s %s", package->name, package->version)
				: arena_printf(arena, "%s %s (as %s)", package->name,
					       package->version, candidate->native->version),
		.tool = tool,
		.scripts_only = tool->flags & TOOL_INTERPRETER && !is_free,
		.refuse = refusals(finder, tool, &words),
		.insert = inserts ? tool_expand_list(arena, tool->insert, &words) : NULL,
		.before = inserts ? tool_expand_list(arena, tool->before, &words) : NULL,
		.env = tool_expand_list(arena, tool->env, &words),
		.plugin_from = tool_expand(arena, tool->plugin_from, &words),
		.plugin_to = tool_expand(arena, tool->plugin_to, &words),
		.loads = tool_expand(arena, tool->loads, &words),
	};
}

/** The foreign side in memory; to be unmapped. */
static bool driver_read(const struct found *foreign, struct native *out)
{
	uint8_t *data = NULL;
	size_t size = 0;

	if (!found_map(foreign, &data, &size))
		return false;
	if (native_read(data, size, out))
		return true;
	munmap(data, size);
	return false;
}

/** What an interpreter loads beside its libraries: modules, and files that are the target's. */
static result modules_prepare(struct finder *finder, const struct candidate *candidate,
			      const char **reason, struct error *err)
{
	const struct tool *tool = candidate->tool;
	const struct tool_word ours[] = { { 'T', finder->search.host->triple } };
	const struct tool_word theirs[] = { { 'T', finder->search.target->triple } };
	const struct tool_words host = { ours, 1 }, target = { theirs, 1 };
	struct arena *arena = finder->set->arena;

	for (size_t i = 0; tool->modules && tool->modules[i] && !*reason; i++)
		if (native_root_modules(candidate->source,
					tool_expand(arena, tool->modules[i], &host),
					tool_expand(arena, tool->modules[i], &target), reason, err))
			return FAILED;
	for (size_t i = 0; tool->foreign && tool->foreign[i] && !*reason; i++)
		native_root_add(candidate->source, tool_expand(arena, tool->foreign[i], &host),
				tool_expand(arena, tool->foreign[i], &target), true);
	return OK;
}

/** The library that is to be before all others of a program. */
static result companion_prepare(struct finder *finder, struct native_root *source,
				struct error *err)
{
	char name[COPY_NAME_MAX];

	if (twin_companion(finder->search.files_fd, is_arm(finder), name, err))
		return FAILED;
	native_root_add(source, "c", name, false);
	return OK;
}

/** Why a file cannot be a twin, whatever its content is; or NULL. */
static const char *file_refusal(const struct candidate *candidate, const struct found *found)
{
	return candidate->tool->flags & TOOL_LIBRARY ? found_library_refusal(found)
						     : found_refusal(found);
}

static bool has_musl(const struct native *native)
{
	return native->interp_size &&
	       strstr((const char *)native->data + native->interp, "/ld-musl-");
}

/** The native side is in memory: make sure of its libraries and make its copy. */
static result twin_prepare(struct finder *finder, const struct candidate *candidate,
			   const struct found *foreign, const struct found *native_found,
			   struct native *native, const char **reason, struct error *err)
{
	const unsigned flags = candidate->tool->flags;
	const bool is_cross = flags & TOOL_CROSS;
	struct native_root *source = candidate->source;
	struct exchange exchanges[TWIN_EXCHANGES_MAX], replacements[TWIN_REPLACEMENTS_MAX];
	struct copy_request request = { .role = flags & TOOL_LIBRARY ? COPY_LIBRARY : COPY_PROGRAM,
					.root = source->root,
					.host = finder->search.host,
					.target = finder->search.target,
					.exchanges = exchanges,
					.replacements = replacements };
	struct native driver;
	struct copied copied;
	int failed;

	if (native_root_needs(source, native, native_found->path, is_cross, reason, err) ||
	    (!*reason && modules_prepare(finder, candidate, reason, err)))
		return FAILED;
	if (!*reason && candidate->tool->unless_text &&
	    native_has_text(native, candidate->tool->unless_text))
		*reason = candidate->tool->reason;
	if (!*reason && native_imports(native, "uname") && !source->answers_machine)
		*reason = "it asks for the machine";
	if (!*reason && source->run_path && !source->knows_charsets &&
	    native_imports(native, "iconv_open"))
		*reason = "it converts between character sets";
	if (!*reason && flags & TOOL_ALPINE &&
	    (source->native->kind != PACKAGES_APK || !has_musl(native)))
		*reason = "it is not as Alpine builds it";
	/* The C library was looked at by now. */
	if (!*reason)
		*reason = row_refusal(finder, source, candidate->tool);
	if (!*reason && candidate->tool->names && !native->interp_size)
		*reason = "it has a C library of its own";
	if (!*reason)
		request.exchange_count =
			twin_exchanges(finder, candidate, foreign, native, exchanges, reason);
	if (*reason)
		return OK;
	if (flags & TOOL_COMPANION && companion_prepare(finder, source, err))
		return FAILED;
	request.has_companion = flags & TOOL_COMPANION;
	request.has_numbers = flags & TOOL_INTERPRETER && flags & TOOL_COMPANION;
	request.is_arm = is_arm(finder);
	request.run_path = source->run_path;
	if (is_cross)
		request.replacement_count =
			twin_replacements(finder, candidate->file->path, replacements);
	/* Of programs of LLVM, a library asks for the place. */
	if (flags & TOOL_BY_NAME && native_has_text(native, "/proc/self/exe"))
		replacements[request.replacement_count++] =
			(struct exchange){ "/proc/self/exe", "/proc/self/mem", true };
	/* The companion does it better. */
	if (flags & TOOL_NAN && !(flags & TOOL_COMPANION))
		request.trip = finder->search.request->trip;
	request.hides_build = flags & TOOL_GO;
	if (flags & TOOL_PREFIX)
		request.prefix = finder->search.target->triple;
	if (flags & TOOL_DRIVER && !driver_read(foreign, &driver)) {
		*reason = "its specs cannot be read";
		return OK;
	}
	if (flags & TOOL_DRIVER) {
		request.driver = &driver;
		request.driver_sum = &candidate->file->sum;
	}
	failed = twin_copy(finder->search.files_fd, native_found, &candidate->native_file->sum,
			   &request, &copied, err);
	if (request.driver)
		munmap(driver.data, driver.size);
	if (failed)
		return FAILED;
	*reason = copied.reason;
	if (!copied.reason && !copied.unchanged)
		native_root_add(source, native_found->path, copied.name, false);
	return OK;
}

/**
 * Whether a program of 32 bits has times of so many: it calls the functions of the C library that
 * give those, and not the ones that were added for 64.
 */
static bool has_narrow_times(const struct found *found)
{
	static const char *const calls[] = { "fstat",         "lstat",      "stat64",
					     "lstat64",       "fstat64",    "fstatat64",
					     "__xstat64",     "__fxstat64", "__lxstat64",
					     "clock_gettime", "utimensat",  "localtime",
					     "mktime" };
	struct native file = {};
	bool has = false;

	if (!found_map(found, &file.data, &file.size))
		return true;
	for (size_t i = 0; i < countof(calls) && !has; i++)
		has = native_has_text(&file, calls[i]);
	munmap(file.data, file.size);
	return has;
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
	*reason = file_refusal(candidate, &found);
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
		twin_add(finder, candidate, foreign, found.path);
	return failed ? FAILED : OK;
}

result candidate_examine(struct finder *finder, const struct candidate *candidate,
			 struct error *err)
{
	owned(found) struct found found = { .fd = -1 };
	const char *reason = NULL;
	struct elf_kind kind;
	bool same;

	if (!foreign_open(finder->search.request, candidate->file->path, &found) ||
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
		reason = file_refusal(candidate, &found);
	if (!reason && !candidate->native)
		reason = no_package;
	else if (!reason && !candidate->native_file)
		reason = candidate->other_version
				 ? arena_printf(finder->set->arena, "the native root has %s %s",
						candidate->native->name, candidate->native->version)
				 : no_package;
	if (!reason && !kind.is_64 && !(candidate->tool->flags & TOOL_CROSS) &&
	    has_narrow_times(&found))
		reason = "its times have 32 bits";
	if (!reason &&
	    foreign_verify(finder->search.request, &found, &candidate->file->sum, &same, err))
		return FAILED;
	if (!reason && !same)
		reason = "it is not as its package has it";
	if (!reason && native_examine(finder, candidate, &found, &reason, err))
		return FAILED;
	if (reason)
		miss_add(finder->set, candidate->foreign, found.path, reason);
	return OK;
}

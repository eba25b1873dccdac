/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What a twin's copy says of itself where it is not what the foreign file would say: the machine's
 * name, and a compiler's own directories.
 */
#include "base/fd.h"
#include "runner/twin_finder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* ---- texts that tell the machine ---- */

/** The row's text for one side, with the vendor that its file has; NULL where it has none. */
static const char *machine_text(struct arena *arena, const char *pattern,
				const struct twin_arch *arch, uint8_t *data, size_t size)
{
	static const char *const vendors[] = { "pc", "unknown", "ibm", "redhat", "suse", "alpine" };
	static const char *const libraries[] = { "gnu", "musl" };
	const struct native file = { .data = data, .size = size };
	const size_t length = strlen(pattern);

	if (length && pattern[length - 1] == '*') {
		owned(str) char *start = xstrndup(pattern, length - 1);
		const char *whole = native_find_text(&file, start, "");

		return whole ? arena_strdup(arena, whole) : NULL;
	}
	for (size_t i = 0; i < countof(vendors) * countof(libraries); i++) {
		const struct tool_word items[] = { { 'u', arch->uname },
						   { 'd', arch->deb },
						   { 'T', arch->triple },
						   { 'v', vendors[i / countof(libraries)] },
						   { 'l', libraries[i % countof(libraries)] } };
		const struct tool_words words = { items, countof(items) };
		const char *text = tool_expand(arena, pattern, &words);

		if (native_has_text(&file, text))
			return text;
	}
	return NULL;
}

size_t twin_exchanges(struct finder *finder, const struct candidate *candidate,
		      const struct found *foreign, const struct native *native,
		      struct exchange out[TWIN_EXCHANGES_MAX], const char **reason)
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
	for (; *patterns && count < TWIN_EXCHANGES_MAX && !*reason; patterns++) {
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

/** The version in ".../gcc/TRIPLE/14/cc1", before the last slash, and in "TRIPLE-gcc-14". */
static bool gcc_version(const char *path, char version[16])
{
	const char *end = strrchr(path, '/'), *start = end;

	if (!end)
		return false;
	if (!strstr(path, "/gcc/")) {
		start = strrchr(end, '-');
		return start && snprintf(version, 16, "%s", start + 1) < 16;
	}
	while (start > path && start[-1] != '/')
		start--;
	return end > start && snprintf(version, 16, "%.*s", (int)(end - start), start) < 16;
}

size_t twin_replacements(struct finder *finder, const char *path,
			 struct exchange out[TWIN_REPLACEMENTS_MAX])
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

void twin_folders_find(struct finder *finder, const struct native_root *source)
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

/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/run_binds.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

void run_binds_drop(struct run_binds *binds)
{
	strings_drop(&binds->texts);
	free(binds->items);
	*binds = (struct run_binds){};
}

/** "ro,z": what is for SELinux, other systems or volumes with names means nothing here. */
static bool volume_flags_parse(const char *text, bool *read_only)
{
	static const char *const nothing[] = { "rw",     "z",          "Z",         "cached",
					       "nocopy", "consistent", "delegated", "rprivate" };
	owned(strings) struct strings flags = {};

	strings_split(&flags, text, ',');
	for (size_t i = 0; i < flags.count; i++) {
		bool known = strcmp(flags.items[i], "ro") == 0;

		*read_only |= known;
		for (size_t at = 0; at < countof(nothing); at++)
			known |= strcmp(nothing[at], flags.items[i]) == 0;
		if (!known)
			return false;
	}
	return flags.count > 0;
}

/** SOURCE:TARGET[:ro|rw]; the pieces live in binds->texts. */
static result volume_parse(struct run_binds *binds, const char *text, struct bind *out,
			   struct error *err)
{
	owned(strings) struct strings parts = {};
	owned(str) char *source = NULL;

	strings_split(&parts, text, ':');
	if (parts.count < 2 || parts.count > 3 || parts.items[1][0] != '/' ||
	    (parts.count == 3 && !volume_flags_parse(parts.items[2], &out->read_only)))
		return fail(err, FAULT_USAGE, "-v %s: want SOURCE:TARGET[:ro]", text);
	if (parts.items[0][0] != '/' && parts.items[0][0] != '.')
		return fail(err, FAULT_USAGE,
			    "-v %s: there are no named volumes; a path begins with / or .", text);
	source = realpath(parts.items[0], NULL);
	if (!source)
		return fail_sys(err, "-v %s", parts.items[0]);
	strings_add(&binds->texts, source);
	out->source = binds->texts.items[binds->texts.count - 1];
	strings_add(&binds->texts, parts.items[1]);
	out->target = binds->texts.items[binds->texts.count - 1];
	return OK;
}

/** DIR[:option,...]; what all of them are anyhow may be said. */
static result tmpfs_parse(struct run_binds *binds, const char *text, struct bind *out,
			  struct error *err)
{
	static const char *const usual[] = { "rw", "nosuid", "nodev", "mode=1777" };
	const char *colon = strchr(text, ':');
	owned(strings) struct strings parts = {};

	strings_add(&binds->texts, text);
	out->target = binds->texts.items[binds->texts.count - 1];
	*(char *)(uintptr_t)strchrnul(out->target, ':') = '\0';
	if (out->target[0] != '/')
		return fail(err, FAULT_USAGE, "--tmpfs %s: want an absolute path", text);
	if (colon)
		strings_split(&parts, colon + 1, ',');
	for (size_t i = 0; i < parts.count; i++) {
		const char *part = parts.items[i];
		bool known = strcmp(part, "ro") == 0;

		out->read_only |= known;
		for (size_t at = 0; at < countof(usual); at++)
			known |= strcmp(usual[at], part) == 0;
		if (starts_with(part, "size="))
			known = size_parse(part + strlen("size="), &out->size, err) == OK;
		if (!known)
			return fail(
				err, FAULT_USAGE,
				"--tmpfs %s: '%s' is not supported yet by this version of mpemu: "
				"want size=SIZE or ro",
				text, part);
	}
	return OK;
}

result run_binds_parse(const struct bind_options *options, struct run_binds *out, struct error *err)
{
	const struct strings *volumes = &options->volumes, *tmpfs = &options->tmpfs;

	out->items = xcalloc(volumes->count + tmpfs->count, sizeof(*out->items));
	for (size_t i = 0; i < volumes->count; i++) {
		if (volume_parse(out, volumes->items[i], &out->items[out->count++], err))
			return FAILED;
	}
	for (size_t i = 0; i < tmpfs->count; i++) {
		if (tmpfs_parse(out, tmpfs->items[i], &out->items[out->count++], err))
			return FAILED;
	}
	return OK;
}

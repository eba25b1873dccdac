/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/run_binds.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

void run_binds_drop(struct run_binds *binds)
{
	for (size_t i = 0; i < binds->volume_count; i++)
		mount_cache_drop(&binds->volumes[i].held);
	free(binds->volumes);
	strings_drop(&binds->texts);
	free(binds->items);
	*binds = (struct run_binds){};
}

/** A text that lives as long as the binds. */
static const char *keep(struct run_binds *binds, const char *text)
{
	strings_add(&binds->texts, text);
	return binds->texts.items[binds->texts.count - 1];
}

static bool is_taken(const struct run_binds *binds, const char *target)
{
	owned(str) char *clean = path_absolute(target);

	for (size_t i = 0; i < binds->count; i++) {
		if (strcmp(binds->items[i].target, clean) == 0)
			return true;
	}
	return false;
}

result run_bind_add(struct run_binds *binds, const char *option, const char *target,
		    struct bind **out, struct error *err)
{
	owned(str) char *clean = path_absolute(target);

	if (target[0] != '/' || !clean[1])
		return fail(err, FAULT_USAGE,
			    "%s: want an absolute path to show it at, other than /", option);
	if (is_taken(binds, target))
		return fail(err, FAULT_USAGE, "%s: there is another one at %s", option, clean);
	array_grow(binds->items, binds->count);
	*out = &binds->items[binds->count++];
	**out = (struct bind){ .target = keep(binds, clean) };
	return OK;
}

result run_bind_host(struct run_binds *binds, const char *option, const char *path,
		     struct bind *bind, struct error *err)
{
	owned(str) char *source = realpath(path, NULL);

	if (!source)
		return fail_sys(err, "%s: %s", option, path);
	bind->source = keep(binds, source);
	return OK;
}

result run_bind_volume(struct run_binds *binds, const char *option, const char *name, bool no_copy,
		       const struct bind *bind, struct error *err)
{
	if (*name && !volume_name_is_valid(name))
		return fail(err, FAULT_USAGE,
			    "%s: '%s' is neither a path, which begins with / or ., nor the name of "
			    "a volume",
			    option, name);
	array_grow(binds->volumes, binds->volume_count);
	binds->volumes[binds->volume_count++] = (struct run_volume){
		.bind = (size_t)(bind - binds->items),
		.name = *name ? keep(binds, name) : NULL,
		.no_copy = no_copy,
	};
	return OK;
}

/* ---- -v ---- */

/** "ro,z": what is for SELinux or other systems means nothing here. */
static bool volume_flags_parse(const char *text, bool *read_only, bool *no_copy)
{
	static const char *const nothing[] = { "rw",         "z",         "Z",       "cached",
					       "consistent", "delegated", "rprivate" };
	owned(strings) struct strings flags = {};

	strings_split(&flags, text, ',');
	for (size_t i = 0; i < flags.count; i++) {
		bool is_read_only = strcmp(flags.items[i], "ro") == 0;
		bool is_no_copy = strcmp(flags.items[i], "nocopy") == 0;
		bool known = is_read_only || is_no_copy;

		*read_only |= is_read_only;
		*no_copy |= is_no_copy;
		for (size_t at = 0; at < countof(nothing); at++)
			known |= strcmp(nothing[at], flags.items[i]) == 0;
		if (!known)
			return false;
	}
	return flags.count > 0;
}

/** [SOURCE:]TARGET[:ro|rw] */
static result volume_parse(struct run_binds *binds, const char *text, struct error *err)
{
	owned(str) char *option = xasprintf("-v %s", text);
	owned(strings) struct strings parts = {};
	bool read_only = false, no_copy = false;
	const char *source, *target;
	struct bind *bind;

	strings_split(&parts, text, ':');
	source = parts.count > 1 ? parts.items[0] : "";
	target = parts.items[parts.count > 1];
	if (parts.count > 3 || (parts.count > 1 && !*source) ||
	    (parts.count == 3 && !volume_flags_parse(parts.items[2], &read_only, &no_copy)))
		return fail(err, FAULT_USAGE, "%s: want [SOURCE:]TARGET[:ro]", option);
	if (run_bind_add(binds, option, target, &bind, err))
		return FAILED;
	bind->read_only = read_only;
	if (*source != '/' && *source != '.')
		return run_bind_volume(binds, option, source, no_copy, bind, err);
	return run_bind_host(binds, option, source, bind, err);
}

/* ---- --tmpfs ---- */

static bool tmpfs_number(const char *text, uint64_t max, uint64_t *out)
{
	struct error ignored;

	return number_parse(text, max, out, &ignored) == OK;
}

static bool tmpfs_id(const char *text, uint32_t *out)
{
	uint64_t value;

	if (!tmpfs_number(text, INT32_MAX, &value))
		return false;
	*out = (uint32_t)value;
	return true;
}

static bool tmpfs_mode(const char *text, mode_t *out)
{
	struct mode_change change;
	struct error ignored;

	/* None at all is not to be had: it stands for the default. */
	if (mode_parse(text, &change, &ignored) || !change.is_absolute || !change.mode)
		return false;
	*out = change.mode;
	return true;
}

static bool tmpfs_value_set(const char *name, const char *value, struct bind *bind)
{
	struct error ignored;

	if (strcmp(name, "size") == 0)
		return size_parse(value, &bind->size, &ignored) == OK;
	if (strcmp(name, "nr_inodes") == 0)
		return tmpfs_number(value, INT64_MAX, &bind->inodes);
	if (strcmp(name, "mode") == 0)
		return tmpfs_mode(value, &bind->mode);
	if (strcmp(name, "uid") == 0)
		return tmpfs_id(value, &bind->uid);
	if (strcmp(name, "gid") == 0)
		return tmpfs_id(value, &bind->gid);
	return false;
}

bool tmpfs_option_set(const char *text, struct bind *bind)
{
	/* What all of them are anyhow may be said. */
	static const char *const usual[] = { "nosuid", "nodev", "relatime" };
	const char *equals = strchr(text, '=');
	owned(str) char *name = xstrndup(text, strcspn(text, "="));

	if (equals)
		return tmpfs_value_set(name, equals + 1, bind);
	for (size_t i = 0; i < countof(usual); i++) {
		if (strcmp(usual[i], text) == 0)
			return true;
	}
	if (strcmp(text, "ro") == 0 || strcmp(text, "rw") == 0)
		bind->read_only = text[1] == 'o';
	else if (strcmp(text, "exec") == 0 || strcmp(text, "noexec") == 0)
		bind->no_exec = text[0] == 'n';
	else
		return false;
	return true;
}

/** DIR[:option,...] */
static result tmpfs_parse(struct run_binds *binds, const char *text, struct error *err)
{
	const char *colon = strchrnul(text, ':');
	owned(str) char *option = xasprintf("--tmpfs %s", text);
	owned(str) char *target = xstrndup(text, (size_t)(colon - text));
	owned(strings) struct strings parts = {};
	struct bind *bind;

	if (run_bind_add(binds, option, target, &bind, err))
		return FAILED;
	bind->no_exec = true;
	if (*colon)
		strings_split(&parts, colon + 1, ',');
	for (size_t i = 0; i < parts.count; i++) {
		if (!tmpfs_option_set(parts.items[i], bind))
			return fail(err, FAULT_USAGE,
				    "%s: '%s' is not supported: want size=SIZE, mode=MODE, uid=, "
				    "gid=, nr_inodes=, exec or ro",
				    option, parts.items[i]);
	}
	return OK;
}

/* ---- all of them ---- */

result run_binds_parse(const struct bind_options *options, struct run_binds *out, struct error *err)
{
	const struct {
		const struct strings *texts;
		result (*parse)(struct run_binds *binds, const char *text, struct error *err);
	} kinds[] = {
		{ &options->volumes, volume_parse },
		{ &options->mounts, run_mount_parse },
		{ &options->tmpfs, tmpfs_parse },
	};

	for (size_t kind = 0; kind < countof(kinds); kind++) {
		for (size_t i = 0; i < kinds[kind].texts->count; i++) {
			if (kinds[kind].parse(out, kinds[kind].texts->items[i], err))
				return FAILED;
		}
	}
	return OK;
}

result run_binds_add_image(struct run_binds *binds, const json_t *image_config, struct error *err)
{
	json_t *config = json_object_get(image_config, "config"), *ignored;
	const char *target;

	json_object_foreach(json_object_get(config, "Volumes"), target, ignored)
	{
		owned(str) char *option = xasprintf("volume %s of the image", target);
		struct bind *bind;

		if (is_taken(binds, target))
			continue;
		if (run_bind_add(binds, option, target, &bind, err) ||
		    run_bind_volume(binds, option, "", false, bind, err)) {
			err->fault = FAULT_INPUT;
			return FAILED;
		}
	}
	return OK;
}

result run_binds_open(const struct ctx *ctx, struct run_binds *binds, const char *root,
		      const char *place, const struct strings *lowers, struct error *err)
{
	for (size_t i = 0; i < binds->volume_count; i++) {
		struct run_volume *volume = &binds->volumes[i];
		struct bind *bind = &binds->items[volume->bind];
		const struct volume_origin image = { lowers, bind->target };
		const struct volume_origin *origin = volume->no_copy ? NULL : &image;
		owned(str) char *path = xasprintf("%s/volume-%zu", place, i);

		if (volume->name ? volume_open(ctx, root, volume->name, origin, &volume->held, err)
				 : volume_open_at(ctx, path, origin, &volume->held, err))
			return fail_in(err, "volume at %s", bind->target);
		bind->source = mount_cache_path(volume->held);
	}
	return OK;
}

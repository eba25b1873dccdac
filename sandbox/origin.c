/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/origin.h"

#include "sandbox/inroot.h"

#include "base/fd.h"
#include "base/mem.h"

#include <fcntl.h>

void origin_drop(struct origin *origin)
{
	buf_drop(&origin->path);
	fd_drop(&origin->dir_fd);
}

static enum wanted sees(const struct origin *origin, const char *path, bool is_directory)
{
	const struct copy_options *options = origin->options;
	owned(buf) struct buf full = {};

	if (!options->sees)
		return WANTED;
	buf_add_str(&full, buf_text(&origin->path));
	if (full.length && *path)
		buf_add_char(&full, '/');
	buf_add_str(&full, path);
	return full.length > 0 ? options->sees(options->closure, full.data, is_directory) : WANTED;
}

enum wanted origin_wants(const struct origin *origin, const char *path, bool is_directory)
{
	const struct copy_options *options = origin->options;
	enum wanted wanted = WANTED, seen;

	if (!*path)
		return WANTED;
	if (options->wants)
		wanted = options->wants(options->wants_closure, path);
	if (wanted == WANTED_NOT || (wanted == WANTED_BELOW && !is_directory))
		return WANTED_NOT;
	seen = sees(origin, path, is_directory);
	return seen < wanted ? seen : wanted;
}

/** Open the directory that the path names or is in. */
static result holder_open(int root_fd, struct origin *origin, struct error *err)
{
	owned(fd) int fd = open_plain(root_fd, buf_text(&origin->path), O_PATH | O_NOFOLLOW, 0);
	owned(str) char *parent = NULL;
	size_t length;

	if (fd < 0 || fstat(fd, &origin->info) < 0)
		return fail_sys(err, "find");
	origin->name = path_split(buf_text(&origin->path), &length);
	if (S_ISDIR(origin->info.st_mode)) {
		origin->name = ".";
		length = origin->path.length;
	}
	parent = xstrndup(buf_text(&origin->path), length);
	origin->dir_fd = open_plain(root_fd, parent, O_RDONLY | O_DIRECTORY, 0);
	return origin->dir_fd < 0 ? fail_sys(err, "open") : OK;
}

result origin_open(int root_fd, const char *source, const struct copy_options *options,
		   struct origin *out, struct error *err)
{
	*out = (struct origin){ .dir_fd = -1, .options = options };
	if (path_resolve(root_fd, source, CLIMBING_STAYS, &out->path, err) ||
	    holder_open(root_fd, out, err)) {
		if (err->sys == ENOENT || err->sys == ENOTDIR)
			return fail(err, FAULT_INPUT, "'%s': there is no such file", source);
		return fail_in(err, "'%s'", source);
	}
	if (sees(out, "", S_ISDIR(out->info.st_mode)) == WANTED_NOT)
		return fail(err, FAULT_INPUT, "'%s': is left out of the context", source);
	return OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "binfmt/persist.h"

#include "base/fd.h"
#include "base/mem.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

enum { PERSIST_MAX = 1 << 20, PERSIST_MODE = 0644 };

static const char header[] = "# Written by 'mpemu setup --persist', see binfmt.d(5).\n"
			     "# 'mpemu setup --remove' takes it away.\n";

static result make_directory(const char *path, struct error *err)
{
	owned(str) char *dir = xstrndup(path, (size_t)(strrchr(path, '/') - path));

	if (mkdir(dir, 0755) < 0 && errno != EEXIST)
		return fail_sys(err, "make %s", dir);
	return OK;
}

result persist_write(const char *path, const struct strings *rules, struct error *err)
{
	owned(buf) struct buf text = {};

	buf_add_str(&text, header);
	for (size_t i = 0; i < rules->count; i++)
		buf_printf(&text, "%s\n", rules->items[i]);
	if (make_directory(path, err))
		return FAILED;
	return file_replace(AT_FDCWD, path, text.data, text.length, PERSIST_MODE, err);
}

/** Whether a line is a rule (":name:...") of one of these names. */
static bool is_named(const char *line, const struct strings *names)
{
	owned(str) char *name = NULL;

	if (*line != ':')
		return false;
	name = xstrndup(line + 1, strcspn(line + 1, ":"));
	return strings_have(names, name);
}

size_t persist_filter(const char *text, const struct strings *names, struct buf *out)
{
	owned(strings) struct strings lines = {};
	size_t rules = 0;

	strings_split(&lines, text, '\n');
	for (size_t i = 0; i < lines.count; i++) {
		const char *line = lines.items[i];

		if (is_named(line, names) || (i + 1 == lines.count && !*line))
			continue;
		rules += *line && !strchr("#;", *line);
		buf_printf(out, "%s\n", line);
	}
	return rules;
}

result persist_remove(const char *path, const struct strings *names, struct error *err)
{
	owned(buf) struct buf text = {}, left = {};

	if (access(path, F_OK) < 0 && errno == ENOENT)
		return OK;
	if (read_file(AT_FDCWD, path, PERSIST_MAX, &text, err))
		return FAILED;
	if (persist_filter(buf_text(&text), names, &left) > 0)
		return file_replace(AT_FDCWD, path, left.data, left.length, PERSIST_MODE, err);
	if (unlink(path) < 0 && errno != ENOENT)
		return fail_sys(err, "remove %s", path);
	return OK;
}

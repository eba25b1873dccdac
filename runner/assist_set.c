/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/assist_set.h"

#include "base/fd.h"
#include "base/mem.h"
#include "runner/aliases.h"
#include "runner/layers.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* More is not kept: somebody builds something new all the time. */
enum { TABLES_MAX = 256, CONTENT_MAX = 32 << 20, COUNT_MAX = 1 << 20 };

#define CONTENT_KIND "mpemu twins 1"

void assist_set_drop(struct assist_set **set)
{
	struct assist_set *old = *set;

	if (!old)
		return;
	for (size_t i = 0; i < old->root_count; i++)
		strings_drop(&old->roots[i]);
	free(old->roots);
	free(old->twins);
	free(old->aliases);
	free(old->misses);
	buf_drop(&old->table);
	arena_drop(&old->arena);
	free(old);
	*set = NULL;
}

/* ---- from what was found ---- */

static struct assist_twin file_row(const struct twin_file *file)
{
	return (struct assist_twin){
		.inode = file->inode,
		.size = file->size,
		.mtime = file->mtime,
		.ctime = file->ctime,
	};
}

static struct assist_twin twin_row(struct arena *arena, const struct twin *twin)
{
	const struct tool *tool = twin->tool;
	struct assist_twin row = file_row(&twin->file);

	row.native = arena_printf(arena, SANDBOX_HIDDEN "/%zu%s", twin->root, twin->native);
	row.library_path_ok = tool->flags & TOOL_PRELOAD_OK;
	row.place_matters = tool->flags & TOOL_DRIVER;
	row.scripts_only = twin->scripts_only;
	row.is_library = tool->flags & TOOL_LIBRARY;
	row.finds_itself = tool->flags & TOOL_BY_NAME;
	row.loads_plugins = tool->flags & TOOL_PLUGINS;
	row.refuse = twin->refuse;
	row.insert = twin->insert;
	row.insert_unless = tool->insert_unless;
	row.before = twin->before;
	row.names = tool->names;
	row.env = twin->env;
	row.scripts = tool->scripts;
	row.plugin_from = twin->plugin_from;
	row.plugin_to = twin->plugin_to;
	row.loads = twin->loads;
	return row;
}

static struct assist_twin script_row(const struct twin_script *script)
{
	struct assist_twin row = file_row(&script->file);

	row.native = "";
	row.is_script = true;
	return row;
}

/** Write the table; of its rows only where the twins are is of use afterwards. */
static result rows_make(struct assist_set *set, const struct twin_set *found, int foreign,
			struct error *err)
{
	struct aliases *aliases;

	set->twins = xcalloc(found->count + found->script_count + 1, sizeof(*set->twins));
	for (size_t i = 0; i < found->count; i++)
		set->twins[set->twin_count++] = twin_row(set->arena, &found->twins[i]);
	for (size_t i = 0; i < found->script_count; i++)
		set->twins[set->twin_count++] = script_row(&found->scripts[i]);
	if (assist_table_write(set->twins, set->twin_count, &set->table, err))
		return FAILED;
	aliases = aliases_find(foreign, set->twins, set->twin_count);
	set->aliases = xcalloc(aliases->count + 1, sizeof(*set->aliases));
	for (; set->alias_count < aliases->count; set->alias_count++)
		set->aliases[set->alias_count] = (struct assist_alias){
			aliases->items[set->alias_count].twin,
			arena_strdup(set->arena, aliases->items[set->alias_count].name),
		};
	aliases_drop(&aliases);
	for (size_t i = 0; i < set->twin_count; i++)
		set->twins[i] = (struct assist_twin){ .native = set->twins[i].native };
	return OK;
}

result assist_set_make(const struct twin_set *found, int foreign, struct assist_set **out,
		       struct error *err)
{
	owned(assist_set) struct assist_set *set = xnew(struct assist_set);

	set->arena = arena_new();
	if (rows_make(set, found, foreign, err))
		return FAILED;
	set->roots = xcalloc(found->root_count + 1, sizeof(*set->roots));
	for (; set->root_count < found->root_count; set->root_count++)
		strings_add_all(&set->roots[set->root_count],
				found->roots[set->root_count].lowers.items);
	set->misses = xcalloc(found->miss_count + 1, sizeof(*set->misses));
	for (; set->miss_count < found->miss_count; set->miss_count++) {
		const struct twin_miss *miss = &found->misses[set->miss_count];

		set->misses[set->miss_count] = (struct twin_miss){
			.path = arena_strdup(set->arena, miss->path),
			.package = arena_strdup(set->arena, miss->package),
			.reason = arena_strdup(set->arena, miss->reason),
		};
	}
	*out = take(set);
	return OK;
}

/* ---- what is told ---- */

/** By the last part of its path; a script, which is no program, has none. */
static bool is_called(const char *path, const char *name)
{
	const char *slash = strrchr(path, '/');

	return slash && strcmp(slash + 1, name) == 0;
}

const char *assist_set_reason(const struct assist_set *set, const char *name)
{
	for (size_t i = 0; i < set->miss_count; i++) {
		if (is_called(set->misses[i].path, name) ||
		    strcmp(set->misses[i].path, TWIN_MISS_ALL) == 0)
			return set->misses[i].reason;
	}
	for (size_t i = 0; i < set->twin_count; i++) {
		if (is_called(set->twins[i].native, name))
			return "it is not the file that was there before";
	}
	return NULL;
}

/* ---- in a file: texts and decimal numbers, each with its NUL, and the table ---- */

static void text_put(struct buf *out, const char *text)
{
	buf_add(out, text, strlen(text) + 1);
}

static void number_put(struct buf *out, size_t number)
{
	buf_printf(out, "%zu", number);
	buf_add_char(out, '\0');
}

static void content_write(const struct assist_set *set, struct buf *out)
{
	number_put(out, set->twin_count);
	for (size_t i = 0; i < set->twin_count; i++)
		text_put(out, set->twins[i].native);
	number_put(out, set->alias_count);
	for (size_t i = 0; i < set->alias_count; i++) {
		number_put(out, set->aliases[i].twin);
		text_put(out, set->aliases[i].name);
	}
	number_put(out, set->root_count);
	for (size_t i = 0; i < set->root_count; i++) {
		number_put(out, set->roots[i].count);
		for (size_t j = 0; j < set->roots[i].count; j++)
			text_put(out, set->roots[i].items[j]);
	}
	number_put(out, set->miss_count);
	for (size_t i = 0; i < set->miss_count; i++) {
		text_put(out, set->misses[i].path);
		text_put(out, set->misses[i].package);
		text_put(out, set->misses[i].reason);
	}
	number_put(out, set->table.length);
	buf_add(out, set->table.data, set->table.length);
}

/** What is still to be read; once it does not fit, all that follows is empty. */
struct reader {
	struct arena *arena;
	const char *at;
	size_t left;
	bool damaged;
};

static const char *text_take(struct reader *reader)
{
	const char *end = reader->left ? memchr(reader->at, 0, reader->left) : NULL;
	const char *text = reader->at;

	if (!end) {
		reader->damaged = true;
		reader->left = 0;
		return "";
	}
	reader->left -= (size_t)(end - text) + 1;
	reader->at = end + 1;
	return arena_strdup(reader->arena, text);
}

static size_t number_take(struct reader *reader, uint64_t max)
{
	uint64_t number = 0;
	struct error ignored;

	if (number_parse(text_take(reader), max, &number, &ignored)) {
		reader->damaged = true;
		reader->left = 0;
	}
	return (size_t)number;
}

/** How many follow: never more than there are bytes. */
static size_t count_take(struct reader *reader)
{
	return number_take(reader, reader->left < COUNT_MAX ? reader->left : COUNT_MAX);
}

static void aliases_read(struct reader *reader, struct assist_set *set)
{
	const size_t count = count_take(reader);

	set->aliases = xcalloc(count + 1, sizeof(*set->aliases));
	for (; set->alias_count < count; set->alias_count++) {
		struct assist_alias *alias = &set->aliases[set->alias_count];

		alias->twin = number_take(reader, COUNT_MAX);
		alias->name = text_take(reader);
		reader->damaged |= alias->twin >= set->twin_count;
	}
}

static void roots_read(struct reader *reader, struct assist_set *set)
{
	const size_t count = count_take(reader);

	set->roots = xcalloc(count + 1, sizeof(*set->roots));
	for (; set->root_count < count; set->root_count++) {
		const size_t lowers = count_take(reader);

		for (size_t i = 0; i < lowers; i++)
			strings_add(&set->roots[set->root_count], text_take(reader));
	}
}

static bool content_read(struct buf *content, struct assist_set *set)
{
	struct reader reader = { set->arena, content->data, content->length, false };
	size_t count = count_take(&reader);

	set->twins = xcalloc(count + 1, sizeof(*set->twins));
	for (; set->twin_count < count; set->twin_count++)
		set->twins[set->twin_count].native = text_take(&reader);
	aliases_read(&reader, set);
	roots_read(&reader, set);
	count = count_take(&reader);
	set->misses = xcalloc(count + 1, sizeof(*set->misses));
	for (; set->miss_count < count; set->miss_count++) {
		struct twin_miss *miss = &set->misses[set->miss_count];

		miss->path = text_take(&reader);
		miss->package = text_take(&reader);
		miss->reason = text_take(&reader);
		reader.damaged |= !strchr(miss->path, '/');
	}
	count = number_take(&reader, CONTENT_MAX);
	if (reader.damaged || count != reader.left)
		return false;
	buf_add(&set->table, reader.at, count);
	return true;
}

/* ---- where it is kept ---- */

/** "mpemu twins 1 SHA256\n", of what follows. */
static void head_write(const struct buf *content, struct buf *out)
{
	const struct digest digest = digest_of(content->data, content->length);
	char text[DIGEST_TEXT_MAX];

	buf_printf(out, CONTENT_KIND " %s\n", digest_text(&digest, text));
}

static char *table_path(const char *root, const struct digest *key)
{
	char text[DIGEST_HEX_MAX];

	return xasprintf("%s/twins/tables/%s", root, digest_hex(key, text));
}

static bool roots_are_there(const char *root, const struct assist_set *set)
{
	owned(str) char *layers = xasprintf("%s/layers/", root);

	for (size_t i = 0; i < set->root_count; i++)
		for (size_t j = 0; j < set->roots[i].count; j++) {
			const char *path = set->roots[i].items[j];

			if (starts_with(path, layers) ? !layer_is_whole(root, path)
						      : access(path, F_OK) < 0)
				return false;
		}
	return true;
}

bool assist_set_load(const char *root, const struct digest *key, struct assist_set **out)
{
	owned(assist_set) struct assist_set *set = xnew(struct assist_set);
	owned(str) char *path = table_path(root, key);
	owned(buf) struct buf file = {}, head = {}, content = {};
	struct error ignored;
	const char *end;

	set->arena = arena_new();
	if (read_file(AT_FDCWD, path, CONTENT_MAX, &file, &ignored))
		return false;
	end = file.length ? memchr(file.data, '\n', file.length) : NULL;
	if (!end)
		return false;
	buf_add(&content, end + 1, file.length - (size_t)(end + 1 - file.data));
	head_write(&content, &head);
	if (head.length + content.length != file.length ||
	    memcmp(head.data, file.data, head.length) != 0 || !content_read(&content, set) ||
	    !roots_are_there(root, set))
		return false;
	*out = take(set);
	return true;
}

/** Make room: when there are too many of them, most are of stacks that are gone. */
static void tables_limit(const char *root)
{
	owned(str) char *path = xasprintf("%s/twins/tables", root);
	struct error ignored = {};
	DIR *dir = opendir(path);
	size_t count = 0;

	while (dir && readdir(dir))
		count++;
	if (dir)
		closedir(dir);
	if (count > TABLES_MAX)
		(void)remove_tree(AT_FDCWD, path, &ignored);
}

void assist_set_save(const char *root, const struct digest *key, const struct assist_set *set)
{
	owned(str) char *path = table_path(root, key);
	owned(str) char *part = xasprintf("%s.%d", path, gettid());
	owned(str) char *folder = xasprintf("%s/twins/tables", root);
	owned(buf) struct buf content = {}, file = {};
	owned(fd) int fd = -1, folder_fd = -1;
	struct error ignored;

	tables_limit(root);
	folder_fd = open_dirs(AT_FDCWD, folder, 0755);
	fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (folder_fd < 0 || fd < 0)
		return;
	content_write(set, &content);
	head_write(&content, &file);
	buf_add(&file, content.data, content.length);
	/* Not synced: what a crash leaves does not fit its digest. */
	if (write_all(fd, file.data, file.length, &ignored) || rename(part, path) < 0)
		unlink(part);
}

/* ---- keys ---- */

static void stat_add(struct hasher *key, const char *path)
{
	struct statx info = {};
	const bool known =
		statx(AT_FDCWD, path, 0, STATX_INO | STATX_SIZE | STATX_BTIME, &info) == 0;
	const uint64_t words[] = { known, info.stx_ino, (uint64_t)info.stx_btime.tv_sec,
				   info.stx_btime.tv_nsec };

	hasher_add(key, words, sizeof(words));
}

struct hasher *assist_key_new(void)
{
	struct hasher *key = hasher_new();
	const bool has_fma = host_has_fma();
	char reader[17];

	assist_engine_version(reader);
	hasher_add_str(key, CONTENT_KIND);
	hasher_add_str(key, reader);
	stat_add(key, "/proc/self/exe");
	hasher_add(key, &has_fma, sizeof(has_fma));
	return key;
}

/** Whether a layer has, or hides, something where packages have files. */
static bool layer_matters(const char *path)
{
	static const char *const places[] = { "usr",    "bin",     "sbin", "lib", "lib32", "lib64",
					      "libx32", "libexec", "etc",  "var", "opt" };
	owned(fd) int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	for (size_t i = 0; i < countof(places); i++)
		if (faccessat(fd, places[i], F_OK, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT)
			return true;
	return false;
}

void assist_key_add(struct hasher *key, const struct strings *lowers)
{
	for (size_t i = 0; i < lowers->count; i++) {
		if (!layer_matters(lowers->items[i]))
			continue;
		hasher_add_str(key, lowers->items[i]);
		stat_add(key, lowers->items[i]);
	}
	hasher_add_str(key, "");
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/verify.h"

#include "base/fd.h"
#include "base/mem.h"
#include "base/progress.h"
#include "binfmt/binfmt.h"
#include "runner/entrypoint.h"
#include "sandbox/sandbox.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* What is told of one layer, and how deep a tree is walked: paths are longer than that nowhere. */
enum { FINDINGS_MAX = 20, DEPTH_MAX = 256 };

/** A layer's directory being walked; what is found becomes lines of text. */
struct scan {
	const struct ctx *ctx;
	const struct platform *platform;
	struct buf *path; /* of the directory, relative to the layer */
	struct buf *lines;
	size_t count;
};

/** Files that are chosen by what the CPU can do need not suit every CPU. */
static bool is_chosen_at_run_time(const char *path)
{
	return strstr(path, "/glibc-hwcaps/") != NULL;
}

static void file_scan(struct scan *scan, int dir_fd, const char *name, size_t size)
{
	struct elf_facts facts;
	enum elf_fit fit;
	char why[128], magic[4] = "";
	owned(fd) int fd = -1;

	if (size < 52)
		return;
	fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || pread(fd, magic, sizeof(magic), 0) != sizeof(magic) ||
	    memcmp(magic, "\177ELF", sizeof(magic)) != 0)
		return;
	elf_facts_of(fd, &facts);
	fit = elf_fits(&facts, scan->platform, why);
	if (fit == ELF_FITS || fit == ELF_DEVICE)
		return;
	buf_add_str(scan->path, name);
	if (fit != ELF_NEWER || !is_chosen_at_run_time(buf_text(scan->path))) {
		if (scan->count++ < FINDINGS_MAX) {
			buf_add_char(scan->lines, '/');
			text_escape(scan->lines, scan->path->data, scan->path->length);
			buf_printf(scan->lines, ": %s\n", why);
		}
	}
}

static void path_cut(struct buf *path, size_t length)
{
	path->length = length;
	if (path->data)
		path->data[length] = '\0';
}

static result directory_scan(struct scan *scan, int fd, int depth, struct error *err)
{
	DIR *dir = fdopendir(fd);
	size_t length = scan->path->length;
	struct dirent *entry;
	result status = OK;

	if (!dir) {
		fd_drop(&fd);
		return fail_sys(err, "open /%s", buf_text(scan->path));
	}
	while (!status && (entry = readdir(dir))) {
		struct stat stat;
		int below;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
		    fstatat(dirfd(dir), entry->d_name, &stat, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (S_ISREG(stat.st_mode))
			file_scan(scan, dirfd(dir), entry->d_name, (size_t)stat.st_size);
		path_cut(scan->path, length);
		if (!S_ISDIR(stat.st_mode) || depth == DEPTH_MAX)
			continue;
		below = openat(dirfd(dir), entry->d_name,
			       O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		buf_printf(scan->path, "%s/", entry->d_name);
		status = below < 0 ? OK : directory_scan(scan, below, depth + 1, err);
		path_cut(scan->path, length);
		if (!status)
			status = cancel_check(scan->ctx, err);
	}
	closedir(dir);
	return status;
}

static struct digest scan_key(const struct digest *diff_id, const struct platform *platform)
{
	owned(hasher) struct hasher *hasher = hasher_new();
	char text[PLATFORM_TEXT_MAX];

	hasher_add_str(hasher, "mpemu elf 1");
	hasher_add_str(hasher, platform_text(platform, text));
	hasher_add(hasher, diff_id->bytes, sizeof(diff_id->bytes));
	return hasher_finish(hasher);
}

/** What does not fit in one layer, a line each: from the cache, else by looking. */
static result layer_scan(const struct build *build, const struct digest *diff_id, const char *path,
			 const struct platform *platform, struct buf *lines, struct error *err)
{
	const struct digest key = scan_key(diff_id, platform);
	owned(buf) struct buf at = {};
	struct scan scan = { build->ctx, platform, &at, lines, 0 };
	bool found;
	int fd;

	if (cache_note_find(build->cache, &key, lines, &found, err))
		return FAILED;
	if (found)
		return OK;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return fail_sys(err, "open %s", path);
	if (directory_scan(&scan, fd, 0, err))
		return FAILED;
	if (scan.count > FINDINGS_MAX)
		buf_printf(lines, "and %zu more files\n", scan.count - FINDINGS_MAX);
	return cache_note_keep(build->cache, &key, buf_text(lines), err);
}

/** Tell what was found of a step's layer; `count` grows by its files. */
static void findings_tell(const struct build *build, const struct step *step, const char *lines,
			  size_t *count)
{
	char platform[PLATFORM_TEXT_MAX];
	owned(strings) struct strings each = {};

	strings_split(&each, lines, '\n');
	for (size_t i = 0; i < each.count; i++) {
		if (!*each.items[i])
			continue;
		progress_warn(build->ctx, "%s: %s:%u: %s, in an image for %s",
			      platform_text(step->target, platform), build->dockerfile->name,
			      step->instruction->first_line, each.items[i], platform);
		++*count;
	}
}

/** The layers that steps of this build made, newest first; those of the base are not ours. */
static result layers_verify(const struct build *build, const struct step *final, struct error *err)
{
	char text[PLATFORM_TEXT_MAX];
	size_t count = 0;

	for (const struct step *step = final; step->previous; step = step->previous) {
		const struct snapshot *after = step->result, *before = step->previous->result;
		owned(buf) struct buf lines = {}, path = {};

		if (!after || !before || after->layer_count == before->layer_count)
			continue;
		if (layer_scan(build, &after->layers[after->layer_count - 1].diff_id,
			       after->lowers.items[0], final->target, &lines, err))
			return fail_in(err, "verify %s", step->name);
		findings_tell(build, step, buf_text(&lines), &count);
	}
	if (!count || build->request->verify != VERIFY_STRICT)
		return OK;
	return fail(
		err, FAULT_STEP,
		"%s: the image has files for other machines (see above); build or copy them for "
		"this platform, or leave out --verify=strict",
		platform_text(final->target, text));
}

/* ---- the entry point ---- */

/** The first word of ENTRYPOINT, else of CMD; NULL where there is none. */
static const char *entry_program(const struct snapshot *snapshot)
{
	const json_t *config = json_object_get(snapshot->document, "config");
	const json_t *list = json_object_get(config, "Entrypoint");

	if (!json_array_size(list))
		list = json_object_get(config, "Cmd");
	return json_string_value(json_array_get(list, 0));
}

/** PATH as the container gets it. */
static char *entry_path(const struct snapshot *snapshot)
{
	const json_t *list = json_object_get(json_object_get(snapshot->document, "config"), "Env");

	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *item = json_string_value(json_array_get(list, i));

		if (item && starts_with(item, "PATH="))
			return xstrdup(item + strlen("PATH="));
	}
	return NULL;
}

static struct digest entry_key(const struct step *final, const char *program, const char *path)
{
	owned(hasher) struct hasher *hasher = hasher_new();
	const struct snapshot *snapshot = final->result;
	char text[PLATFORM_TEXT_MAX];

	hasher_add_str(hasher, "mpemu entry 1");
	hasher_add_str(hasher, platform_text(final->target, text));
	hasher_add_str(hasher, program);
	hasher_add_str(hasher, path ? path : "");
	hasher_add_str(hasher, snapshot_text(snapshot, "WorkingDir"));
	for (size_t i = 0; i < snapshot->layer_count; i++)
		hasher_add(hasher, snapshot->layers[i].diff_id.bytes,
			   sizeof(snapshot->layers[i].diff_id.bytes));
	return hasher_finish(hasher);
}

/** Look, or remember having looked: "wrong TEXT", "missing TEXT" or "". */
static result entry_look(const struct build *build, const struct step *final, const char *program,
			 struct buf *out, struct error *err)
{
	const struct snapshot *snapshot = final->result;
	owned(str) char *path = entry_path(snapshot);
	const struct digest key = entry_key(final, program, path);
	owned(fd) int root_fd = -1;
	struct entry entry;
	bool found;

	if (cache_note_find(build->cache, &key, out, &found, err))
		return FAILED;
	if (found)
		return OK;
	if (overlay_open((const char *const *)snapshot->lowers.items, snapshot->lowers.count, NULL,
			 NULL, &root_fd, err))
		return FAILED;
	entry_examine(root_fd, program, path, snapshot_text(snapshot, "WorkingDir"), final->target,
		      &entry);
	if (entry.state != ENTRY_GOOD)
		buf_printf(out, "%s %s", entry.state == ENTRY_WRONG ? "wrong" : "missing",
			   entry.text);
	return cache_note_keep(build->cache, &key, buf_text(out), err);
}

static result entry_verify(const struct build *build, const struct step *final, struct error *err)
{
	const char *program = entry_program(final->result);
	char text[PLATFORM_TEXT_MAX];
	owned(buf) struct buf found = {};

	if (!program || !*program || !final->result->lowers.count)
		return OK;
	if (entry_look(build, final, program, &found, err))
		return fail_in(err, "verify %s", platform_text(final->target, text));
	platform_text(final->target, text);
	if (starts_with(buf_text(&found), "missing "))
		progress_warn(build->ctx, "%s: the entry point cannot start: %s", text,
			      buf_text(&found) + strlen("missing "));
	if (starts_with(buf_text(&found), "wrong "))
		return fail(err, FAULT_STEP,
			    "%s: the entry point cannot run there: %s; build it for this platform "
			    "(TARGETARCH tells which), or pass --verify=off",
			    text, buf_text(&found) + strlen("wrong "));
	return OK;
}

result verify_final(const struct build *build, const struct step *final, struct error *err)
{
	if (build->request->verify == VERIFY_OFF)
		return OK;
	if (layers_verify(build, final, err))
		return FAILED;
	return entry_verify(build, final, err);
}

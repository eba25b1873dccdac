/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/assist_verify.h"

#include "base/fd.h"
#include "base/mem.h"
#include "sandbox/sandbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { REPORTED_MAX = 20, NATIVE = 0, EMULATED = 1 };

/** Two trees being walked side by side. */
struct pair {
	const struct ctx *ctx;
	int roots[2];
	struct differences *found;
};

/** One name in both; descriptors are -1 where it is not there. */
struct both {
	int fds[2];
	struct stat info[2];
};

static void both_close(struct both *both)
{
	fd_drop(&both->fds[NATIVE]);
	fd_drop(&both->fds[EMULATED]);
}

static void differ(struct pair *pair, const char *path, const char *how)
{
	if (pair->found->count++ >= DIFFERENCES_MAX)
		return;
	strings_add(&pair->found->paths, path);
	strings_add(&pair->found->hows, how);
}

static result both_open(const struct pair *pair, const char *path, struct both *out,
			struct error *err)
{
	*out = (struct both){ .fds = { -1, -1 } };
	for (int i = 0; i < 2; i++) {
		out->fds[i] = open_in_root(pair->roots[i], path, O_PATH | O_NOFOLLOW, 0);
		if (out->fds[i] < 0 && errno == ENOENT)
			continue;
		if (out->fds[i] < 0 || fstat(out->fds[i], &out->info[i]) < 0)
			return fail_sys(err, "%s", path);
	}
	return OK;
}

/** What of the looks differs, or NULL. */
static const char *looks_differ(const struct both *both)
{
	const struct stat *a = &both->info[NATIVE], *b = &both->info[EMULATED];

	if ((a->st_mode & S_IFMT) != (b->st_mode & S_IFMT))
		return "its type";
	if (a->st_mode != b->st_mode)
		return "its mode";
	if (a->st_uid != b->st_uid || a->st_gid != b->st_gid)
		return "its owner";
	if ((S_ISCHR(a->st_mode) || S_ISBLK(a->st_mode)) && a->st_rdev != b->st_rdev)
		return "its device";
	return NULL;
}

static bool links_equal(const struct both *both)
{
	char targets[2][PATH_MAX];
	ssize_t length = readlinkat(both->fds[NATIVE], "", targets[NATIVE], PATH_MAX);

	return length >= 0 &&
	       readlinkat(both->fds[EMULATED], "", targets[EMULATED], PATH_MAX) == length &&
	       memcmp(targets[NATIVE], targets[EMULATED], (size_t)length) == 0;
}

static result content_compare(struct pair *pair, const char *path, struct error *err)
{
	static const struct copy_options options = { .keep_owner = true };
	struct digest digests[2];

	for (int i = 0; i < 2; i++) {
		if (tree_hash(pair->ctx, pair->roots[i], path, &options, true, &digests[i], err))
			return FAILED;
	}
	if (memcmp(&digests[NATIVE], &digests[EMULATED], sizeof(digests[0])) != 0)
		differ(pair, path, "its content");
	return OK;
}

/** Whether a directory hides what is below it in other layers. */
static bool is_opaque(int root, const char *path)
{
	owned(fd) int fd = open_in_root(root, path, O_RDONLY | O_DIRECTORY, 0);
	char value;

	return fd >= 0 && fgetxattr(fd, "user.overlay.opaque", &value, 1) > 0;
}

static result names_add(int root, const char *path, struct strings *out, struct error *err)
{
	int fd = open_in_root(root, path, O_RDONLY | O_DIRECTORY, 0);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!dir) {
		fd_drop(&fd);
		return fail_sys(err, "open %s", path);
	}
	while ((entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			strings_add(out, entry->d_name);
	}
	closedir(dir);
	return OK;
}

/** Compare one name, and say whether it is a directory on both sides. */
static result name_compare(struct pair *pair, const char *path, bool *descend, struct error *err)
{
	__attribute__((cleanup(both_close))) struct both both;
	const char *how;

	*descend = false;
	if (both_open(pair, path, &both, err))
		return FAILED;
	if (both.fds[NATIVE] < 0 || both.fds[EMULATED] < 0) {
		if (both.fds[NATIVE] >= 0 || both.fds[EMULATED] >= 0)
			differ(pair, path,
			       both.fds[NATIVE] < 0 ? "only without assist" : "only with assist");
		return OK;
	}
	how = looks_differ(&both);
	if (how)
		differ(pair, path, how);
	else if (S_ISLNK(both.info[NATIVE].st_mode) && !links_equal(&both))
		differ(pair, path, "where it leads");
	else if (S_ISREG(both.info[NATIVE].st_mode))
		return content_compare(pair, path, err);
	*descend = S_ISDIR(both.info[NATIVE].st_mode) && S_ISDIR(both.info[EMULATED].st_mode);
	if (*descend &&
	    is_opaque(pair->roots[NATIVE], path) != is_opaque(pair->roots[EMULATED], path))
		differ(pair, path, "what it hides");
	return OK;
}

/** All names of one directory; those that are directories themselves wait in `open`. */
static result directory_compare(struct pair *pair, const char *path, struct strings *waiting,
				struct error *err)
{
	owned(strings) struct strings names = {};

	if (cancel_check(pair->ctx, err) || names_add(pair->roots[NATIVE], path, &names, err) ||
	    names_add(pair->roots[EMULATED], path, &names, err))
		return FAILED;
	strings_sort(&names);
	for (size_t i = 0; i < names.count; i++) {
		owned(str) char *below = NULL;
		bool descend;

		if (i && strcmp(names.items[i], names.items[i - 1]) == 0)
			continue;
		below = xasprintf("%s/%s", path[1] ? path : "", names.items[i]);
		if (name_compare(pair, below, &descend, err))
			return FAILED;
		if (descend)
			strings_add(waiting, below);
	}
	return OK;
}

result trees_compare(const struct ctx *ctx, int native_fd, int emulated_fd, struct differences *out,
		     struct error *err)
{
	struct pair pair = { .ctx = ctx, .roots = { native_fd, emulated_fd }, .found = out };
	owned(strings) struct strings waiting = {};

	strings_add(&waiting, "/");
	for (size_t i = 0; i < waiting.count; i++) {
		owned(str) char *path = xstrdup(waiting.items[i]);

		if (directory_compare(&pair, path, &waiting, err))
			return FAILED;
	}
	return OK;
}

void differences_move(struct differences *differences, char *const *paths,
		      struct differences *apart)
{
	owned(strings) struct strings sorted = {};
	struct differences left = { .count = differences->count };

	strings_add_all(&sorted, paths);
	strings_sort(&sorted);
	for (size_t i = 0; i < differences->paths.count; i++) {
		const char *path = differences->paths.items[i];
		const bool moves = strings_have_sorted(&sorted, path);
		struct differences *to = moves ? apart : &left;

		strings_add(&to->paths, path);
		strings_add(&to->hows, differences->hows.items[i]);
		left.count -= moves;
		apart->count += moves;
	}
	differences_drop(differences);
	*differences = left;
}

void differences_move_known(struct differences *differences, struct differences *apart)
{
	/* Of each library, the numbers of its file and of the file system that it is on. */
	static const char libraries[] = "/var/cache/ldconfig/aux-cache";
	/* Of Go's tools, how often each ran, which native ones do not count. */
	static const char counters[] = "/go/telemetry/local/";
	owned(strings) struct strings known = {};

	strings_add(&known, libraries);
	for (size_t i = 0; i < differences->paths.count; i++)
		if (strstr(differences->paths.items[i], counters))
			strings_add(&known, differences->paths.items[i]);
	differences_move(differences, known.items, apart);
}

void differences_print(const struct differences *differences, struct buf *out)
{
	size_t shown = differences->paths.count;

	if (shown > REPORTED_MAX)
		shown = REPORTED_MAX;
	for (size_t i = 0; i < shown; i++) {
		const char *path = differences->paths.items[i];

		buf_add_str(out, i ? "; " : " ");
		text_escape(out, path, strlen(path));
		buf_printf(out, ": %s", differences->hows.items[i]);
	}
	if (differences->count > shown)
		buf_printf(out, "; and %zu more", differences->count - shown);
}

void differences_drop(struct differences *differences)
{
	strings_drop(&differences->paths);
	strings_drop(&differences->hows);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/unpacked.h"

#include "base/fd.h"
#include "base/mem.h"
#include "runner/go_info.h"
#include "runner/packages_internal.h"
#include "runner/tools.h"
#include "runner/twin_files.h"
#include "sandbox/sandbox.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	GO_VERSION_MAX = 4096,
	RUST_MANIFEST_MAX = 32 << 20,
	UNPACKED_MAX = 16,
	NAMES_MAX = 1024, /* in one directory of a toolchain */
};

/* Of the files of one toolchain, which are read: what is past them has no twins. */
#define BYTES_MAX (4ULL << 30)

#define GO_FOLDER     "/usr/local/go"
#define RUST_FOLDER   "/usr/local/rustup/toolchains"
#define RUST_MANIFEST "lib/rustlib/multirust-channel-manifest.toml"
#define RUST_DRIVER   "librustc_driver-"

/* ---- reading ---- */

/** A small file of the root, or nothing. */
static bool text_read(const struct unpacked_root *root, const char *path, size_t limit,
		      struct buf *out)
{
	owned(fd) int fd = root_open(root->fd, path);
	struct error ignored;

	return fd >= 0 && !read_all(fd, limit, out, &ignored);
}

static bool is_plain(const char *text)
{
	return *text && strlen(text) == strspn(text, "abcdefghijklmnopqrstuvwxyz"
						     "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_+");
}

/** The names in a directory of the root, in order. */
static void names_read(const struct unpacked_root *root, const char *folder, struct strings *out)
{
	int fd = open_in_root(root->fd, folder, O_RDONLY | O_DIRECTORY, 0);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!dir) {
		fd_drop(&fd);
		return;
	}
	while (out->count < NAMES_MAX && (entry = readdir(dir)))
		if (is_plain(entry->d_name) && entry->d_name[0] != '.')
			strings_add(out, entry->d_name);
	closedir(dir);
	strings_sort(out);
}

static result one_add(const struct unpacked_root *root, const char *name, const char *version,
		      const char *folder, struct error *err)
{
	struct arena *arena = root->packages->arena;
	const struct package package = {
		.name = arena_printf(arena, UNPACKED_PREFIX "%s", name),
		.version = arena_strdup(arena, version),
		.arch = twin_arch_package(root->arch, root->packages->kind),
		.folder = arena_strdup(arena, folder),
		.loaded = true,
	};

	return package_add(root->packages, &package, err);
}

/** A file that a row speaks of, or a library. */
static result file_add(const struct unpacked_root *root, struct package *package, const char *path,
		       uint64_t *left, struct error *err)
{
	owned(found) struct found found = { .fd = -1 };
	struct sum sum;

	if (!strstr(path, ".so") && !tool_find(package->name, path))
		return OK;
	if (!found_open(root->fd, path, &found) || found.stat.st_size > NATIVE_SIZE_MAX ||
	    (uint64_t)found.stat.st_size > *left)
		return OK;
	*left -= (uint64_t)found.stat.st_size;
	if (found_content(&found, root->cache, &sum, err))
		return FAILED;
	return package_file_add(package, arena_strdup(root->packages->arena, path), &sum, err);
}

static result folder_add(const struct unpacked_root *root, struct package *package,
			 const char *folder, uint64_t *left, struct error *err)
{
	owned(strings) struct strings names = {};

	names_read(root, folder, &names);
	for (size_t i = 0; i < names.count; i++) {
		owned(str) char *path = xasprintf("%s/%s", folder, names.items[i]);

		if (cancel_check(root->ctx, err) || file_add(root, package, path, left, err))
			return FAILED;
	}
	return OK;
}

/** The files of two folders of the toolchain. */
static result folders_add(const struct unpacked_root *root, struct package *package,
			  const char *one, const char *other, struct error *err)
{
	const char *const folders[] = { one, other };
	uint64_t left = BYTES_MAX;

	for (size_t i = 0; i < countof(folders); i++) {
		owned(str) char *path = xasprintf("%s/%s", package->folder, folders[i]);

		if (folder_add(root, package, path, &left, err))
			return FAILED;
	}
	return OK;
}

static bool file_map(const struct unpacked_root *root, const char *path, struct native *out)
{
	owned(found) struct found found = { .fd = -1 };

	return found_open(root->fd, path, &found) && found_map(&found, &out->data, &out->size);
}

/* ---- Go's ---- */

/** The first line of VERSION is "go1.24.4". */
static result go_find(const struct unpacked_root *root, struct error *err)
{
	owned(buf) struct buf text = {};
	owned(str) char *line = NULL, *name = NULL;
	size_t length;

	if (!text_read(root, GO_FOLDER "/VERSION", GO_VERSION_MAX, &text))
		return OK;
	line = xstrndup(buf_text(&text), strcspn(buf_text(&text), "\n"));
	if (!starts_with(line, "go1.") || !is_plain(line))
		return OK;
	length = strlen("1.") + strspn(line + strlen("go1."), "0123456789");
	name = xasprintf("golang-%.*s-go", (int)length, line + strlen("go"));
	return one_add(root, name, line + strlen("go"), GO_FOLDER, err);
}

static result go_read(const struct unpacked_root *root, struct package *package, struct error *err)
{
	owned(str) char *tools = xasprintf("pkg/tool/linux_%s", root->arch->arch);

	return folders_add(root, package, tools, "bin", err);
}

/** What the tools are made of, and all that they read beside what they are given. */
static result go_sources(const struct unpacked_root *root, struct digest *out, struct error *err)
{
	static const char *const parts[] = { "src", "pkg/include", "VERSION" };
	owned(hasher) struct hasher *hasher = hasher_new();
	const struct copy_options options = {};

	for (size_t i = 0; i < countof(parts); i++) {
		owned(str) char *path = xasprintf(GO_FOLDER "/%s", parts[i]);
		struct digest digest;

		if (tree_hash(root->ctx, root->fd, path + 1, &options, false, &digest, err))
			return FAILED;
		hasher_add(hasher, digest.bytes, sizeof(digest.bytes));
	}
	*out = hasher_finish(hasher);
	return OK;
}

static bool go_info(const struct unpacked_root *root, const char *path, struct buf *out)
{
	struct native file = {};
	bool has;

	if (!file_map(root, path, &file))
		return false;
	has = go_info_read(file.data, file.size, out);
	munmap(file.data, file.size);
	return has;
}

/** Both programs are of this version, and made of the same in the same way. */
static bool go_program_agrees(const struct unpacked_root *native,
			      const struct unpacked_root *foreign, const char *path,
			      const char *version)
{
	owned(buf) struct buf ours = {}, theirs = {}, counterpart = {};
	owned(str) char *wanted = xasprintf("go%s", version);
	const size_t length = strlen(wanted);

	twin_path_map(native->arch, foreign->arch, false, path, &counterpart);
	return go_info(native, path, &ours) && go_info(foreign, buf_text(&counterpart), &theirs) &&
	       strcmp(buf_text(&ours), buf_text(&theirs)) == 0 &&
	       starts_with(buf_text(&ours), wanted) && strchr(" \n", buf_text(&ours)[length]);
}

static result go_compare(const struct unpacked_root *native, const struct package *ours,
			 const struct unpacked_root *foreign, const struct package *theirs,
			 const char **reason, struct error *err)
{
	struct digest our_sources, their_sources;
	struct error own = {};

	(void)theirs;
	if (go_sources(native, &our_sources, &own) || go_sources(foreign, &their_sources, &own)) {
		*reason = "its sources are not all there";
		return cancel_check(native->ctx, err);
	}
	if (!digest_equal(&our_sources, &their_sources))
		*reason = "of other sources";
	for (size_t i = 0; !*reason && i < ours->file_count; i++)
		if (!go_program_agrees(native, foreign, ours->files[i].path, ours->version))
			*reason = "whose programs are not all of its version";
	return OK;
}

/* ---- rustup's ---- */

/** Its list of all that belongs to a release, on every machine, names a tree's version. */
static result rust_add(const struct unpacked_root *root, const char *folder, struct error *err)
{
	owned(str) char *path = xasprintf(RUST_FOLDER "/%s", folder);
	owned(str) char *manifest = xasprintf("%s/" RUST_MANIFEST, path);
	owned(str) char *release = NULL, *name = NULL, *version = NULL;
	owned(buf) struct buf text = {};
	struct digest digest;
	char hex[DIGEST_HEX_MAX];

	if (!text_read(root, manifest, RUST_MANIFEST_MAX, &text))
		return OK;
	digest = digest_of(text.data, text.length);
	release = xstrndup(folder, strlen(folder) - strlen(root->arch->rust) - 1);
	name = xasprintf("rust-%s", release);
	version = xasprintf("%s-%.16s", release, digest_hex(&digest, hex));
	return one_add(root, name, version, path, err);
}

static result rust_find(const struct unpacked_root *root, struct error *err)
{
	owned(strings) struct strings names = {};
	owned(str) char *ending = NULL;
	size_t count = 0;

	if (!root->arch->rust)
		return OK;
	ending = xasprintf("-%s", root->arch->rust);
	names_read(root, RUST_FOLDER, &names);
	for (size_t i = 0; i < names.count && count < UNPACKED_MAX; i++) {
		const char *name = names.items[i];

		if (!ends_with(name, ending) || strlen(name) == strlen(ending))
			continue;
		count++;
		if (rust_add(root, name, err))
			return FAILED;
	}
	return OK;
}

static result rust_read(const struct unpacked_root *root, struct package *package,
			struct error *err)
{
	return folders_add(root, package, "bin", "lib", err);
}

/** What the release's list says of its compiler: "1.85.0 (4d91de4e4 2025-02-17)". */
static char *rust_version(const struct unpacked_root *root, const struct package *package)
{
	static const char start[] = "\n[pkg.rustc]\nversion = \"";
	owned(str) char *manifest = xasprintf("%s/" RUST_MANIFEST, package->folder);
	owned(buf) struct buf text = {};
	const char *at;

	if (!text_read(root, manifest, RUST_MANIFEST_MAX, &text))
		return NULL;
	at = strstr(buf_text(&text), start);
	at = at ? at + strlen(start) : "";
	/* Versions alone are in other texts too; with commit and date they are the compiler's. */
	if (!memchr(at, '(', strcspn(at, "\"\n")))
		return NULL;
	return xstrndup(at, strcspn(at, "\"\n"));
}

/** Whether the one library that is the compiler names the version. */
static bool rust_driver_is(const struct unpacked_root *root, const struct package *package,
			   const char *version)
{
	size_t count = 0, fit = 0;

	for (size_t i = 0; i < package->file_count; i++) {
		const char *path = package->files[i].path;
		struct native file = {};

		if (!starts_with(strrchr(path, '/') + 1, RUST_DRIVER))
			continue;
		count++;
		if (!file_map(root, path, &file))
			continue;
		fit += memmem(file.data, file.size, version, strlen(version)) != NULL;
		munmap(file.data, file.size);
	}
	return count == 1 && fit == 1;
}

static result rust_compare(const struct unpacked_root *native, const struct package *ours,
			   const struct unpacked_root *foreign, const struct package *theirs,
			   const char **reason, struct error *err)
{
	owned(str) char *our_version = rust_version(native, ours);
	owned(str) char *their_version = rust_version(foreign, theirs);

	if (!our_version || !their_version || strcmp(our_version, their_version) != 0)
		*reason = "of another release";
	else if (!rust_driver_is(native, ours, our_version) ||
		 !rust_driver_is(foreign, theirs, our_version))
		*reason = "whose compiler is not of its version";
	return cancel_check(native->ctx, err);
}

/* ---- all ---- */

static const struct kind {
	const char *prefix;
	const char *place; /* something of it, in a layer */
	result (*find)(const struct unpacked_root *root, struct error *err);
	result (*read)(const struct unpacked_root *root, struct package *package,
		       struct error *err);
	result (*compare)(const struct unpacked_root *native, const struct package *ours,
			  const struct unpacked_root *foreign, const struct package *theirs,
			  const char **reason, struct error *err);
} kinds[] = {
	{ UNPACKED_PREFIX "golang-", GO_FOLDER "/VERSION", go_find, go_read, go_compare },
	{ UNPACKED_PREFIX "rust-", RUST_FOLDER, rust_find, rust_read, rust_compare },
};

static const struct kind *kind_of(const struct package *package)
{
	for (size_t i = 0; package->folder && i < countof(kinds); i++)
		if (starts_with(package->name, kinds[i].prefix))
			return &kinds[i];
	return NULL;
}

result unpacked_add(const struct unpacked_root *root, struct error *err)
{
	for (size_t i = 0; i < countof(kinds); i++)
		if (kinds[i].find(root, err))
			return FAILED;
	packages_end(root->packages);
	return OK;
}

result unpacked_read(const struct unpacked_root *root, struct error *err)
{
	for (size_t i = 0; i < root->packages->count; i++) {
		struct package *package = &root->packages->items[i];
		const struct kind *kind = kind_of(package);

		if (!kind)
			continue;
		if (kind->read(root, package, err))
			return FAILED;
		package_files_end(package);
	}
	return OK;
}

result unpacked_compare(const struct unpacked_root *native, const struct package *ours,
			const struct unpacked_root *foreign, const struct package *theirs,
			const char **reason, struct error *err)
{
	*reason = NULL;
	return kind_of(ours)->compare(native, ours, foreign, theirs, reason, err);
}

bool unpacked_has_its_own(const struct unpacked_root *root, const struct unpacked_root *genuine,
			  const struct package *package)
{
	owned(str) char *folder = xasprintf("%s/lib", package->folder);
	owned(strings) struct strings now = {}, then = {};

	names_read(root, folder, &now);
	names_read(genuine, folder, &then);
	for (size_t i = 0; i < now.count; i++)
		if (!strings_have_sorted(&then, now.items[i]))
			return false;
	return now.count < NAMES_MAX;
}

bool unpacked_likely(const struct strings *lowers)
{
	for (size_t i = 0; i < lowers->count; i++) {
		owned(fd) int fd = open(lowers->items[i], O_PATH | O_DIRECTORY | O_CLOEXEC);

		for (size_t j = 0; j < countof(kinds); j++)
			if (faccessat(fd, kinds[j].place + 1, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
				return true;
	}
	return false;
}

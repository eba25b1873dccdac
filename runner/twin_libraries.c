/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/twin_libraries.h"

#include "base/fd.h"
#include "runner/twin_library_copy.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

enum { LIBRARY_DEPTH_MAX = 32, LIBRARIES_MAX = 4096, MODULE_DEPTH_MAX = 12, MODULES_MAX = 4096 };

/* ---- where it is ---- */

static bool library_open_in(const struct native_root *source, const char *folder, size_t length,
			    const char *name, struct found *out)
{
	owned(str) char *path = xasprintf("%.*s/%s", (int)length, folder, name);

	return found_open(source->spec->native, path, out);
}

/** Whether the copies' loader looks in a directory: those below the triple's are led to them. */
static bool is_copied(const char *folder, const char *triple)
{
	static const char *const places[] = { "/usr/lib/", "/lib/" };

	for (size_t i = 0; i < countof(places); i++)
		if (starts_with(folder, places[i]) &&
		    starts_with(folder + strlen(places[i]), triple))
			return true;
	return false;
}

/** Where the native loader would find it: the file's own path first, then the usual places. */
static bool library_open(const struct native_root *source, const char *name, const char *run_path,
			 struct found *out)
{
	static const char *const places[] = { "/lib64", "/usr/lib64", "/lib", "/usr/lib" };
	const char *triple = source->search->host->triple;
	owned(str) char *first = xasprintf("/lib/%s", triple);
	owned(str) char *second = xasprintf("/usr/lib/%s", triple);

	for (const char *at = run_path; at && *at;) {
		size_t length = strcspn(at, ":");

		if (length && is_copied(at, triple) && !memchr(at, '$', length) &&
		    library_open_in(source, at, length, name, out))
			return true;
		at += length + (at[length] ? 1 : 0);
	}
	if (library_open_in(source, first, strlen(first), name, out) ||
	    library_open_in(source, second, strlen(second), name, out))
		return true;
	for (size_t i = 0; i < countof(places); i++)
		if (library_open_in(source, places[i], strlen(places[i]), name, out))
			return true;
	return false;
}

#define ORIGIN "$ORIGIN"

/** The toolchain that a file is of which is in no package, or NULL. */
static const struct package *unpacked_of(const struct native_root *source, const char *path)
{
	for (size_t i = 0; i < source->native->count; i++) {
		const struct package *package = &source->native->items[i];
		const size_t length = package->folder ? strlen(package->folder) : 0;

		if (length && strncmp(path, package->folder, length) == 0 && path[length] == '/')
			return package;
	}
	return NULL;
}

/**
 * Where such a toolchain's file has a library beside it, by its own path: "" where it has none, and
 * NULL where it looks elsewhere, too.
 */
static char *beside_find(const struct native_root *source, const char *path, const char *run_path,
			 const char *name)
{
	const struct package *package = unpacked_of(source, path);
	const int folder = (int)(strrchr(path, '/') - path);

	for (const char *at = package ? run_path : NULL; at && *at;) {
		const int length = (int)strcspn(at, ":"), origin = (int)strlen(ORIGIN);
		owned(str) char *written = starts_with(at, ORIGIN)
						   ? xasprintf("%.*s%.*s/%s", folder, path,
							       length - origin, at + origin, name)
						   : NULL;
		owned(str) char *plain = written ? path_absolute(written) : NULL;
		owned(found) struct found found = { .fd = -1 };

		if (!plain || unpacked_of(source, plain) != package)
			return NULL;
		if (found_open(source->spec->native, plain, &found))
			return take(plain);
		at += length + (at[length] ? 1 : 0);
	}
	return xstrdup("");
}

/* ---- its foreign counterpart ---- */

static bool foreign_has(const struct native_root *source, const char *path)
{
	owned(fd) int fd = root_open(source->search->request->foreign, path);

	return fd >= 0;
}

/** Whether the foreign root has another file of that name where its loader looks before. */
static bool library_is_hidden_by(const struct native_root *source, const char *folder,
				 const char *name, const char *path)
{
	owned(str) char *other = xasprintf("%s/%s", folder, name);
	owned(found) struct found ours = { .fd = -1 }, theirs = { .fd = -1 };
	const int foreign = source->search->request->foreign;

	return found_open(foreign, other, &theirs) &&
	       !(found_open(foreign, path, &ours) && strcmp(ours.path, theirs.path) == 0);
}

/** Whether the foreign root would take another library of that name than its package's. */
static bool library_is_shadowed(const struct native_root *source, const char *name,
				const char *path)
{
	const struct twin_arch *target = source->search->target;
	owned(str) char *second = xasprintf("/usr/local/lib/%s", target->triple);
	owned(str) char *list = xasprintf("/etc/ld-musl-%s.path", twin_arch_musl(target));

	if (source->search->foreign->kind == PACKAGES_APK &&
	    (foreign_has(source, list) || library_is_hidden_by(source, "/lib", name, path)))
		return true;
	return library_is_hidden_by(source, "/usr/local/lib", name, path) ||
	       library_is_hidden_by(source, second, name, path);
}

/** The loader is where its machine's ABI has it, which is not always beside the other libraries. */
static const struct package_file *loader_find(const struct twin_search *search,
					      const struct package *peer, const char *path)
{
	const char *loader = search->target->loader;
	owned(str) char *merged = xasprintf("/usr%s", loader);
	const struct package_file *file;

	if (!ends_with(path, strrchr(loader, '/')))
		return NULL;
	file = package_file_find(peer, loader);
	return file ? file : package_file_find(peer, merged);
}

/**
 * The length of a library's path before the "-0123456789abcdef.so" in which Rust's libraries end:
 * it is another one for each machine; 0 where it has none.
 */
static size_t hash_place(const char *path)
{
	enum { DIGITS = 16 };
	const char *dash = strrchr(path, '-');

	if (!dash || strspn(dash + 1, "0123456789abcdef") != DIGITS ||
	    strcmp(dash + 1 + DIGITS, ".so") != 0)
		return 0;
	return (size_t)(dash - path);
}

/** The package's file of that path, or the only one that differs in such an ending. */
static const struct package_file *counterpart_find(const struct package *package, const char *path)
{
	const struct package_file *file = package_file_find(package, path), *found = NULL;
	const size_t length = hash_place(path);

	if (file || !length)
		return file;
	for (size_t i = 0; i < package->file_count; i++) {
		const char *other = package->files[i].path;

		if (hash_place(other) != length || memcmp(other, path, length) != 0)
			continue;
		if (found)
			return NULL;
		found = &package->files[i];
	}
	return found;
}

/** The foreign counterpart of a native package's library is there, and as its package has it. */
static result library_compare(struct native_root *source, const struct owner *owner,
			      const char **reason, struct error *err)
{
	const struct twin_search *search = source->search;
	const char *arch = twin_arch_package(search->target, search->foreign->kind);
	const struct package *foreign = packages_find(search->foreign, owner->package->name, arch);
	struct package *peer;
	const struct package_file *file;
	owned(buf) struct buf path = {};
	owned(found) struct found found = { .fd = -1 };
	bool same;

	*reason = NULL;
	if (native_root_genuine(source, owner->package->name, arch, &peer, err))
		return FAILED;
	if (!foreign || !peer ||
	    !versions_match(owner->package->version, foreign->version, false) ||
	    strcmp(peer->version, foreign->version) != 0) {
		*reason = "a library that it needs has another version";
		return OK;
	}
	twin_path_map(search->host, search->target, false, owner->file->path, &path);
	file = counterpart_find(peer, buf_text(&path));
	if (!file)
		file = loader_find(search, peer, buf_text(&path));
	if (!file || library_is_shadowed(source, strrchr(file->path, '/') + 1, file->path) ||
	    !foreign_open(search->request, file->path, &found)) {
		*reason = "a library that it needs is another one";
		return OK;
	}
	if (foreign_verify(search->request, &found, &file->sum, &same, err))
		return FAILED;
	if (!same)
		*reason = "a library that it needs was altered";
	return OK;
}

/* ---- what it needs ---- */

static result needs_check(struct native_root *source, const struct native *native, const char *path,
			  bool is_cross, size_t depth, const char **reason, struct error *err);

static result library_needs(struct native_root *source, const struct found *found, bool is_cross,
			    size_t depth, const char **reason, struct error *err)
{
	struct native native;
	uint8_t *data = NULL;
	size_t size = 0;
	int failed = OK;

	if (!found_map(found, &data, &size) || !native_read(data, size, &native) ||
	    native.machine != source->search->host->machine)
		*reason = "a library that it needs cannot be read";
	else
		failed = needs_check(source, &native, found->path, is_cross, depth, reason, err);
	if (data)
		munmap(data, size);
	return failed ? FAILED : OK;
}

/** Where musl's copy looks: a directory of links to the libraries that were looked at. */
static void musl_link_add(struct native_root *source, const char *name, const char *path)
{
	owned(str) char *link = xasprintf("m/%s", name);
	owned(str) char *target = xasprintf("..%s", path);

	native_root_add(source, link, target, true);
}

/** A native library that was found: is it its package's, and has it its twin? */
static result library_examine(struct native_root *source, const struct found *found,
			      const struct owner *owner, const char *name, bool is_cross,
			      size_t depth, const char **reason, struct error *err)
{
	bool same;

	if (found_verify(found, &owner->file->sum, source->search->request->cache, &same, err))
		return FAILED;
	if (!same) {
		*reason = "a library of the native root was altered";
		return OK;
	}
	if (!is_cross && library_compare(source, owner, reason, err))
		return FAILED;
	if (*reason)
		return OK;
	if (library_copy(source, found, &owner->file->sum, name, reason, err))
		return FAILED;
	if (!*reason && source->native->kind == PACKAGES_APK)
		musl_link_add(source, name, found->path);
	return *reason ? OK : library_needs(source, found, is_cross, depth, reason, err);
}

/** The library that a file asks for: at `beside`, if that is a path, else where all are. */
static result library_check(struct native_root *source, const char *name, const char *beside,
			    const char *run_path, bool is_cross, size_t depth, const char **reason,
			    struct error *err)
{
	owned(found) struct found found = { .fd = -1 };
	const struct owner *owner;

	*reason = NULL;
	if (*beside ? !found_open(source->spec->native, beside, &found)
		    : !library_open(source, name, run_path, &found)) {
		*reason = "a library that it needs is not in the native root";
		return OK;
	}
	if (native_root_owner(source, found.path, &owner, err))
		return FAILED;
	if (!owner || (*beside && !owner->package->folder)) {
		*reason = "a library that it needs belongs to no package";
		return OK;
	}
	return library_examine(source, &found, owner, name, is_cross, depth, reason, err);
}

static const struct library *library_find(const struct native_root *source, const char *name,
					  bool is_cross)
{
	for (size_t i = 0; i < source->library_count; i++)
		if (source->libraries[i].is_cross == is_cross &&
		    strcmp(source->libraries[i].name, name) == 0)
			return &source->libraries[i];
	return NULL;
}

static result need_check(struct native_root *source, const char *name, const char *path,
			 const char *run_path, bool is_cross, size_t depth, const char **reason,
			 struct error *err)
{
	owned(str) char *beside = beside_find(source, path, run_path, name);
	/* Toolchains may have different ones of one name. */
	const char *key = beside && *beside ? beside : name;
	const struct library *known = library_find(source, key, is_cross);
	const size_t at = source->library_count;

	if (!beside) {
		*reason = "it looks for libraries in places of its own";
		return OK;
	}
	if (known) {
		*reason = known->reason;
		return OK;
	}
	/* Fine until the contrary is found: libraries may need each other. */
	array_grow(source->libraries, at);
	source->libraries[source->library_count++] =
		(struct library){ xstrdup(key), is_cross, NULL };
	if (library_check(source, name, beside, run_path, is_cross, depth + 1, reason, err))
		return FAILED;
	source->libraries[at].reason = *reason;
	return OK;
}

static result needs_check(struct native_root *source, const struct native *native, const char *path,
			  bool is_cross, size_t depth, const char **reason, struct error *err)
{
	*reason = depth > LIBRARY_DEPTH_MAX || source->library_count > LIBRARIES_MAX
			  ? "it needs too many libraries"
			  : NULL;
	for (size_t i = 0; !*reason && i < native->need_count; i++) {
		if (need_check(source, native->needs[i], path, native->run_path, is_cross, depth,
			       reason, err))
			return FAILED;
	}
	return OK;
}

result native_root_needs(struct native_root *source, const struct native *native, const char *path,
			 bool is_cross, const char **reason, struct error *err)
{
	return needs_check(source, native, path, is_cross, 0, reason, err);
}

/* ---- modules ---- */

static bool is_module(const char *path)
{
	return ends_with(path, ".so");
}

/**
 * How many modules are below a directory of the foreign root; links are not followed, and what is
 * past the limits counts as one more than there can be.
 */
static size_t modules_count(int root_fd, const char *folder, size_t depth)
{
	int fd = open_in_root(root_fd, folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	size_t count = 0;

	if (!dir) {
		fd_drop(&fd);
		return 0;
	}
	while (count <= MODULES_MAX && (entry = readdir(dir))) {
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.') {
			owned(str) char *below = xasprintf("%s/%s", folder, entry->d_name);

			count += depth < MODULE_DEPTH_MAX ? modules_count(root_fd, below, depth + 1)
							  : MODULES_MAX + 1;
		} else {
			count += is_module(entry->d_name);
		}
	}
	closedir(dir);
	return count;
}

static result module_examine(struct native_root *source, const struct owner *owner,
			     const char **reason, struct error *err)
{
	owned(found) struct found found = { .fd = -1 };
	const char *name = strrchr(owner->file->path, '/') + 1;

	if (!found_open(source->spec->native, owner->file->path, &found)) {
		*reason = "the native root lacks a module";
		return OK;
	}
	return library_examine(source, &found, owner, name, false, 0, reason, err);
}

result native_root_modules(struct native_root *source, const char *ours, const char *theirs,
			   const char **reason, struct error *err)
{
	size_t count = 0, length = strlen(ours);

	*reason = NULL;
	if (native_root_owners(source, err))
		return FAILED;
	for (size_t i = 0; i < source->owner_count && !*reason; i++) {
		const char *path = source->owners[i].file->path;

		if (!starts_with(path, ours) || path[length] != '/' || !is_module(path))
			continue;
		count++;
		if (module_examine(source, &source->owners[i], reason, err))
			return FAILED;
	}
	/* Each of ours has a file there that is none of the others': as many are all of them. */
	if (!*reason && count != modules_count(source->search->request->foreign, theirs, 0))
		*reason = "the native root does not have the same modules";
	return OK;
}

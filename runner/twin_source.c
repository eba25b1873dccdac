/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/twin_source.h"

#include "base/fd.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { LIBRARY_DEPTH_MAX = 32, LIBRARIES_MAX = 4096, MODULE_DEPTH_MAX = 12, MODULES_MAX = 4096 };

/** A library by the name that programs ask for, and what came of looking at it. */
struct library {
	char *name;
	bool is_cross;      /* it was not compared with the foreign root's */
	const char *reason; /* NULL: it is fine */
};

/** Which package a native file is of. */
struct owner {
	const char *path; /* without /usr before lib, bin and sbin */
	struct package *package;
	const struct package_file *file;
};

void native_root_drop(struct native_root **source)
{
	struct native_root *old = *source;

	if (!old)
		return;
	packages_drop(&old->native);
	if (old->own_peer)
		packages_drop(&old->peer);
	packages_drop(&old->archive);
	strings_drop(&old->diverted);
	free(old->run_path);
	for (size_t i = 0; i < old->library_count; i++)
		free(old->libraries[i].name);
	for (size_t i = 0; i < old->entry_count; i++)
		free(old->entries[i].path);
	free(old->owners);
	free(old->libraries);
	free(old->entries);
	free(old);
	*source = NULL;
}

int native_root_peer_fd(const struct native_root *source)
{
	return source->own_peer ? source->spec->peer : source->search->request->foreign;
}

/** What an archive has is genuine, as what the peer has is. */
static result archive_open(struct native_root *source, struct error *err)
{
	const struct twin_live *live = source->search->request->live;

	if (!live || live->archive < 0)
		return OK;
	if (packages_open(live->archive, &source->archive, err))
		return FAILED;
	for (size_t i = 0; i < source->archive->count; i++) {
		if (packages_load(source->archive, live->archive, &source->archive->items[i], err))
			return FAILED;
	}
	return OK;
}

result native_root_genuine(struct native_root *source, const char *name, const char *arch,
			   struct package **out, struct error *err)
{
	*out = source->archive ? packages_find(source->archive, name, arch) : NULL;
	if (!*out)
		*out = packages_find(source->peer, name, arch);
	return *out ? packages_load(source->peer, native_root_peer_fd(source), *out, err) : OK;
}

result native_root_open(const struct twin_search *search, size_t index, struct native_root **out,
			struct error *err)
{
	owned(native_root) struct native_root *source = xnew(struct native_root);

	source->search = search;
	source->spec = &search->request->sources[index];
	source->number = search->request->first_root + index;
	snprintf(source->root, sizeof(source->root), "%s/%zu", search->request->prefix,
		 source->number);
	if (packages_open(source->spec->native, &source->native, err))
		return FAILED;
	source->own_peer = source->spec->peer >= 0;
	source->peer = search->foreign;
	if (source->own_peer && packages_open(source->spec->peer, &source->peer, err)) {
		source->own_peer = false;
		return FAILED;
	}
	if (packages_diverted(native_root_peer_fd(source), &source->diverted, err) ||
	    archive_open(source, err))
		return FAILED;
	*out = take(source);
	return OK;
}

void native_root_add(struct native_root *source, const char *path, const char *name, bool is_link)
{
	struct twin_entry *entry;

	while (*path == '/')
		path++;
	for (size_t i = 0; i < source->entry_count; i++)
		if (strcmp(source->entries[i].path, path) == 0)
			return;
	array_grow(source->entries, source->entry_count);
	entry = &source->entries[source->entry_count++];
	*entry = (struct twin_entry){ .path = xstrdup(path), .is_link = is_link };
	snprintf(entry->name, sizeof(entry->name), "%s", name);
}

/* ---- versions ---- */

/** As long as the version is without "+b1" and "cross1". */
static size_t version_length(const char *version)
{
	size_t length = version_source_length(version), end = length;

	while (end && version[end - 1] >= '0' && version[end - 1] <= '9')
		end--;
	if (end < length && end > 5 && memcmp(version + end - 5, "cross", 5) == 0)
		length = end - 5;
	return length;
}

bool versions_match(const char *native, const char *foreign, bool any_revision)
{
	size_t ours = version_length(native), theirs = version_length(foreign);

	if (any_revision) {
		const char *our_end = memrchr(native, '-', ours);
		const char *their_end = memrchr(foreign, '-', theirs);

		ours = our_end ? (size_t)(our_end - native) : ours;
		theirs = their_end ? (size_t)(their_end - foreign) : theirs;
	}
	return ours == theirs && memcmp(native, foreign, ours) == 0;
}

/* ---- whose file it is ---- */

/** The path as it is where /bin, /lib and /sbin are links into /usr, and where they are not. */
static const char *path_plain(const char *path)
{
	static const char *const places[] = { "/usr/bin/", "/usr/sbin/", "/usr/lib" };

	for (size_t i = 0; i < countof(places); i++)
		if (starts_with(path, places[i]))
			return path + strlen("/usr");
	return path;
}

static int owner_compare(const void *left, const void *right)
{
	const struct owner *a = left, *b = right;

	return strcmp(a->path, b->path);
}

static result owners_read(struct native_root *source, struct error *err)
{
	for (size_t i = 0; i < source->native->count; i++) {
		struct package *package = &source->native->items[i];

		if (packages_load(source->native, source->spec->native, package, err))
			return FAILED;
		for (size_t j = 0; j < package->file_count; j++) {
			const struct package_file *file = &package->files[j];

			if (!strstr(file->path, "/lib") || !strstr(file->path, ".so"))
				continue;
			array_grow(source->owners, source->owner_count);
			source->owners[source->owner_count++] =
				(struct owner){ path_plain(file->path), package, file };
		}
	}
	if (source->owner_count)
		qsort(source->owners, source->owner_count, sizeof(*source->owners), owner_compare);
	return OK;
}

static result owner_find(struct native_root *source, const char *path, const struct owner **out,
			 struct error *err)
{
	const struct owner key = { .path = path_plain(path) };

	if (!source->owners && owners_read(source, err))
		return FAILED;
	*out = source->owner_count ? bsearch(&key, source->owners, source->owner_count, sizeof(key),
					     owner_compare)
				   : NULL;
	return OK;
}

/* ---- libraries ---- */

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

static enum copy_role library_role(const char *name)
{
	if (starts_with(name, "ld-musl-") || starts_with(name, "libc.musl-"))
		return COPY_MUSL;
	if (starts_with(name, "ld-linux") || starts_with(name, "ld64.so"))
		return COPY_LOADER;
	if (starts_with(name, "libLLVM"))
		return COPY_LLVM;
	return strcmp(name, "libc.so.6") == 0 ? COPY_LIBC : COPY_LIBRARY;
}

#define GCONV_FOLDER "/usr/lib64/gconv/"
#define GCONV_LIST   GCONV_FOLDER "gconv-modules.cache"

/** A list of character set modules, which names their directory; false where there is none. */
static result gconv_copy(struct native_root *source, const char *path,
			 const struct exchange *replacement, bool *done, struct error *err)
{
	const struct twin_search *search = source->search;
	const struct copy_request request = { .role = COPY_DATA,
					      .root = source->root,
					      .host = search->host,
					      .target = search->target,
					      .replacements = replacement,
					      .replacement_count = replacement ? 1 : 0 };
	owned(found) struct found found = { .fd = -1 };
	struct copied copied;
	struct sum sum;

	*done = false;
	if (!found_open(source->spec->native, path, &found))
		return OK;
	if (found_sum(&found, &sum, err) ||
	    twin_copy(search->files_fd, &found, &sum, &request, &copied, err))
		return FAILED;
	*done = !copied.reason;
	if (!copied.reason && !copied.unchanged)
		native_root_add(source, found.path, copied.name, false);
	return OK;
}

/**
 * Where the C library finds character sets: modules in the native root.  From /usr/lib64 it is told
 * where their list is, which says that they are beside the library.
 */
static result gconv_prepare(struct native_root *source, struct error *err)
{
	static const struct exchange beside = { GCONV_FOLDER, "$ORIGIN/gconv/", true };
	owned(str) char *path =
		xasprintf("/usr/lib/%s/gconv/gconv-modules.cache", source->search->host->triple);
	bool done;

	if (gconv_copy(source, path, NULL, &done, err))
		return FAILED;
	if (!source->run_path)
		return OK;
	return gconv_copy(source, GCONV_LIST, &beside, &source->knows_charsets, err);
}

enum { BFD_TEXTS = 2 };

/**
 * Binutils look for a compiler's plugin in two directories of the target; the copies have theirs in
 * ROOT/b (see root_links()), and a place where nothing can be instead of the other.
 */
static void bfd_exchange(const struct native_root *source, struct buf texts[2],
			 struct exchange out[BFD_TEXTS])
{
	buf_printf(&texts[0], "/usr/lib/%s/bfd-plugins", source->search->target->triple);
	buf_printf(&texts[1], "%s/b", source->root);
	out[0] = (struct exchange){ buf_text(&texts[0]), buf_text(&texts[1]), true };
	out[1] = (struct exchange){ "/usr/bin/../lib/bfd-plugins", "/proc/self/mem/x", true };
}

/** Debian's loader has places that become the copies'; that of others knows lib64. */
static void run_path_find(struct native_root *source, const struct found *found)
{
	if (source->run_path || !strstr(found->path, "/lib64/"))
		return;
	/* As short as can be: programs have little room for it. */
	native_root_add(source, "6", "usr/lib64", true);
	source->run_path = xasprintf("%s/6", source->root);
}

/** Where musl's copy looks: a directory of links to the libraries that were looked at. */
static void musl_link_add(struct native_root *source, const char *name, const char *path)
{
	owned(str) char *link = xasprintf("m/%s", name);
	owned(str) char *target = xasprintf("..%s", path);

	native_root_add(source, link, target, true);
}

/** Make the copy, and for the C library note what it can do. */
static result library_copy(struct native_root *source, const struct found *found,
			   const struct sum *sum, const char *name, const char **reason,
			   struct error *err)
{
	const struct twin_search *search = source->search;
	const enum copy_role role = library_role(name);
	struct buf texts[2] = {};
	struct exchange bfd[BFD_TEXTS];
	struct copy_request request = { .role = role,
					.root = source->root,
					.trip = search->request->trip,
					.host = search->host,
					.target = search->target };
	struct copied copied;
	int failed;

	const struct exchange machine = { search->host->deb, search->target->deb,
					  !starts_with(name, "libapt-pkg.so") };

	if (starts_with(name, "libapt-")) {
		request.exchanges = &machine;
		request.exchange_count = 1;
	}
	if (starts_with(name, "libbfd-")) {
		bfd_exchange(source, texts, bfd);
		request.replacements = bfd;
		request.replacement_count = BFD_TEXTS;
	}
	if (role == COPY_LIBC || role == COPY_LOADER)
		run_path_find(source, found);
	if (role == COPY_LIBC && source->run_path) {
		buf_printf(&texts[0], "%s" GCONV_LIST, source->root);
		bfd[0] = (struct exchange){ GCONV_LIST, buf_text(&texts[0]), true };
		request.exchanges = bfd;
		request.exchange_count = 1;
	}
	failed = twin_copy(search->files_fd, found, sum, &request, &copied, err);
	buf_drop(&texts[0]);
	buf_drop(&texts[1]);
	if (failed)
		return FAILED;
	if (role == COPY_MUSL) {
		source->answers_machine = !copied.reason;
		source->has_trip = !copied.reason && request.trip;
	}
	if (role == COPY_LIBC) {
		source->answers_machine = !copied.reason;
		source->has_trip = !copied.reason && request.trip;
		request.role = COPY_LIBRARY;
		if (gconv_prepare(source, err))
			return FAILED;
		if (copied.reason &&
		    twin_copy(search->files_fd, found, sum, &request, &copied, err))
			return FAILED;
	}
	*reason = copied.reason;
	if (!copied.reason && role == COPY_LOADER)
		native_root_add(source, "ld", copied.name, false);
	else if (!copied.reason && role == COPY_MUSL)
		native_root_add(source, "lm", copied.name, false);
	else if (!copied.reason && !copied.unchanged)
		native_root_add(source, found->path, copied.name, false);
	return OK;
}

static result needs_check(struct native_root *source, const struct native *native, bool is_cross,
			  size_t depth, const char **reason, struct error *err);

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
		failed = needs_check(source, &native, is_cross, depth, reason, err);
	if (data)
		munmap(data, size);
	return failed ? FAILED : OK;
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

static result library_check(struct native_root *source, const char *name, const char *run_path,
			    bool is_cross, size_t depth, const char **reason, struct error *err)
{
	owned(found) struct found found = { .fd = -1 };
	const struct owner *owner;

	*reason = NULL;
	if (!library_open(source, name, run_path, &found)) {
		*reason = "a library that it needs is not in the native root";
		return OK;
	}
	if (owner_find(source, found.path, &owner, err))
		return FAILED;
	if (!owner) {
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

static result needs_check(struct native_root *source, const struct native *native, bool is_cross,
			  size_t depth, const char **reason, struct error *err)
{
	*reason = depth > LIBRARY_DEPTH_MAX || source->library_count > LIBRARIES_MAX
			  ? "it needs too many libraries"
			  : NULL;
	for (size_t i = 0; !*reason && i < native->need_count; i++) {
		const struct library *known = library_find(source, native->needs[i], is_cross);
		size_t at = source->library_count;

		if (known) {
			*reason = known->reason;
			continue;
		}
		/* Fine until the contrary is found: libraries may need each other. */
		array_grow(source->libraries, at);
		source->libraries[source->library_count++] =
			(struct library){ xstrdup(native->needs[i]), is_cross, NULL };
		if (library_check(source, native->needs[i], native->run_path, is_cross, depth + 1,
				  reason, err))
			return FAILED;
		source->libraries[at].reason = *reason;
	}
	return OK;
}

result native_root_needs(struct native_root *source, const struct native *native, bool is_cross,
			 const char **reason, struct error *err)
{
	return needs_check(source, native, is_cross, 0, reason, err);
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
	if (!source->owners && owners_read(source, err))
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

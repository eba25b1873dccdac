/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/twin_source.h"

#include "base/fd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

result native_root_owners(struct native_root *source, struct error *err)
{
	if (source->owners)
		return OK;
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

result native_root_owner(struct native_root *source, const char *path, const struct owner **out,
			 struct error *err)
{
	const struct owner key = { .path = path_plain(path) };

	if (native_root_owners(source, err))
		return FAILED;
	*out = source->owner_count ? bsearch(&key, source->owners, source->owner_count, sizeof(key),
					     owner_compare)
				   : NULL;
	return OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
/**
 * index.json: what the images of the store are called.
 *
 * Every name is a descriptor with two annotations, both with the full reference: ref.name is what
 * skopeo and umoci look for ("oci:ROOT/oci:docker.io/library/demo:1"), image.name is containerd's.
 * Entries that others put here are found by what their name means by Docker's rules, and are kept.
 *
 * Changes are made by one process or thread at a time, under a lock on index.lock, and replace the
 * file at once; readers see the old names or the new ones and never wait.
 */
#include "registry/manifest.h"
#include "registry/store.h"

#include "base/fd.h"
#include "base/mem.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

enum { NAMES_BYTES_MAX = 16 << 20 };

static const char index_file[] = "index.json", lock_file[] = "index.lock";

/** Where a name is looked for, the first that is there. */
static const char *const name_keys[] = {
	"io.containerd.image.name",
	"org.opencontainers.image.ref.name",
};

static result names_lock(const struct store *store, int *out, struct error *err)
{
	owned(fd) int fd =
		openat(store->dir, lock_file, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);

	if (fd < 0)
		return fail_sys(err, "open %s", lock_file);
	if (lock_await(NULL, fd, LOCK_EX, err))
		return fail_in(err, "%s", lock_file);
	*out = fd_take(&fd);
	return OK;
}

static result names_write(const struct store *store, const json_t *json, struct error *err)
{
	owned(str) char *text = json_text(json, true);

	/* What was written must be readable. */
	if (strlen(text) > NAMES_BYTES_MAX)
		return fail(err, FAULT_INPUT, "%s: larger than %d bytes: remove names first",
			    index_file, NAMES_BYTES_MAX);
	return file_replace(store->dir, index_file, text, strlen(text), 0644, err);
}

result names_prepare(struct store *store, struct error *err)
{
	owned(json) json_t *json = NULL;
	owned(fd) int lock = -1;

	if (faccessat(store->dir, index_file, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return OK;
	if (names_lock(store, &lock, err))
		return FAILED;
	if (faccessat(store->dir, index_file, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return OK;
	json = json_pack("{s:i, s:s, s:[]}", "schemaVersion", 2, "mediaType",
			 media_text(MEDIA_INDEX, false), "manifests");
	return names_write(store, json, err);
}

result store_forget_names(struct store *store, struct error *err)
{
	static const char kept[] = "index.json.bad";

	/* Whatever it is that stands there. */
	if (remove_tree(store->dir, kept, err))
		return fail_in(err, "store %s", store->path);
	if (renameat(store->dir, index_file, store->dir, kept) < 0)
		return fail_sys(err, "store %s: rename %s", store->path, index_file);
	return names_prepare(store, err) ? fail_in(err, "store %s", store->path) : OK;
}

/** The document and its array of entries, borrowed from it. */
static result names_read(const struct store *store, json_t **out, struct json_at *entries,
			 struct error *err)
{
	owned(buf) struct buf text = {};
	owned(json) json_t *json = NULL;
	struct json_at root;
	enum media media;
	size_t count;

	if (plain_read(store->dir, index_file, NAMES_BYTES_MAX, &text, err) ||
	    document_parse(text.data, text.length, index_file, MEDIA_INDEX, &json, &media, err))
		return FAILED;
	root = json_root(json, index_file);
	if (json_get(&root, "manifests", entries, err) ||
	    json_length(entries, INDEX_ENTRIES_MAX, &count, err))
		return FAILED;
	*out = take(json);
	return OK;
}

/** What an entry is called; false where it has no name that could be one. */
static bool entry_name(const json_t *entry, struct reference *out)
{
	const json_t *annotations = json_object_get(entry, "annotations");

	for (size_t i = 0; i < countof(name_keys); i++) {
		const char *text = json_string_value(json_object_get(annotations, name_keys[i]));
		struct error ignored;

		if (text && !reference_parse(text, out, &ignored))
			return true;
	}
	return false;
}

static bool same_repository(const struct reference *a, const struct reference *b)
{
	return strcmp(a->repository, b->repository) == 0 && strcmp(a->host, b->host) == 0;
}

static bool same_name(const struct reference *a, const struct reference *b)
{
	return strcmp(a->tag, b->tag) == 0 && same_repository(a, b) && a->pinned == b->pinned &&
	       digest_equal(&a->digest, &b->digest); /* zero where it is not pinned */
}

/** The descriptor of an entry; its annotations end with index.json, so they are not handed out. */
static result entry_read(const struct json_at *at, struct descriptor *out, struct error *err)
{
	if (descriptor_read(at, out, err))
		return FAILED;
	out->annotations = NULL;
	return OK;
}

/** Look into an index for a manifest that somebody asks for by its digest. */
static bool index_has(struct store *store, const struct descriptor *at, const struct digest *digest,
		      struct descriptor *out)
{
	owned(index) struct index index = {};
	struct error ignored;

	if (at->media != MEDIA_INDEX || index_read(store, at, &index, &ignored))
		return false;
	for (size_t i = 0; i < index.count; i++) {
		if (!digest_equal(&index.manifests[i].digest, digest))
			continue;
		*out = index.manifests[i];
		out->annotations = NULL;
		return true;
	}
	return false;
}

/** Whether an entry is what a reference with a digest means: by any name in its repository. */
static bool entry_pinned(struct store *store, const struct json_at *at,
			 const struct reference *name, const struct reference *ref,
			 struct descriptor *out)
{
	struct descriptor target;
	struct error ignored;

	if (!ref->pinned || !same_repository(name, ref) || entry_read(at, &target, &ignored))
		return false;
	if (!digest_equal(&target.digest, &ref->digest))
		return index_has(store, &target, &ref->digest, out);
	*out = target;
	return true;
}

result store_resolve(struct store *store, const struct reference *ref, struct descriptor *out,
		     struct error *err)
{
	owned(json) json_t *json = NULL;
	struct json_at entries;
	char text[REFERENCE_TEXT_MAX];

	if (names_read(store, &json, &entries, err))
		return fail_in(err, "store %s", store->path);
	for (size_t i = 0; i < json_array_size(entries.value); i++) {
		struct json_at at = json_element(&entries, i);
		struct reference name;

		if (!entry_name(at.value, &name))
			continue;
		if (same_name(&name, ref)) {
			if (entry_read(&at, out, err))
				return fail_in(err, "store %s", store->path);
			return OK;
		}
		if (entry_pinned(store, &at, &name, ref, out))
			return OK;
	}
	return fail(err, FAULT_MISSING,
		    "%s is not in the store: 'mpemu images' lists what is, 'mpemu pull' fetches it",
		    reference_text(ref, text));
}

/** Whether the name stands for that digest now. */
static bool entries_lead_to(const struct json_at *entries, const struct reference *ref,
			    const struct digest *digest)
{
	for (size_t i = 0; i < json_array_size(entries->value); i++) {
		struct json_at at = json_element(entries, i);
		struct descriptor target;
		struct reference name;
		struct error ignored;

		if (entry_name(at.value, &name) && same_name(&name, ref))
			return !entry_read(&at, &target, &ignored) &&
			       digest_equal(&target.digest, digest);
	}
	return false;
}

/** Remove every entry of that name; how many there were. */
static size_t entries_remove(json_t *entries, const struct reference *ref)
{
	size_t removed = 0;

	for (size_t i = json_array_size(entries); i-- > 0;) {
		struct reference name;

		if (!entry_name(json_array_get(entries, i), &name) || !same_name(&name, ref))
			continue;
		json_array_remove(entries, i);
		removed++;
	}
	return removed;
}

static json_t *entry_new(const struct reference *ref, const struct descriptor *target)
{
	owned(json) json_t *annotations = json_object();
	struct descriptor named = *target;
	char text[REFERENCE_TEXT_MAX];

	reference_text(ref, text);
	for (size_t i = 0; i < countof(name_keys); i++)
		json_object_set_new(annotations, name_keys[i], json_string(text));
	named.annotations = annotations;
	return descriptor_json(&named);
}

/** The array of entries for change; some tools write null for an empty one. */
static json_t *entries_of(json_t *json)
{
	json_t *list = json_object_get(json, "manifests");

	if (!json_is_array(list)) {
		list = json_array();
		json_object_set_new(json, "manifests", list);
	}
	return list;
}

/** What shall become of a name, and on which condition. */
struct change {
	const struct reference *ref;
	const struct descriptor *target; /* NULL: the name goes */
	const struct digest *from;       /* NULL: whatever it stood for */
	bool done;
};

static result names_change(struct store *store, struct change *change, struct error *err)
{
	owned(json) json_t *json = NULL;
	owned(fd) int lock = -1;
	struct json_at entries;
	json_t *list;
	char text[REFERENCE_TEXT_MAX];

	if (names_lock(store, &lock, err) || names_read(store, &json, &entries, err))
		return FAILED;
	if (change->from && !entries_lead_to(&entries, change->ref, change->from))
		return OK;
	list = entries_of(json);
	if (entries_remove(list, change->ref) == 0 && !change->target)
		return fail(err, FAULT_MISSING, "%s is not in the store",
			    reference_text(change->ref, text));
	if (change->target && json_array_size(list) == INDEX_ENTRIES_MAX)
		return fail(err, FAULT_INPUT, "%d names are all that it holds", INDEX_ENTRIES_MAX);
	if (change->target)
		json_array_append_new(list, entry_new(change->ref, change->target));
	change->done = true;
	return names_write(store, json, err);
}

/** Set a name once the blobs that it leads to are safe. */
static result names_set(struct store *store, struct change *change, struct error *err)
{
	if (change->target->media != MEDIA_INDEX && change->target->media != MEDIA_MANIFEST)
		return fail(err, FAULT_INPUT, "only an image or an index can have a name");
	if (fsync(store->blobs) < 0)
		return fail_sys(err, "store %s: sync blobs", store->path);
	if (names_change(store, change, err))
		return fail_in(err, "store %s", store->path);
	return OK;
}

result store_tag(struct store *store, const struct reference *ref, const struct descriptor *target,
		 struct error *err)
{
	struct change change = { .ref = ref, .target = target };

	return names_set(store, &change, err);
}

result store_move(struct store *store, const struct reference *ref, const struct digest *from,
		  const struct descriptor *target, bool *moved, struct error *err)
{
	struct change change = { .ref = ref, .target = target, .from = from };

	if (names_set(store, &change, err))
		return FAILED;
	*moved = change.done;
	return OK;
}

result store_untag(struct store *store, const struct reference *ref, struct error *err)
{
	struct change change = { .ref = ref };
	struct error why;

	if (!names_change(store, &change, &why))
		return OK;
	*err = why;
	return why.fault == FAULT_MISSING ? FAILED : fail_in(err, "store %s", store->path);
}

result names_all(const struct store *store, struct store_entry **out, size_t *count,
		 struct error *err)
{
	owned(json) json_t *json = NULL;
	struct store_entry *list;
	struct json_at entries;
	size_t total;

	if (names_read(store, &json, &entries, err))
		return fail_in(err, "store %s", store->path);
	total = json_array_size(entries.value);
	list = xcalloc(total, sizeof(*list));
	for (size_t i = 0; i < total; i++) {
		struct json_at at = json_element(&entries, i);
		struct reference name;

		if (entry_name(at.value, &name))
			reference_text(&name, list[i].name);
		if (entry_read(&at, &list[i].target, err)) {
			free(list);
			return fail_in(err, "store %s", store->path);
		}
	}
	*out = list;
	*count = total;
	return OK;
}

/** A name and where it stands in index.json. */
struct place {
	char name[REFERENCE_TEXT_MAX];
	size_t at;
};

static int place_compare(const void *a, const void *b)
{
	const struct place *one = a, *other = b;
	int order = strcmp(one->name, other->name);

	return order ? order : (one->at > other->at) - (one->at < other->at);
}

/** All names, sorted; the caller frees the list.  How many there are. */
static size_t places_list(const struct json_at *entries, struct place **out)
{
	size_t total = json_array_size(entries->value), count = 0;
	struct place *list = xcalloc(total, sizeof(*list));

	for (size_t i = 0; i < total; i++) {
		struct reference name;

		if (!entry_name(json_array_get(entries->value, i), &name))
			continue;
		reference_text(&name, list[count].name);
		list[count++].at = i;
	}
	qsort(list, count, sizeof(*list), place_compare);
	*out = list;
	return count;
}

/** Of two entries with one name the first counts, as it does for store_resolve(). */
static result places_read(const struct json_at *entries, const struct place places[], size_t total,
			  struct store_entry *out, size_t *count, struct error *err)
{
	size_t found = 0;

	for (size_t i = 0; i < total; i++) {
		struct json_at at = json_element(entries, places[i].at);

		if (i > 0 && strcmp(places[i].name, places[i - 1].name) == 0)
			continue;
		strcpy(out[found].name, places[i].name);
		if (entry_read(&at, &out[found].target, err))
			return FAILED;
		found++;
	}
	*count = found;
	return OK;
}

result store_list(struct store *store, struct store_entry **out, size_t *count, struct error *err)
{
	owned(json) json_t *json = NULL;
	struct store_entry *list;
	struct place *places;
	struct json_at entries;
	size_t total;
	result done;

	if (names_read(store, &json, &entries, err))
		return fail_in(err, "store %s", store->path);
	total = places_list(&entries, &places);
	list = xcalloc(total, sizeof(*list));
	done = places_read(&entries, places, total, list, count, err);
	free(places);
	if (done) {
		free(list);
		return fail_in(err, "store %s", store->path);
	}
	*out = list;
	return OK;
}

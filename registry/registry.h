/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Images: how they are named, described, stored (OCI image layout) and moved (OCI distribution).
 */
#ifndef REGISTRY_REGISTRY_H
#define REGISTRY_REGISTRY_H

#include "base/ctx.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/platform.h"

/* ---- names ---- */

/** A reference by Docker's rules, complete: a missing host, namespace and tag are filled in. */
struct reference {
	char host[256];       /* "docker.io", "localhost:5000" */
	char repository[256]; /* "library/debian" */
	char tag[129];        /* "" only where a digest was given without a tag */
	struct digest digest;
	bool pinned; /* digest is set */
};

#define REFERENCE_TEXT_MAX 768

/** FAULT_INPUT says what is wrong with it (upper case, bad tag, too long, ...). */
result reference_parse(const char *text, struct reference *out, struct error *err);

/** The full form: "docker.io/library/debian:bookworm[@sha256:...]". */
const char *reference_text(const struct reference *ref, char text[REFERENCE_TEXT_MAX]);

/* ---- descriptors ---- */

enum media {
	MEDIA_UNKNOWN,
	MEDIA_INDEX,
	MEDIA_MANIFEST,
	MEDIA_CONFIG,
	MEDIA_LAYER_TAR,
	MEDIA_LAYER_GZIP,
	MEDIA_LAYER_ZSTD,
};

/** A pointer to content by what it hashes to. */
struct descriptor {
	enum media media;
	bool is_docker; /* the vnd.docker name of that type was (and will be) used */
	uint64_t size;
	struct digest digest;
	struct platform platform; /* only in an index's entries; os "" else */
	json_t *annotations;      /* object or NULL; borrowed from the document it came from */
};

/** The media type of a descriptor, as it is written; "" for MEDIA_UNKNOWN. */
const char *media_text(enum media media, bool is_docker);
enum media media_of_layer(enum compression compression);
enum compression media_compression(enum media media);

/** The kind that a media type names (no parameters); MEDIA_UNKNOWN where it is none of ours. */
enum media media_parse(const char *text, bool *is_docker);
bool media_is_layer(enum media media);

/** One filesystem layer: the blob as stored, and what it hashes to unpacked. */
struct layer {
	struct descriptor blob;
	struct digest diff_id;
};

/* ---- the store ---- */

/** An OCI layout at ROOT/oci.  Safe from several threads and processes. */
struct store;

/** Open, and make where it is not there yet.  Waits while another process has it for itself. */
result store_open(const struct ctx *ctx, const char *root, struct store **out, struct error *err);
void store_drop(struct store **store);

/**
 * Open a blob for reading.  FAULT_MISSING where it is not there ("blob sha256:... is missing from
 * the store; ..."), FAULT_INTEGRITY where its size is not the descriptor's.  The caller owns the fd
 * and checks the digest of what it reads.
 */
result store_blob(struct store *store, const struct descriptor *blob, int *fd, struct error *err);

/** The same, read once to see that it is what its digest says: for who hands it on unread. */
result store_blob_whole(const struct ctx *ctx, struct store *store, const struct descriptor *blob,
			int *fd, struct error *err);

/** Read a small blob and check its digest and size; FAULT_INPUT past `limit`. */
result store_read(struct store *store, const struct descriptor *blob, size_t limit, struct buf *out,
		  struct error *err);

bool store_has(struct store *store, const struct digest *digest);

/** A blob being written: its bytes go to blob_writer_fd(), hashed by whoever writes them. */
struct blob_writer;

result blob_writer_new(struct store *store, struct blob_writer **out, struct error *err);
void blob_writer_drop(struct blob_writer **writer);
int blob_writer_fd(const struct blob_writer *writer);

/**
 * fsync and rename to its final name; a blob that is there already is kept.  Ends the writer, also
 * on failure.  The directory is only fsynced by store_tag(): after a crash a blob that no name
 * leads to may be gone (never damaged), so ask store_has() for digests remembered elsewhere.
 */
result blob_writer_commit(struct blob_writer *writer, const struct digest *digest,
			  struct error *err);

/** Store bytes from memory; `out` gets media, size and digest. */
result store_put(struct store *store, enum media media, const void *data, size_t length,
		 struct descriptor *out, struct error *err);

/**
 * What a name stands for; FAULT_MISSING where the store does not have it.  A reference with a
 * digest means that manifest under any name of its repository, also as part of an index.
 */
result store_resolve(struct store *store, const struct reference *ref, struct descriptor *out,
		     struct error *err);

/** Let a name stand for a manifest or index; whatever it stood for before is no longer named. */
result store_tag(struct store *store, const struct reference *ref, const struct descriptor *target,
		 struct error *err);

/**
 * The same, but only if the name still stands for `from`; `*moved` says so.  For changes that were
 * computed from what the name stood for: where it is false, begin again.
 */
result store_move(struct store *store, const struct reference *ref, const struct digest *from,
		  const struct descriptor *target, bool *moved, struct error *err);

result store_untag(struct store *store, const struct reference *ref, struct error *err);

struct store_entry {
	char name[REFERENCE_TEXT_MAX];
	struct descriptor target;
};

/** All names, sorted; the caller frees the list. */
result store_list(struct store *store, struct store_entry **out, size_t *count, struct error *err);

/* ---- what is in the store, and why ---- */

/**
 * Become the only user of the store until store_drop(): FAULT_SYSTEM where another process has it
 * open.  Only then may anything be removed; who opens the store meanwhile waits.
 */
result store_lock(struct store *store, struct error *err);

struct store_blob {
	struct digest digest;
	uint64_t size;
	bool damaged; /* as store_verify() found it */
};

/** All blobs, sorted by digest; the caller frees the list. */
result store_blobs(struct store *store, struct store_blob **out, size_t *count, struct error *err);

/** Read every blob of the list and set `damaged` where its content has another digest. */
result store_verify(const struct ctx *ctx, struct store *store, struct store_blob *blobs,
		    size_t count, struct error *err);

/**
 * Begin index.json anew under store_lock(), where it cannot be read any more; the old one is kept
 * as index.json.bad.
 */
result store_forget_names(struct store *store, struct error *err);

/** Remove a blob under store_lock(); one that is not there is fine. */
result store_remove(struct store *store, const struct digest *digest, struct error *err);

/** Remove (or only count) what writers that died left of index.json, under store_lock(). */
result store_sweep(struct store *store, bool only_count, size_t *count, struct error *err);

enum lead {
	LEAD_NAME,  /* a name stands for it */
	LEAD_ENTRY, /* an index has it, which need not have been pulled */
	LEAD_PART,  /* a manifest has it as config or layer */
};

/** Something that a name leads to. */
struct reached {
	const char *name; /* "" where others put it into index.json without one */
	enum lead lead;
	const struct descriptor *blob;
	const struct descriptor *parent; /* the index or manifest that has it; NULL: index.json */
	const struct error *why;         /* NULL, or why this index or manifest cannot be read */
};

/**
 * Visit what names lead to, each thing once for every way that leads to it, what contains before
 * what is contained; but what an index or manifest contains once a name.  An index or manifest that
 * is here is visited a second time, with `why`, where it cannot be read; its parts are left out.
 * `*enter` false leaves them out, too.
 */
typedef result store_visit(void *arg, const struct reached *reached, bool *enter,
			   struct error *err);
result store_walk(struct store *store, store_visit *visit, void *arg, struct error *err);

/* ---- documents ---- */

/**
 * An index in memory: all its entries in their order, attestations too, so that whoever moves it
 * moves everything.  An entry may be of any media, and its blob need not be in the store: a pull of
 * some platforms keeps the index as the registry has it.
 */
struct index {
	struct descriptor *manifests; /* annotations are borrowed from `json` */
	size_t count;
	json_t *json; /* the whole document, or NULL where it was made here */
	bool is_lone; /* no index: the manifest that was read as one */
};

void index_drop(struct index *index);

/** BuildKit's "unknown/unknown" entries describe another entry; nobody runs them. */
bool descriptor_is_attestation(const struct descriptor *descriptor);

/**
 * Read an index; a manifest is read as an index of one entry, whose platform comes from its config.
 * Entries without a platform get theirs from their config too, where the store has it (os "" else).
 */
result index_read(struct store *store, const struct descriptor *at, struct index *out,
		  struct error *err);

/** An index and what to call it in errors. */
struct index_source {
	const char *name;
	const struct index *index;
};

/**
 * All entries of the sources in the order given, the same one only once, attestations last; the
 * caller frees the list, whose annotations belong to the sources.  FAULT_INPUT names both sources
 * that have different images for one platform.
 */
result index_merge(const struct index_source sources[], size_t source_count,
		   struct descriptor **out, size_t *count, struct error *err);

/** Write an OCI index of these manifests in this order; `annotations` may be NULL. */
result index_write(struct store *store, const struct descriptor manifests[], size_t count,
		   const json_t *annotations, struct descriptor *out, struct error *err);

/** How an image is chosen from an index: one of the two below. */
typedef result index_chooser(const struct index *index, const struct platform *platform,
			     struct descriptor *out, struct error *err);

/**
 * The entry that serves `platform` best (the first among equals).  FAULT_MISSING lists the
 * platforms that there are: "no linux/s390x; has linux/amd64, linux/arm64".
 */
index_chooser index_choose;

/**
 * The same for what a build starts from: an image without an index is taken whatever its platform
 * is, which `out` has.
 */
index_chooser index_choose_base;

/**
 * The blobs that a manifest points to, config first, also those of an artifact or attestation.  The
 * caller frees the list; they need not be in the store.
 */
result manifest_blobs(struct store *store, const struct descriptor *at, struct descriptor **out,
		      size_t *count, struct error *err);

/** One platform's image: its config as a document that keeps unknown fields, and its layers. */
struct image {
	struct descriptor manifest; /* as read; its size is 0 where the image was made here */
	struct platform platform;   /* of the config */
	json_t *config;             /* owned; the whole document with rootfs and history */
	struct layer *layers;       /* owned; bottom first, diff_ids from the config */
	size_t layer_count;
};

struct image *image_new(const struct platform *platform);
void image_drop(struct image **image);

/** Read manifest and config; counts of layers and diff_ids must agree (FAULT_INPUT). */
result image_read(struct store *store, const struct descriptor *manifest, struct image **out,
		  struct error *err);

/**
 * Write config and manifest; os, architecture, variant and rootfs of the config are set from the
 * image's fields.  `out` has the platform.  `annotations` may be NULL.  Media types are OCI's, also
 * those of layers; Docker's only where image->manifest.is_docker and Docker's can say it all.
 */
result image_write(struct store *store, const struct image *image, const json_t *annotations,
		   struct descriptor *out, struct error *err);

/* ---- moving ---- */

struct transport {
	bool insecure;  /* plain HTTP and unverified TLS everywhere; loopback may anyway */
	bool only_asks; /* a registry that does not answer at once is not asked again */
	const char
		*auth_file; /* NULL: $REGISTRY_AUTH_FILE, $DOCKER_CONFIG, ~/.docker/config.json */
};

/**
 * Fetch what `ref` names: of an index those manifests that serve `platforms` (count 0: all), with
 * configs and layers.  Every digest is checked while streaming; the bytes of manifests are kept as
 * they came.  `out` is the index or manifest as the registry has it.  The store's name is set by
 * the caller.
 */
result image_pull(const struct ctx *ctx, struct store *store, const struct reference *ref,
		  const struct platform platforms[], size_t count,
		  const struct transport *transport, struct descriptor *out, struct error *err);

/** The same, choosing as index_choose_base() does. */
result image_pull_base(const struct ctx *ctx, struct store *store, const struct reference *ref,
		       const struct platform platforms[], size_t count,
		       const struct transport *transport, struct descriptor *out,
		       struct error *err);

/** Upload blobs that are missing there, then manifests, the index (or manifest) itself last. */
result image_push(const struct ctx *ctx, struct store *store, const struct descriptor *at,
		  const struct reference *ref, const struct transport *transport,
		  struct error *err);

/* ---- documents elsewhere ---- */

/**
 * A place outside of the store that keeps blobs, and manifests under tags: a repository of a
 * registry, or an image layout in a directory.  What comes out of it has been checked against its
 * digest; a tag's manifest is what the place says.  Safe from several threads.
 */
struct depot;

/** The repository of `ref`; `writes` asks for the right to push too. */
result depot_open_repository(const struct ctx *ctx, const struct reference *ref, bool writes,
			     const struct transport *transport, struct depot **out,
			     struct error *err);

/** The layout in the directory `path`, made where it `writes`; FAULT_MISSING where there is none.
 */
result depot_open_layout(const char *path, bool writes, struct depot **out, struct error *err);
void depot_drop(struct depot **depot);

/**
 * Keep other writers away until depot_unlock().  `*alone` is false where that cannot be: a
 * registry lets everybody write, so what was put has to be looked at again.
 */
result depot_lock(const struct ctx *ctx, struct depot *depot, bool *alone, struct error *err);
void depot_unlock(struct depot *depot);

/**
 * The manifest or index of a tag, or of a digest's text; `out` has its media, size and digest.  Of
 * a layout, "" means "latest", or the only one that it lists.
 */
result depot_manifest(const struct ctx *ctx, struct depot *depot, const char *name,
		      struct buf *body, struct descriptor *out, struct error *err);

/** Write a blob to the empty file `fd`. */
result depot_blob(const struct ctx *ctx, struct depot *depot, const struct descriptor *blob, int fd,
		  struct error *err);

/** Fetch a blob into the store, unless it is there. */
result depot_fetch(const struct ctx *ctx, struct depot *depot, struct store *store,
		   const struct descriptor *blob, struct error *err);

/** Put blobs of the store there, several at a time, but those that it has. */
result depot_put_blobs(const struct ctx *ctx, struct depot *depot, struct store *store,
		       const struct descriptor blobs[], size_t count, struct error *err);

/** Let a tag stand for an OCI manifest whose blobs are there. */
result depot_put_manifest(const struct ctx *ctx, struct depot *depot, const char *tag,
			  const struct buf *body, struct error *err);

struct fetched {
	struct digest digest;
	uint64_t size;
	int64_t modified; /* Last-Modified, in seconds since the epoch; 0: not told */
};

/**
 * Download an http or https URL to the empty file `fd`: without credentials, through at most ten
 * redirects, never from https to http nor to a local address, tried again where that may help.
 * FAULT_INPUT past `limit` bytes, FAULT_MISSING where the server does not have it.
 */
result url_fetch(const struct ctx *ctx, const char *url, uint64_t limit, int fd,
		 struct fetched *out, struct error *err);

/** Try user name and password on a registry ("docker.io"), and keep them where they do. */
result registry_login(const struct ctx *ctx, const char *host, const char *user,
		      const char *password, const struct transport *transport, struct error *err);

/** Forget what registry_login() kept; `found` says whether there was anything. */
result registry_logout(const char *host, const struct transport *transport, bool *found,
		       struct error *err);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/twin_library_copy.h"

#include <string.h>

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

result library_copy(struct native_root *source, const struct found *found, const struct sum *sum,
		    const char *name, const char **reason, struct error *err)
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

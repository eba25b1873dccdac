/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/twin_copy.h"

#include "base/digest.h"
#include "base/fd.h"
#include "sandbox/sandbox.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* ---- what is changed ---- */

/** The loader looks for libraries in the copies only, and in no file of the image. */
static const char *loader_change(struct native *native, size_t *changes)
{
	/* No file can have the first two names; the others are as long as the ones they replace. */
	static const struct {
		const char *from, *to;
	} names[] = {
		{ "/etc/ld.so.cache", "/proc/self/mem/x" },
		{ "/etc/ld.so.preload", "/proc/self/mem/xxx" },
		{ "/lib/", "/\177ib/" },
		{ "/usr/lib/", "/usr/\177ib/" },
		{ "/lib64/", "/\177ib64/" },
		{ "/usr/lib64/", "/usr/\177ib64/" },
	};

	for (size_t i = 0; i < countof(names); i++)
		*changes += native_replace_text(native, names[i].from, names[i].to);
	return NULL;
}

static const char *libc_change(struct native *native, const struct copy_request *request,
			       size_t *changes)
{
	if (!native_set_machine(native, request->target->uname))
		return "its C library's uname() cannot answer for the target";
	if (request->trip && !native_set_trip(native, request->trip))
		return "its C library's strtold() is not as expected";
	*changes += 1;
	return NULL;
}

/**
 * Programs of LLVM find their files by where they are: the kernel's word of it is not to be had,
 * under a name that nobody can make, so that they go by argv[0].  Logarithms of long doubles the
 * target's does not compute at compile time, and this one trips in the C library's strtold().
 */
static const char *llvm_change(struct native *native, const struct copy_request *request,
			       size_t *changes)
{
	if (!native_replace_text(native, "/proc/self/exe", "/proc/self/-"))
		return "its library does not find itself as expected";
	if (request->trip && native_imports(native, "logf128") &&
	    !native_import_swap(native, "logf128", "strtold", "malloc"))
		return "its library computes in long double";
	*changes += 1;
	return NULL;
}

static const char *musl_change(struct native *native, const struct copy_request *request,
			       size_t *changes)
{
	char folder[64];

	snprintf(folder, sizeof(folder), "%s/m", request->root);
	if (!native_set_musl(native, request->target->uname, request->trip) ||
	    !native_set_musl_folder(native, folder))
		return "its C library is not as expected";
	*changes += 1;
	return NULL;
}

static const char *exchanges_make(struct native *native, const struct copy_request *request,
				  size_t *changes)
{
	for (size_t i = 0; i < request->exchange_count; i++) {
		const struct exchange *exchange = &request->exchanges[i];
		const bool fits = strlen(exchange->to) <= strlen(exchange->from);

		if (exchange->optional && !native_has_text(native, exchange->from))
			continue;
		if (!(fits ? native_replace_text(native, exchange->from, exchange->to)
			   : native_move_text(native, exchange->from, exchange->to)) &&
		    !native_replace_inline(native, exchange->from, exchange->to))
			return "the name of its machine cannot be exchanged";
		*changes += 1;
	}
	return NULL;
}

static const char *compiler_change(struct native *native, const struct copy_request *request,
				   size_t *changes)
{
	if (request->driver && !native_set_specs(native, request->driver))
		return "its specs are not as expected";
	if (request->prefix && !native_drop_prefix(native, request->prefix))
		return "the names that it starts others by are not as expected";
	*changes += request->driver || request->prefix;
	return NULL;
}

static const char *program_change(struct native *native, const struct copy_request *request,
				  size_t *changes)
{
	const char *old = native->interp_size ? (const char *)native->data + native->interp : "";
	char loader[256];

	snprintf(loader, sizeof(loader), strstr(old, "/ld-musl-") ? "%s/lm" : "%s/ld",
		 request->root);
	if (native->interp_size && !native_set_loader(native, loader))
		return "its loader's path is too short";
	if (request->hides_build && !native_hide_go_build(native))
		return "it would keep counters by the name of this machine";
	if (request->trip && !native_set_nan_trip(native, request->trip))
		return "it cannot be made to tell of what is no number";
	if (request->has_numbers && !native_set_numbers(native, request->is_arm))
		return "its names of numbers are not as expected";
	snprintf(loader, sizeof(loader), "%s/c", request->root);
	if (request->has_companion && (request->run_path || !native_add_library(native, loader)))
		return "it has no room for a companion";
	if (native->interp_size && request->run_path &&
	    !native_set_run_path(native, request->run_path))
		return native->run_path ? "it looks for libraries in places of its own"
					: "it has no room for where its libraries are";
	*changes += 1;
	return NULL;
}

/** Absolute paths of libraries and modules lead to the copies; "" where the lengths do not do. */
static const char *paths_change(struct native *native, const struct copy_request *request,
				size_t *changes)
{

	for (size_t i = 0; i < 2; i++) {
		char from[128], to[256];

		snprintf(from, sizeof(from), i ? "/lib/%s" : "/usr/lib/%s", request->host->triple);
		snprintf(to, sizeof(to), i ? "%s/l" : "%s/L", request->root);
		if (strlen(to) > strlen(from))
			return "the place of the copies has too long a name";
		*changes += native_replace_path(native, from, to);
	}
	return NULL;
}

const char *twin_copy_change(struct native *native, const struct copy_request *request,
			     size_t *changes)
{
	const char *reason;

	*changes = 0;
	reason = exchanges_make(native, request, changes);
	if (!reason)
		reason = compiler_change(native, request, changes);
	if (reason)
		return reason;
	for (size_t i = 0; i < request->replacement_count; i++)
		*changes += native_replace_text(native, request->replacements[i].from,
						request->replacements[i].to);
	switch (request->role) {
	case COPY_PROGRAM:
		reason = program_change(native, request, changes);
		break;
	case COPY_LOADER:
		reason = loader_change(native, changes);
		break;
	case COPY_LIBC:
		reason = libc_change(native, request, changes);
		break;
	case COPY_LLVM:
		reason = llvm_change(native, request, changes);
		break;
	case COPY_MUSL:
		reason = musl_change(native, request, changes);
		break;
	case COPY_LIBRARY:
	case COPY_DATA:
		break;
	}
	return reason ? reason : paths_change(native, request, changes);
}

/* ---- where copies are kept ---- */

static void hash_exchanges(struct hasher *hasher, const struct exchange *exchanges, size_t count)
{
	hasher_add(hasher, &count, sizeof(count));
	for (size_t i = 0; i < count; i++) {
		hasher_add_str(hasher, exchanges[i].from);
		hasher_add_str(hasher, exchanges[i].to);
		hasher_add_str(hasher, exchanges[i].optional ? "?" : "");
	}
}

static void name_make(const struct found *found, const struct sum *sum,
		      const struct copy_request *request, char name[COPY_NAME_MAX])
{
	owned(hasher) struct hasher *hasher = hasher_new();
	const uint32_t words[] = { (uint32_t)request->role, (uint32_t)sum->kind };
	char hex[DIGEST_HEX_MAX];
	struct digest digest;

	hasher_add_str(hasher, "mpemu twin copy 4");
	hasher_add(hasher, words, sizeof(words));
	hasher_add(hasher, sum->bytes, sum_size(sum->kind));
	hasher_add(hasher, &found->stat.st_size, sizeof(found->stat.st_size));
	hasher_add_str(hasher, request->root);
	if (request->trip) {
		hasher_add_str(hasher, request->trip->path);
		hasher_add(hasher, request->trip->message, request->trip->size);
	}
	hasher_add_str(hasher, request->host->triple);
	hasher_add_str(hasher, request->target->triple);
	hash_exchanges(hasher, request->exchanges, request->exchange_count);
	hash_exchanges(hasher, request->replacements, request->replacement_count);
	if (request->driver)
		hasher_add(hasher, request->driver_sum->bytes, sum_size(request->driver_sum->kind));
	if (request->prefix)
		hasher_add_str(hasher, request->prefix);
	if (request->hides_build)
		hasher_add_str(hasher, "without its build");
	hasher_add_str(hasher, request->run_path ? request->run_path : "");
	hasher_add_str(hasher, request->has_companion ? "companion" : "");
	hasher_add_str(hasher, request->has_numbers ? "numbers" : "");
	digest = hasher_finish(hasher);
	snprintf(name, COPY_NAME_MAX, "%s", digest_hex(&digest, hex));
}

/**
 * Write the copy under a name of its own first.  It is not synced here, for there are hundreds: the
 * one who uses it syncs them all, and after a crash a copy without its size is made again.
 */
static result copy_write(int files_fd, const char *name, const void *data, size_t size,
			 struct error *err)
{
	char temporary[COPY_NAME_MAX + 32];
	owned(fd) int fd = -1;

	snprintf(temporary, sizeof(temporary), ".%s.%d", name, gettid());
	fd = openat(files_fd, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
	if (fd < 0)
		return fail_sys(err, "twins: create a copy");
	if (!write_all(fd, data, size, err)) {
		if (fchmod(fd, 0755) == 0 && renameat(files_fd, temporary, files_fd, name) == 0)
			return OK;
		fail_sys(err, "twins: write a copy");
	}
	unlinkat(files_fd, temporary, 0);
	return FAILED;
}

/** Whether it was made before; a native file is never as small as the mark. */
static bool copy_is_there(int files_fd, const struct found *found, struct copied *copied)
{
	struct stat stat;

	if (fstatat(files_fd, copied->name, &stat, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	copied->unchanged = stat.st_size == (off_t)strlen(COPY_UNCHANGED);
	return copied->unchanged || stat.st_size == found->stat.st_size;
}

static result copy_make(int files_fd, struct native *native, const struct copy_request *request,
			struct copied *copied, struct error *err)
{
	size_t changes;

	copied->reason = twin_copy_change(native, request, &changes);
	if (copied->reason)
		return OK;
	copied->unchanged = changes == 0;
	if (!copied->unchanged)
		return copy_write(files_fd, copied->name, native->data, native->size, err);
	return copy_write(files_fd, copied->name, COPY_UNCHANGED, strlen(COPY_UNCHANGED), err);
}

result twin_companion(int files_fd, bool has_arm_flags, char name[COPY_NAME_MAX], struct error *err)
{
	owned(buf) struct buf bytes = {};
	char hex[DIGEST_HEX_MAX];
	struct digest digest;
	struct stat stat;

	assist_companion(has_arm_flags, &bytes);
	digest = digest_of(bytes.data, bytes.length);
	snprintf(name, COPY_NAME_MAX, "%s", digest_hex(&digest, hex));
	if (fstatat(files_fd, name, &stat, AT_SYMLINK_NOFOLLOW) == 0 &&
	    stat.st_size == (off_t)bytes.length)
		return OK;
	return copy_write(files_fd, name, bytes.data, bytes.length, err);
}

result twin_copy(int files_fd, const struct found *found, const struct sum *sum,
		 const struct copy_request *request, struct copied *out, struct error *err)
{
	struct copied copied = {};
	struct native native;
	uint8_t *data = NULL;
	size_t size = 0;
	int failed = OK;

	name_make(found, sum, request, copied.name);
	if (copy_is_there(files_fd, found, &copied)) {
		*out = copied;
		return OK;
	}
	if (!found_map(found, &data, &size) ||
	    (request->role != COPY_DATA && !native_read(data, size, &native)))
		copied.reason = "it is no ELF file that can be read";
	else if (request->role == COPY_DATA)
		failed = copy_make(files_fd, &(struct native){ .data = data, .size = size },
				   request, &copied, err);
	else
		failed = copy_make(files_fd, &native, request, &copied, err);
	if (data)
		munmap(data, size);
	if (failed)
		return FAILED;
	*out = copied;
	return OK;
}

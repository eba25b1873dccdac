/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What tests of twins share: a foreign root, a native one and their packages, made from nothing.
 */
#ifndef TESTS_UNIT_RUNNER_ROOTS_H
#define TESTS_UNIT_RUNNER_ROOTS_H

#define OPENSSL_SUPPRESS_DEPRECATED
#include "base/fd.h"
#include "runner/packages.h"
#include "runner/twins.h"
#include "tests/tap.h"

#include <fcntl.h>
#include <openssl/md5.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/** Three roots with a package each, made anew for each test; it is left to a change to spoil them.
 */
struct bed {
	char path[32];
	int foreign, peer, native;
};

/** The least that is an ELF program: a header, a number of the machine, and a text of its own. */
struct program {
	char bytes[128];
};

static inline struct program program_make(uint16_t machine, const char *text)
{
	struct program program = { "\x7f"
				   "ELF\2\1\1" };

	program.bytes[16] = 3;
	memcpy(program.bytes + 18, &machine, 2);
	program.bytes[20] = 1;
	program.bytes[52] = 64;
	program.bytes[54] = 56;
	snprintf(program.bytes + 64, 60, "%s", text);
	return program;
}

static inline void put(int root, const char *path, const void *data, size_t size, mode_t mode)
{
	const char *slash = strrchr(path, '/');
	owned(str) char *folder = slash ? xstrndup(path, (size_t)(slash - path)) : xstrdup(".");
	owned(fd) int dir = open_dirs(root, folder, 0755);
	owned(fd) int fd = -1;
	struct error err;

	unlinkat(dir, slash ? slash + 1 : path, 0);
	fd = openat(dir, slash ? slash + 1 : path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	CHECK(fd >= 0 && !write_all(fd, data, size, &err) && fchmod(fd, mode) == 0);
}

static inline void put_text(int root, const char *path, const char *text)
{
	put(root, path, text, strlen(text), 0644);
}

static inline void put_program(int root, const char *path, const struct program *program)
{
	put(root, path, program->bytes, sizeof(program->bytes), 0755);
}

/** dpkg's word for a file of this content. */
static inline void sum_add(struct buf *text, const char *path, const void *data, size_t size)
{
	uint8_t sum[16];

	MD5(data, size, sum);
	for (size_t i = 0; i < sizeof(sum); i++)
		buf_printf(text, "%02x", sum[i]);
	buf_printf(text, "  %s\n", path);
}

static inline void put_list(int root, const char *package, const struct buf *text)
{
	owned(str) char *list = xasprintf("var/lib/dpkg/info/%s.md5sums", package);

	put_text(root, list, buf_text(text));
}

/** A package of one file, which is `program`. */
static inline void put_sums(int root, const char *package, const char *path,
			    const struct program *program)
{
	owned(buf) struct buf text = {};

	sum_add(&text, path, program->bytes, sizeof(program->bytes));
	put_list(root, package, &text);
}

static inline void put_status(int root, const char *package, const char *version, const char *arch)
{
	owned(str) char *text = xasprintf("Package: %s\nStatus: install ok installed\n"
					  "Version: %s\nArchitecture: %s\n\n",
					  package, version, arch);

	put_text(root, "var/lib/dpkg/status", text);
}

static inline void root_make(int root, const char *arch, uint16_t machine)
{
	const struct program program = program_make(machine, "sed");

	put_status(root, "sed", "4.9-1", arch);
	put_sums(root, "sed", "usr/bin/sed", &program);
	put_program(root, "usr/bin/sed", &program);
}

static inline void bed_make(struct bed *bed)
{
	snprintf(bed->path, sizeof(bed->path), "/tmp/mpemu-twins-XXXXXX");
	CHECK(mkdtemp(bed->path));
	CHECK(chdir(bed->path) == 0);
	bed->foreign = open_dirs(AT_FDCWD, "foreign", 0755);
	bed->peer = open_dirs(AT_FDCWD, "peer", 0755);
	bed->native = open_dirs(AT_FDCWD, "native", 0755);
	root_make(bed->foreign, "arm64", 183);
	root_make(bed->peer, "arm64", 183);
	root_make(bed->native, "amd64", 62);
}

static inline void bed_drop(struct bed *bed)
{
	struct error err;

	close(bed->foreign);
	close(bed->peer);
	close(bed->native);
	CHECK(!remove_tree(AT_FDCWD, bed->path, &err));
}

static inline struct twin_set *find_for(struct bed *bed, const struct platform *target,
					enum tool_mode mode, bool with_peer)
{
	owned(strings) struct strings lowers = {};
	const struct twin_source source = { .native = bed->native,
					    .lowers = &lowers,
					    .peer = with_peer ? bed->peer : -1 };
	owned(str) char *store = xasprintf("%s/store", bed->path);
	struct twin_request request = { .foreign = bed->foreign,
					.target = *target,
					.host = { "linux", "amd64", "" },
					.mode = mode,
					.sources = &source,
					.source_count = 1,
					.prefix = "/proc/tty/driver",
					.store = store };
	struct twin_set *set = NULL;
	struct error err = {};

	strings_add(&lowers, "/native");
	if (twins_find(&(struct ctx){}, &request, &set, &err))
		CHECK_STR(err.text, "");
	return set;
}

static inline struct twin_set *find(struct bed *bed, enum tool_mode mode, bool with_peer)
{
	return find_for(bed, &(struct platform){ "linux", "arm64", "" }, mode, with_peer);
}

#endif

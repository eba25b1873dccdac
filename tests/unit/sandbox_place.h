/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A place where sandboxes really run, with tests/guest/guest.c as the program.
 */
#ifndef TESTS_UNIT_SANDBOX_PLACE_H
#define TESTS_UNIT_SANDBOX_PLACE_H

#include "sandbox/sandbox.h"

#include "base/fd.h"
#include "base/mem.h"
#include "tests/tap.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define TEXT(x)  #x
#define VALUE(x) TEXT(x)
/** A word for the guest: a system call. */
#define CALL(name, args) "call=" VALUE(SYS_##name) args

static const char compiler[] = "cc -std=gnu2x -static -nostdlib -O1 -fno-builtin "
			       "-fno-stack-protector -o %s/layer/guest tests/guest/guest.c "
			       "2>/dev/null";

/** A directory with all that a sandbox needs; gone with the test. */
struct place {
	char top[256];
	struct strings paths; /* upper, work, scratch, then layers */
	struct privilege privilege;
	int output;
};

static inline void place_drop(struct place *place)
{
	struct error err = {};

	CHECK(!remove_tree(AT_FDCWD, place->top, &err));
	strings_drop(&place->paths);
	fd_drop(&place->output);
}

static inline void place_make(struct place *place)
{
	static const char *const names[] = { "upper", "work", "scratch", "layer" };
	const char *parent = getenv("TMPDIR");
	owned(str) char *command = NULL;
	struct error err = {};

	*place = (struct place){ .output = memfd_create("output", MFD_CLOEXEC) };
	if (userns_enter(&place->privilege, &err))
		tap_skip(err.text);
	snprintf(place->top, sizeof(place->top), "%s/mpemu-run-XXXXXX", parent ? parent : "/tmp");
	if (!mkdtemp(place->top))
		tap_skip("no scratch directory");
	for (size_t i = 0; i < countof(names); i++) {
		strings_printf(&place->paths, "%s/%s", place->top, names[i]);
		CHECK(mkdir(place->paths.items[i], 0755) == 0);
	}
	command = xasprintf(compiler, place->top);
	if (system(command) != 0) {
		place_drop(place);
		tap_skip("no compiler for tests/guest/guest.c");
	}
}

static inline struct sandbox_spec spec_make(const struct place *place, const char *const *argv)
{
	static const char *const env[] = { "PATH=/", NULL };

	return (struct sandbox_spec){
		.lowers = (const char *const *)place->paths.items + 3,
		.lower_count = place->paths.count - 3,
		.upper = place->paths.items[0],
		.work = place->paths.items[1],
		.scratch = place->paths.items[2],
		.privilege = &place->privilege,
		.argv = argv,
		.envp = env,
		.hostname = "box",
		.network = NETWORK_NONE,
		.input_fd = place->output,
		.output_fd = place->output,
		.error_fd = place->output,
	};
}

/** Fresh upper and work: a volatile overlay does not take a used one. */
static inline void place_clean(const struct place *place)
{
	struct error err = {};

	for (size_t i = 0; i < 2; i++) {
		CHECK(!remove_tree(AT_FDCWD, place->paths.items[i], &err));
		CHECK(mkdir(place->paths.items[i], 0755) == 0);
	}
	CHECK(ftruncate(place->output, 0) == 0 && lseek(place->output, 0, SEEK_SET) == 0);
}

static inline result spec_run(const struct sandbox_spec *spec, struct sandbox_exit *out,
			      struct error *err)
{
	owned(sandbox) struct sandbox *sandbox = NULL;

	if (sandbox_compile(spec, &sandbox, err))
		return FAILED;
	return sandbox_run(NULL, sandbox, out, err);
}

static inline const char *output_text(const struct place *place, char text[4096])
{
	ssize_t got = pread(place->output, text, 4095, 0);

	text[got < 0 ? 0 : got] = '\0';
	return text;
}

#endif

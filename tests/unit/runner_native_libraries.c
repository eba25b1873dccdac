/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fd.h"
#include "base/mem.h"
#include "runner/native.h"
#include "tests/tap.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

static const char musl_path[] = "/lib/ld-musl-x86_64.so.1";

static bool load(const char *path, struct buf *bytes, struct native *out)
{
	struct error err;

	return !read_file(AT_FDCWD, path, 64 << 20, bytes, &err) &&
	       native_read((uint8_t *)bytes->data, bytes->length, out);
}

/** What a function of a changed musl ends a child with; its code only, which needs no data. */
static int child_run(const struct buf *bytes, size_t offset, int (*call)(void *function))
{
	int file = memfd_create("musl", MFD_CLOEXEC), status = -1;
	struct error err;
	pid_t child;

	CHECK(file >= 0 && !write_all(file, bytes->data, bytes->length, &err));
	child = fork();
	if (child == 0) {
		char *code = mmap(NULL, bytes->length, PROT_READ | PROT_EXEC, MAP_PRIVATE, file, 0);

		_exit(code == MAP_FAILED ? 1 : call(code + offset));
	}
	CHECK(waitpid(child, &status, 0) == child);
	close(file);
	return status;
}

static int ask_uname(void *function)
{
	int (*ask)(struct utsname *);
	struct utsname names = {};

	*(void **)&ask = function;
	return ask(&names) == 0 && strcmp(names.machine, "aarch64") == 0 &&
			       strcmp(names.sysname, "Linux") == 0
		       ? 77
		       : 2;
}

static int read_number(void *function)
{
	long double (*read_it)(const char *, char **);

	*(void **)&read_it = function;
	read_it("1.5", NULL);
	return 0;
}

static int compute_gamma(void *function)
{
	long double (*compute)(long double);

	*(void **)&compute = function;
	compute(2.5L);
	return 0;
}

TEST(musl_tells_another_machine_and_trips)
{
	char path[] = "/tmp/mpemu-trip-XXXXXX";
	const struct trip trip = { path, "long double", 11 };
	owned(buf) struct buf bytes = {}, written = {};
	struct native native;
	size_t offset, size;
	struct error err;
	int status;

	if (!load(musl_path, &bytes, &native))
		tap_skip("musl is not installed");
	close(mkostemp(path, O_CLOEXEC));
	CHECK(native_is_musl(&native));
	CHECK(!native_set_musl(&native, "longer-than-that", NULL));
	CHECK(native_set_musl(&native, "aarch64", &trip));
	CHECK(!native_set_musl(&native, "aarch64", &trip)); /* it is not as expected any more */

	CHECK(native_symbol(&native, "uname", &offset, &size));
	status = child_run(&bytes, offset, ask_uname);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 77);
	CHECK(native_symbol(&native, "strtold", &offset, &size));
	status = child_run(&bytes, offset, read_number);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 254);
	CHECK(native_symbol(&native, "tgammal", &offset, &size));
	status = child_run(&bytes, offset, compute_gamma);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 254);
	CHECK(!read_file(AT_FDCWD, path, 64, &written, &err));
	CHECK_STR(buf_text(&written), "long double");
	unlink(path);
}

TEST(musl_without_a_trip_computes_no_gamma_function)
{
	owned(buf) struct buf bytes = {};
	struct native native;
	size_t offset, size;
	int status;

	if (!load(musl_path, &bytes, &native))
		tap_skip("musl is not installed");
	CHECK(native_set_musl(&native, "aarch64", NULL));
	CHECK(native_symbol(&native, "tgammal", &offset, &size));
	status = child_run(&bytes, offset, compute_gamma);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGILL);
	CHECK(native_symbol(&native, "uname", &offset, &size));
	status = child_run(&bytes, offset, ask_uname);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 77);
}

TEST(musl_looks_for_libraries_in_one_folder)
{
	owned(buf) struct buf bytes = {};
	struct native native;

	if (!load(musl_path, &bytes, &native))
		tap_skip("musl is not installed");
	CHECK(!native_set_musl_folder(&native, "/a/folder/with/far/too/long/a/name"));
	CHECK(native_set_musl_folder(&native, "/proc/tty/driver/0/m"));
	CHECK(native_has_text(&native, "/proc/tty/driver/0/m"));
	CHECK(!native_has_text(&native, "/lib:/usr/local/lib:/usr/lib"));
	CHECK(!native_has_text(&native, "%.*s/etc/ld-musl-x86_64.path"));
	CHECK(!native_is_musl(&native) && !native_set_musl_folder(&native, "/x"));
}

TEST(the_other_c_library_is_no_musl)
{
	owned(buf) struct buf bytes = {};
	struct native native;
	Dl_info info;

	if (!dladdr((void *)&uname, &info) || !load(info.dli_fname, &bytes, &native))
		tap_skip("the C library is not a file of its own");
	CHECK(!native_is_musl(&native));
	CHECK(!native_set_musl(&native, "aarch64", NULL));
}

/** Where the changed program's loader finds the C library, as it says itself. */
static void loader_ask(const struct buf *bytes, struct buf *out)
{
	char *const argv[] = { (char *)"true", NULL };
	char *const envp[] = { (char *)"LD_TRACE_LOADED_OBJECTS=1", NULL };
	int program = memfd_create("program", 0), ends[2];
	struct error err;
	pid_t child;

	CHECK(program >= 0 && pipe(ends) == 0 &&
	      !write_all(program, bytes->data, bytes->length, &err));
	child = fork();
	if (child == 0) {
		dup2(ends[1], 1);
		fexecve(program, argv, envp);
		_exit(127);
	}
	close(ends[1]);
	CHECK(!read_all(ends[0], 1 << 20, out, &err) && waitpid(child, NULL, 0) == child);
	close(ends[0]);
	close(program);
}

TEST(a_program_is_told_where_its_libraries_are)
{
	char folder[] = "/tmp/mpemu-libraries-XXXXXX";
	owned(buf) struct buf bytes = {}, said = {};
	owned(str) char *link = NULL, *list = NULL;
	struct native native;
	Dl_info info;

	if (!dladdr((void *)&uname, &info) || !load("/bin/true", &bytes, &native) ||
	    native.run_path)
		tap_skip("the programs of this system are other ones");
	CHECK(mkdtemp(folder));
	link = xasprintf("%s/libc.so.6", folder);
	list = xasprintf("%s/none:%s", folder, folder);
	CHECK(symlink(info.dli_fname, link) == 0);
	CHECK(native_set_run_path(&native, list));
	CHECK(native_read((uint8_t *)bytes.data, bytes.length, &native));
	CHECK_STR(native.run_path, list);
	CHECK(!native_set_run_path(&native, "/a/second")); /* it has one by now */
	loader_ask(&bytes, &said);
	CHECK(strstr(buf_text(&said), link) != NULL);
	unlink(link);
	rmdir(folder);
}

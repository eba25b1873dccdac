/* SPDX-License-Identifier: Apache-2.0 */
/**
 * This machine's python as a twin would be for arm64: with names for other numbers, and a
 * companion. There are no tables, so that whatever it loads has no twin.
 */
#include "base/fd.h"
#include "base/mem.h"
#include "runner/native.h"
#include "sandbox/sandbox.h"
#include "tests/tap.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SIZE_MAX_OF_PYTHON = 64 << 20, TRIPPED = 254 };

static const struct {
	const char *script;
	int status;
} cases[] = {
	{ "pass", 0 },
	{ "import sys; sys.exit(7)", 7 },
	{ "import os; assert os.O_DIRECTORY == 0o40000 and os.O_NOFOLLOW == 0o100000", 0 },
	{ "import os; assert os.O_DIRECT == 0o200000 and os.O_TMPFILE == 0o20040000", 0 },
	{ "import _locale; assert _locale.CHAR_MAX == 255", 0 },
	/* They mean the same to the kernel as they do on arm64. */
	{ "import os; os.listdir(os.open('/', os.O_DIRECTORY))", 0 },
	{ "import os, errno\n"
	  "try: os.open('/dev/null', os.O_DIRECTORY)\n"
	  "except OSError as e: assert e.errno == errno.ENOTDIR\n"
	  "else: raise SystemExit(1)",
	  0 },
	{ "import os, errno\n"
	  "try: os.open('/proc/self/exe', os.O_NOFOLLOW)\n"
	  "except OSError as e: assert e.errno == errno.ELOOP\n"
	  "else: raise SystemExit(1)",
	  0 },
	{ "import os, fcntl; fd = os.open('/', os.O_DIRECTORY)\n"
	  "assert fcntl.fcntl(fd, fcntl.F_GETFL) & 0o370000 & ~0o400000 & os.O_DIRECTORY",
	  0 },
	/* What is no number. */
	{ "import struct; i = float('inf'); z = float('0')\n"
	  "for x in i - i, i / i, z * i, -i + i, i * complex(0, 1).real:\n"
	  "    assert struct.pack('>d', x).hex() == '7ff8000000000000', x",
	  0 },
	{ "import struct; i = float('inf'); x = complex(i, i) - complex(i, 0)\n"
	  "assert struct.pack('>dd', x.real, x.imag).hex() == '7ff8000000000000' "
	  "'7ff0000000000000'",
	  0 },
	{ "import struct; assert struct.pack('>d', -float('nan')).hex() == 'fff8000000000000'", 0 },
	{ "n = float('nan'); assert not (n < 1 or n > 1 or n <= n or n >= 2 or n == n)", 0 },
	{ "import signal; assert signal.getsignal(signal.SIGFPE) == signal.SIG_DFL\n"
	  "signal.signal(signal.SIGFPE, signal.SIG_IGN)\n"
	  "signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())\n"
	  "i = float('inf'); assert str(i - i) == 'nan'",
	  0 },
	/* What only the target can do. */
	{ "import math; math.sqrt(2), math.sin(1), math.pow(2, 0.5), math.log(3)", 0 },
	{ "import math; math.erf(0.5)", TRIPPED },
	{ "import math; math.hypot(3.5, 4.5, 1)", 0 }, /* its own */
	{ "x = abs(complex(3.5, 4.5))", TRIPPED },
	{ "import os; os.sysconf('SC_PAGE_SIZE'), os.confstr('CS_GNU_LIBC_VERSION')", 0 },
	{ "import os; os.sysconf(190)", TRIPPED },
	{ "import os; os.confstr('CS_LFS_CFLAGS')", TRIPPED },
	{ "import _locale; _locale.localeconv()", TRIPPED },
	{ "import importlib.machinery as m, importlib.util as u\n"
	  "u.module_from_spec(u.spec_from_file_location('x', '/bin/sh',\n"
	  "    loader=m.ExtensionFileLoader('x', '/bin/sh')))",
	  TRIPPED },
	{ "import importlib.machinery as m, importlib.util as u\n"
	  "try: u.module_from_spec(u.spec_from_file_location('x', '/none/x',\n"
	  "    loader=m.ExtensionFileLoader('x', '/none/x')))\n"
	  "except ImportError: pass",
	  0 },
};

static int python_status(const char *program, const char *script)
{
	int status = -1;
	pid_t child = fork();

	if (child == 0) {
		execl(program, "python3", "-I", "-S", "-c", script, NULL);
		_exit(1);
	}
	return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool file_put(int folder, const char *name, const struct buf *content)
{
	owned(fd) int fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
	struct error err;

	return fd >= 0 && !write_all(fd, content->data, content->length, &err);
}

TEST(python_with_a_companion_is_one_of_another_machine)
{
	char place[] = "/tmp/mpemu-companion-XXXXXX";
	owned(buf) struct buf python = {}, companion = {};
	owned(str) char *program = NULL, *library = NULL;
	owned(fd) int place_fd = -1;
	struct native native;
	struct error err;

	if (read_file(AT_FDCWD, "/usr/bin/python3", SIZE_MAX_OF_PYTHON, &python, &err) ||
	    !native_read((uint8_t *)python.data, python.length, &native) ||
	    !native_set_numbers(&native, true))
		tap_skip("there is no python3 of a form that is known");
	if (!CHECK(mkdtemp(place)))
		return;
	place_fd = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	program = xasprintf("%s/python", place);
	library = xasprintf("%s/c", place);
	assist_companion(true, &companion);
	CHECK(native_add_library(&native, library));
	CHECK(file_put(place_fd, "c", &companion) && file_put(place_fd, "python", &python));
	for (size_t i = 0; i < countof(cases); i++) {
		const int status = python_status(program, cases[i].script);

		tap_check(status == cases[i].status, __FILE__, __LINE__, "%d: %s", status,
			  cases[i].script);
	}
	CHECK(!remove_tree(AT_FDCWD, place, &err));
}

TEST(a_library_is_added_where_there_is_room_only)
{
	owned(buf) struct buf python = {};
	struct native native;
	struct error err;
	char longest[5000];

	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	if (read_file(AT_FDCWD, "/usr/bin/python3", SIZE_MAX_OF_PYTHON, &python, &err) ||
	    !native_read((uint8_t *)python.data, python.length, &native))
		tap_skip("there is no python3");
	CHECK(!native_add_library(&native, longest));
	CHECK(native_add_library(&native, "/c"));
	/* Its place is taken. */
	CHECK(!native_add_library(&native, "/c"));
}

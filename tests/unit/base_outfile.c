/* SPDX-License-Identifier: Apache-2.0 */
#include "base/outfile.h"

#include "base/fd.h"
#include "base/mem.h"
#include "tests/tap.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

/** An empty directory, which becomes the working directory. */
struct fixture {
	char path[32];
};

static struct fixture fixture_new(void)
{
	struct fixture f = { .path = "/tmp/mpemu-unit-XXXXXX" };

	CHECK(mkdtemp(f.path) && chdir(f.path) == 0);
	return f;
}

static void fixture_drop(struct fixture *f)
{
	struct error err = {};

	CHECK(!remove_tree(AT_FDCWD, f->path, &err));
}

static void content_is(const char *path, const char *want)
{
	owned(buf) struct buf text = {};
	struct error err = {};

	CHECK(!read_file(AT_FDCWD, path, 100, &text, &err));
	CHECK_STR(buf_text(&text), want);
}

static size_t names_in(const char *path)
{
	DIR *dir = opendir(path);
	size_t count = 0;

	while (dir && readdir(dir))
		count++;
	if (dir)
		closedir(dir);
	return count - 2;
}

TEST(an_outfile_takes_its_place_when_it_is_finished)
{
	owned(fixture) struct fixture f = fixture_new();
	struct outfile file = { .fd = -1 };
	struct error err = {};

	CHECK(!outfile_put("file", "old", 3, 0644, &err));
	CHECK(!outfile_open("file", 0644, &file, &err) && !write_all(file.fd, "new", 3, &err));
	content_is("file", "old");
	outfile_drop(&file);
	content_is("file", "old");
	CHECK(names_in(".") == 1);
	CHECK(!outfile_open("file", 0644, &file, &err) && !write_all(file.fd, "new", 3, &err));
	CHECK(!outfile_finish(&file, &err));
	outfile_drop(&file);
	content_is("file", "new");
	CHECK(names_in(".") == 1);
}

TEST(an_outfile_goes_where_links_lead_to)
{
	owned(fixture) struct fixture f = fixture_new();
	struct error err = {};
	struct stat status;

	CHECK(mkdir("away", 0755) == 0 && symlink("away/file", "link") == 0);
	CHECK(!outfile_put("away/file", "old", 3, 0644, &err));
	CHECK(!outfile_put("link", "new", 3, 0644, &err));
	content_is("away/file", "new");
	CHECK(lstat("link", &status) == 0 && S_ISLNK(status.st_mode));
}

TEST(an_outfile_that_is_no_file_is_written_into)
{
	owned(fixture) struct fixture f = fixture_new();
	owned(fd) int pipe_fd = -1, null_fd = -1;
	owned(str) char *descriptor = NULL;
	struct error err = {};
	struct stat status;
	char got[4] = "";

	CHECK(mkfifo("pipe", 0600) == 0);
	pipe_fd = open("pipe", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	CHECK(!outfile_put("pipe", "new", 3, 0644, &err) && read(pipe_fd, got, 3) == 3);
	CHECK_STR(got, "new");
	CHECK(lstat("pipe", &status) == 0 && S_ISFIFO(status.st_mode));

	CHECK(symlink("/dev/null", "null") == 0 && !outfile_put("null", "new", 3, 0644, &err));
	CHECK(stat("/dev/null", &status) == 0 && S_ISCHR(status.st_mode));

	null_fd = open("file", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	descriptor = xasprintf("/dev/fd/%d", null_fd);
	CHECK(!outfile_put(descriptor, "new", 3, 0644, &err));
	content_is("file", "new");
}

TEST(an_outfile_that_cannot_be_is_told_of_early)
{
	static const char *const good[] = { "file", "./file", "old", "/dev/null", "there/file" };
	static const char *const bad[] = { "there", "nowhere/file", "old/file", "/dev/nowhere" };
	owned(fixture) struct fixture f = fixture_new();
	struct error err = {};

	CHECK(mkdir("there", 0755) == 0 && !outfile_put("old", "", 0, 0644, &err));
	for (size_t i = 0; i < countof(good); i++)
		tap_check(!outfile_check(good[i], &err), __FILE__, __LINE__, "%s: %s", good[i],
			  err.text);
	for (size_t i = 0; i < countof(bad); i++)
		tap_check(outfile_check(bad[i], &err), __FILE__, __LINE__, "%s: taken", bad[i]);
	CHECK(outfile_put("nowhere/file", "", 0, 0644, &err));
	CHECK_STR(err.text, "create nowhere/file: No such file or directory");
}

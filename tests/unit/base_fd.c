/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fd.h"
#include "base/mem.h"
#include "tests/tap.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

enum { LENGTH = 1 << 20 };

/** Read all, but not at once; how much it was. */
static size_t read_late(int fd)
{
	char bytes[65536];
	size_t total = 0;
	ssize_t got;

	nanosleep(&(struct timespec){ .tv_nsec = 200 * 1000 * 1000 }, NULL);
	while ((got = read(fd, bytes, sizeof(bytes))) > 0)
		total += (size_t)got;
	return total;
}

TEST(write_all_waits_for_room_where_the_descriptor_does_not)
{
	char *data = xcalloc(LENGTH, 1);
	int ends[2], status = 0;
	struct error err = {};
	pid_t reader;

	if (!CHECK(pipe2(ends, O_CLOEXEC) == 0 && fcntl(ends[1], F_SETFL, O_NONBLOCK) == 0))
		return;
	reader = fork();
	if (reader == 0) {
		close(ends[1]);
		_exit(read_late(ends[0]) == LENGTH ? 0 : 1);
	}
	close(ends[0]);
	CHECK(!write_all(ends[1], data, LENGTH, &err));
	close(ends[1]);
	CHECK(waitpid(reader, &status, 0) == reader && status == 0);
	free(data);
}

TEST(write_all_fails_where_the_reader_goes_away_instead)
{
	char *data = xcalloc(LENGTH, 1);
	int ends[2];
	struct error err = {};
	pid_t reader;

	signal(SIGPIPE, SIG_IGN);
	if (!CHECK(pipe2(ends, O_CLOEXEC) == 0 && fcntl(ends[1], F_SETFL, O_NONBLOCK) == 0))
		return;
	reader = fork();
	if (reader == 0) {
		nanosleep(&(struct timespec){ .tv_nsec = 100 * 1000 * 1000 }, NULL);
		_exit(0);
	}
	close(ends[0]);
	CHECK(write_all(ends[1], data, LENGTH, &err) && err.sys == EPIPE);
	close(ends[1]);
	CHECK(waitpid(reader, NULL, 0) == reader);
	free(data);
}

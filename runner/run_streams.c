/* SPDX-License-Identifier: Apache-2.0 */
/**
 * One thread copies both ways until nobody is left who could write; it never waits for a program to
 * read, so that one that does not is still heard.
 */
#include "runner/run_streams.h"
#include "runner/typed.h"

#include "base/fd.h"
#include "base/mem.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { INPUT, OUTPUT, ERROR, STREAMS };

/** One way from one descriptor to another; -1 where there is none, or no longer. */
struct way {
	int from, to;
};

struct run_streams {
	struct sandbox_spec *spec;
	int before[STREAMS]; /* what the spec had */
	int inner[STREAMS];  /* what it has instead: ends of pipes; -1: the same */
	struct way ways[STREAMS];
	int stop[2]; /* closed when the program has ended */
	pthread_t thread;
	struct typed typed;
};

static int *spec_stream(struct sandbox_spec *spec, int which)
{
	int *streams[] = { &spec->input_fd, &spec->output_fd, &spec->error_fd };

	return streams[which];
}

/* ---- the thread ---- */

/** What the program wrote goes where it would have gone. */
static void output_copy(struct way *way)
{
	char bytes[16384];
	ssize_t got = read(way->from, bytes, sizeof(bytes));
	struct error ignored;

	if (got < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	/* With ours gone, a program that writes must learn of it. */
	if (got <= 0 || write_all(way->to, bytes, (size_t)got, &ignored))
		fd_drop(&way->from);
}

static void *streams_main(void *closure)
{
	struct run_streams *streams = closure;
	struct way *ways = streams->ways;
	bool ended = false;

	while (!ended || ways[OUTPUT].from >= 0 || ways[ERROR].from >= 0) {
		bool takes = ways[INPUT].to >= 0 && !ended, pending = streams->typed.length > 0;
		struct pollfd polls[] = {
			{ ways[OUTPUT].from, POLLIN, 0 },
			{ ways[ERROR].from, POLLIN, 0 },
			{ takes && !pending ? ways[INPUT].from : -1, POLLIN, 0 },
			{ takes && pending ? ways[INPUT].to : -1, POLLOUT, 0 },
			{ ended ? -1 : streams->stop[0], POLLIN, 0 },
		};

		if (poll(polls, countof(polls), -1) < 0)
			continue;
		if (polls[0].revents)
			output_copy(&ways[OUTPUT]);
		if (polls[1].revents)
			output_copy(&ways[ERROR]);
		/* ^D: an end that the program sees. */
		if ((polls[2].revents && !typed_read(&streams->typed, ways[INPUT].from)) ||
		    (polls[3].revents && !typed_write(&streams->typed, ways[INPUT].to)))
			fd_drop(&ways[INPUT].to);
		ended |= polls[4].revents != 0;
	}
	return NULL;
}

/* ---- for others ---- */

static void streams_drop(struct run_streams *streams)
{
	/* The first one's other end is a terminal, which is not ours. */
	fd_drop(&streams->ways[INPUT].to);
	fd_drop(&streams->ways[OUTPUT].from);
	fd_drop(&streams->ways[ERROR].from);
	for (int which = 0; which < STREAMS; which++) {
		*spec_stream(streams->spec, which) = streams->before[which];
		if (which != ERROR || streams->inner[ERROR] != streams->inner[OUTPUT])
			fd_drop(&streams->inner[which]);
	}
	fd_drop(&streams->stop[0]);
	fd_drop(&streams->stop[1]);
	free(streams);
}

/** Whether output and error are the same terminal: then one pipe keeps what they say in order. */
static bool is_same_terminal(int a, int b)
{
	struct stat one, other;

	return fstat(a, &one) == 0 && fstat(b, &other) == 0 && one.st_rdev == other.st_rdev;
}

static result stream_replace(struct run_streams *streams, int which, struct error *err)
{
	int given = streams->before[which], pair[2];
	bool is_input = which == INPUT;

	if (which == ERROR && streams->inner[OUTPUT] >= 0 &&
	    is_same_terminal(given, streams->before[OUTPUT])) {
		streams->inner[ERROR] = streams->inner[OUTPUT];
		return OK;
	}
	if (pipe2(pair, O_CLOEXEC) < 0)
		return fail_sys(err, "pipe");
	streams->inner[which] = pair[!is_input];
	streams->ways[which] =
		is_input ? (struct way){ given, pair[1] } : (struct way){ pair[0], given };
	if (is_input)
		fcntl(pair[1], F_SETFL, O_WRONLY | O_NONBLOCK);
	return OK;
}

result run_streams_new(struct sandbox_spec *spec, struct run_streams **out, struct error *err)
{
	const struct run_streams none = { .spec = spec,
					  .inner = { -1, -1, -1 },
					  .ways = { { -1, -1 }, { -1, -1 }, { -1, -1 } },
					  .stop = { -1, -1 } };
	struct run_streams *streams;
	result status = OK;
	bool any = false;

	for (int which = 0; which < STREAMS; which++)
		any |= isatty(*spec_stream(spec, which)) == 1;
	if (!any)
		return OK;
	streams = xnew(struct run_streams);
	*streams = none;
	for (int which = 0; which < STREAMS; which++)
		streams->before[which] = *spec_stream(spec, which);
	for (int which = 0; which < STREAMS && status == OK; which++) {
		if (isatty(streams->before[which]) == 1)
			status = stream_replace(streams, which, err);
		if (status == OK && streams->inner[which] >= 0)
			*spec_stream(spec, which) = streams->inner[which];
	}
	if (status == OK && pipe2(streams->stop, O_CLOEXEC) < 0)
		status = fail_sys(err, "pipe");
	if (status == OK && pthread_create(&streams->thread, NULL, streams_main, streams) != 0)
		status = fail(err, FAULT_SYSTEM, "cannot start a thread");
	if (status)
		streams_drop(streams);
	else
		*out = streams;
	return status;
}

void run_streams_finish(struct run_streams **streams)
{
	struct run_streams *old = *streams;

	if (!old)
		return;
	/* The last ends that could be written to. */
	if (old->inner[ERROR] != old->inner[OUTPUT])
		fd_drop(&old->inner[ERROR]);
	old->inner[ERROR] = -1;
	fd_drop(&old->inner[OUTPUT]);
	fd_drop(&old->stop[1]);
	pthread_join(old->thread, NULL);
	streams_drop(old);
	*streams = NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Watching a sandbox: what happens to it is told in the end, in whatever order it came.
 */
#include "sandbox/watch.h"

#include "base/fd.h"
#include "tests/tap.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>

/** A watch of nobody, with a link and signals that are ours to give. */
struct stage {
	int link[2], signals[2];
	struct watch watch;
};

static bool stage_make(struct stage *stage)
{
	*stage = (struct stage){ { -1, -1 }, { -1, -1 }, {} };
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, stage->link) < 0 ||
	    pipe2(stage->signals, O_CLOEXEC | O_NONBLOCK) < 0)
		return false;
	stage->watch = (struct watch){
		.link = stage->link[0],
		.init = -1,
		.main = -1,
		.signal_fd = stage->signals[0],
	};
	return true;
}

static void stage_drop(struct stage *stage)
{
	watch_end(&stage->watch);
	for (int i = 0; i < 2; i++) {
		fd_drop(&stage->link[i]);
		fd_drop(&stage->signals[i]);
	}
}

/** It says something, after a signal where `number` is one. */
static bool look(struct stage *stage, unsigned char number)
{
	const struct message said = { .kind = MESSAGE_EXEC_FAILED };
	struct message heard;

	return (!number || write(stage->signals[1], &number, 1) == 1) &&
	       write(stage->link[1], &said, sizeof(said)) == (ssize_t)sizeof(said) &&
	       watch_next(&stage->watch, &heard) && heard.kind == said.kind;
}

TEST(a_program_whose_time_was_up_stays_one_when_signals_follow)
{
	struct stage stage;

	if (CHECK(stage_make(&stage))) {
		stage.watch.time_up_at = 1;
		CHECK(look(&stage, 0));
		CHECK(stage.watch.timed_out && stage.watch.killed);
		CHECK(look(&stage, SIGINT) && look(&stage, SIGTERM));
		CHECK(stage.watch.timed_out);
	}
	stage_drop(&stage);
}

TEST(a_program_is_asked_once_then_killed)
{
	struct stage stage;

	if (CHECK(stage_make(&stage))) {
		CHECK(look(&stage, SIGHUP) && !stage.watch.asked);
		CHECK(look(&stage, SIGTERM) && stage.watch.asked && stage.watch.kill_at);
		CHECK(!stage.watch.killed);
		CHECK(look(&stage, SIGINT) && stage.watch.killed && !stage.watch.timed_out);
		close(stage.link[1]);
		stage.link[1] = -1;
		CHECK(!watch_next(&stage.watch, &(struct message){}));
	}
	stage_drop(&stage);
}

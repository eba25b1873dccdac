/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/run_attend.h"

#include "base/fd.h"
#include "runner/run_streams.h"
#include "runner/signals.h"
#include "runner/terminal.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

/** Where signals go while the program runs. */
struct relay {
	int pipe[2];
	struct terminal *terminal; /* or NULL */
};

static void relay_take(void *closure, int number)
{
	const struct relay *relay = closure;
	unsigned char byte = (unsigned char)number;

	if (number == SIGWINCH && relay->terminal)
		terminal_resize(relay->terminal);
	/* A full pipe has signals enough. */
	else if (number != SIGWINCH && write(relay->pipe[1], &byte, 1) < 0)
		return;
}

result run_attend(const struct invocation *in, const struct attendance *wanted,
		  struct sandbox_spec *spec, struct sandbox_exit *ended, struct error *err)
{
	owned(sandbox) struct sandbox *sandbox = NULL;
	owned(terminal) struct terminal *terminal = NULL;
	struct run_streams *streams = NULL;
	struct relay relay = { { -1, -1 }, NULL };
	result status;

	if (pipe2(relay.pipe, O_CLOEXEC | O_NONBLOCK) < 0)
		return fail_sys(err, "pipe");
	spec->signal_fd = relay.pipe[0];
	status = wanted->terminal ? terminal_new(wanted->interactive, &terminal, err)
				  : run_streams_new(spec, &streams, err);
	if (terminal)
		spec->terminal = terminal_spec(terminal);
	if (status == OK && (status = sandbox_compile(spec, &sandbox, err)) == OK) {
		relay.terminal = terminal;
		signals_divert(in->signals, relay_take, &relay);
		status = sandbox_run(in->ctx, sandbox, ended, err);
		signals_divert(in->signals, NULL, NULL);
	}
	run_streams_finish(&streams);
	fd_drop(&relay.pipe[0]);
	fd_drop(&relay.pipe[1]);
	return status;
}

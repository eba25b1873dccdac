/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/explain.h"

#include "base/fd.h"
#include "base/mem.h"
#include "binfmt/binfmt.h"
#include "runner/entrypoint.h"
#include "runner/limits.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

/* What a shell says of a program that cannot be run, is not there, or died of a signal. */
enum { SHELL_CANNOT = 126, SHELL_MISSING = 127, SHELL_SIGNAL = 128 };

/** "natively", or with what. */
static void how_text(const char *how, struct buf *out)
{
	char version[128];

	if (strcmp(how, "native") == 0) {
		buf_add_str(out, "native");
		return;
	}
	emulator_version(how, version);
	buf_printf(out, "emulated by %s%s%s", how, *version ? " " : "", version);
}

/** Signals by which QEMU goes down when it meets what it cannot do. */
static bool is_crash(int signal)
{
	return signal == SIGSEGV || signal == SIGABRT || signal == SIGBUS;
}

/** The program that was to run: of a shell's command line its first word, if that is plain. */
static char *program_of(const struct job *job, const struct strings *argv,
			const struct sandbox_exit *status)
{
	const char *line = argv->items[argv->count - 1];
	size_t length = strcspn(line, " \t\n;&|<>()$`\"'\\*?[=");

	if (status->exec_failed)
		return xstrdup(argv->items[0]);
	if (job->step->instruction->json || !length ||
	    (line[length] && !strchr(" \t\n;&|", line[length])))
		return NULL;
	return xstrndup(line, length);
}

/** Look at the files that it takes to start the program. */
static bool look(const struct job *job, const char *program, struct entry *out)
{
	const struct snapshot *snapshot = job->snapshot;
	const char *cwd = snapshot_text(snapshot, "WorkingDir");
	owned(fd) int root_fd = -1;
	struct error ignored = {};

	if (!snapshot->lowers.count ||
	    overlay_open((const char *const *)snapshot->lowers.items, snapshot->lowers.count, NULL,
			 NULL, &root_fd, &ignored))
		return false;
	entry_examine(root_fd, program, env_get(&snapshot->env, "PATH"), *cwd ? cwd : "/",
		      job->step->platform, out);
	return out->state != ENTRY_GOOD;
}

/** What is wrong with the program itself; "" where nothing is seen. */
static void reason_text(const struct job *job, const struct strings *argv,
			const struct sandbox_exit *status, struct buf *out)
{
	owned(str) char *program = NULL;
	char text[PLATFORM_TEXT_MAX];
	struct entry entry = {};

	program = program_of(job, argv, status);
	if (!program || !look(job, program, &entry))
		return;
	/* A shell says itself that there is no such command; some take what is not for this machine
	 * for a script. */
	if (entry.state == ENTRY_MISSING && !status->exec_failed &&
	    ((status->status != SHELL_CANNOT && status->status != SHELL_MISSING) ||
	     starts_with(entry.text, "the image has no")))
		return;
	buf_printf(out, ": %s", entry.text);
	if (entry.state == ENTRY_WRONG)
		buf_printf(out, ", this step runs programs for %s",
			   platform_text(job->step->platform, text));
}

int explain_exit(struct job *job, const struct strings *argv, const struct sandbox_exit *status,
		 const char *how, struct error *err)
{
	const char *text = job->step->instruction->original;
	bool native = strcmp(how, "native") == 0;
	int signal = status->signal                           ? status->signal
		     : status->status > SHELL_SIGNAL + SIGHUP ? status->status - SHELL_SIGNAL
							      : 0;
	const struct build_request *request = job->build->request;
	owned(buf) struct buf ran = {}, reason = {}, limit = {};

	how_text(how, &ran);
	reason_text(job, argv, status, &reason);
	if (limits_explain(status, &request->resources, request->timeout_ms, &limit))
		return fail(err, FAULT_STEP, "%s: %s (exit status %d)", text, buf_text(&limit),
			    status->status);
	job->crashed = !native && is_crash(signal);
	if (status->exec_failed && status->exec_errno == ENOEXEC)
		return fail(err, FAULT_STEP, "%s: exec format error%s", text,
			    reason.length ? buf_text(&reason)
					  : ": neither a program for this platform nor a script "
					    "with #!");
	if (status->exec_failed)
		return fail(err, FAULT_STEP, "%s: cannot run the program: %s%s (exit status %d)",
			    text, strerror(status->exec_errno), buf_text(&reason), status->status);
	if (status->signal)
		return fail(err, FAULT_STEP, "%s: killed by signal %d (%s), %s", text, signal,
			    strsignal(signal), buf_text(&ran));
	if (job->crashed)
		return fail(err, FAULT_STEP,
			    "%s: exit status %d: a program in it died of signal %d (%s), %s", text,
			    status->status, signal, strsignal(signal), buf_text(&ran));
	return fail(err, FAULT_STEP, "%s: exit status %d%s (%s)", text, status->status,
		    buf_text(&reason), buf_text(&ran));
}

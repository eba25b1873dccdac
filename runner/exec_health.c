/* SPDX-License-Identifier: Apache-2.0 */
/**
 * HEALTHCHECK and STOPSIGNAL: how a container is watched and how it is asked to stop.
 */
#include "base/mem.h"
#include "runner/exec.h"
#include "runner/gotext.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* In the order in which the history shows them. */
static const struct {
	const char *flag, *key;
} intervals[] = {
	{ "interval", "Interval" },
	{ "timeout", "Timeout" },
	{ "start-period", "StartPeriod" },
	{ "start-interval", "StartInterval" },
};

static void health_test(const struct instruction *instruction, struct strings *out)
{
	if (strcasecmp(instruction->args[0], "none") == 0) {
		strings_add(out, "NONE");
		return;
	}
	strings_add(out, instruction->json ? "CMD" : "CMD-SHELL");
	strings_add_all(out, (char *const *)instruction->args + 1);
}

/** The flags go into `health`, zero ones not at all, and all into the history's text. */
static result health_flags(const struct instruction *instruction, json_t *health,
			   struct buf *history, struct error *err)
{
	bool dropped = instruction_drops_flags(instruction);
	const char *flag = dropped ? NULL : instruction_flag(instruction, "retries");
	long retries = flag ? strtol(flag, NULL, 10) : 0;

	for (size_t i = 0; i < countof(intervals); i++) {
		const char *value =
			dropped ? NULL : instruction_flag(instruction, intervals[i].flag);
		int64_t duration = 0;

		if (value && *value && duration_parse(value, &duration, err))
			return FAILED;
		if (duration)
			json_object_set_new(health, intervals[i].key, json_integer(duration));
		buf_add_str(history, " \"");
		go_duration(history, duration);
		buf_add_char(history, '"');
	}
	if (retries)
		json_object_set_new(health, "Retries", json_integer(retries));
	buf_add_char(history, ' ');
	go_quote_number(history, (uint32_t)retries);
	return OK;
}

result exec_healthcheck(struct job *job, struct error *err)
{
	const struct instruction *instruction = job->step->instruction;
	owned(strings) struct strings test = {};
	owned(buf) struct buf history = {};
	owned(json) json_t *health = json_object();

	health_test(instruction, &test);
	go_list(&history, &test, true);
	json_object_set_new(health, "Test", json_from_strings(&test));
	if (health_flags(instruction, health, &history, err))
		return FAILED;
	json_object_set(snapshot_config(job->snapshot), "Healthcheck", health);
	job_history(job, false, "HEALTHCHECK &{%s}", buf_text(&history));
	return OK;
}

/* ---- STOPSIGNAL ---- */

static const char *const signals[] = {
	"ABRT", "ALRM",   "BUS",  "CHLD",   "CLD",   "CONT", "FPE",  "HUP",   "ILL",
	"INT",  "IO",     "IOT",  "KILL",   "PIPE",  "POLL", "PROF", "PWR",   "QUIT",
	"SEGV", "STKFLT", "STOP", "SYS",    "TERM",  "TRAP", "TSTP", "TTIN",  "TTOU",
	"URG",  "USR1",   "USR2", "VTALRM", "WINCH", "XCPU", "XFSZ", "RTMIN", "RTMAX",
};

/** "RTMIN+1" to "RTMIN+15" and "RTMAX-1" to "RTMAX-14". */
static bool is_realtime_signal(const char *name)
{
	bool up = strncasecmp(name, "RTMIN+", 6) == 0;
	struct error ignored = {};
	uint64_t number;

	if (!up && strncasecmp(name, "RTMAX-", 6) != 0)
		return false;
	return !number_parse(name + 6, up ? 15 : 14, &number, &ignored) && number && name[6] != '0';
}

static bool signal_is_known(const char *text)
{
	const char *digits = text + (*text == '-' || *text == '+');
	const char *name = strncasecmp(text, "SIG", 3) == 0 ? text + 3 : text;
	size_t length = strspn(digits, "0123456789");

	if (length && !digits[length])
		return length < 10 && strspn(digits, "0") < length;
	for (size_t i = 0; i < countof(signals); i++) {
		if (strcasecmp(name, signals[i]) == 0)
			return true;
	}
	return is_realtime_signal(name);
}

result signal_check(const char *text, struct error *err)
{
	if (signal_is_known(text))
		return OK;
	return fail(err, FAULT_INPUT, "invalid signal: %s; want a name such as SIGTERM or a number",
		    text);
}

result exec_stopsignal(struct job *job, struct error *err)
{
	owned(str) char *word = NULL;

	if (job_expand(job, job->step->instruction->args[0], &word, err) || signal_check(word, err))
		return FAILED;
	json_object_set_new(snapshot_config(job->snapshot), "StopSignal", json_from_text(word));
	job_history(job, false, "STOPSIGNAL %s", word);
	return OK;
}

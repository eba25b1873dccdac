/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/limits.h"

#include <stdlib.h>
#include <string.h>

/** Less than this no program starts. */
enum { MEMORY_MIN = 6 << 20, CPUS_MAX = 8192 };

#define TIMEOUT_MAX (UINT64_C(1000) * 60 * 60 * 24 * 365)

static result memory_parse(const char *text, uint64_t *out, struct error *err)
{
	if (size_parse(text, out, err) || *out > INT64_MAX)
		return fail(err, FAULT_USAGE, "--memory %s: want a size such as 512m", text);
	if (*out < MEMORY_MIN)
		return fail(err, FAULT_USAGE, "--memory %s: less than 6m is not enough", text);
	return OK;
}

static result layer_parse(const char *text, uint64_t *out, struct error *err)
{
	if (size_parse(text, out, err) || !*out || *out > INT64_MAX)
		return fail(err, FAULT_USAGE, "--max-layer %s: want a size such as 2g", text);
	return OK;
}

/** "1.5": thousandths. */
static result cpus_parse(const char *text, uint64_t *out, struct error *err)
{
	uint64_t whole = 0, part = 0, scale = 1000;
	const char *at = text;

	for (; *at >= '0' && *at <= '9' && whole <= CPUS_MAX; at++)
		whole = whole * 10 + (uint64_t)(*at - '0');
	if (*at == '.') {
		for (at++; *at >= '0' && *at <= '9' && scale > 1; at++) {
			scale /= 10;
			part += (uint64_t)(*at - '0') * scale;
		}
	}
	*out = whole * 1000 + part;
	/* The kernel counts no less than a hundredth. */
	if (*at || whole > CPUS_MAX || *out < 10)
		return fail(err, FAULT_USAGE, "--cpus %s: want a number such as 1.5, from 0.01",
			    text);
	return OK;
}

static result pids_parse(const char *text, uint64_t *out, struct error *err)
{
	if (strcmp(text, "-1") == 0 || strcmp(text, "0") == 0) {
		*out = 0;
		return OK;
	}
	if (number_parse(text, INT32_MAX, out, err))
		return fail(err, FAULT_USAGE, "--pids-limit %s: want a number", text);
	return OK;
}

static const struct {
	const char *name;
	uint64_t ms;
} units[] = {
	{ "ms", 1 }, { "s", 1000 }, { "m", 60 * 1000 }, { "h", 60 * 60 * 1000 }, { "", 1000 },
};

/** "90", "90s", "1m30s", "500ms" */
static result timeout_parse(const char *text, uint64_t *out, struct error *err)
{
	const char *at = text;
	uint64_t sum = 0;

	do {
		size_t digits = strspn(at, "0123456789"), unit = 0, length;
		uint64_t value = digits && digits < 12 ? strtoull(at, NULL, 10) : TIMEOUT_MAX + 1;

		at += digits;
		length = strcspn(at, "0123456789");
		while (unit < countof(units) && (strlen(units[unit].name) != length ||
						 strncmp(units[unit].name, at, length) != 0))
			unit++;
		if (unit == countof(units) || value > TIMEOUT_MAX ||
		    (sum += value * units[unit].ms) > TIMEOUT_MAX)
			return fail(err, FAULT_USAGE, "--timeout %s: want a time such as 90s or 5m",
				    text);
		at += length;
	} while (*at);
	if (!sum)
		return fail(err, FAULT_USAGE, "--timeout %s: leaves no time", text);
	*out = sum;
	return OK;
}

result limits_parse(const struct limit_options *options, struct resource_limits *out,
		    uint64_t *timeout_ms, struct error *err)
{
	if ((options->memory && memory_parse(options->memory, &out->memory, err)) ||
	    (options->cpus && cpus_parse(options->cpus, &out->milli_cpus, err)) ||
	    (options->layer && layer_parse(options->layer, &out->layer, err)) ||
	    (options->pids && pids_parse(options->pids, &out->pids, err)) ||
	    (options->timeout && timeout_parse(options->timeout, timeout_ms, err)))
		return FAILED;
	return OK;
}

bool limits_explain(const struct sandbox_exit *ended, const struct resource_limits *limits,
		    uint64_t timeout_ms, struct buf *out)
{
	enum { MEGABYTE = 1 << 20 };
	char size[SIZE_TEXT_MAX];

	if (ended->timed_out)
		buf_printf(out, "timed out after %llu.%03llu s",
			   (unsigned long long)timeout_ms / 1000,
			   (unsigned long long)timeout_ms % 1000);
	else if (ended->layer_full)
		buf_printf(out, "layer exceeds %s", size_text(limits->layer, size));
	else if (ended->out_of_memory && ended->status)
		buf_printf(out, "out of memory (limit %llu MB)",
			   (unsigned long long)limits->memory / MEGABYTE);
	else
		return false;
	return true;
}

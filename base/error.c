/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* clang-format off */
static const struct {
	int exit_status;
	bool transient;
} fault_table[] = {
	[FAULT_NONE]      = { 0,   false },
	[FAULT_USAGE]     = { 2,   false },
	[FAULT_INPUT]     = { 3,   false },
	[FAULT_STEP]      = { 4,   false },
	[FAULT_MISSING]   = { 5,   false },
	[FAULT_AUTH]      = { 6,   false },
	[FAULT_NETWORK]   = { 7,   true  },
	[FAULT_INTEGRITY] = { 8,   false },
	[FAULT_PRIVILEGE] = { 9,   false },
	[FAULT_SYSTEM]    = { 1,   false },
	[FAULT_CANCELLED] = { 130, false },
};
/* clang-format on */

PRINTF(2, 0)
static void set_text(struct error *err, const char *format, va_list args)
{
	int length = vsnprintf(err->text, sizeof(err->text), format, args);

	if (length >= (int)sizeof(err->text))
		memcpy(err->text + sizeof(err->text) - 4, "...", 4);
}

int fail(struct error *err, enum fault fault, const char *format, ...)
{
	va_list args;

	err->fault = fault;
	err->sys = 0;
	va_start(args, format);
	set_text(err, format, args);
	va_end(args);
	return FAILED;
}

int fail_sys(struct error *err, const char *format, ...)
{
	int sys = errno;
	size_t length;
	va_list args;

	err->fault = FAULT_SYSTEM;
	err->sys = sys;
	va_start(args, format);
	set_text(err, format, args);
	va_end(args);

	length = strlen(err->text);
	snprintf(err->text + length, sizeof(err->text) - length, ": %s", strerror(sys));
	errno = sys;
	return FAILED;
}

int fail_in(struct error *err, const char *format, ...)
{
	char inner[sizeof(err->text)];
	size_t length;
	va_list args;

	memcpy(inner, err->text, sizeof(inner));
	va_start(args, format);
	set_text(err, format, args);
	va_end(args);

	length = strlen(err->text);
	if (snprintf(err->text + length, sizeof(err->text) - length, ": %s", inner) >=
	    (int)(sizeof(err->text) - length))
		memcpy(err->text + sizeof(err->text) - 4, "...", 4);
	return FAILED;
}

int fault_exit_status(enum fault fault)
{
	return fault_table[fault].exit_status;
}

bool fault_is_transient(enum fault fault)
{
	return fault_table[fault].transient;
}

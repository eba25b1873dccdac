/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/typed.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

bool typed_read(struct typed *typed, int from)
{
	ssize_t got = read(from, typed->bytes, sizeof(typed->bytes));

	if (got > 0)
		typed->length = (size_t)got;
	return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

bool typed_write(struct typed *typed, int to)
{
	ssize_t took = write(to, typed->bytes, typed->length);

	if (took < 0)
		return errno == EAGAIN || errno == EINTR;
	typed->length -= (size_t)took;
	memmove(typed->bytes, typed->bytes + took, typed->length);
	return true;
}

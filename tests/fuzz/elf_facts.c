/* SPDX-License-Identifier: Apache-2.0 */
#include "binfmt/binfmt.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

struct bytes {
	const char *data;
	size_t size, asked;
};

static size_t read_bytes(void *closure, uint64_t offset, void *data, size_t length)
{
	struct bytes *bytes = closure;

	bytes->asked += length;
	if (offset >= bytes->size)
		return 0;
	if (length > bytes->size - offset)
		length = bytes->size - (size_t)offset;
	memcpy(data, bytes->data + offset, length);
	return length;
}

/** Whatever a file says of itself: a bounded number of bytes is read, and texts end. */
void fuzz_one(const char *text, size_t size)
{
	static const char *const names[] = { "linux/amd64/v2", "linux/arm/v6", "linux/s390x" };
	struct bytes bytes = { .data = text, .size = size };
	struct elf_facts facts;

	elf_facts_read(read_bytes, &bytes, &facts);
	if (bytes.asked > 4 << 20 || !memchr(facts.loader, '\0', sizeof(facts.loader)))
		abort();
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct platform platform;
		struct error err = {};
		char why[128];

		if (platform_parse(names[i], &platform, &err))
			abort();
		(void)elf_fits(&facts, &platform, why);
		if (!memchr(why, '\0', sizeof(why)))
			abort();
	}
}

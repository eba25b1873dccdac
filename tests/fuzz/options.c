/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/attest_options.h"
#include "runner/cache_options.h"
#include "runner/fields.h"
#include "runner/named.h"
#include "runner/outputs.h"
#include "tests/fuzz/fuzz.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/** Options that are lists of fields: what is taken is whole, and a fault is always the user's. */
static void fault_check(result parsed, const struct error *err)
{
	if (parsed && err->fault != FAULT_USAGE)
		abort();
}

static void output_check(const char *text)
{
	owned(output) struct output output = {};
	struct error err = {};
	result parsed = output_parse(text, &output, &err);

	fault_check(parsed, &err);
	if (!parsed && output.kind == OUTPUT_LOCAL && (!output.dest || !*output.dest))
		abort();
	if (!parsed && output.dest && output.kind == OUTPUT_IMAGE)
		abort();
}

static void caches_check(const char *text)
{
	struct cache_places to = {}, from = {};
	struct error err = {};

	fault_check(cache_to_add(&to, text, &err), &err);
	fault_check(cache_from_add(&from, text, &err), &err);
	for (size_t i = 0; i < to.count; i++) {
		if ((to.items[i].kind == CACHE_INLINE) != !to.items[i].where)
			abort();
	}
	for (size_t i = 0; i < from.count; i++) {
		if (!from.items[i].where || from.items[i].kind == CACHE_INLINE)
			abort();
	}
	cache_places_drop(&to);
	cache_places_drop(&from);
}

static void csv_check(const char *text)
{
	owned(strings) struct strings fields = {};
	struct error err = {};
	size_t length = 0;

	if (csv_split(text, &fields, &err))
		return;
	for (size_t i = 0; i < fields.count; i++)
		length += strlen(fields.items[i]) + 1;
	if (!fields.count || length > strlen(text) + 1)
		abort();
}

void fuzz_one(const char *text, size_t size)
{
	struct attest attest = {};
	struct named_list contexts = {};
	struct error err = {};

	(void)size;
	csv_check(text);
	output_check(text);
	caches_check(text);
	fault_check(attest_add(&attest, text, &err), &err);
	fault_check(attest_provenance_set(&attest, text, &err), &err);
	attest_drop(&attest);
	fault_check(named_add(&contexts, text, &err), &err);
	if (contexts.count && (!*contexts.items[0].name || !*contexts.items[0].value))
		abort();
	named_list_drop(&contexts);
}

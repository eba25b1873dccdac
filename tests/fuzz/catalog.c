/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/catalog.h"
#include "tests/fuzz/fuzz.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/** The manifest is the first line, the config the rest.  What is taken comes back the same. */
void fuzz_one(const char *text, size_t size)
{
	const char *line = memchr(text, '\n', size);
	size_t first = line ? (size_t)(line - text) : size;
	owned(catalog) struct catalog made = {}, back = {}, image = {};
	owned(buf) struct buf manifest = {}, config = {}, again = {}, other = {};
	struct descriptor descriptor = {};
	enum catalog_kind kind;
	struct error err = {};

	buf_add(&manifest, text, first);
	if (line)
		buf_add(&config, line + 1, size - first - 1);
	if (!catalog_look(&manifest, &kind, &descriptor, &err) && kind > CATALOG_OTHER)
		abort();
	(void)!!catalog_parse_image(&manifest, &config, &image, &err);
	if (catalog_parse(&manifest, &config, &made, &err))
		return;
	if (made.layer_count > CATALOG_LAYERS_MAX || made.step_count > CATALOG_STEPS_MAX)
		abort();
	for (size_t i = 0; i < made.step_count; i++) {
		if (made.steps[i].layer >= made.layer_count)
			abort();
	}
	(void)catalog_trim(&made, CATALOG_LAYERS_MAX, CATALOG_STEPS_MAX);
	catalog_config(&made, &again);
	catalog_manifest(&made, &again, &other);
	if (catalog_parse(&other, &again, &back, &err) || back.step_count != made.step_count)
		abort();
}

/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What the parsers of package databases share: parts of a text, and the list that they fill.
 */
#ifndef RUNNER_PACKAGES_INTERNAL_H
#define RUNNER_PACKAGES_INTERNAL_H

#include "runner/packages.h"

/** A part of the text that is not terminated. */
struct span {
	const char *data;
	size_t length;
};

/** A name or version: letters, digits and a few marks, so that it is safe in a path. */
bool span_is_word(struct span span);

/** Whether it is a relative path without anything that climbs or a terminal could be moved by. */
bool span_is_path(struct span span);

/** Whether the text is the hexadecimal form of such a sum. */
bool span_read_sum(struct span text, enum sum_kind kind, struct sum *out);

struct packages *packages_new(enum package_kind kind);

/** Add a package; its texts are the arena's, and its files are the list's from then on. */
result package_add(struct packages *packages, const struct package *package, struct error *err);

result package_file_add(struct package *package, const char *path, const struct sum *sum,
			struct error *err);

/** All files are there. */
void package_files_end(struct package *package);

/** All packages are there. */
void packages_end(struct packages *packages);

#endif

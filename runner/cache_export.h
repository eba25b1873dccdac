/* SPDX-License-Identifier: Apache-2.0 */
/**
 * --cache-to: what this build's steps made, for others.
 */
#ifndef RUNNER_CACHE_EXPORT_H
#define RUNNER_CACHE_EXPORT_H

#include "runner/builder.h"
#include "runner/catalog.h"

/**
 * Put the steps of a build that is done into every --cache-to, beside those that are there.  Where
 * a place lets several write at once, each looks again until its steps are in it.
 */
result caches_export(const struct build *build, struct error *err);

/** The steps of one image, for its own config; `final` is the last of them. */
void catalog_of_image(const struct build *build, const struct step *final, struct catalog *out);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/**
 * --output: where the result of a build goes, and in which form.
 */
#ifndef RUNNER_OUTPUTS_H
#define RUNNER_OUTPUTS_H

#include "base/digest.h"
#include "runner/annotations.h"

enum output_kind {
	OUTPUT_IMAGE,  /* names in the store, perhaps pushed */
	OUTPUT_OCI,    /* an image layout, as a tar or a directory */
	OUTPUT_DOCKER, /* the same with a manifest.json for docker load; or the store */
	OUTPUT_LOCAL,  /* the files of the image in a directory */
	OUTPUT_TAR,    /* the files of the image as one tar */
	OUTPUT_NONE,   /* nothing but a warm cache */
};

enum split { SPLIT_AUTO, SPLIT_NO, SPLIT_YES };

/** How the image is written: two outputs of one form share one index. */
struct form {
	bool has_compression; /* else layers stay as they are */
	enum compression compression;
	bool force;     /* layers of the base image too */
	bool rewrite;   /* clamp the times of files to the epoch */
	bool is_docker; /* media types of Docker */
	int64_t epoch;  /* clamp created times; -1: none */
	struct annotations annotations;
};

/** One --output. */
struct output {
	enum output_kind kind;
	char *dest; /* path, "-" for standard output; NULL where the kind has none */
	struct strings names;
	bool push, by_digest;
	bool is_directory; /* tar=false: a layout, not an archive of one */
	bool insecure;
	enum split split; /* a directory for each platform */
	struct form form;
};

void output_drop(struct output *output);

/**
 * Parse "type=oci,dest=FILE", a bare directory (local), "-" (tar to standard output).  FAULT_USAGE
 * names the field that is unknown, wrong or missing.  form.epoch is -1 unless it is said.
 */
result output_parse(const char *text, struct output *out, struct error *err);

/** A number of seconds for --source-date-epoch and SOURCE_DATE_EPOCH; FAULT_USAGE. */
result epoch_parse(const char *name, const char *text, int64_t *out, struct error *err);

/** Whether both forms make the same bytes. */
bool form_equal(const struct form *a, const struct form *b);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Options of a build about what becomes of it: --output, --tag, --push, --annotation,
 * --source-date-epoch.
 */
#include "runner/output_options.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/** --source-date-epoch, else --build-arg SOURCE_DATE_EPOCH, else the environment's. */
static result epoch_set(const struct output_words *words, struct build_request *request,
			struct error *err)
{
	static const char name[] = "SOURCE_DATE_EPOCH";
	const char *text = words->epoch;

	request->epoch = -1;
	if (!text)
		text = env_get(&request->build_args, name);
	if (!text)
		text = getenv(name);
	if (!text || !*text)
		return OK;
	if (epoch_parse(name, text, &request->epoch, err))
		return FAILED;
	env_set(&request->build_args, name, text);
	return OK;
}

/** What all outputs take from the rest of the command line. */
static result form_complete(const struct build_request *request, struct form *form,
			    const struct annotations *annotations, struct error *err)
{
	annotations_add_all(&form->annotations, annotations);
	if (form->epoch < 0)
		form->epoch = request->epoch;
	if (form->is_docker)
		return fail(err, FAULT_USAGE,
			    "--output: oci-mediatypes=false is not supported yet by this version "
			    "of mpemu");
	if (request->platform_count > 1)
		return OK;
	if (annotations_have(&form->annotations, ANNOTATE_INDEX) ||
	    annotations_have(&form->annotations, ANNOTATE_INDEX_DESCRIPTOR))
		return fail(err, FAULT_USAGE,
			    "annotations of an index: one platform makes an image without index");
	return OK;
}

static bool is_image(const struct output *output)
{
	return output->kind == OUTPUT_IMAGE || output->kind == OUTPUT_OCI ||
	       output->kind == OUTPUT_DOCKER;
}

/** The names stand for what the first output of an image is. */
static result forms_set(const struct output_words *words, struct build_request *request,
			struct error *err)
{
	__attribute__((cleanup(annotations_drop))) struct annotations annotations = {};
	const struct output *first = NULL;

	for (size_t i = 0; i < words->annotations->count; i++) {
		if (annotations_parse(words->annotations->items[i], &annotations, err))
			return FAILED;
	}
	for (size_t i = 0; i < request->output_count; i++) {
		struct output *output = &request->outputs[i];

		if (form_complete(request, &output->form, &annotations, err))
			return FAILED;
		if (output->split == SPLIT_NO && request->platform_count > 1)
			return fail(err, FAULT_USAGE,
				    "--output: platform-split=false of several platforms is not "
				    "supported yet by this version of mpemu");
		if (!first && is_image(output))
			first = output;
	}
	if (!first) {
		request->form.epoch = -1;
		return form_complete(request, &request->form, &annotations, err);
	}
	request->form = first->form;
	request->form.annotations = (struct annotations){};
	annotations_add_all(&request->form.annotations, &first->form.annotations);
	return OK;
}

/** --push is for the images that outputs name; where there is none, one more. */
static void push_set(struct build_request *request)
{
	for (size_t i = 0; i < request->output_count; i++) {
		if (request->outputs[i].kind == OUTPUT_IMAGE) {
			request->outputs[i].push = true;
			return;
		}
	}
	request->outputs[request->output_count++] =
		(struct output){ .kind = OUTPUT_IMAGE, .push = true, .form.epoch = -1 };
}

static result names_check(const struct output *output, const struct strings *tags,
			  struct error *err)
{
	if (output->push && !tags->count && !output->names.count)
		return fail(err, FAULT_USAGE, "--push wants a name: add --tag NAME");
	for (size_t i = 0; i < output->names.count; i++) {
		struct reference ref;

		if (reference_parse(output->names.items[i], &ref, err)) {
			err->fault = FAULT_USAGE;
			return fail_in(err, "--output: name");
		}
	}
	return OK;
}

static result outputs_set(const struct output_words *words, struct build_request *request,
			  struct error *err)
{
	for (size_t i = 0; i < words->outputs->count; i++) {
		if (request->output_count + 1 >= countof(request->outputs))
			return fail(err, FAULT_USAGE, "--output: too many");
		if (output_parse(words->outputs->items[i], &request->outputs[request->output_count],
				 err))
			return FAILED;
		request->output_count++;
	}
	if (words->push)
		push_set(request);
	for (size_t i = 0; i < request->output_count; i++) {
		if (names_check(&request->outputs[i], words->tags, err))
			return FAILED;
	}
	return epoch_set(words, request, err) ? FAILED : forms_set(words, request, err);
}

/** Names are checked now, not after an hour of building. */
static result tags_check(const struct strings *tags, struct error *err)
{
	for (size_t i = 0; i < tags->count; i++) {
		struct reference ref;

		if (reference_parse(tags->items[i], &ref, err)) {
			err->fault = FAULT_USAGE;
			return fail_in(err, "--tag");
		}
		if (ref.pinned)
			return fail(err, FAULT_USAGE, "--tag %s: a tag cannot have a digest",
				    tags->items[i]);
	}
	return OK;
}

result output_options_set(const struct output_words *words, struct build_request *request,
			  struct error *err)
{
	return tags_check(words->tags, err) || outputs_set(words, request, err) ? FAILED : OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/publish.h"

#include "base/mem.h"
#include "base/outfile.h"
#include "base/progress.h"
#include "runner/archive.h"
#include "runner/form.h"
#include "runner/output_files.h"
#include "runner/summary.h"

#include <string.h>

/** Names of an output: those of --tag and its own. */
static void names_of(const struct build *build, const struct output *output, struct strings *out)
{
	strings_add_all(out, build->request->tags->items);
	for (size_t i = 0; i < output->names.count; i++) {
		if (!strings_have(out, output->names.items[i]))
			strings_add(out, output->names.items[i]);
	}
}

static result tags_apply(const struct build *build, const struct strings *names,
			 const struct descriptor *index, struct error *err)
{
	for (size_t i = 0; i < names->count; i++) {
		struct reference ref;

		if (reference_parse(names->items[i], &ref, err) ||
		    store_tag(build->store, &ref, index, err))
			return FAILED;
	}
	return OK;
}

static result push_all(const struct build *build, const struct output *output,
		       const struct strings *names, const struct descriptor *index,
		       struct error *err)
{
	struct transport transport = build->request->transport;

	transport.insecure |= output->insecure;
	for (size_t i = 0; i < names->count; i++) {
		struct reference ref;

		if (reference_parse(names->items[i], &ref, err))
			return FAILED;
		if (output->by_digest) {
			ref.tag[0] = '\0';
			ref.pinned = true;
			ref.digest = index->digest;
		}
		progress_note(build->ctx, "pushing %s", names->items[i]);
		if (image_push(build->ctx, build->store, index, &ref, &transport, err))
			return fail_in(err, "push %s", names->items[i]);
	}
	return OK;
}

static result image_output(const struct build *build, const struct output *output,
			   const struct descriptor *index, struct error *err)
{
	owned(strings) struct strings names = {};

	if (output->by_digest)
		return push_all(build, output, &output->names, index, err);
	names_of(build, output, &names);
	if (tags_apply(build, &names, index, err))
		return FAILED;
	return output->push ? push_all(build, output, &names, index, err) : OK;
}

static result archive_output(const struct build *build, const struct output *output,
			     const struct descriptor *index, struct error *err)
{
	owned(strings) struct strings names = {};
	owned(json) json_t *notes =
		annotations_json(&output->form.annotations,
				 index->media == MEDIA_INDEX ? ANNOTATE_INDEX_DESCRIPTOR
							     : ANNOTATE_MANIFEST_DESCRIPTOR,
				 build->plan->finals[0]->target);
	const struct layout_options options = {
		.is_docker = output->kind == OUTPUT_DOCKER,
		.is_directory = output->is_directory,
		.annotations = notes,
	};

	names_of(build, output, &names);
	return archive_export(build->ctx, build->store, index, &names, output->dest, &options, err);
}

static result output_serve(struct build *build, const struct output *output,
			   const struct published *first, struct error *err)
{
	struct published made = *first;

	if (output->kind == OUTPUT_NONE)
		return OK;
	if (output->kind == OUTPUT_LOCAL || output->kind == OUTPUT_TAR)
		return files_export(build, output, err);
	if (!form_equal(&output->form, &build->request->form) &&
	    form_publish(build, &output->form, &made, err))
		return FAILED;
	return output->dest ? archive_output(build, output, &made.index, err)
			    : image_output(build, output, &made.index, err);
}

/* ---- what is told about it ---- */

static json_t *metadata_json(const struct build *build, const struct published *made)
{
	const struct descriptor *index = &made->index;
	char digest[DIGEST_TEXT_MAX], platform[PLATFORM_TEXT_MAX];
	owned(buf) struct buf names = {};
	json_t *json = json_object();

	digest_text(&index->digest, digest);
	json_object_set_new(json, "containerimage.digest", json_string(digest));
	json_object_set_new(json, "containerimage.descriptor",
			    json_pack("{s:s, s:s, s:I}", "mediaType",
				      media_text(index->media, index->is_docker), "digest", digest,
				      "size", (json_int_t)index->size));
	for (size_t i = 0; i < made->count; i++) {
		owned(str) char *key =
			xasprintf("containerimage.digest/%s",
				  platform_text(&made->manifests[i].platform, platform));

		if (made->manifests[i].size)
			json_object_set_new(
				json, key,
				json_string(digest_text(&made->manifests[i].digest, digest)));
	}
	if (made->count == 1)
		json_object_set_new(json, "containerimage.config.digest",
				    json_string(digest_text(&made->configs[0], digest)));
	for (size_t i = 0; i < build->request->tags->count; i++) {
		struct reference ref;
		struct error ignored;
		char text[REFERENCE_TEXT_MAX];

		if (!reference_parse(build->request->tags->items[i], &ref, &ignored))
			buf_printf(&names, "%s%s", names.length ? "," : "",
				   reference_text(&ref, text));
	}
	if (names.length)
		json_object_set_new(json, "image.name", json_string(buf_text(&names)));
	return json;
}

/** As buildx: the config's digest of one platform, else the index's. */
static result tell(const struct build *build, const struct published *made, struct error *err)
{
	const struct build_request *request = build->request;
	bool is_alone = made->count == 1 && made->index.media == MEDIA_MANIFEST;
	const struct digest *id = is_alone ? &made->configs[0] : &made->index.digest;
	char digest[DIGEST_TEXT_MAX];

	digest_text(id, digest);
	if (request->id_file && outfile_put(request->id_file, digest, strlen(digest), 0644, err))
		return fail_in(err, "--iidfile %s", request->id_file);
	if (request->metadata_file) {
		owned(json) json_t *json = metadata_json(build, made);
		owned(str) char *text = json_text(json, true);

		if (outfile_put(request->metadata_file, text, strlen(text), 0644, err))
			return fail_in(err, "--metadata-file %s", request->metadata_file);
	}
	return OK;
}

result publish(struct build *build, struct descriptor *index, struct error *err)
{
	const struct build_request *request = build->request;
	struct published made;

	if (form_publish(build, &request->form, &made, err) ||
	    tags_apply(build, request->tags, &made.index, err))
		return FAILED;
	for (size_t i = 0; i < request->output_count; i++) {
		if (output_serve(build, &request->outputs[i], &made, err))
			return FAILED;
	}
	if (tell(build, &made, err))
		return FAILED;
	summary_tell(build, made.manifests);
	*index = made.index;
	return OK;
}

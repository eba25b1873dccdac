/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/attest.h"

#include "base/mem.h"
#include "runner/bases.h"

#include <string.h>
#include <time.h>

static const char statement_type[] = "https://in-toto.io/Statement/v1";
static const char predicate_type[] = "https://slsa.dev/provenance/v1";
static const char build_type[] = "urn:mpemu:dockerfile:v1";
static const char statement_media[] = "application/vnd.in-toto+json";

static json_t *digest_set(const struct digest *digest)
{
	char hex[DIGEST_HEX_MAX];

	return json_pack("{s:s}", "sha256", digest_hex(digest, hex));
}

/** "linux%2Farm64" */
static void platform_escape(struct buf *out, const struct platform *platform)
{
	char text[PLATFORM_TEXT_MAX];

	for (const char *at = platform_text(platform, text); *at; at++) {
		if (*at == '/')
			buf_add_str(out, "%2F");
		else
			buf_add_char(out, *at);
	}
}

/** "pkg:docker/debian@bookworm?platform=linux%2Farm64" of a package URL. */
static char *package_url(const char *name, const struct platform *platform)
{
	owned(buf) struct buf out = {};
	struct error ignored = {};
	struct reference ref;

	if (reference_parse(name, &ref, &ignored)) {
		text_escape(&out, name, strlen(name));
		return buf_take(&out);
	}
	buf_add_str(&out, "pkg:docker/");
	if (strcmp(ref.host, "docker.io") != 0)
		buf_printf(&out, "%s/", ref.host);
	buf_add_str(&out,
		    starts_with(ref.repository, "library/") && strcmp(ref.host, "docker.io") == 0
			    ? ref.repository + strlen("library/")
			    : ref.repository);
	if (*ref.tag)
		buf_printf(&out, "@%s", ref.tag);
	buf_add_str(&out, "?platform=");
	platform_escape(&out, platform);
	return buf_take(&out);
}

/* ---- the statement ---- */

/** The images that steps for this target start from or copy from. */
static result dependencies_json(struct build *build, const struct platform *target, json_t *list,
				struct error *err)
{
	const struct plan *plan = build->plan;
	owned(strings) struct strings seen = {};

	for (size_t i = 0; i < plan->step_count; i++) {
		const struct step *step = plan->steps[i];
		owned(image) struct image *image = NULL;
		owned(str) char *url = NULL;

		if (step->kind != STEP_IMAGE || !step->result ||
		    !platform_equal(step->target, target))
			continue;
		url = package_url(step->image, step->platform);
		if (strings_have(&seen, url))
			continue;
		strings_add(&seen, url);
		if (base_image(build, step->image, step->platform, &image, err))
			return FAILED;
		json_array_append_new(list, json_pack("{s:s, s:o}", "uri", url, "digest",
						      digest_set(&image->manifest.digest)));
	}
	return OK;
}

/** Names of what was given, never what was in it. */
static void secrets_json(const struct secrets *secrets, json_t *request)
{
	json_t *ids = json_array(), *agents = json_array();

	for (size_t i = 0; i < secrets->count; i++)
		json_array_append_new(
			ids, json_pack("{s:o}", "id", json_from_text(secrets->items[i].id)));
	for (size_t i = 0; i < secrets->agent_count; i++)
		json_array_append_new(
			agents, json_pack("{s:o}", "id", json_from_text(secrets->agents[i].id)));
	json_object_set_new(request, "secrets", ids);
	json_object_set_new(request, "ssh", agents);
}

static json_t *arguments_json(const struct build_request *request)
{
	json_t *args = json_object();

	for (size_t i = 0; i < request->build_args.count; i++) {
		const char *entry = request->build_args.items[i];
		owned(str) char *key = xasprintf("build-arg:%.*s", (int)strcspn(entry, "="), entry);

		json_object_set_new(args, key, json_from_text(strchr(entry, '=') + 1));
	}
	for (size_t i = 0; i < request->labels->count; i++) {
		const char *entry = request->labels->items[i], *equals = strchr(entry, '=');
		owned(str) char *key = xasprintf("label:%.*s", (int)strcspn(entry, "="), entry);

		json_object_set_new(args, key, json_from_text(equals ? equals + 1 : ""));
	}
	return args;
}

static json_t *request_json(const struct build *build)
{
	const struct build_request *request = build->request;
	json_t *json = json_pack("{s:s, s:[{s:s}, {s:s}]}", "frontend", "dockerfile.v0", "locals",
				 "name", "context", "name", "dockerfile");

	if (request->target && *request->target)
		json_object_set_new(json, "target", json_from_text(request->target));
	if (request->attest.provenance != PROVENANCE_MAX)
		return json;
	json_object_set_new(json, "args", arguments_json(request));
	secrets_json(&request->secrets, json);
	return json;
}

static char *moment_text(const struct form *form, int64_t moment)
{
	return time_text(form->epoch >= 0 && moment > form->epoch ? form->epoch : moment);
}

static json_t *details_json(const struct build *build, const struct form *form)
{
	const struct attest *attest = &build->request->attest;
	owned(str) char *started = moment_text(form, build->time);
	owned(str) char *finished = moment_text(form, time(NULL));

	return json_pack("{s:{s:o}, s:{s:s, s:s}}", "builder", "id",
			 json_from_text(attest->builder_id ? attest->builder_id : ""), "metadata",
			 "startedOn", started, "finishedOn", finished);
}

static result predicate_json(struct build *build, const struct form *form, const struct step *final,
			     json_t **out, struct error *err)
{
	struct platform host = platform_host();
	char text[PLATFORM_TEXT_MAX];
	owned(json) json_t *dependencies = json_array();
	json_t *definition;

	if (dependencies_json(build, final->target, dependencies, err))
		return FAILED;
	definition = json_pack("{s:s, s:{s:{s:o}, s:o}, s:{s:s}, s:O}", "buildType", build_type,
			       "externalParameters", "configSource", "path",
			       json_from_text(build->dockerfile->name), "request",
			       request_json(build), "internalParameters", "builderPlatform",
			       platform_text(&host, text), "resolvedDependencies", dependencies);
	if (build->request->attest.provenance == PROVENANCE_MAX)
		json_object_set_new(json_object_get(definition, "externalParameters"), "dockerfile",
				    json_from_text(buf_text(&build->context->dockerfile)));
	*out = json_pack("{s:o, s:o}", "buildDefinition", definition, "runDetails",
			 details_json(build, form));
	return OK;
}

static json_t *subjects_json(const struct build *build, const struct descriptor *manifest)
{
	const struct strings *tags = build->request->tags;
	json_t *list = json_array();

	for (size_t i = 0; i < tags->count; i++) {
		owned(str) char *url = package_url(tags->items[i], &manifest->platform);

		json_array_append_new(list, json_pack("{s:s, s:o}", "name", url, "digest",
						      digest_set(&manifest->digest)));
	}
	if (!tags->count)
		json_array_append_new(list, json_pack("{s:s, s:o}", "name", "_", "digest",
						      digest_set(&manifest->digest)));
	return list;
}

/* ---- the manifest ---- */

static result blob_put(struct build *build, enum media media, const json_t *json,
		       struct descriptor *out, struct error *err)
{
	owned(str) char *text = json_text(json, true);

	return store_put(build->store, media, text, strlen(text), out, err);
}

static json_t *part_json(const char *media, const struct descriptor *part)
{
	char digest[DIGEST_TEXT_MAX];

	return json_pack("{s:s, s:s, s:I}", "mediaType", media, "digest",
			 digest_text(&part->digest, digest), "size", (json_int_t)part->size);
}

/** The statement as the only layer of an image that is of no platform. */
static result manifest_put(struct build *build, const json_t *statement, struct descriptor *out,
			   struct error *err)
{
	owned(json) json_t *config = NULL, *manifest = NULL;
	struct descriptor layer, config_blob;
	char digest[DIGEST_TEXT_MAX];
	json_t *part;

	if (blob_put(build, MEDIA_UNKNOWN, statement, &layer, err))
		return FAILED;
	config = json_pack("{s:s, s:s, s:{}, s:{s:s, s:[s]}}", "architecture", "unknown", "os",
			   "unknown", "config", "rootfs", "type", "layers", "diff_ids",
			   digest_text(&layer.digest, digest));
	if (blob_put(build, MEDIA_CONFIG, config, &config_blob, err))
		return FAILED;
	part = part_json(statement_media, &layer);
	json_object_set_new(part, "annotations",
			    json_pack("{s:s}", "in-toto.io/predicate-type", predicate_type));
	manifest =
		json_pack("{s:i, s:s, s:o, s:[o]}", "schemaVersion", 2, "mediaType",
			  media_text(MEDIA_MANIFEST, false), "config",
			  part_json(media_text(MEDIA_CONFIG, false), &config_blob), "layers", part);
	return blob_put(build, MEDIA_MANIFEST, manifest, out, err);
}

result attest_write(struct build *build, const struct form *form, const struct step *final,
		    const struct descriptor *manifest, struct descriptor *out, struct error *err)
{
	owned(json) json_t *statement = NULL;
	struct descriptor made = {};
	char digest[DIGEST_TEXT_MAX];
	json_t *predicate;

	if (predicate_json(build, form, final, &predicate, err))
		return FAILED;
	statement = json_pack("{s:s, s:s, s:o, s:o}", "_type", statement_type, "predicateType",
			      predicate_type, "subject", subjects_json(build, manifest),
			      "predicate", predicate);
	if (manifest_put(build, statement, &made, err))
		return FAILED;
	made.platform = (struct platform){ .os = "unknown", .arch = "unknown" };
	made.annotations = json_pack("{s:s, s:s}", "vnd.docker.reference.digest",
				     digest_text(&manifest->digest, digest),
				     "vnd.docker.reference.type", "attestation-manifest");
	*out = made;
	return OK;
}

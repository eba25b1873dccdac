/* SPDX-License-Identifier: Apache-2.0 */
/**
 * mpemu build: options of `docker buildx build` become a request.
 */
#include "base/mem.h"
#include "base/outfile.h"
#include "base/progress.h"
#include "runner/build.h"
#include "runner/command.h"
#include "runner/commands.h"
#include "runner/limits.h"
#include "runner/network.h"
#include "runner/output_options.h"
#include "runner/run_options.h"
#include "runner/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>

struct build_options {
	struct strings platforms, tags, build_args, labels, outputs, annotations;
	struct strings secrets, agents, hosts, limits, contexts, no_cache_filter;
	struct limit_options resources;
	const char *file, *target, *jobs, *network, *trace, *shm_size;
	const char *metadata, *iidfile, *epoch, *verify, *optional, *build_timeout;
	struct strings cache_to, cache_from, allowed, attestations;
	const char *provenance, *sbom, *assist, *assist_from;
	const char *call;
	bool check;
	bool push, load, pull, no_cache, keep_going, insecure;
};

#define FIELD(name) offsetof(struct build_options, name)

/* clang-format off */
static const struct option options[] = {
	{ "platform",   0,   OPTION_LIST, FIELD(platforms),  "LIST",
	  "platforms to build for: linux/amd64,linux/arm64 (default: this machine's)" },
	{ "tag",        't', OPTION_LIST, FIELD(tags),       "NAME",
	  "name of the result, may be given several times" },
	{ "file",       'f', OPTION_TEXT, FIELD(file),       "FILE",
	  "the Dockerfile (default: CONTEXT/Dockerfile)" },
	{ "target",     0,   OPTION_TEXT, FIELD(target),     "STAGE",
	  "build up to this stage (default: the last)" },
	{ "build-arg",  0,   OPTION_LIST, FIELD(build_args), "NAME[=VALUE]",
	  "value of an ARG; without =VALUE from the environment" },
	{ "build-context", 0, OPTION_LIST, FIELD(contexts),  "NAME=VALUE",
	  "further context: a directory, URL, docker-image://REF or oci-layout://PATH[:TAG]" },
	{ "label",      0,   OPTION_LIST, FIELD(labels),     "NAME=VALUE",
	  "label of the image" },
	{ "output",     'o', OPTION_LIST, FIELD(outputs),    "type=TYPE,dest=PATH",
	  "image, registry, oci, docker, local, tar; DIR alone is local, - a tar" },
	{ "metadata-file", 0, OPTION_TEXT, FIELD(metadata),  "FILE",
	  "write digests and names as JSON" },
	{ "iidfile",    0,   OPTION_TEXT, FIELD(iidfile),    "FILE",
	  "write the image's id, of several platforms the index's digest" },
	{ "annotation", 0,   OPTION_LIST, FIELD(annotations), "[PLACE:]NAME=VALUE",
	  "PLACE: manifest, index, manifest-descriptor, index-descriptor, [PLATFORM]" },
	{ "source-date-epoch", 0, OPTION_TEXT, FIELD(epoch), "SECONDS",
	  "no time in the image is later (default: SOURCE_DATE_EPOCH)" },
	{ "push",       0,   OPTION_FLAG, FIELD(push),       NULL,
	  "push to the registries of the tags" },
	{ "load",       0,   OPTION_FLAG, FIELD(load),       NULL,
	  "keep in the store: always done" },
	{ "pull",       0,   OPTION_FLAG, FIELD(pull),       NULL,
	  "ask the registry for base images even if the store has them" },
	{ "no-cache",   0,   OPTION_FLAG, FIELD(no_cache),   NULL,
	  "run every step" },
	{ "no-cache-filter", 0, OPTION_LIST, FIELD(no_cache_filter), "STAGE,...",
	  "run every step of these stages" },
	{ "cache-to",   0,   OPTION_LIST, FIELD(cache_to),   "type=TYPE,...",
	  "keep what steps made: registry,ref=NAME or local,dest=DIR (mode=max: all), or inline" },
	{ "cache-from", 0,   OPTION_LIST, FIELD(cache_from), "type=TYPE,...",
	  "take what steps made: NAME, or registry,ref=NAME or local,src=DIR" },
	{ "network",    0,   OPTION_TEXT, FIELD(network),    "MODE",
	  "network of RUN: private, host or none (default: private where this host can)" },
	{ "allow",      0,   OPTION_LIST, FIELD(allowed),    "WHAT",
	  "let RUN ask for it: security.insecure, network.host" },
	{ "secret",     0,   OPTION_LIST, FIELD(secrets),    "id=NAME,src=FILE",
	  "for RUN --mount=type=secret; or env=VARIABLE instead of src" },
	{ "ssh",        0,   OPTION_LIST, FIELD(agents),     "default|ID=PATH",
	  "for RUN --mount=type=ssh: an agent's socket (default: $SSH_AUTH_SOCK), or key files" },
	{ "add-host",   0,   OPTION_LIST, FIELD(hosts),      "NAME:ADDRESS",
	  "a line of /etc/hosts in RUN" },
	{ "ulimit",     0,   OPTION_LIST, FIELD(limits),     "NAME=SOFT[:HARD]",
	  "resource limit of RUN: nofile=1024:4096" },
	{ "memory",     'm', OPTION_TEXT, FIELD(resources.memory), "SIZE",
	  "memory of each RUN, and no swap on top" },
	{ "cpus",       0,   OPTION_TEXT, FIELD(resources.cpus), "NUMBER",
	  "CPU time of each RUN: 1.5" },
	{ "pids-limit", 0,   OPTION_TEXT, FIELD(resources.pids), "NUMBER",
	  "processes and threads of each RUN (default: 4096 or 1024 a CPU, of all)" },
	{ "timeout",    0,   OPTION_TEXT, FIELD(resources.timeout), "TIME",
	  "kill each RUN when it has run for so long: 90s, 5m" },
	{ "max-layer",  0,   OPTION_TEXT, FIELD(resources.layer), "SIZE",
	  "stop a step that writes more to its layer (default: 64 GiB at its end)" },
	{ "shm-size",   0,   OPTION_TEXT, FIELD(shm_size),   "SIZE",
	  "size of /dev/shm in RUN (default: 64m)" },
	{ "jobs",       'j', OPTION_TEXT, FIELD(jobs),       "N",
	  "steps at the same time (default: processors + 2)" },
	{ "keep-going", 0,   OPTION_FLAG, FIELD(keep_going), NULL,
	  "a platform that fails does not stop the others" },
	{ "optional",   0,   OPTION_TEXT, FIELD(optional),   "LIST",
	  "platforms that the index may go without if they fail" },
	{ "build-timeout", 0, OPTION_TEXT, FIELD(build_timeout), "TIME",
	  "end the build after so long: 90s, 1h30m" },
	{ "assist",     0,   OPTION_TEXT, FIELD(assist),     "MODE",
	  "native twins of emulated tools: safe (default), full, verify or verify-full (run both ways), off" },
	{ "assist-from", 0,  OPTION_TEXT, FIELD(assist_from), "IMAGE",
	  "take twins from this image too, where the base image has none" },
	{ "verify",     0,   OPTION_TEXT, FIELD(verify),     "HOW",
	  "entry (default): an entry point for another machine is an error; strict: any file; off" },
	{ "check",      0,   OPTION_FLAG, FIELD(check),      NULL,
	  "only check the Dockerfile, as 'mpemu dockerfile lint'; warnings are a failure" },
	{ "call",       0,   OPTION_TEXT, FIELD(call),       "METHOD",
	  "check (as --check), outline, targets, each with ,format=json; build (default)" },
	{ "provenance", 0,   OPTION_TEXT, FIELD(provenance), "WHAT",
	  "attest where images come from: true, mode=min or mode=max (default: false)" },
	{ "sbom",       0,   OPTION_TEXT, FIELD(sbom),       "false",
	  "lists of what is in it are not made: false is all that is taken" },
	{ "attest",     0,   OPTION_LIST, FIELD(attestations), "type=provenance,...",
	  "the same as --provenance: mode=min|max, builder-id=URI, version=v1, disabled=true" },
	{ "trace",      0,   OPTION_TEXT, FIELD(trace),      "FILE",
	  "write where the time went, for chrome://tracing or ui.perfetto.dev" },
	{ "insecure",   0,   OPTION_FLAG, FIELD(insecure),   NULL,
	  "registries may speak plain HTTP or have unverified certificates" },
};
/* clang-format on */

enum { JOBS_MAX = 256 };

static result platforms_set(const struct strings *words, struct build_request *request,
			    struct error *err)
{
	owned(buf) struct buf list = {};

	for (size_t i = 0; i < words->count; i++)
		buf_printf(&list, "%s%s", i ? "," : "", words->items[i]);
	if (!words->count) {
		request->platforms[0] = platform_host();
		request->platform_count = 1;
		return OK;
	}
	if (platforms_parse(buf_text(&list), request->platforms, &request->platform_count, err)) {
		err->fault = FAULT_USAGE;
		return fail_in(err, "--platform");
	}
	return OK;
}

static void build_args_set(const struct strings *words, struct build_request *request)
{
	for (size_t i = 0; i < words->count; i++) {
		const char *word = words->items[i];
		const char *value = strchr(word, '=') ? NULL : getenv(word);
		owned(str) char *name = xstrndup(word, strcspn(word, "="));

		if (strchr(word, '='))
			value = strchr(word, '=') + 1;
		if (value)
			env_set(&request->build_args, name, value);
	}
}

static result numbers_set(const struct build_options *options_, struct build_request *request,
			  struct error *err)
{
	uint64_t jobs = (uint64_t)get_nprocs() + 2;

	if (options_->jobs && (number_parse(options_->jobs, JOBS_MAX, &jobs, err) || jobs == 0))
		return fail(err, FAULT_USAGE, "--jobs %s: want a number from 1 to %d",
			    options_->jobs, JOBS_MAX);
	request->jobs = (size_t)jobs;
	return OK;
}

static result verify_set(const char *text, struct build_request *request, struct error *err)
{
	static const char *const modes[] = {
		[VERIFY_ENTRY] = "entry", [VERIFY_STRICT] = "strict", [VERIFY_OFF] = "off"
	};

	for (size_t i = 0; text && i < countof(modes); i++) {
		if (strcmp(text, modes[i]) == 0) {
			request->verify = (enum verify)i;
			return OK;
		}
	}
	return text ? (result)fail(err, FAULT_USAGE, "--verify %s: want entry, strict or off", text)
		    : OK;
}

/** An optional platform must be one of the build's. */
static result optional_set(const char *text, struct build_request *request, struct error *err)
{
	if (!text)
		return OK;
	if (platforms_parse(text, request->optional, &request->optional_count, err)) {
		err->fault = FAULT_USAGE;
		return fail_in(err, "--optional");
	}
	for (size_t i = 0; i < request->optional_count; i++) {
		char name[PLATFORM_TEXT_MAX];
		bool known = false;

		for (size_t j = 0; j < request->platform_count; j++)
			known |= platform_equal(&request->platforms[j], &request->optional[i]);
		if (!known)
			return fail(err, FAULT_USAGE, "--optional %s: not one of --platform",
				    platform_text(&request->optional[i], name));
	}
	return OK;
}

/** What flags of RUN may ask for that is more than they have. */
static result allowed_set(const struct strings *words, struct build_request *request,
			  struct error *err)
{
	for (size_t i = 0; i < words->count; i++) {
		if (strcmp(words->items[i], "security.insecure") == 0)
			request->allows_insecure = true;
		else if (strcmp(words->items[i], "network.host") == 0)
			request->allows_host_network = true;
		else
			return fail(err, FAULT_USAGE,
				    "--allow %s: want security.insecure or network.host",
				    words->items[i]);
	}
	return OK;
}

static result attest_set(const struct build_options *options_, struct build_request *request,
			 struct error *err)
{
	for (size_t i = 0; i < options_->attestations.count; i++) {
		if (attest_add(&request->attest, options_->attestations.items[i], err))
			return FAILED;
	}
	if (options_->provenance &&
	    attest_provenance_set(&request->attest, options_->provenance, err))
		return FAILED;
	return options_->sbom ? attest_sbom_set(&request->attest, options_->sbom, err) : OK;
}

/** METHOD[,format=text|json] */
static result call_set(const struct build_options *options_, struct build_request *request,
		       struct error *err)
{
	static const char *const names[] = { "build", "check", "lint", "outline", "targets" };
	static const enum call calls[] = { CALL_BUILD, CALL_CHECK, CALL_CHECK, CALL_OUTLINE,
					   CALL_TARGETS };
	const char *text = options_->call ? options_->call : options_->check ? "check" : "build";
	const char *comma = strchr(text, ',');
	char hint[HINT_MAX];
	owned(str) char *name = xstrndup(text, strcspn(text, ","));

	request->call_json = comma && strcmp(comma, ",format=json") == 0;
	if (comma && !request->call_json && strcmp(comma, ",format=text") != 0)
		return fail(err, FAULT_USAGE, "--call %s: want METHOD,format=text or format=json",
			    text);
	for (size_t i = 0; i < countof(names); i++) {
		if (strcmp(names[i], name) == 0) {
			request->call = calls[i];
			return OK;
		}
	}
	return fail(err, FAULT_USAGE, "--call %s: want build, check, outline or targets%s", text,
		    hint_text("", nearest(name, names, countof(names)), hint));
}

static result timeout_set(const char *text, struct build_request *request, struct error *err)
{
	if (!text)
		return OK;
	if (duration_parse(text, &request->timeout, err) || request->timeout <= 0)
		return fail(err, FAULT_USAGE,
			    "--build-timeout %s: want a time such as 90s or 1h30m", text);
	return OK;
}

/** As with BuildKit, a build argument asks for it too. */
static result caches_set(const struct build_options *options_, struct build_request *request,
			 struct error *err)
{
	const char *wish = env_get(&request->build_args, "BUILDKIT_INLINE_CACHE");

	request->cache_inline = wish && (strcmp(wish, "1") == 0 || strcmp(wish, "true") == 0);
	for (size_t i = 0; i < options_->cache_to.count; i++) {
		if (cache_to_add(&request->cache_to, options_->cache_to.items[i], err))
			return FAILED;
		request->cache_inline |= request->cache_to.items[i].kind == CACHE_INLINE;
	}
	/* Nothing would be taken of them. */
	for (size_t i = 0; i < options_->cache_from.count && !options_->no_cache; i++) {
		if (cache_from_add(&request->cache_from, options_->cache_from.items[i], err))
			return FAILED;
	}
	return OK;
}

static result file_check(const char *option, const char *path, struct error *err)
{
	struct error why = {};

	if (!outfile_check(path, &why))
		return OK;
	return fail(err, why.fault, "%s %s", option, why.text);
}

/** What cannot be written is said now, not after an hour of building. */
static result files_check(const struct build_options *options_, const struct build_request *request,
			  struct error *err)
{
	const struct {
		const char *option, *path;
	} files[] = { { "--iidfile", options_->iidfile },
		      { "--metadata-file", options_->metadata },
		      { "--trace", options_->trace } };

	for (size_t i = 0; i < countof(files); i++) {
		if (files[i].path && file_check(files[i].option, files[i].path, err))
			return FAILED;
	}
	for (size_t i = 0; i < request->output_count; i++) {
		const struct output *output = &request->outputs[i];

		if (output->dest && strcmp(output->dest, "-") != 0 &&
		    output->kind != OUTPUT_LOCAL && !output->is_directory &&
		    file_check("--output", output->dest, err))
			return FAILED;
	}
	return OK;
}

static result request_make(const struct invocation *in, const struct build_options *options_,
			   struct build_request *request, struct error *err)
{
	const struct output_words outputs = {
		.tags = &options_->tags,
		.outputs = &options_->outputs,
		.annotations = &options_->annotations,
		.epoch = options_->epoch,
		.push = options_->push,
	};

	request->root = in->globals->root;
	request->context = in->argv[0];
	request->file = options_->file;
	request->assist = ASSIST_SAFE;
	request->assist_from = options_->assist_from;
	request->target = options_->target;
	request->tags = &options_->tags;
	request->labels = &options_->labels;
	request->transport.insecure = options_->insecure;
	request->no_cache = options_->no_cache;
	request->pull = options_->pull;
	request->keep_going = options_->keep_going;
	request->metadata_file = options_->metadata;
	request->id_file = options_->iidfile;
	build_args_set(&options_->build_args, request);
	for (size_t i = 0; i < options_->no_cache_filter.count; i++)
		strings_split(&request->no_cache_stages, options_->no_cache_filter.items[i], ',');
	for (size_t i = 0; i < options_->contexts.count; i++) {
		if (named_add(&request->contexts, options_->contexts.items[i], err))
			return FAILED;
	}
	if (platforms_set(&options_->platforms, request, err) ||
	    output_options_set(&outputs, request, err) ||
	    verify_set(options_->verify, request, err) ||
	    optional_set(options_->optional, request, err) ||
	    (options_->assist && assist_mode_parse(options_->assist, &request->assist, err)) ||
	    timeout_set(options_->build_timeout, request, err) ||
	    allowed_set(&options_->allowed, request, err) || caches_set(options_, request, err) ||
	    call_set(options_, request, err) || attest_set(options_, request, err) ||
	    run_options_set(&options_->secrets, &options_->agents, &options_->hosts,
			    &options_->limits, options_->shm_size, request, err))
		return FAILED;
	if (limits_parse(&options_->resources, &request->resources, &request->timeout_ms, err))
		return FAILED;
	if (numbers_set(options_, request, err) || files_check(options_, request, err) ||
	    network_parse(in->ctx, options_->network, &request->network, err))
		return FAILED;
	request->allows_host_network |= options_->network && strcmp(options_->network, "host") == 0;
	return OK;
}

static void request_done(struct build_request *request)
{
	strings_drop(&request->build_args);
	strings_drop(&request->no_cache_stages);
	named_list_drop(&request->contexts);
	strings_drop(&request->hosts);
	secrets_drop(&request->secrets);
	for (size_t i = 0; i < request->output_count; i++)
		output_drop(&request->outputs[i]);
	annotations_drop(&request->form.annotations);
	cache_places_drop(&request->cache_to);
	cache_places_drop(&request->cache_from);
	attest_drop(&request->attest);
}

static bool stdout_is_archive(const struct build_request *request)
{
	for (size_t i = 0; i < request->output_count; i++) {
		if (request->outputs[i].dest && strcmp(request->outputs[i].dest, "-") == 0)
			return true;
	}
	return false;
}

/** The trace is written however the build ends; its own failure counts only where that succeeds. */
static result build_traced(const struct invocation *in, const struct build_request *request,
			   const char *path, struct descriptor *index, struct error *err)
{
	owned(trace) struct trace *trace = NULL;
	struct ctx ctx = *in->ctx;
	struct error trace_error = {};
	result built, written;

	trace = trace_new(ctx.progress);
	ctx.progress = trace_sink(trace);
	built = build_run(&ctx, request, in->privilege, index, err);
	written = trace_write(trace, path, &trace_error);
	if (built && written)
		progress_warn(in->ctx, "%s", trace_error.text);
	else if (written)
		*err = trace_error;
	return built ? built : written;
}

static result build(const struct invocation *in, const struct build_request *request,
		    const char *trace, struct descriptor *index, struct error *err)
{
	if (trace)
		return build_traced(in, request, trace, index, err);
	return build_run(in->ctx, request, in->privilege, index, err);
}

static result run(struct invocation *in, struct error *err)
{
	const struct build_options *options_ = in->options;
	__attribute__((cleanup(request_done))) struct build_request request = {};
	struct descriptor index;
	char text[DIGEST_TEXT_MAX];

	if (request_make(in, options_, &request, err))
		return FAILED;
	if (request.call != CALL_BUILD)
		return build_call(in->ctx, &request, err);
	if (build(in, &request, options_->trace, &index, err))
		return FAILED;
	if (stdout_is_archive(&request))
		return OK;
	printf("%s", digest_text(&index.digest, text));
	for (size_t i = 0; i < options_->tags.count; i++)
		printf("  %s", options_->tags.items[i]);
	putchar('\n');
	return OK;
}

const struct command command_build = {
	.name = "build",
	.arguments = "[OPTIONS] CONTEXT",
	.summary = "Build an image for one or more platforms from a Dockerfile",
	.example =
		"mpemu build --platform linux/amd64,linux/arm64 -t localhost:5000/app:1 --push .",
	.options = options,
	.option_count = countof(options),
	.options_size = sizeof(struct build_options),
	.arguments_min = 1,
	.arguments_max = 1,
	.needs_ids = true,
	.sandboxes = RUNS_MANY,
	.run = run,
};

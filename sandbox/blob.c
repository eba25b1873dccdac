/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Two threads on either side of a flow of tar bytes: one for the blob, one for the tar's digest.
 *
 * SHA-256 and (un)packing take most of a layer's time, about as much each, so each has a processor.
 * A tar that fits into one chunk, as most of a build do, is packed on the spot: same bytes, no
 * threads.
 */
#include "sandbox/blob.h"

#include "sandbox/codec.h"
#include "sandbox/flow.h"

#include "base/fd.h"
#include "base/mem.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { READ_SIZE = 256 << 10, WAIT_MS = 500, READER_TAR = 0, READER_HASH = 1 };

/** The digest of what flows by, made by a thread. */
struct hash_thread {
	pthread_t thread;
	bool running;
	struct flow *flow;
	struct digest digest;
};

static void *hash_main(void *argument)
{
	struct hash_thread *self = argument;
	owned(hasher) struct hasher *hasher = hasher_new();
	const void *data;
	size_t length;
	struct error err; /* the other reader reports it */

	while (flow_next(self->flow, READER_HASH, &data, &length, &err) == OK && length > 0)
		hasher_add(hasher, data, length);
	self->digest = hasher_finish(hasher);
	flow_leave(self->flow, READER_HASH);
	return NULL;
}

static result thread_start(pthread_t *thread, void *(*run)(void *), void *argument, bool *running,
			   struct error *err)
{
	int status = pthread_create(thread, NULL, run, argument);

	if (status) {
		errno = status;
		return fail_sys(err, "start a thread");
	}
	*running = true;
	return OK;
}

static void thread_join(pthread_t thread, bool *running)
{
	if (*running)
		pthread_join(thread, NULL);
	*running = false;
}

struct source {
	const struct ctx *ctx;
	int fd;
	uint64_t tar_limit, tar_size, blob_size;
	struct flow *flow;
	struct hasher *blob_hasher;
	pthread_t thread;
	bool running, at_end;
	struct hash_thread hash;
	char *input;
};

/** Wait for input (a pipe's may never come) as long as somebody wants it. */
static result input_wait(struct source *source, struct error *err)
{
	struct pollfd fds[] = {
		{ .fd = source->fd, .events = POLLIN },
		{ .fd = source->ctx ? cancel_fd(source->ctx->cancel) : -1, .events = POLLIN },
	};

	do {
		if (cancel_check(source->ctx, err))
			return FAILED;
		if (flow_is_stopped(source->flow))
			return fail(err, FAULT_CANCELLED, "stopped");
		poll(fds, countof(fds), WAIT_MS);
	} while (!fds[0].revents);
	return OK;
}

/** Read and hash some of the blob. */
static result input_read(struct source *source, size_t have, size_t *length, struct error *err)
{
	ssize_t got;

	if (input_wait(source, err))
		return FAILED;
	do
		got = read(source->fd, source->input + have, READ_SIZE - have);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return fail_sys(err, "read layer");
	hasher_add(source->blob_hasher, source->input + have, (size_t)got);
	source->blob_size += (uint64_t)got;
	*length = (size_t)got;
	return OK;
}

/** Enough of the blob to tell how it is packed. */
static result input_begin(struct source *source, size_t *length, struct error *err)
{
	size_t got = 1;

	for (*length = 0; got > 0 && *length < CODEC_MAGIC_LENGTH; *length += got)
		if (input_read(source, *length, &got, err))
			return FAILED;
	return OK;
}

/** Unpack one piece of input; whether the flow's readers want more is in `*wanted`. */
static result unpack_piece(struct source *source, struct decoder *decoder, size_t length,
			   bool *wanted, struct error *err)
{
	const void *in = source->input;
	size_t made, before;
	void *room;

	do {
		room = flow_room(source->flow);
		*wanted = room != NULL;
		if (!room)
			return OK;
		before = length;
		if (decoder_run(decoder, &in, &length, room, FLOW_CHUNK, &made, err))
			return FAILED;
		source->tar_size += made;
		if (source->tar_size > source->tar_limit)
			return fail(err, FAULT_INPUT, "unpacks to more than %llu bytes",
				    (unsigned long long)source->tar_limit);
		flow_push(source->flow, made);
	} while (made > 0 || before != length);
	if (length > 0)
		return fail(err, FAULT_INPUT, "packed stream is damaged");
	return OK;
}

static result unpack_all(struct source *source, struct error *err)
{
	owned(decoder) struct decoder *decoder = NULL;
	enum compression compression;
	size_t length;
	bool wanted = true;

	if (input_begin(source, &length, err) ||
	    codec_detect(source->input, length, &compression, err))
		return FAILED;
	decoder = decoder_new(compression);
	while (length > 0) {
		if (cancel_check(source->ctx, err) ||
		    unpack_piece(source, decoder, length, &wanted, err))
			return FAILED;
		if (!wanted)
			return OK;
		if (input_read(source, 0, &length, err))
			return FAILED;
	}
	return decoder_end(decoder, err);
}

static void *source_main(void *argument)
{
	struct source *source = argument;
	struct error err;

	flow_end(source->flow, unpack_all(source, &err) ? &err : NULL);
	return NULL;
}

void source_drop(struct source **source)
{
	struct source *old = *source;

	if (!old)
		return;
	flow_stop(old->flow);
	thread_join(old->thread, &old->running);
	thread_join(old->hash.thread, &old->hash.running);
	flow_drop(&old->flow);
	hasher_drop(&old->blob_hasher);
	free(old->input);
	free(old);
	*source = NULL;
}

result source_new(const struct ctx *ctx, int fd, uint64_t tar_limit, struct source **out,
		  struct error *err)
{
	owned(source) struct source *source = xnew(struct source);

	source->ctx = ctx;
	source->fd = fd;
	source->tar_limit = tar_limit;
	source->flow = flow_new(2);
	source->blob_hasher = hasher_new();
	source->input = xcalloc(1, READ_SIZE);
	source->hash.flow = source->flow;
	if (thread_start(&source->hash.thread, hash_main, &source->hash, &source->hash.running,
			 err) ||
	    thread_start(&source->thread, source_main, source, &source->running, err))
		return FAILED;
	*out = take(source);
	return OK;
}

result source_next(struct source *source, const void **data, size_t *length, struct error *err)
{
	if (flow_next(source->flow, READER_TAR, data, length, err))
		return FAILED;
	source->at_end = *length == 0;
	return OK;
}

result source_finish(struct source *source, struct layer_info *out, struct error *err)
{
	const void *data;
	size_t length;

	while (!source->at_end)
		if (source_next(source, &data, &length, err))
			return FAILED;
	thread_join(source->thread, &source->running);
	thread_join(source->hash.thread, &source->hash.running);
	out->diff_id = source->hash.digest;
	out->blob = hasher_finish(source->blob_hasher);
	out->tar_size = source->tar_size;
	out->blob_size = source->blob_size;
	return OK;
}

struct sink {
	int fd;
	enum compression compression;
	struct flow *flow; /* with its threads, once there is more than one chunk */
	char *room;        /* the chunk that is being filled */
	char *first;       /* the first one, which the sink owns */
	size_t filled;
	uint64_t tar_size, blob_size;
	struct hasher *blob_hasher;
	pthread_t thread;
	bool running, failed;
	struct error cause; /* of the thread; to be read once it is joined */
	struct hash_thread hash;
};

/** Pack and write one chunk; an empty one is the end. */
static result pack_piece(struct sink *sink, struct encoder *encoder, const void *data,
			 size_t length, struct buf *packed, struct error *err)
{
	buf_clear(packed);
	if (encoder_run(encoder, data, length, length == 0, packed, err))
		return FAILED;
	hasher_add(sink->blob_hasher, packed->data, packed->length);
	sink->blob_size += packed->length;
	if (write_all(sink->fd, packed->data, packed->length, err))
		return fail_in(err, "layer blob");
	return OK;
}

static result pack_all(struct sink *sink, struct error *err)
{
	owned(encoder) struct encoder *encoder = encoder_new(sink->compression);
	owned(buf) struct buf packed = {};
	const void *data = NULL;
	size_t length;

	do {
		if (flow_next(sink->flow, READER_TAR, &data, &length, err) ||
		    pack_piece(sink, encoder, data, length, &packed, err))
			return FAILED;
	} while (length > 0);
	return OK;
}

static void *sink_main(void *argument)
{
	struct sink *sink = argument;

	sink->failed = pack_all(sink, &sink->cause);
	if (sink->failed)
		flow_stop(sink->flow);
	return NULL;
}

void sink_drop(struct sink **sink)
{
	struct sink *old = *sink;

	if (!old)
		return;
	if (old->flow)
		flow_stop(old->flow);
	thread_join(old->thread, &old->running);
	thread_join(old->hash.thread, &old->hash.running);
	flow_drop(&old->flow);
	hasher_drop(&old->blob_hasher);
	free(old->first);
	free(old);
	*sink = NULL;
}

struct sink *sink_new(int fd, enum compression compression)
{
	struct sink *sink = xnew(struct sink);

	sink->fd = fd;
	sink->compression = compression;
	sink->blob_hasher = hasher_new();
	sink->room = sink->first = xcalloc(1, FLOW_CHUNK);
	return sink;
}

/** The first chunk is full: from now on threads take the chunks. */
static result sink_widen(struct sink *sink, struct error *err)
{
	sink->flow = flow_new(2);
	sink->hash.flow = sink->flow;
	memcpy(flow_room(sink->flow), sink->first, FLOW_CHUNK);
	if (thread_start(&sink->hash.thread, hash_main, &sink->hash, &sink->hash.running, err) ||
	    thread_start(&sink->thread, sink_main, sink, &sink->running, err))
		return FAILED;
	return OK;
}

/** All of a small tar at once: for it, threads would cost more than they save. */
static result sink_finish_small(struct sink *sink, struct error *err)
{
	owned(encoder) struct encoder *encoder = encoder_new(sink->compression);
	owned(buf) struct buf packed = {};

	sink->hash.digest = digest_of(sink->room, sink->filled);
	return pack_piece(sink, encoder, sink->room, sink->filled, &packed, err) ||
			       pack_piece(sink, encoder, NULL, 0, &packed, err)
		       ? FAILED
		       : OK;
}

/** Through the flow, to its end. */
static result sink_finish_wide(struct sink *sink, struct error *err)
{
	flow_push(sink->flow, sink->filled);
	flow_end(sink->flow, NULL);
	thread_join(sink->thread, &sink->running);
	thread_join(sink->hash.thread, &sink->hash.running);
	if (sink->failed) {
		*err = sink->cause;
		return FAILED;
	}
	return OK;
}

/** The packing thread stopped the flow: say why. */
static result sink_fault(struct sink *sink, struct error *err)
{
	thread_join(sink->thread, &sink->running);
	*err = sink->cause;
	return FAILED;
}

result sink_add(struct sink *sink, const void *data, size_t length, struct error *err)
{
	const char *at = data;

	sink->tar_size += length;
	while (length > 0) {
		size_t part = FLOW_CHUNK - sink->filled;

		if (!sink->room && !(sink->room = flow_room(sink->flow)))
			return sink_fault(sink, err);
		part = part < length ? part : length;
		if (at)
			memcpy(sink->room + sink->filled, at, part);
		else
			memset(sink->room + sink->filled, 0, part);
		at = at ? at + part : NULL;
		length -= part;
		sink->filled += part;
		if (sink->filled < FLOW_CHUNK)
			break;
		if (!sink->flow && sink_widen(sink, err))
			return FAILED;
		flow_push(sink->flow, sink->filled);
		sink->room = NULL;
		sink->filled = 0;
	}
	return OK;
}

result sink_zeros(struct sink *sink, size_t length, struct error *err)
{
	return sink_add(sink, NULL, length, err);
}

uint64_t sink_size(const struct sink *sink)
{
	return sink->tar_size;
}

result sink_finish(struct sink *sink, struct layer_info *out, struct error *err)
{
	if (sink->flow ? sink_finish_wide(sink, err) : sink_finish_small(sink, err))
		return FAILED;
	out->diff_id = sink->hash.digest;
	out->blob = hasher_finish(sink->blob_hasher);
	out->tar_size = sink->tar_size;
	out->blob_size = sink->blob_size;
	return OK;
}

result layer_repack(const struct ctx *ctx, int from_fd, enum compression compression, int blob_fd,
		    struct layer_info *out, struct error *err)
{
	owned(source) struct source *source = NULL;
	owned(sink) struct sink *sink = NULL;
	struct layer_info info = {}, ignored;
	const void *data;
	size_t length;

	if (source_new(ctx, from_fd, UINT64_MAX, &source, err))
		return FAILED;
	sink = sink_new(blob_fd, compression);
	do {
		if (source_next(source, &data, &length, err) || sink_add(sink, data, length, err))
			return FAILED;
	} while (length > 0);
	if (source_finish(source, &ignored, err) || sink_finish(sink, &info, err))
		return FAILED;
	*out = info;
	return OK;
}

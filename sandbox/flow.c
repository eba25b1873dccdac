/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The ring: `head` counts chunks pushed, `tails` those each reader is done with.
 */
#include "sandbox/flow.h"

#include "base/mem.h"

#include <pthread.h>
#include <stdlib.h>

struct flow {
	pthread_mutex_t lock;
	pthread_cond_t moved;
	char *bytes;
	size_t lengths[FLOW_CHUNKS];
	uint64_t head, tails[FLOW_READERS_MAX];
	bool holding[FLOW_READERS_MAX]; /* a chunk was given out and not given back */
	size_t reader_count;
	bool ended, stopped, failed;
	struct error cause;
};

static const uint64_t gone = UINT64_MAX;

struct flow *flow_new(size_t reader_count)
{
	struct flow *flow = xnew(struct flow);

	pthread_mutex_init(&flow->lock, NULL);
	pthread_cond_init(&flow->moved, NULL);
	flow->bytes = xcalloc(FLOW_CHUNKS, FLOW_CHUNK);
	flow->reader_count = reader_count;
	return flow;
}

void flow_drop(struct flow **flow)
{
	if (!*flow)
		return;
	pthread_mutex_destroy(&(*flow)->lock);
	pthread_cond_destroy(&(*flow)->moved);
	free((*flow)->bytes);
	free(*flow);
	*flow = NULL;
}

static uint64_t slowest(const struct flow *flow)
{
	uint64_t tail = gone;

	for (size_t i = 0; i < flow->reader_count; i++)
		if (flow->tails[i] < tail)
			tail = flow->tails[i];
	return tail;
}

static char *chunk(struct flow *flow, uint64_t number)
{
	return flow->bytes + number % FLOW_CHUNKS * FLOW_CHUNK;
}

void *flow_room(struct flow *flow)
{
	void *room = NULL;
	uint64_t tail;

	pthread_mutex_lock(&flow->lock);
	while (!flow->stopped && (tail = slowest(flow)) != gone && flow->head - tail == FLOW_CHUNKS)
		pthread_cond_wait(&flow->moved, &flow->lock);
	if (!flow->stopped && slowest(flow) != gone)
		room = chunk(flow, flow->head);
	pthread_mutex_unlock(&flow->lock);
	return room;
}

void flow_push(struct flow *flow, size_t length)
{
	if (length == 0)
		return;
	pthread_mutex_lock(&flow->lock);
	flow->lengths[flow->head++ % FLOW_CHUNKS] = length;
	pthread_cond_broadcast(&flow->moved);
	pthread_mutex_unlock(&flow->lock);
}

void flow_end(struct flow *flow, const struct error *cause)
{
	pthread_mutex_lock(&flow->lock);
	flow->ended = true;
	if (cause) {
		flow->failed = true;
		flow->cause = *cause;
	}
	pthread_cond_broadcast(&flow->moved);
	pthread_mutex_unlock(&flow->lock);
}

/** Wait for something to read; under the lock. */
static result wait_for_chunk(struct flow *flow, size_t reader, struct error *err)
{
	while (!flow->stopped && !flow->ended && flow->tails[reader] == flow->head)
		pthread_cond_wait(&flow->moved, &flow->lock);
	if (flow->stopped)
		return fail(err, FAULT_CANCELLED, "stopped");
	if (flow->tails[reader] == flow->head && flow->failed) {
		*err = flow->cause;
		return FAILED;
	}
	return OK;
}

result flow_next(struct flow *flow, size_t reader, const void **data, size_t *length,
		 struct error *err)
{
	result done;

	pthread_mutex_lock(&flow->lock);
	if (flow->holding[reader]) {
		flow->holding[reader] = false;
		flow->tails[reader]++;
		pthread_cond_broadcast(&flow->moved);
	}
	done = wait_for_chunk(flow, reader, err);
	if (done == OK && flow->tails[reader] < flow->head) {
		*data = chunk(flow, flow->tails[reader]);
		*length = flow->lengths[flow->tails[reader] % FLOW_CHUNKS];
		flow->holding[reader] = true;
	} else if (done == OK) {
		*length = 0;
	}
	pthread_mutex_unlock(&flow->lock);
	return done;
}

void flow_leave(struct flow *flow, size_t reader)
{
	pthread_mutex_lock(&flow->lock);
	flow->tails[reader] = gone;
	flow->holding[reader] = false;
	pthread_cond_broadcast(&flow->moved);
	pthread_mutex_unlock(&flow->lock);
}

bool flow_is_stopped(struct flow *flow)
{
	bool stopped;

	pthread_mutex_lock(&flow->lock);
	stopped = flow->stopped;
	pthread_mutex_unlock(&flow->lock);
	return stopped;
}

void flow_stop(struct flow *flow)
{
	pthread_mutex_lock(&flow->lock);
	flow->stopped = true;
	pthread_cond_broadcast(&flow->moved);
	pthread_mutex_unlock(&flow->lock);
}

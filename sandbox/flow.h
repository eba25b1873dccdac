/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A bounded ring of chunks between threads: one writes, each of a few readers sees every byte.
 *
 * Memory is fixed at the start.  A reader that leaves no longer holds the others up; when the last
 * one left, or somebody stopped the flow, the writer is told at its next chunk.
 */
#ifndef SANDBOX_FLOW_H
#define SANDBOX_FLOW_H

#include "base/error.h"

enum { FLOW_CHUNK = 256 << 10, FLOW_CHUNKS = 16, FLOW_READERS_MAX = 2 };

struct flow;

struct flow *flow_new(size_t reader_count);
void flow_drop(struct flow **flow);

/** The writer's next chunk of FLOW_CHUNK bytes, once there is one; NULL: nobody listens. */
void *flow_room(struct flow *flow);
void flow_push(struct flow *flow, size_t length);

/** No more will come; with `cause` because of a fault, which every reader then gets. */
void flow_end(struct flow *flow, const struct error *cause);

/** A reader's next chunk, valid until its next call; length 0 at the end. */
result flow_next(struct flow *flow, size_t reader, const void **data, size_t *length,
		 struct error *err);

/** The reader wants no more. */
void flow_leave(struct flow *flow, size_t reader);

bool flow_is_stopped(struct flow *flow);

/** Make everybody leave: readers get FAULT_CANCELLED, the writer no room. */
void flow_stop(struct flow *flow);

#endif

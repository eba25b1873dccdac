/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/flights.h"

#include "base/mem.h"

#include <pthread.h>
#include <stdlib.h>

struct flight {
	struct digest key;
	enum { FLIGHT_RUNNING, FLIGHT_LANDED, FLIGHT_CRASHED } state;
	struct made made;
};

struct flights {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct flight *list;
	size_t count;
};

struct flights *flights_new(void)
{
	struct flights *flights = xnew(struct flights);

	pthread_mutex_init(&flights->lock, NULL);
	pthread_cond_init(&flights->changed, NULL);
	return flights;
}

void flights_drop(struct flights **flights)
{
	if (!*flights)
		return;
	pthread_cond_destroy(&(*flights)->changed);
	pthread_mutex_destroy(&(*flights)->lock);
	free((*flights)->list);
	free(*flights);
	*flights = NULL;
}

static size_t flight_find(const struct flights *flights, const struct digest *key)
{
	size_t i = 0;

	while (i < flights->count && !digest_equal(&flights->list[i].key, key))
		i++;
	return i;
}

bool flight_board(struct flights *flights, const struct digest *key, struct made *out)
{
	bool landed;
	size_t at;

	pthread_mutex_lock(&flights->lock);
	while ((at = flight_find(flights, key)) < flights->count &&
	       flights->list[at].state == FLIGHT_RUNNING)
		pthread_cond_wait(&flights->changed, &flights->lock);
	landed = at < flights->count && flights->list[at].state == FLIGHT_LANDED;
	if (landed) {
		*out = flights->list[at].made;
	} else {
		if (at == flights->count) {
			array_grow(flights->list, flights->count);
			flights->list[flights->count++] = (struct flight){ .key = *key };
		}
		flights->list[at].state = FLIGHT_RUNNING;
	}
	pthread_mutex_unlock(&flights->lock);
	return landed;
}

void flight_land(struct flights *flights, const struct digest *key, const struct made *made)
{
	size_t at;

	pthread_mutex_lock(&flights->lock);
	at = flight_find(flights, key);
	flights->list[at].state = made ? FLIGHT_LANDED : FLIGHT_CRASHED;
	if (made)
		flights->list[at].made = *made;
	pthread_cond_broadcast(&flights->changed);
	pthread_mutex_unlock(&flights->lock);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/signals.h"

#include "base/mem.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

struct signals {
	struct cancel *cancel;
	sigset_t set;
	pthread_mutex_t lock; /* of the two below */
	void (*handle)(void *closure, int number);
	void *closure;
};

static const int stopping[] = { SIGINT, SIGTERM };
static const int others[] = { SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH };

/** Those that ask to stop, not SIGHUP under nohup; and with `all` the others. */
static void set_make(sigset_t *set, bool all)
{
	struct sigaction old;

	sigemptyset(set);
	for (size_t i = 0; i < countof(stopping); i++)
		sigaddset(set, stopping[i]);
	if (sigaction(SIGHUP, NULL, &old) < 0 || old.sa_handler != SIG_IGN)
		sigaddset(set, SIGHUP);
	for (size_t i = 0; all && i < countof(others); i++)
		sigaddset(set, others[i]);
}

void signals_block(bool all)
{
	sigset_t set;

	set_make(&set, all);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static void *signals_watch(void *closure)
{
	struct signals *signals = closure;
	int number;

	while (sigwait(&signals->set, &number) == 0) {
		pthread_mutex_lock(&signals->lock);
		if (signals->handle)
			signals->handle(signals->closure, number);
		else if (number != SIGWINCH && cancel_fired(signals->cancel))
			_exit(130);
		else if (number != SIGWINCH)
			cancel_fire(signals->cancel, NULL);
		pthread_mutex_unlock(&signals->lock);
	}
	return NULL;
}

result signals_start(struct cancel *cancel, bool all, struct signals **out, struct error *err)
{
	struct signals *signals = xnew(struct signals);
	pthread_t watcher;

	signals->cancel = cancel;
	set_make(&signals->set, all);
	pthread_mutex_init(&signals->lock, NULL);
	if (pthread_create(&watcher, NULL, signals_watch, signals) != 0) {
		free(signals);
		return fail(err, FAULT_SYSTEM, "cannot start a thread");
	}
	/* It never ends, and what it uses lives as long as the process. */
	pthread_detach(watcher);
	*out = signals;
	return OK;
}

void signals_divert(struct signals *signals, void (*handle)(void *closure, int number),
		    void *closure)
{
	pthread_mutex_lock(&signals->lock);
	signals->handle = handle;
	signals->closure = closure;
	pthread_mutex_unlock(&signals->lock);
}

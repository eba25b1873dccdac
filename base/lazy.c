/* SPDX-License-Identifier: Apache-2.0 */
#include "base/lazy.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

void lazy_load(struct lazy *library)
{
	library->handle = dlopen(library->name, RTLD_NOW | RTLD_LOCAL);
	if (library->handle)
		return;
	fprintf(stderr, "mpemu: %s; install it: apt-get install %s\n", dlerror(), library->package);
	exit(EXIT_FAILURE);
}

void *lazy_find(struct lazy *library, void **at, const char *name)
{
	/* Two threads may both look it up; they find the same. */
	void *symbol = __atomic_load_n(at, __ATOMIC_ACQUIRE);

	if (symbol)
		return symbol;
	pthread_once(&library->once, library->load);
	symbol = dlsym(library->handle, name);
	if (!symbol) {
		fprintf(stderr, "mpemu: %s has no %s: it is too old\n", library->name, name);
		exit(EXIT_FAILURE);
	}
	__atomic_store_n(at, symbol, __ATOMIC_RELEASE);
	return symbol;
}

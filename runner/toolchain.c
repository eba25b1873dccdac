/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/toolchain.h"

#include "base/fd.h"
#include "base/mem.h"
#include "base/progress.h"
#include "runner/layers.h"
#include "runner/workdir.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { MAKING_MS = 15 * 60 * 1000, SAID_MAX = 400 };

struct toolchains {
	pthread_mutex_t lock; /* held while one is made: two steps would make the same */
	struct digest *failed;
	size_t failed_count;
};

struct toolchains *toolchains_new(void)
{
	struct toolchains *toolchains = xnew(struct toolchains);

	pthread_mutex_init(&toolchains->lock, NULL);
	return toolchains;
}

void toolchains_drop(struct toolchains **toolchains)
{
	if (!*toolchains)
		return;
	pthread_mutex_destroy(&(*toolchains)->lock);
	free((*toolchains)->failed);
	free(*toolchains);
	*toolchains = NULL;
}

static struct digest toolchain_key(const struct toolchain_request *request)
{
	owned(hasher) struct hasher *hasher = hasher_new();

	hasher_add_str(hasher, "mpemu toolchain 1");
	hasher_add(hasher, request->recipe->key.bytes, sizeof(request->recipe->key.bytes));
	for (size_t i = 0; i < request->lowers->count; i++)
		hasher_add_str(hasher, strrchr(request->lowers->items[i], '/'));
	return hasher_finish(hasher);
}

/** The last line that the script said. */
static void said_last(int fd, struct buf *out)
{
	char text[SAID_MAX + 1];
	off_t size = lseek(fd, 0, SEEK_END);
	off_t from = size > SAID_MAX ? size - SAID_MAX : 0;
	ssize_t got = pread(fd, text, SAID_MAX, from);
	char *line;

	if (got <= 0)
		return;
	while (got && text[got - 1] == '\n')
		got--;
	text[got] = '\0';
	line = strrchr(text, '\n');
	text_escape(out, line ? line + 1 : text, strlen(line ? line + 1 : text));
}

/** Run the script natively on the base; what it leaves is in `upper`. */
static result script_run(const struct toolchain_request *request, const char *place,
			 struct error *err)
{
	static const char *const env[] = { "PATH=" DEFAULT_PATH, "DEBIAN_FRONTEND=noninteractive",
					   "LC_ALL=C", NULL };
	const char *const argv[] = { "/bin/sh", "-c", request->recipe->script, NULL };
	owned(str) char *upper = xasprintf("%s/upper", place), *work = xasprintf("%s/work", place);
	owned(str) char *scratch = xasprintf("%s/scratch", place);
	owned(fd) int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	owned(fd) int said = memfd_create("toolchain", MFD_CLOEXEC);
	owned(sandbox) struct sandbox *sandbox = NULL;
	struct sandbox_exit ended = {};
	owned(buf) struct buf last = {};
	const struct sandbox_spec spec = {
		.lowers = (const char *const *)request->lowers->items,
		.lower_count = request->lowers->count,
		.upper = upper,
		.work = work,
		.scratch = scratch,
		.privilege = request->privilege,
		.argv = argv,
		.envp = env,
		.cwd = "/",
		.hostname = "toolchain",
		.timeout_ms = MAKING_MS,
		.input_fd = null_fd,
		.output_fd = said,
		.error_fd = said,
		.new_terminal_session = true,
	};

	if (null_fd < 0 || said < 0)
		return fail_sys(err, "open /dev/null");
	if (sandbox_compile(&spec, &sandbox, err) ||
	    sandbox_run(request->ctx, sandbox, &ended, err))
		return FAILED;
	if (!ended.status)
		return OK;
	said_last(said, &last);
	return fail(err, FAULT_MISSING, "exit status %d: %s", ended.status, buf_text(&last));
}

static result toolchain_make(const struct toolchain_request *request, const struct digest *key,
			     struct error *err)
{
	owned(workdir) struct workdir *dir = NULL;
	owned(str) char *upper = NULL;

	progress_note(request->ctx, "installing the %s, natively and for no image",
		      request->recipe->title);
	if (workdir_new(request->root, &dir, err) || script_run(request, workdir_path(dir), err))
		return FAILED;
	upper = xasprintf("%s/upper", workdir_path(dir));
	return layer_adopt(request->root, key, upper, err);
}

static bool has_failed(const struct toolchains *toolchains, const struct digest *key)
{
	for (size_t i = 0; i < toolchains->failed_count; i++) {
		if (digest_equal(&toolchains->failed[i], key))
			return true;
	}
	return false;
}

static result obtain_locked(struct toolchains *toolchains, const struct toolchain_request *request,
			    const struct digest *key, const char *path, struct error *err)
{
	if (layer_is_whole(request->root, path))
		return OK;
	if (has_failed(toolchains, key))
		return fail(err, FAULT_MISSING, "it could not be made before");
	if (!toolchain_make(request, key, err))
		return OK;
	if (cancel_fired(request->ctx->cancel))
		return FAILED;
	array_grow(toolchains->failed, toolchains->failed_count);
	toolchains->failed[toolchains->failed_count++] = *key;
	progress_note(request->ctx, "no %s: %s", request->recipe->title, err->text);
	return FAILED;
}

/** Somebody else may be making one: not longer than we are wanted. */
static result lock_take(struct toolchains *toolchains, const struct ctx *ctx, struct error *err)
{
	enum { LOOK_NS = 100 * 1000 * 1000 };
	struct timespec until;

	do {
		if (cancel_check(ctx, err))
			return FAILED;
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += LOOK_NS;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
	} while (pthread_mutex_timedlock(&toolchains->lock, &until));
	return OK;
}

result toolchain_obtain(struct toolchains *toolchains, const struct toolchain_request *request,
			struct buf *path, struct error *err)
{
	const struct digest key = toolchain_key(request);
	owned(buf) struct buf found = {};
	result status;

	layer_path(request->root, &key, &found);
	if (lock_take(toolchains, request->ctx, err))
		return FAILED;
	status = obtain_locked(toolchains, request, &key, buf_text(&found), err);
	pthread_mutex_unlock(&toolchains->lock);
	if (!status)
		buf_add(path, found.data, found.length);
	return status;
}

bool toolchain_is_known(struct toolchains *toolchains, const struct toolchain_request *request)
{
	const struct digest key = toolchain_key(request);
	owned(buf) struct buf path = {};
	bool known;

	layer_path(request->root, &key, &path);
	if (layer_is_whole(request->root, buf_text(&path)))
		return true;
	if (pthread_mutex_trylock(&toolchains->lock))
		return false;
	known = has_failed(toolchains, &key);
	pthread_mutex_unlock(&toolchains->lock);
	return known;
}

/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The hidden directory of a sandbox: the tables for its dispatcher, a place for each root of twins,
 * a FIFO by which the dispatcher tells what it did, or asks, and the answers, which are words that
 * change: who asked waits for his, and looks at the tables again.
 *
 * Everybody inside may look up names in it and nobody may list it, not even root, since its owner
 * is an id that the sandbox does not have: as root, ours, as the directory is not id-mapped; else
 * nobody's, as it is on a file system of our own that is mapped to an id that nobody has.
 */
#include "sandbox/assist_lookup.h"
#include "sandbox/sandbox.h"
#include "sandbox/userns.h"

#include "base/fd.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	RECORDS_AT_ONCE = 256,
	MODE_LOOK_UP = 0511,
	SOMEBODY = 1, /* of a file system of our own: the only id that is not nobody's */
	ANSWERS_SIZE = ASSIST_ANSWERS * sizeof(uint32_t),
};

struct assist_hidden {
	char *mounted; /* or NULL */
	int directory; /* to write to it */
	int records, stop;
	uint32_t *answers;
	uint32_t names; /* the first number of names/N that is free */
	int64_t since;
	void (*asked)(void *closure, const char *name);
	void *closure;
	pthread_t thread;
	bool running;
	struct assist_counts counts;
	char bytes[RECORDS_AT_ONCE * sizeof(struct assist_record)]; /* read and not yet taken */
	size_t length;
};

static const char *const reasons[ASSIST_VERDICTS] = {
	[ASSIST_NO_TWIN] = "no twin",
	[ASSIST_ENVIRONMENT] = "its environment",
	[ASSIST_ARGUMENT] = "its arguments",
	[ASSIST_SCRIPT] = "its script",
	[ASSIST_LIBRARY] = "its modules",
	[ASSIST_PRIVILEGED] = "set-id",
	[ASSIST_UNSTARTED] = "its twin did not start",
};

/* ---- counting ---- */

/** The program's place, made if there is room for it; the last one stands for all others. */
static struct assist_program *program_find(struct assist_counts *counts, const char *name,
					   enum assist_verdict verdict)
{
	struct assist_program *programs = counts->programs;
	const char *why = reasons[verdict];

	for (size_t i = 0; i < counts->program_count; i++) {
		if (programs[i].why == why && strcmp(programs[i].name, name) == 0)
			return &programs[i];
	}
	if (counts->program_count == ASSIST_PROGRAMS_MAX)
		return &programs[ASSIST_PROGRAMS_MAX - 1];
	if (counts->program_count == ASSIST_PROGRAMS_MAX - 1)
		name = "others";
	programs = &programs[counts->program_count++];
	snprintf(programs->name, sizeof(programs->name), "%s", name);
	programs->why = why;
	programs->has_twin = verdict != ASSIST_NO_TWIN;
	return programs;
}

static void question_take(struct assist_hidden *hidden, const char *name)
{
	if (hidden->asked)
		hidden->asked(hidden->closure, name);
	else
		assist_hidden_answer(hidden, name);
}

/** A record is whatever somebody inside has written. */
static void record_take(struct assist_hidden *hidden, struct assist_record *record)
{
	struct assist_counts *counts = &hidden->counts;

	if (record->verdict >= ASSIST_VERDICTS || record->length > ASSIST_NAME_MAX)
		return;
	record->name[record->length] = '\0';
	if (record->verdict == ASSIST_ASKS) {
		question_take(hidden, record->name);
		return;
	}
	for (char *at = record->name; *at; at++) {
		if (*at <= ' ' || *at > '~')
			*at = '?';
	}
	if (record->verdict == ASSIST_NATIVE || record->verdict == ASSIST_TRIPPED) {
		counts->native += record->verdict == ASSIST_NATIVE;
		if (record->verdict == ASSIST_TRIPPED && !counts->tripped++)
			snprintf(counts->tripped_at, sizeof(counts->tripped_at), "%s",
				 record->name);
		return;
	}
	/* It was told as native before it turned out otherwise. */
	if (record->verdict == ASSIST_UNSTARTED && counts->native)
		counts->native--;
	counts->emulated++;
	program_find(counts, record->name, record->verdict)->count++;
}

void assist_trip_message(uint8_t message[ASSIST_TRIP_SIZE])
{
	const struct assist_record record = {
		.magic = (uint32_t)ASSIST_MAGIC,
		.verdict = ASSIST_TRIPPED,
		.entry = UINT32_MAX,
	};

	_Static_assert(sizeof(record) == ASSIST_TRIP_SIZE, "the message is a record");
	memcpy(message, &record, sizeof(record));
}

/** Take all whole records; what does not begin like one is passed over byte by byte. */
static void bytes_take(struct assist_hidden *hidden)
{
	struct assist_record record;
	size_t at = 0;

	while (hidden->length - at >= sizeof(record)) {
		memcpy(&record, hidden->bytes + at, sizeof(record));
		if (record.magic != (uint32_t)ASSIST_MAGIC) {
			at++;
			continue;
		}
		record_take(hidden, &record);
		at += sizeof(record);
	}
	hidden->length -= at;
	memmove(hidden->bytes, hidden->bytes + at, hidden->length);
}

/** Read what is there; false where nothing was. */
static bool records_read(struct assist_hidden *hidden)
{
	ssize_t got = read(hidden->records, hidden->bytes + hidden->length,
			   sizeof(hidden->bytes) - hidden->length);

	if (got <= 0)
		return false;
	hidden->length += (size_t)got;
	bytes_take(hidden);
	return true;
}

static void *count_run(void *closure)
{
	struct assist_hidden *hidden = closure;
	struct pollfd wait[] = { { .fd = hidden->records, .events = POLLIN },
				 { .fd = hidden->stop, .events = POLLIN } };

	while (!wait[1].revents) {
		if (poll(wait, countof(wait), -1) < 0 && errno != EINTR)
			break;
		if (wait[0].revents & POLLIN)
			records_read(hidden);
	}
	/* The sandbox has ended: nothing is added any more, but let nobody keep us from ending. */
	for (int i = 0; i < RECORDS_AT_ONCE && records_read(hidden); i++)
		;
	return NULL;
}

static int more_often(const void *a, const void *b)
{
	const struct assist_program *left = a, *right = b;

	return (left->count < right->count) - (left->count > right->count);
}

static void count_stop(struct assist_hidden *hidden)
{
	uint64_t one = 1;

	if (!hidden->running)
		return;
	if (write(hidden->stop, &one, sizeof(one)) < 0)
		pthread_cancel(hidden->thread);
	pthread_join(hidden->thread, NULL);
	hidden->running = false;
	if (hidden->counts.program_count)
		qsort(hidden->counts.programs, hidden->counts.program_count,
		      sizeof(*hidden->counts.programs), more_often);
}

void assist_hidden_counts(struct assist_hidden *hidden, struct assist_counts *out)
{
	count_stop(hidden);
	*out = hidden->counts;
}

void assist_hidden_drop(struct assist_hidden **hidden)
{
	struct assist_hidden *old = *hidden;

	if (!old)
		return;
	count_stop(old);
	fd_drop(&old->records);
	fd_drop(&old->stop);
	fd_drop(&old->directory);
	if (old->answers)
		munmap(old->answers, ANSWERS_SIZE);
	/* Twice: see nobody_mount(). */
	for (int i = 0; old->mounted && i < 2; i++)
		umount2(old->mounted, MNT_DETACH);
	free(old->mounted);
	free(old->counts.programs);
	free(old);
	*hidden = NULL;
}

/* ---- a file system whose owner is nobody ---- */

/** A user namespace that has one id, which is not 0; its descriptor. */
static int nobody_namespace(struct error *err)
{
	const struct id_range range = { SOMEBODY, 0, 1 };
	owned(str) char *path = NULL;
	int go[2], fd = -1;
	char byte = 0;
	pid_t pid;

	if (pipe2(go, O_CLOEXEC) < 0)
		return fail_sys(err, "pipe");
	pid = (pid_t)syscall(SYS_clone, (unsigned long)(CLONE_NEWUSER | SIGCHLD), NULL, NULL, NULL,
			     NULL);
	if (pid == 0) {
		close(go[1]);
		if (read(go[0], &byte, 1) < 0)
			_exit(1);
		_exit(0);
	}
	close(go[0]);
	path = xasprintf("/proc/%d/ns/user", (int)pid);
	if (pid < 0)
		(void)userns_fail(errno, err);
	else if (!userns_map(pid, &range, err) && (fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
		(void)fail_sys(err, "open %s", path);
	close(go[1]);
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return fd;
}

/** A file system that is mounted nowhere yet; our ids are still ours in it. */
static int tmpfs_new(struct error *err)
{
	owned(fd) int mount = -1, fs = fsopen("tmpfs", FSOPEN_CLOEXEC);

	if (fs < 0 || fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0 ||
	    (mount = fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)) < 0)
		return fail_sys(err, "new tmpfs");
	return fd_take(&mount);
}

/**
 * Mount it on `path`, and on top of that once more, where its owner is nobody: only below, it can
 * be written to.
 */
static result nobody_mount(struct assist_hidden *hidden, int mount, const char *path,
			   struct error *err)
{
	owned(fd) int userns = nobody_namespace(err), again = -1;
	struct mount_attr change = { .attr_set = MOUNT_ATTR_IDMAP };

	if (userns < 0)
		return FAILED;
	change.userns_fd = (uint64_t)userns;
	if (move_mount(mount, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return fail_sys(err, "mount a tmpfs on %s", path);
	hidden->mounted = xstrdup(path);
	again = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (again < 0)
		return fail_sys(err, "open %s", path);
	if (mount_setattr(again, "", AT_EMPTY_PATH, &change, sizeof(change)) < 0)
		return fail_sys(err, "map the ids of a tmpfs (it takes Linux 6.3)");
	if (move_mount(again, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return fail_sys(err, "mount a tmpfs on %s", path);
	return OK;
}

/* ---- making it ---- */

static result directory_make(int dir, const char *name, struct error *err)
{
	if (mkdirat(dir, name, 0755) < 0 && errno != EEXIST)
		return fail_sys(err, "create a directory for twins");
	return OK;
}

/** names/N/sh leads to the twin: a program is called what its link is called. */
static result alias_make(const struct assist_hidden *hidden, const struct assist_content *content,
			 const struct assist_alias *alias, struct error *err)
{
	const int dir = hidden->directory;
	const char *native = content->twins[alias->twin].native;
	owned(str) char *parent = xasprintf("names/%zu", hidden->names + alias->twin);
	owned(str) char *link = xasprintf("%s/%s", parent, alias->name);
	owned(str) char *target = xasprintf("../../%s", native + strlen(SANDBOX_HIDDEN "/"));

	if (strchr(alias->name, '/') || !starts_with(native, SANDBOX_HIDDEN "/"))
		return fail(err, FAULT_SYSTEM, "%s is no name for a twin", alias->name);
	if (directory_make(dir, parent, err))
		return FAILED;
	if (symlinkat(target, dir, link) < 0 && errno != EEXIST)
		return fail_sys(err, "link %s", link);
	return OK;
}

/** Write a table, and the names that lead to its twins; it is there when all of it is. */
static result table_make(struct assist_hidden *hidden, const struct assist_content *content,
			 const char *name, const struct assist_state *state, struct error *err)
{
	const int dir = hidden->directory;
	owned(fd) int file = openat(dir, "new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0444);
	owned(buf) struct buf table = {};

	buf_add(&table, content->table->data, content->table->length);
	assist_table_date(&table, hidden->names, state);
	for (size_t i = 0; i < content->alias_count; i++) {
		if (alias_make(hidden, content, &content->aliases[i], err))
			return FAILED;
	}
	if (file < 0)
		return fail_sys(err, "create the twins' table");
	if (write_all(file, table.data, table.length, err))
		return FAILED;
	if (fchmod(file, 0444) < 0 || renameat(dir, "new", dir, name) < 0)
		return fail_sys(err, "put the twins' table in place");
	hidden->names += (uint32_t)content->twin_count;
	return OK;
}

static result answers_make(struct assist_hidden *hidden, struct error *err)
{
	owned(fd) int file =
		openat(hidden->directory, "answers", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
	void *mapped;

	if (file < 0 || ftruncate(file, ANSWERS_SIZE) < 0 || fchmod(file, 0444) < 0)
		return fail_sys(err, "prepare answers about twins");
	mapped = mmap(NULL, ANSWERS_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (mapped == MAP_FAILED)
		return fail_sys(err, "map answers about twins");
	hidden->answers = mapped;
	return OK;
}

static result content_make(struct assist_hidden *hidden, const struct assist_content *content,
			   bool is_own, struct error *err)
{
	const struct assist_state state = { .since = content->asked ? hidden->since : 0 };
	const size_t root_count = content->asked ? ASSIST_ROOTS_MAX : content->root_count;
	const int dir = hidden->directory;

	if (directory_make(dir, "names", err) ||
	    table_make(hidden, content, "table", &state, err) || answers_make(hidden, err))
		return FAILED;
	for (size_t i = 0; i < root_count; i++) {
		char name[24];

		snprintf(name, sizeof(name), "%zu", i);
		if (directory_make(dir, name, err))
			return FAILED;
	}
	/*
	 * Writable to all: a FIFO of a read-only mount still is, and it is read by nobody else.
	 * It must not be nobody's, since the kernel lets no one write to what is.
	 */
	if (mkfifoat(dir, "records", 0600) < 0 ||
	    (is_own && fchownat(dir, "records", SOMEBODY, SOMEBODY, 0) < 0) ||
	    (hidden->records = openat(dir, "records", O_RDWR | O_NONBLOCK | O_CLOEXEC)) < 0 ||
	    fchmodat(dir, "records", 0222, 0) < 0 || fchmod(dir, MODE_LOOK_UP) < 0)
		return fail_sys(err, "prepare the twins' table");
	return OK;
}

static result count_start(struct assist_hidden *hidden, struct error *err)
{
	int status;

	hidden->counts.programs = xcalloc(ASSIST_PROGRAMS_MAX, sizeof(*hidden->counts.programs));
	hidden->stop = eventfd(0, EFD_CLOEXEC);
	if (hidden->stop < 0)
		return fail_sys(err, "eventfd");
	status = pthread_create(&hidden->thread, NULL, count_run, hidden);
	if (status) {
		errno = status;
		return fail_sys(err, "start a thread");
	}
	hidden->running = true;
	return OK;
}

/* The kernel takes the times of files from this clock: no later file has an earlier time. */
static int64_t now_coarse(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

result assist_hidden_make(const char *path, const struct privilege *privilege,
			  const struct assist_content *content, struct assist_hidden **out,
			  struct error *err)
{
	owned(assist_hidden) struct assist_hidden *hidden = xnew(struct assist_hidden);
	owned(fd) int mount = -1;

	hidden->records = hidden->stop = hidden->directory = -1;
	hidden->since = now_coarse();
	hidden->asked = content->asked;
	hidden->closure = content->closure;
	if (!privilege->is_root && (mount = tmpfs_new(err)) < 0)
		return FAILED;
	hidden->directory = openat(mount < 0 ? AT_FDCWD : mount, mount < 0 ? path : ".",
				   O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (hidden->directory < 0)
		return fail_sys(err, "open %s", path);
	if (content_make(hidden, content, mount >= 0, err) ||
	    (mount >= 0 && nobody_mount(hidden, mount, path, err)) || count_start(hidden, err))
		return FAILED;
	*out = take(hidden);
	return OK;
}

/* ---- while it runs ---- */

struct timespec assist_hidden_since(const struct assist_hidden *hidden)
{
	return (struct timespec){ hidden->since / 1000000000, hidden->since % 1000000000 };
}

static int64_t nanoseconds(struct timespec time)
{
	return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

result assist_hidden_publish(struct assist_hidden *hidden, const struct assist_content *content,
			     const struct assist_known *known, struct error *err)
{
	const struct assist_state state = {
		.since = known->is_over ? 0 : hidden->since,
		.database = { known->inode, known->size, nanoseconds(known->mtime),
			      nanoseconds(known->ctime) },
		.pending = known->pending,
	};

	return table_make(hidden, content, "live", &state, err);
}

void assist_hidden_answer(struct assist_hidden *hidden, const char *name)
{
	uint32_t *word = &hidden->answers[assist_answer_word(name, strlen(name))];

	__atomic_add_fetch(word, 1, __ATOMIC_RELEASE);
	(void)syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0L);
}

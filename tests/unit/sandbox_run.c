/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Sandboxes that really run, with tests/guest/guest.c as the program.
 */
#include "tests/unit/sandbox_place.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/sysmacros.h>
#include <time.h>

/** Refused where Landlock has scopes (Linux 6.12); else without effect, as to any first process. */
#define KILL_FIRST CALL(kill, ",1,9")

static bool has_scopes(void)
{
	enum { SCOPE_ABI = 6, LANDLOCK_VERSION = 1 };

	return syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_VERSION) >= SCOPE_ABI;
}

/** What one program does and how it ends; words[] ends with NULL. */
static const struct {
	const char *words[6], *output;
	int status, signal;
} cases[] = {
	/* ends */
	{ { "exit=7" }, "", 7, 0 },
	{ { "crash" }, "", 139, SIGSEGV },
	{ { CALL(kill, ",2,15") }, "", 143, SIGTERM },
	{ { CALL(kill, ",2,9") }, "", 137, SIGKILL },
	{ { "fork", "orphan", "fork" }, "", 0, 0 },
	/* who it is */
	{ { CALL(getpid, ""), CALL(getuid, ""), CALL(getgid, "") }, "2\n0\n0\n", 0, 0 },
	{ { "show=/etc/hostname" }, "box\n", 0, 0 },
	{ { CALL(setuid, ",2147483647"), CALL(getuid, "") }, "-22\n0\n", 0, 0 },
	{ { CALL(setgid, ",60000"), CALL(setuid, ",60000"), CALL(getuid, "") },
	  "0\n0\n60000\n",
	  0,
	  0 },
	/* settings of the machine */
	{ { CALL(openat, ",-100,/proc/sys/kernel/core_pattern,1") }, "-13\n", 0, 0 },
	{ { CALL(openat, ",-100,/proc/sys/kernel/hostname,1") }, "-13\n", 0, 0 },
	{ { CALL(openat, ",-100,/proc/sys/vm/overcommit_memory,1") }, "-13\n", 0, 0 },
	{ { CALL(openat, ",-100,/sys/kernel/uevent_seqnum,1") }, "-13\n", 0, 0 },
	{ { CALL(openat, ",-100,/proc/sys/fs/binfmt_misc/status,0") }, "-2\n", 0, 0 },
	/* init keeps to itself */
	{ { CALL(openat, ",-100,/proc/1/environ,0") }, "-13\n", 0, 0 },
	{ { CALL(openat, ",-100,/proc/1/root,0") }, "-13\n", 0, 0 },
	{ { CALL(openat, ",-100,/proc/1/fd/0,0") }, "-13\n", 0, 0 },
	{ { CALL(openat, ",-100,/proc/1/exe,0") }, "-13\n", 0, 0 },
	{ { KILL_FIRST }, "-1\n", 0, 0 },
	/* calls that are refused, and those that do not exist */
	{ { CALL(mount, ",x,/,tmpfs,0,0") }, "-1\n", 0, 0 },
	{ { CALL(umount2, ",/proc/kcore,2") }, "-1\n", 0, 0 },
	{ { CALL(unshare, ",268435456") }, "-1\n", 0, 0 },
	{ { CALL(fsopen, ",tmpfs,0") }, "-1\n", 0, 0 },
	{ { CALL(clone3, ",0,0") }, "-38\n", 0, 0 },
	{ { "call=999" }, "-38\n", 0, 0 },
	{ { CALL(socket, ",38,5,0"), CALL(socket, ",40,1,0") }, "-1\n-1\n", 0, 0 },
	{ { CALL(socket, ",4294967336,1,0") }, "-1\n", 0, 0 },
	{ { CALL(mknodat, ",-100,/disk,24576,65024") }, "-1\n", 0, 0 },
	{ { CALL(keyctl, ",0,-3,0") }, "-1\n", 0, 0 },
	/* descriptors: 0, 1 and 2, and no others */
	{ { CALL(dup, ",0") }, "3\n", 0, 0 },
	{ { CALL(fcntl, ",3,1"), CALL(fcntl, ",9,1") }, "-9\n-9\n", 0, 0 },
	/* devices */
	{ { CALL(openat, ",-100,/dev/null,2"), CALL(openat, ",-100,/dev/ptmx,2") },
	  "3\n4\n",
	  0,
	  0 },
	{ { CALL(openat, ",-100,/dev/shm/x,66,384") }, "3\n", 0, 0 },
};

static void cases_run(const struct place *place)
{
	for (size_t i = 0; i < countof(cases); i++) {
		const char *argv[8] = { "guest" };
		struct sandbox_spec spec;
		struct sandbox_exit end = {};
		struct error err = {};
		char text[4096];
		const char *output = strcmp(cases[i].words[0], KILL_FIRST) || has_scopes()
					     ? cases[i].output
					     : "0\n";

		memcpy(argv + 1, cases[i].words, sizeof(cases[i].words));
		spec = spec_make(place, argv);
		if (!tap_check(!spec_run(&spec, &end, &err), __FILE__, __LINE__, "%s: %s", argv[1],
			       err.text))
			return;
		tap_check(end.status == cases[i].status && end.signal == cases[i].signal &&
				  strcmp(output_text(place, text), output) == 0,
			  __FILE__, __LINE__, "%s: status %d, signal %d, output \"%s\"", argv[1],
			  end.status, end.signal, text);
		place_clean(place);
	}
}

TEST(programs_in_a_sandbox_see_and_do_no_more_than_they_should)
{
	__attribute__((cleanup(place_drop))) struct place place;

	place_make(&place);
	cases_run(&place);
}

TEST(a_zygote_runs_the_same_sandboxes)
{
	__attribute__((cleanup(place_drop))) struct place place;
	owned(zygote) struct zygote *zygote = NULL;
	struct error err = {};

	place_make(&place);
	if (!CHECK(!zygote_start(true, &zygote, &err)))
		return;
	place.privilege.zygote = zygote;
	cases_run(&place);
}

/** The only child of this process. */
static pid_t child_find(void)
{
	owned(buf) struct buf text = {};
	owned(str) char *path = xasprintf("/proc/self/task/%d/children", (int)getpid());
	struct error err = {};

	CHECK(!read_file(AT_FDCWD, path, 4096, &text, &err));
	return (pid_t)strtol(buf_text(&text), NULL, 10);
}

TEST(a_zygote_that_was_killed_is_replaced)
{
	static const char *const argv[] = { "guest", "exit=3", NULL };
	__attribute__((cleanup(place_drop))) struct place place;
	owned(zygote) struct zygote *zygote = NULL;
	struct error err = {};
	pid_t pid;

	place_make(&place);
	if (!CHECK(!zygote_start(true, &zygote, &err)))
		return;
	place.privilege.zygote = zygote;
	pid = child_find();
	for (int round = 0; round < 3; round++) {
		struct sandbox_spec spec = spec_make(&place, argv);
		struct sandbox_exit end = {};

		tap_check(!spec_run(&spec, &end, &err) && end.status == 3, __FILE__, __LINE__,
			  "status %d %s", end.status, err.text);
		place_clean(&place);
		CHECK(round || (pid > 0 && kill(pid, SIGKILL) == 0));
		/* Until all of its children are gone too, also where many others run. */
		nanosleep(&(struct timespec){ .tv_sec = !round, .tv_nsec = 100000000 }, NULL);
	}
}

/* ---- what is left on disk ---- */

static bool exists(const struct place *place, const char *path, uid_t uid, gid_t gid)
{
	owned(str) char *full = xasprintf("%s/%s", place->top, path);
	struct stat info;

	return lstat(full, &info) == 0 && info.st_uid == uid && info.st_gid == gid;
}

static bool is_empty(const struct place *place, const char *path)
{
	owned(str) char *full = xasprintf("%s/%s", place->top, path);

	/* Only an empty directory can be removed. */
	return rmdir(full) == 0;
}

/** Whether nothing is left in the upper directory but what was mounted on. */
static bool has_only_mount_points(const struct place *place, const char *const *lowers,
				  size_t lower_count, const char *const *targets,
				  size_t target_count)
{
	owned(str) char *upper = xasprintf("%s/upper", place->top);
	owned(fd) int upper_fd = open(upper, O_RDONLY | O_DIRECTORY | O_CLOEXEC), below = -1;
	owned(strings) struct strings all = {};
	struct error err = {};

	for (size_t i = 0; i < target_count; i++)
		strings_add(&all, targets[i]);
	if (!tap_check(!overlay_open(lowers, lower_count, NULL, NULL, &below, &err) &&
			       !mount_points_remove(upper_fd, below, &all, &err),
		       __FILE__, __LINE__, "%s", err.text))
		return false;
	/* To make and remove something there, /etc itself was copied up. */
	(void)is_empty(place, "upper/etc");
	return is_empty(place, "upper");
}

TEST(owners_on_disk_are_those_of_the_image)
{
	static const char *const argv[] = { "/guest", CALL(mkdirat, ",-100,/ours,493"),
					    CALL(mkdirat, ",-100,/theirs,493"),
					    CALL(fchownat, ",-100,/theirs,1000,60000,0"), NULL };
	__attribute__((cleanup(place_drop))) struct place place;
	struct sandbox_spec spec;
	struct sandbox_exit end = {};
	struct error err = {};

	place_make(&place);
	spec = spec_make(&place, argv);
	if (!tap_check(!spec_run(&spec, &end, &err), __FILE__, __LINE__, "%s", err.text))
		return;
	CHECK(exists(&place, "upper/ours", 0, 0));
	CHECK(exists(&place, "upper/theirs", 1000, 60000));
}

TEST(mount_points_do_not_end_up_in_the_layer)
{
	static const char *const argv[] = { "guest", "show=/etc/hostname",
					    CALL(fchmodat, ",-100,/deep/er,448"), NULL };
	static const char *const targets[] = { "/deep/er/mount", "/cache" };
	__attribute__((cleanup(place_drop))) struct place place;
	const struct bind binds[] = {
		{ .source = place.top, .target = "/deep/er/mount", .read_only = true },
		{ .target = "/cache" },
	};
	struct sandbox_spec spec;
	struct sandbox_exit end = {};
	struct error err = {};
	char text[4096];

	place_make(&place);
	spec = spec_make(&place, argv);
	spec.binds = binds;
	spec.bind_count = countof(binds);
	if (!tap_check(!spec_run(&spec, &end, &err), __FILE__, __LINE__, "%s", err.text))
		return;
	CHECK_STR(output_text(&place, text), "box\n0\n");
	CHECK(has_only_mount_points(&place, spec.lowers, spec.lower_count, targets,
				    countof(targets)));
}

/** A file with this text, which is also its name, in a directory of the place. */
static void note_make(const struct place *place, const char *directory, const char *text)
{
	owned(str) char *path = xasprintf("%s/%s/%s", place->top, directory, text);
	owned(fd) int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
}

TEST(binds_show_files_of_ours_and_parts_of_layers_and_no_link_leads_out_of_them)
{
	static const char *const argv[] = { "guest",
					    "show=/run/secret",
					    "show=/view/note",
					    "show=/part/note",
					    "show=/root/note",
					    CALL(openat, ",-100,/run/secret,1"),
					    CALL(openat, ",-100,/view/x,66,384"),
					    CALL(openat, ",-100,/part/x,66,384"),
					    NULL };
	static const struct bind_file secret = { "hush\n", 5, 0400, 7, 8 };
	static const char *const targets[] = { "/run/secret", "/view", "/part", "/root" };
	__attribute__((cleanup(place_drop))) struct place place;
	owned(str) char *layer = NULL, *upper = NULL, *work = NULL, *link = NULL;
	struct sandbox_exit end = {};
	struct sandbox_spec spec;
	struct error err = {};
	char text[4096];

	place_make(&place);
	layer = xasprintf("%s/scratch/layer", place.top);
	upper = xasprintf("%s/scratch/upper", place.top);
	work = xasprintf("%s/scratch/work", place.top);
	link = xasprintf("%s/scratch/layer/out", place.top);
	CHECK(!mkdir(layer, 0755) && !mkdir(upper, 0755) && !mkdir(work, 0755));
	note_make(&place, "scratch/layer", "note");
	CHECK(symlink("../../../../", link) == 0);
	const char *const lowers[] = { layer };
	const struct bind binds[] = {
		{ .target = "/run/secret", .read_only = true, .file = &secret },
		{ .target = "/view", .lowers = lowers, .lower_count = 1, .read_only = true },
		{ .target = "/part",
		  .lowers = lowers,
		  .lower_count = 1,
		  .upper = upper,
		  .work = work,
		  .inside = "out/out" },
		{ .target = "/root", .source = layer, .inside = "/out", .read_only = true },
	};
	spec = spec_make(&place, argv);
	spec.binds = binds;
	spec.bind_count = countof(binds);
	if (!tap_check(!spec_run(&spec, &end, &err), __FILE__, __LINE__, "%s", err.text))
		return;
	CHECK_STR(output_text(&place, text), "hush\nnotenotenote-30\n-30\n3\n");
	CHECK(has_only_mount_points(&place, spec.lowers, spec.lower_count, targets,
				    countof(targets)));
	CHECK(exists(&place, "scratch/upper/x", 0, 0) && !exists(&place, "scratch/layer/x", 0, 0));
}

TEST(limits_hosts_and_shared_memory_are_as_asked_for)
{
	static const char *const argv[] = { "guest", "show=/etc/hosts", CALL(dup2, ",0,63"),
					    CALL(dup2, ",0,64"), NULL };
	static const char *const hosts[] = { "10.0.0.1\tone" };
	static const struct limit limits[] = { { RLIMIT_NOFILE, 64, 64 } };
	__attribute__((cleanup(place_drop))) struct place place;
	struct sandbox_exit end = {};
	struct sandbox_spec spec;
	struct error err = {};
	char text[4096];

	place_make(&place);
	spec = spec_make(&place, argv);
	spec.hosts = hosts;
	spec.host_count = 1;
	spec.limits = limits;
	spec.limit_count = 1;
	spec.shm_size = 1 << 20;
	if (!tap_check(!spec_run(&spec, &end, &err), __FILE__, __LINE__, "%s", err.text))
		return;
	CHECK(strstr(output_text(&place, text), "10.0.0.1\tone\n63\n-9\n"));
}

/** Odd things at mount points, made in a layer on top of one that has them as directories. */
static const struct {
	const char *name, *path, *link; /* link NULL: a whiteout */
	const char *want;               /* error, or NULL */
} oddities[] = {
	{ "a deleted /etc", "top/etc", NULL, NULL },
	{ "a deleted /proc", "top/proc", NULL, NULL },
	{ "a link for resolv.conf", "top/etc/resolv.conf", "../run/resolv.conf", NULL },
	{ "a deleted resolv.conf", "top/etc/resolv.conf", NULL, NULL },
	{ "/proc elsewhere", "top/proc", "/tmp",
	  "sandbox: mount proc on /proc: Too many levels of symbolic links (the image has a "
	  "symbolic link there)" },
	{ "/dev outside", "top/dev", "/../../../../dev",
	  "sandbox: mount tmpfs on /dev: Too many levels of symbolic links (the image has a "
	  "symbolic link there)" },
};

static bool oddity_make(struct place *place, size_t i)
{
	static const char *const directories[] = { "layer/etc", "layer/proc", "top", "top/etc" };
	owned(str) char *path = xasprintf("%s/%s", place->top, oddities[i].path);

	for (size_t at = 0; at < countof(directories); at++) {
		owned(str) char *directory = xasprintf("%s/%s", place->top, directories[at]);

		mkdir(directory, 0755);
	}
	if (!strstr(oddities[i].path, "etc/"))
		rmdir(path);
	return oddities[i].link ? symlink(oddities[i].link, path) == 0
				: mknod(path, S_IFCHR, makedev(0, 0)) == 0;
}

TEST(odd_mount_points_of_an_image_are_covered_or_refused)
{
	static const char *const argv[] = { "guest", "show=/etc/hostname", NULL };
	static const char *const targets[] = { "/etc/resolv.conf", "/etc/hosts", "/etc/hostname",
					       "/proc" };
	__attribute__((cleanup(place_drop))) struct place place;
	owned(str) char *top = NULL;
	struct error err = {};

	place_make(&place);
	top = xasprintf("%s/top", place.top);
	for (size_t i = 0; i < countof(oddities); i++) {
		const char *lowers[] = { top, place.paths.items[3] };
		struct sandbox_spec spec = spec_make(&place, argv);
		struct sandbox_exit end = {};
		bool failed;

		spec.lowers = lowers;
		spec.lower_count = 2;
		if (!oddity_make(&place, i))
			tap_skip("no whiteouts can be made here");
		failed = spec_run(&spec, &end, &err);
		if (oddities[i].want)
			tap_check(failed && strcmp(err.text, oddities[i].want) == 0 &&
					  err.fault == FAULT_INPUT,
				  __FILE__, __LINE__, "%s: %s", oddities[i].name, err.text);
		else
			tap_check(!failed && end.status == 0, __FILE__, __LINE__, "%s: %s",
				  oddities[i].name, failed ? err.text : "did not run");
		tap_check(has_only_mount_points(&place, lowers, 2, targets, countof(targets)),
			  __FILE__, __LINE__, "%s leaves something", oddities[i].name);
		CHECK(mkdir(place.paths.items[0], 0755) == 0);
		place_clean(&place);
		CHECK(!remove_tree(AT_FDCWD, top, &err));
	}
}

/* ---- programs that do not start ---- */

static const struct {
	const char *program, *cwd;
	int status, sys;
	const char *want; /* error, or NULL: exec failed with sys */
} starts[] = {
	{ "nosuch", NULL, 127, ENOENT, NULL },
	{ "/nosuch", NULL, 127, ENOENT, NULL },
	{ "/plain", NULL, 126, EACCES, NULL },
	{ "plain", NULL, 126, EACCES, NULL },
	{ "/text", NULL, 126, ENOEXEC, NULL },
	{ "/script", NULL, 127, ELIBACC, NULL },
	{ "./guest", "/", 0, 0, NULL },
	{ "/guest", "/made/on/the/way", 0, 0, NULL },
	{ "/guest", "/proc/self/fd/3", 0, 0,
	  "sandbox: open directory /proc/self/fd/3: Too many levels of symbolic links (it leads "
	  "out of the root, or in circles)" },
	{ "/guest", "/guest", 0, 0,
	  "sandbox: open directory /guest: Not a directory (there is something else in the "
	  "image)" },
};

static void file_make(const struct place *place, const char *name, mode_t mode, const char *text)
{
	owned(str) char *path = xasprintf("%s/layer/%s", place->top, name);
	owned(fd) int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, mode);

	CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
}

TEST(programs_that_do_not_start_say_why)
{
	__attribute__((cleanup(place_drop))) struct place place;

	place_make(&place);
	file_make(&place, "plain", 0644, "x");
	file_make(&place, "text", 0755, "what?\n");
	file_make(&place, "script", 0755, "#!/no/interpreter\n");
	for (size_t i = 0; i < countof(starts); i++) {
		const char *argv[] = { starts[i].program, NULL };
		struct sandbox_spec spec = spec_make(&place, argv);
		struct sandbox_exit end = {};
		struct error err = {};
		bool failed;

		spec.cwd = starts[i].cwd;
		failed = spec_run(&spec, &end, &err);
		place_clean(&place);
		if (starts[i].want) {
			tap_check(failed && strcmp(err.text, starts[i].want) == 0, __FILE__,
				  __LINE__, "%s in %s: %s", argv[0], spec.cwd, err.text);
			continue;
		}
		tap_check(!failed && end.status == starts[i].status &&
				  end.exec_failed == (starts[i].sys != 0) &&
				  end.exec_errno == starts[i].sys,
			  __FILE__, __LINE__, "%s: %s status %d, errno %d", argv[0],
			  failed ? err.text : "", end.status, end.exec_errno);
	}
}

/* ---- ending it, and many at once ---- */

static void *fire_soon(void *closure)
{
	struct timespec wait = { .tv_nsec = 100 * 1000 * 1000 };

	nanosleep(&wait, NULL);
	cancel_fire(closure, NULL);
	return NULL;
}

TEST(cancelling_kills_everything)
{
	static const char *const argv[] = { "guest", "fork", "fork", CALL(ppoll, ",0,0,0,0"),
					    NULL };
	__attribute__((cleanup(place_drop))) struct place place;
	owned(sandbox) struct sandbox *sandbox = NULL;
	owned(cancel) struct cancel *cancel = cancel_new();
	struct ctx ctx = { .cancel = cancel };
	struct sandbox_spec spec;
	struct sandbox_exit end = {};
	struct error err = {};
	pthread_t thread;
	int ends[2];
	char byte;

	place_make(&place);
	spec = spec_make(&place, argv);
	if (!CHECK(pipe2(ends, O_CLOEXEC) == 0))
		return;
	spec.output_fd = ends[1];
	if (!CHECK(!sandbox_compile(&spec, &sandbox, &err)))
		return;
	CHECK(pthread_create(&thread, NULL, fire_soon, cancel) == 0);
	CHECK(sandbox_run(&ctx, sandbox, &end, &err) && err.fault == FAULT_CANCELLED);
	CHECK_STR(err.text, "interrupted");
	CHECK(pthread_join(thread, NULL) == 0);
	/* Nobody holds the pipe any more: it ends at once. */
	close(ends[1]);
	CHECK(read(ends[0], &byte, 1) == 0);
	close(ends[0]);
}

enum { THREADS = 4, RUNS = 5 };

struct worker {
	const struct place *place;
	size_t number;
	unsigned done;
	struct error err;
};

static void *work(void *closure)
{
	static const char *const argv[] = { "guest", "fork", "exit=3", NULL };
	struct worker *worker = closure;

	for (unsigned i = 0; i < RUNS; i++) {
		const char *top = worker->place->top;
		owned(str) char *upper = xasprintf("%s/%zu-%u-up", top, worker->number, i);
		owned(str) char *scratch = xasprintf("%s/%zu-%u-work", top, worker->number, i);
		struct sandbox_spec spec = spec_make(worker->place, argv);
		struct sandbox_exit end = {};

		spec.upper = upper;
		spec.work = scratch;
		if (mkdir(upper, 0755) == 0 && mkdir(scratch, 0755) == 0 &&
		    !spec_run(&spec, &end, &worker->err))
			worker->done += end.status == 3;
	}
	return NULL;
}

TEST(sandboxes_run_from_several_threads)
{
	__attribute__((cleanup(place_drop))) struct place place = { .output = -1 };
	owned(zygote) struct zygote *zygote = NULL;
	struct worker workers[THREADS] = {};
	pthread_t threads[THREADS];
	struct place with;
	struct error err = {};

#ifdef __SANITIZE_THREAD__
	tap_skip("the sanitizer takes descriptors of a cloned process for those of a thread");
#endif
	place_make(&place);
	if (!CHECK(!zygote_start(true, &zygote, &err)))
		return;
	/* Two of them by the zygote, two by themselves. */
	with = place;
	with.privilege.zygote = zygote;
	for (size_t i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){ .place = i % 2 ? &with : &place, .number = i };
		CHECK(pthread_create(&threads[i], NULL, work, &workers[i]) == 0);
	}
	for (size_t i = 0; i < THREADS; i++) {
		CHECK(pthread_join(threads[i], NULL) == 0);
		tap_check(workers[i].done == RUNS, __FILE__, __LINE__, "%u of %d: %s",
			  workers[i].done, RUNS, workers[i].err.text);
	}
}

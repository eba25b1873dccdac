/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/git.h"

#include "base/fd.h"
#include "base/mem.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum {
	OUTPUT_MAX = 16 << 20, /* of ls-remote */
	MESSAGE_MAX = 300,     /* of what git says went wrong */
};

/** Options before any command: whatever a repository brings, none of it runs here. */
static const char *const options[] = {
	"-c", "core.hooksPath=/dev/null", "-c", "advice.detachedHead=false",
	"-c", "core.fsmonitor=false",     "-c", "init.defaultBranch=main",
};

/** Variables of ours that git may see. */
static const char *const passed[] = {
	"PATH",        "SSH_AUTH_SOCK", "http_proxy",   "https_proxy",
	"HTTPS_PROXY", "no_proxy",      "NO_PROXY",     "all_proxy",
	"ALL_PROXY",   "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO",
};

/** What our umask takes away would be missing in the image, so git has one of its own. */
static const char *const shell[] = { "/bin/sh", "-c", "umask 022 && exec git \"$@\"", "git" };

enum { NOT_FOUND = 127 }; /* the shell's status where there is no such program */

/** A git process: what it writes to `out_fd`, and its messages in `message_fd`. */
struct process {
	pid_t pid;
	int out_fd, message_fd;
};

static void process_drop(struct process *process)
{
	if (process->pid > 0) {
		kill(-process->pid, SIGKILL);
		while (waitpid(process->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	fd_drop(&process->out_fd);
	fd_drop(&process->message_fd);
}

/** The transports that a remote may use, its submodules too: never a less safe one. */
static const char *protocols(const char *url)
{
	if (starts_with(url, "http://"))
		return "http:https";
	return strncasecmp(url, "git://", 6) == 0 ? "git:https" : "https:ssh";
}

static void environment(const struct remote *remote, struct strings *out)
{
	for (size_t i = 0; i < countof(passed); i++) {
		const char *value = getenv(passed[i]);

		if (value)
			strings_printf(out, "%s=%s", passed[i], value);
	}
	strings_add(out, "HOME=/nonexistent");
	strings_add(out, "LC_ALL=C");
	strings_add(out, "GIT_CONFIG_NOSYSTEM=1");
	strings_add(out, "GIT_CONFIG_GLOBAL=/dev/null");
	strings_add(out, "GIT_TERMINAL_PROMPT=0");
	strings_add(out, "GIT_SSH_COMMAND=ssh -F /dev/null -o BatchMode=yes");
	strings_printf(out, "GIT_ALLOW_PROTOCOL=%s", protocols(remote->url));
}

static result spawn(struct process *process, int out_fd, char *const *argv, char *const *envp,
		    struct error *err)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, pipe;
	int status;

	sigemptyset(&none);
	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, out_fd, 1);
	posix_spawn_file_actions_adddup2(&actions, process->message_fd, 2);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
						      POSIX_SPAWN_SETSIGDEF);
	/* What we block and ignore is our own affair. */
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &pipe);
	posix_spawnattr_setpgroup(&attributes, 0);
	status = posix_spawnp(&process->pid, argv[0], &actions, &attributes, argv, envp);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	if (status == 0)
		return OK;
	process->pid = -1;
	errno = status;
	return fail_sys(err, "start git");
}

/** Read what it writes until it ends, or somebody wants it to stop. */
static result output_read(const struct ctx *ctx, const struct process *process, struct buf *out,
			  struct error *err)
{
	struct pollfd wait[2] = {
		{ .fd = process->out_fd, .events = POLLIN },
		{ .fd = cancel_fd(ctx->cancel), .events = POLLIN },
	};

	for (;;) {
		ssize_t got;

		if (poll(wait, 2, -1) < 0 && errno != EINTR)
			return fail_sys(err, "poll");
		if (cancel_check(ctx, err))
			return FAILED;
		if (!wait[0].revents)
			continue;
		got = read(process->out_fd, buf_reserve(out, 4096), 4096);
		if (got < 0 && errno != EINTR)
			return fail_sys(err, "read from git");
		if (got == 0)
			return OK;
		out->length += got > 0 ? (size_t)got : 0;
		buf_reserve(out, 1)[0] = '\0';
		if (out->length > OUTPUT_MAX)
			return fail(err, FAULT_INPUT, "git says more than %d bytes", OUTPUT_MAX);
	}
}

/** The last line of its messages, which is what went wrong. */
static void message_read(const struct process *process, struct buf *out)
{
	char text[4096];
	struct stat info;
	off_t from;
	ssize_t got;
	char *line;

	if (fstat(process->message_fd, &info) < 0)
		return;
	from = info.st_size > (off_t)sizeof(text) - 1 ? info.st_size - (off_t)sizeof(text) + 1 : 0;
	got = pread(process->message_fd, text, sizeof(text) - 1, from);
	text[got < 0 ? 0 : got] = '\0';
	while (*text && text[strlen(text) - 1] == '\n')
		text[strlen(text) - 1] = '\0';
	line = strrchr(text, '\n');
	line = line ? line + 1 : text;
	text_escape(out, line, strnlen(line, MESSAGE_MAX));
}

static result end_check(struct process *process, const char *command, struct error *err)
{
	owned(buf) struct buf message = {};
	int status;

	while (waitpid(process->pid, &status, 0) < 0) {
		if (errno != EINTR)
			return fail_sys(err, "wait for git");
	}
	process->pid = -1;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return OK;
	if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_FOUND)
		return fail(err, FAULT_INPUT,
			    "ADD of a git repository needs the git program: install the package "
			    "git");
	message_read(process, &message);
	return fail(err, FAULT_NETWORK, "git %s: %s", command,
		    message.length ? message.data : "failed without a word");
}

/** Run git in `directory` (NULL: anywhere) with the words, NULL-terminated; the first is what. */
static result git(const struct ctx *ctx, const struct remote *remote, const char *directory,
		  const char *const *words, struct buf *out, struct error *err)
{
	__attribute__((cleanup(process_drop))) struct process process = { -1, -1, -1 };
	owned(strings) struct strings argv = {}, envp = {};
	owned(fd) int write_fd = -1;
	int ends[2];

	for (size_t i = 0; i < countof(shell); i++)
		strings_add(&argv, shell[i]);
	for (size_t i = 0; i < countof(options); i++)
		strings_add(&argv, options[i]);
	if (directory) {
		strings_add(&argv, "-C");
		strings_add(&argv, directory);
	}
	strings_add_all(&argv, (char *const *)words);
	environment(remote, &envp);
	process.message_fd = memfd_create("git", MFD_CLOEXEC);
	if (process.message_fd < 0 || pipe2(ends, O_CLOEXEC) < 0)
		return fail_sys(err, "make a pipe to git");
	process.out_fd = ends[0];
	write_fd = ends[1];
	if (spawn(&process, write_fd, argv.items, envp.items, err))
		return FAILED;
	fd_drop(&write_fd);
	if (output_read(ctx, &process, out, err))
		return FAILED;
	return end_check(&process, words[0], err);
}

/** The object of a ref in what ls-remote printed; NULL where it has none. */
static char *line_find(const char *lines, const char *prefix, const char *ref, const char *suffix)
{
	owned(str) char *want = xasprintf("\t%s%s%s\n", prefix, ref, suffix);
	const char *found = strstr(lines, want), *start = found;
	owned(str) char *object = NULL;

	if (!found)
		return NULL;
	while (start > lines && start[-1] != '\n')
		start--;
	object = xstrndup(start, (size_t)(found - start));
	return is_commit(object) ? take(object) : NULL;
}

/** Branches before tags, tags as the commits they lead to. */
static char *ref_find(const char *lines, const char *ref)
{
	static const struct {
		const char *prefix, *suffix;
	} places[] = {
		{ "refs/heads/", "" },
		{ "refs/tags/", "^{}" },
		{ "refs/tags/", "" },
		{ "", "^{}" },
		{ "", "" },
		{ "refs/", "" },
	};

	for (size_t i = 0; i < countof(places); i++) {
		char *found = line_find(lines, places[i].prefix, ref, places[i].suffix);

		if (found)
			return found;
	}
	return NULL;
}

result git_resolve(const struct ctx *ctx, const struct remote *remote, char **commit,
		   struct error *err)
{
	const char *ref = remote->ref ? remote->ref : "HEAD";
	owned(str) char *peeled = xasprintf("%s^{}", ref);
	const char *const words[] = { "ls-remote", "--", remote->url, ref, peeled, NULL };
	owned(buf) struct buf lines = {};
	char *found;

	if (remote->ref && is_commit(remote->ref)) {
		*commit = xstrdup(remote->ref);
		return OK;
	}
	if (git(ctx, remote, NULL, words, &lines, err))
		return fail_in(err, "%s", remote->url);
	found = ref_find(buf_text(&lines), ref);
	if (!found)
		return fail(err, FAULT_MISSING, "%s: the repository has no branch or tag %s",
			    remote->url, ref);
	*commit = found;
	return OK;
}

/** Fetch `one` with nothing behind it where the server gives that, else `other` and all of it. */
static result fetch(const struct ctx *ctx, const struct remote *remote, const char *one,
		    const char *other, const char *path, struct error *err)
{
	const char *const shallow[] = { "fetch",     "-q", "--no-tags", "--no-recurse-submodules",
					"--depth=1", "--", remote->url, one,
					NULL };
	const char *const whole[] = { "fetch", "-q",        "--no-tags", "--no-recurse-submodules",
				      "--",    remote->url, other,       NULL };
	owned(buf) struct buf output = {};
	struct error first = {};

	if (!git(ctx, remote, path, shallow, &output, &first))
		return OK;
	if (first.fault != FAULT_NETWORK) {
		*err = first;
		return FAILED;
	}
	return git(ctx, remote, path, whole, &output, err);
}

static result submodules_update(const struct ctx *ctx, const struct remote *remote,
				const char *path, struct error *err)
{
	static const char *const words[] = { "submodule",   "-q",        "update", "--init",
					     "--recursive", "--depth=1", NULL };
	owned(str) char *modules = xasprintf("%s/.gitmodules", path);
	owned(buf) struct buf output = {};
	struct stat info;

	if (remote->submodules == CHOICE_NO || lstat(modules, &info) < 0 || !S_ISREG(info.st_mode))
		return OK;
	return git(ctx, remote, path, words, &output, err);
}

/** The name of the branch or tag that was asked for; NULL where it was a commit. */
static result name_find(const struct ctx *ctx, const struct remote *remote, char **out,
			struct error *err)
{
	static const char prefix[] = "ref: refs/heads/";
	const char *const words[] = { "ls-remote", "--symref", "--", remote->url, "HEAD", NULL };
	const char *ref = remote->ref ? remote->ref : "";
	owned(buf) struct buf lines = {};
	const char *found;

	if (starts_with(ref, "refs/heads/") || starts_with(ref, "refs/tags/"))
		ref = strchr(ref + strlen("refs/"), '/') + 1;
	if (*ref) {
		*out = is_commit(ref) || starts_with(ref, "refs/") ? NULL : xstrdup(ref);
		return OK;
	}
	if (git(ctx, remote, NULL, words, &lines, err))
		return FAILED;
	found = strstr(buf_text(&lines), prefix);
	*out = found ? xstrndup(found + strlen(prefix), strcspn(found + strlen(prefix), "\t\n"))
		     : NULL;
	return OK;
}

/** Whether the name is that of an annotated tag and of no branch. */
static result tag_is_object(const struct ctx *ctx, const struct remote *remote, const char *name,
			    bool *out, struct error *err)
{
	owned(str) char *branch = xasprintf("refs/heads/%s", name);
	owned(str) char *tag = xasprintf("refs/tags/%s^{}", name);
	const char *const words[] = { "ls-remote", "--", remote->url, branch, tag, NULL };
	owned(buf) struct buf lines = {};
	owned(str) char *head = NULL, *object = NULL;

	if (git(ctx, remote, NULL, words, &lines, err))
		return FAILED;
	head = line_find(buf_text(&lines), "", branch, "");
	object = line_find(buf_text(&lines), "", tag, "");
	*out = object && (!head || starts_with(remote->ref ? remote->ref : "", "refs/tags/"));
	return OK;
}

/** An annotated tag comes along; anything else is a branch and a tag, as BuildKit leaves it. */
static result name_keep(const struct ctx *ctx, const struct remote *remote, const char *commit,
			const char *name, const char *path, struct error *err)
{
	owned(str) char *branch = xasprintf("refs/heads/%s", name);
	owned(str) char *tag = xasprintf("refs/tags/%s", name);
	owned(str) char *both = xasprintf("+%s:%s", tag, tag);
	const char *const set_branch[] = { "update-ref", branch, commit, NULL };
	const char *const set_tag[] = { "update-ref", tag, commit, NULL };
	owned(buf) struct buf output = {};
	bool is_object;

	if (tag_is_object(ctx, remote, name, &is_object, err))
		return FAILED;
	if (is_object)
		return fetch(ctx, remote, both, both, path, err);
	return git(ctx, remote, path, set_branch, &output, err) ||
			       git(ctx, remote, path, set_tag, &output, err)
		       ? FAILED
		       : OK;
}

/** What stays is of the commit alone, with the name that it was asked for by, and no times. */
static result git_dir_tidy(const struct ctx *ctx, const struct remote *remote, const char *commit,
			   const char *path, struct error *err)
{
	static const char *const expire[] = { "reflog", "expire", "--all", "--expire=now", NULL };
	owned(str) char *refs = xasprintf("%s/.git/refs", path);
	owned(str) char *head = xasprintf("%s/.git/FETCH_HEAD", path);
	owned(str) char *name = NULL;
	owned(buf) struct buf output = {};
	owned(fd) int fd = open(refs, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0 && remove_tree(fd, "fetched", err))
		return FAILED;
	if (name_find(ctx, remote, &name, err) ||
	    (name && name_keep(ctx, remote, commit, name, path, err)) ||
	    git(ctx, remote, path, expire, &output, err))
		return FAILED;
	unlink(head);
	return OK;
}

/** What is left are the files of the commit. */
static result git_dir_remove(const char *path, struct error *err)
{
	owned(fd) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return fail_sys(err, "open %s", path);
	return remove_tree(fd, ".git", err);
}

result git_checkout(const struct ctx *ctx, const struct remote *remote, const char *commit,
		    bool keep_git_dir, const char *path, struct error *err)
{
	/* a repository that stays has what git puts into any new one */
	const char *const init[] = { "init", "-q", keep_git_dir ? "-q" : "--template=",
				     "--",   path, NULL };
	const char *const origin[] = { "remote", "add", "--", "origin", remote->url, NULL };
	const char *const checkout[] = { "checkout", "-q", "--detach", commit, "--", NULL };
	owned(buf) struct buf output = {};

	if (git(ctx, remote, NULL, init, &output, err) ||
	    git(ctx, remote, path, origin, &output, err) ||
	    fetch(ctx, remote, commit, "+refs/*:refs/fetched/*", path, err) ||
	    git(ctx, remote, path, checkout, &output, err) ||
	    submodules_update(ctx, remote, path, err))
		return fail_in(err, "%s", remote->url);
	return keep_git_dir ? git_dir_tidy(ctx, remote, commit, path, err)
			    : git_dir_remove(path, err);
}

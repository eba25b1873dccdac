/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What a sandbox would do, compared as text: needs no privilege, and a change of order shows.
 */
#include "sandbox/compiled.h"

#include "base/fd.h"
#include "base/mem.h"
#include "tests/tap.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const argv[] = { "make", "all", NULL };
static const char *const envp[] = { "PATH=/bin:/usr/bin", NULL };
static const char *const lowers[] = { "/store/layers/b", "/store/layers/a" };
static const char *const rules[] = { ":qemu-x:M::\\x7fELF:\\xff:/usr/bin/qemu-x:POF" };
static const struct bind binds[] = {
	{ .source = "/", .target = "/mnt/../cache//dir", .read_only = true },
	{ .target = "/tmp" },
};
static const struct privilege root = { .is_root = true, .id_count = SHIFT_COUNT },
			      user = { .id_count = 65537 };

static struct sandbox_spec spec_make(void)
{
	return (struct sandbox_spec){
		.lowers = lowers,
		.lower_count = countof(lowers),
		.upper = "/store/work/1/upper",
		.work = "/store/work/1/work",
		.scratch = "/store/work/1/scratch",
		.privilege = &root,
		.argv = argv,
		.envp = envp,
		.cwd = "/src",
		.network = NETWORK_NONE,
	};
}

static const char golden_first[] = "new namespaces: user mount pid ipc uts cgroup net\n"
				   "ids from 0: the host's from 2147483648\n"
				   "in advance:\n"
				   "become root of the user namespace\n"
				   "message queues of its own\n"
				   "mount devices\n"
				   "bring lo up\n"
				   "new tmpfs\n"
				   "mount the stage\n";

static const char golden_small[] = "new namespaces: user mount pid ipc uts cgroup net\n"
				   "ids from 0: the host's from 2147483648\n"
				   "once, for all sandboxes of this kind:\n"
				   "become root of the user namespace\n"
				   "new tmpfs\n"
				   "mount the realm's root\n"
				   "take /proc\n"
				   "realm: directory proc\n"
				   "mount /proc\n"
				   "take /sys\n"
				   "realm: directory sys\n"
				   "mount /sys\n"
				   "realm: directory tmp\n"
				   "realm: directory etc\n"
				   "realm: directory dev\n"
				   "mount devices\n";

static const char golden_blank[] = "mount devices\n"
				   "enter the realm, leave the host's root\n"
				   "for each of them, in advance:\n"
				   "become the first process\n"
				   "bring lo up\n"
				   "new tmpfs\n"
				   "mount the stage\n"
				   "stage: directory root\n"
				   "stage: directory layer\n"
				   "stage: directory files\n"
				   "stage: directory empty\n"
				   "stage: directory dev\n"
				   "stage: directory proc\n"
				   "stage: directory sys\n"
				   "skeleton: directory /dev\n"
				   "skeleton: directory /proc\n"
				   "skeleton: directory /sys\n"
				   "skeleton: directory /etc\n"
				   "skeleton: file /etc/resolv.conf\n"
				   "skeleton: file /etc/hosts\n"
				   "new proc\n"
				   "mount /proc on the stage\n"
				   "new tmpfs\n"
				   "mount /dev on the stage\n";

/** Behind it, what only some CPUs have. */
static const char golden_sys[] = "protect /proc/sysrq-trigger\n"
				 "new sysfs\n"
				 "mount /sys on the stage\n"
				 "hide /sys/firmware\n"
				 "hide /sys/devices/virtual/powercap\n"
				 "hide /sys/fs/cgroup\n";

static const char golden_main[] =
	"make the main process, which waits when it has done this:\n"
	"new keyring\n"
	"no signal is handled or ignored\n"
	"bound capabilities to chown dac_override fowner fsetid kill setgid setuid setpcap "
	"net_bind_service net_raw sys_chroot mknod audit_write setfcap\n";

static const char golden_own[] = "filter system calls\n"
				 "for this one:\n"
				 "set the host name to localhost\n"
				 "skeleton: file /etc/hostname\n"
				 "stage: directory store-0\n"
				 "mount /store/layers on the stage\n"
				 "open layer /store/layers/b\n"
				 "open layer /store/layers/a\n"
				 "stage: directory store-1\n"
				 "mount /store/work/1 on the stage\n"
				 "open layer /store/work/1/upper\n"
				 "open layer /store/work/1/work\n"
				 "open the skeleton\n"
				 "new overlay of 2 layers\n"
				 "mount the overlay on the stage\n"
				 "mount proc on /proc\n"
				 "mount tmpfs on /dev\n"
				 "mount sysfs on /sys\n"
				 "write a new /etc/resolv.conf\n";

static const char golden_end[] = "open directory /src\n"
				 "enter the root\n"
				 "leave init and the host's root behind\n"
				 "enter directory /src\n"
				 "set input, output and error; close all others\n"
				 "limit core files to 0\n"
				 "limit open files to 1024, at most 524288\n"
				 "limit processes to ";

static const char golden_last[] = "\nbecome user 0, group 0 and 0 more\n"
				  "hold these capabilities\n"
				  "run make\n";

/** The explanation of a spec; the caller drops it. */
static struct buf explain(const struct sandbox_spec *spec)
{
	owned(sandbox) struct sandbox *sandbox = NULL;
	struct error err = {};
	struct buf out = {};

	if (tap_check(!sandbox_compile(spec, &sandbox, &err), __FILE__, __LINE__, "%s", err.text))
		sandbox_explain(sandbox, &out);
	return out;
}

static bool has(const struct buf *text, const char *line)
{
	return strstr(buf_text(text), line) != NULL;
}

static void order_check(const struct sandbox_spec *spec, const char *first, const char *blank)
{
	owned(buf) struct buf text = explain(spec);

	if (!tap_check(starts_with(buf_text(&text), first), __FILE__, __LINE__,
		       "begins otherwise") ||
	    !tap_check(has(&text, blank), __FILE__, __LINE__, "is prepared otherwise") ||
	    !tap_check(has(&text, golden_sys), __FILE__, __LINE__, "hides otherwise") ||
	    !tap_check(has(&text, golden_main), __FILE__, __LINE__, "may do otherwise") ||
	    !tap_check(has(&text, golden_own), __FILE__, __LINE__, "its root is otherwise") ||
	    !tap_check(has(&text, golden_end), __FILE__, __LINE__, "ends otherwise") ||
	    !CHECK(ends_with(buf_text(&text), golden_last)))
		printf("# %s\n", buf_text(&text));
}

TEST(sandbox_is_made_in_this_order)
{
	struct sandbox_spec spec = spec_make();

	order_check(&spec, golden_first, strstr(golden_blank, "bring lo up\n"));
}

TEST(sandbox_of_many_is_made_in_this_order)
{
	struct sandbox_spec spec = spec_make();
	owned(zygote) struct zygote *zygote = NULL;
	struct privilege with = root;
	struct error err = {};

	if (!CHECK(!zygote_start(true, &zygote, &err)))
		return;
	with.zygote = zygote;
	spec.privilege = &with;
	order_check(&spec, golden_small, golden_blank);
}

/** What a change of the spec changes in the text. */
static const struct {
	const char *name, *with, *without;
} masks[] = {
	{ "kernel memory", "hide /proc/kcore\n", NULL },
	{ "settings", "protect /proc/sys\n", NULL },
	{ "control groups", "hide /sys/fs/cgroup\n", NULL },
	{ "firmware", "hide /sys/firmware\n", NULL },
	{ "session", NULL, "new session\n" },
	{ "read-only", NULL, "make / read-only\n" },
	{ "binfmt", NULL, "binfmt_misc" },
};

TEST(sandbox_hides_what_is_the_hosts)
{
	struct sandbox_spec spec = spec_make();
	owned(buf) struct buf text = explain(&spec);

	for (size_t i = 0; i < countof(masks); i++)
		tap_check((!masks[i].with || has(&text, masks[i].with)) &&
				  (!masks[i].without || !has(&text, masks[i].without)),
			  __FILE__, __LINE__, "%s", masks[i].name);
}

TEST(sandbox_has_what_the_spec_asks_for)
{
	struct sandbox_spec spec = spec_make();
	owned(buf) struct buf text = {};

	spec.privilege = &user;
	spec.network = NETWORK_HOST;
	spec.new_terminal_session = spec.read_only_root = true;
	spec.binfmt_rules = rules;
	spec.binfmt_rule_count = countof(rules);
	spec.binds = binds;
	spec.bind_count = countof(binds);
	spec.user = "1000:1001";
	spec.hostname = "box\n";
	text = explain(&spec);
	CHECK(has(&text, "new namespaces: user mount pid ipc uts cgroup\n"));
	CHECK(has(&text, "ids from 0 to 65536: ours\n"));
	CHECK(!has(&text, "bring lo up"));
	CHECK(has(&text, "set the host name to box\\x0a\n"));
	CHECK(has(&text, "queues of its own\nnew binfmt_misc\nregister :qemu-x:"));
	CHECK(!has(&text, "skeleton: directory /cache"));
	CHECK(has(&text, "take /sys\n"));
	CHECK(has(&text, "new tmpfs\nmount tmpfs on /tmp\nmount / on /cache/dir\n"));
	CHECK(has(&text, "make / read-only\nenter the root\n"));
	CHECK(has(&text, "leave init and the host's root behind\nnew session\n"));
	CHECK(has(&text, "become user 1000, group 1001 and 0 more\n"));
	CHECK(has(&text, "when it has done this:\nnew keyring\n"));
	CHECK(has(&text, "hold no capabilities\n"));
	CHECK(!has(&text, "no new privileges"));
	spec.no_new_privileges = true;
	spec.resources.pids = 100; /* which takes a main process of its own */
	buf_drop(&text);
	text = explain(&spec);
	CHECK(has(&text, "no new privileges\nbecome user 1000"));
	CHECK(has(&text, "new session\nnew keyring\n"));
	CHECK(has(&text, "filter system calls\nhold no capabilities\n"));
	CHECK(!has(&text, "which waits"));
	CHECK(!has(&text, "limit processes"));
}

TEST(sandbox_searches_programs_in_path)
{
	struct sandbox_spec spec = spec_make();
	owned(sandbox) struct sandbox *sandbox = NULL;
	struct error err = {};
	const struct program *program;

	if (!CHECK(!sandbox_compile(&spec, &sandbox, &err)))
		return;
	program = sandbox->ops[sandbox->op_count - 1].data;
	CHECK_STR(program->candidates[0], "/bin/make");
	CHECK_STR(program->candidates[1], "/usr/bin/make");
	CHECK(!program->candidates[2]);
	CHECK_STR(program->argv[1], "all");
	CHECK_STR(program->envp[1], "HOME=/");
}

/** Specs that must fail: one field each is replaced. */
static const struct {
	const char *name, *want;
	enum fault fault;
	struct sandbox_spec change;
} refused[] = {
	{ "cwd",
	  "sandbox: working directory 'src' is not absolute",
	  FAULT_INPUT,
	  { .cwd = "src" } },
	{ "user",
	  "sandbox: user bob is not in the image's /etc/passwd",
	  FAULT_INPUT,
	  { .user = "bob" } },
	{ "uid",
	  "sandbox: user 70000: only ids below 65537 are available (see /etc/subuid)",
	  FAULT_PRIVILEGE,
	  { .user = "70000" } },
	{ "bind on /",
	  "sandbox: nothing can be mounted on /",
	  FAULT_INPUT,
	  { .binds = (const struct bind[]){ { .target = "/x/.." } }, .bind_count = 1 } },
	{ "relative bind",
	  "sandbox: mount target 'x' is not absolute",
	  FAULT_INPUT,
	  { .binds = (const struct bind[]){ { .target = "x" } }, .bind_count = 1 } },
	{ "missing bind",
	  "sandbox: mount source /no/such: No such file or directory",
	  FAULT_SYSTEM,
	  { .binds = (const struct bind[]){ { .source = "/no/such", .target = "/x" } },
	    .bind_count = 1 } },
	{ "command",
	  "sandbox: no command to run",
	  FAULT_INPUT,
	  { .argv = (const char *const[]){ NULL } } },
	{ "layers",
	  "sandbox: 500 layers; the kernel takes 499",
	  FAULT_INPUT,
	  { .lower_count = 500 } },
};

TEST(sandbox_says_what_is_wrong_with_a_spec)
{
	for (size_t i = 0; i < countof(refused); i++) {
		const struct sandbox_spec *change = &refused[i].change;
		owned(sandbox) struct sandbox *sandbox = NULL;
		struct sandbox_spec spec = spec_make();
		struct error err = {};

		spec.privilege = &user;
		spec.cwd = change->cwd ? change->cwd : spec.cwd;
		spec.user = change->user;
		spec.binds = change->binds;
		spec.bind_count = change->bind_count;
		spec.argv = change->argv ? change->argv : spec.argv;
		spec.lower_count = change->lower_count ? change->lower_count : spec.lower_count;
		if (!tap_check(sandbox_compile(&spec, &sandbox, &err), __FILE__, __LINE__,
			       "%s should be refused", refused[i].name))
			continue;
		CHECK_STR(err.text, refused[i].want);
		CHECK(err.fault == refused[i].fault);
	}
}

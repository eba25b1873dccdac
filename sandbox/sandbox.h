/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Sandboxes that run steps, and layers on disk that they run on.
 *
 * A layer directory is what overlayfs can stack as it is (mounted with `userxattr`): deleted names
 * are character devices 0:0, opaque directories carry user.overlay.opaque="y".  Ids on disk are the
 * image's own.  An image's file system is a stack of such directories, topmost first.
 */
#ifndef SANDBOX_SANDBOX_H
#define SANDBOX_SANDBOX_H

#include "base/ctx.h"
#include "base/digest.h"
#include "base/text.h"

#include <sys/types.h>
#include <time.h>

/* ---- who we are ---- */

/** The ids that sandboxes of this process may use, found or made by userns_enter(). */
struct privilege {
	bool is_root;          /* real root: sandboxes get a high id range over idmapped mounts */
	uint32_t id_count;     /* ids that images may use, from 0 */
	const char *lone;      /* why that is one alone, where more could be had; else NULL */
	struct zygote *zygote; /* makes sandboxes for this process; NULL: one for each run */
};

/**
 * To be called once, early in main(), before any thread: as root it does nothing; else it enters a
 * user and mount namespace with the caller's subordinate ids (newuidmap, newgidmap), in which this
 * process is root over its store, or with the caller's own id alone where there are none: `lone`
 * then says which file or package is missing and what to type.
 */
result userns_enter(struct privilege *out, struct error *err);

/**
 * What makes sandboxes.  With `many`, a small process is forked for it, so that none takes longer
 * because this one has grown, and the next one is made while one runs; else this process makes each
 * itself, when it is expected or run, out of a copy of what is in its memory then.  After
 * userns_enter(), best before any thread.  All of it dies with this process, however that ends; if
 * the small one dies alone, only sandboxes do.
 */
result zygote_start(bool many, struct zygote **out, struct error *err);
void zygote_drop(struct zygote **zygote);

/**
 * Keep filters of system calls in a directory (made if need be) from one process to the next; NULL:
 * nowhere.  Before any thread.
 */
void filter_cache_use(const char *directory);

/* ---- running ---- */

/** A file of our own making, held in memory: a secret, a script. */
struct bind_file {
	const void *data;
	size_t size;
	mode_t mode;
	uint32_t uid, gid; /* as seen inside */
};

/**
 * Something to be seen at `target`: the first of file, lowers and source that is set.  Where there
 * is nothing to mount on, an empty directory or file is made, and left in the upper directory.
 */
struct bind {
	const char *source; /* path outside, or NULL for a tmpfs */
	const char *target; /* absolute, resolved inside the root */
	bool read_only;
	/* Of a tmpfs; 0: the kernel's defaults, and the mode of what it covers, else 1777. */
	uint64_t size, inodes;
	mode_t mode;
	uint32_t uid, gid;
	bool no_exec;   /* no file in it is a program */
	bool is_device; /* the source is a device node, and programs may use the device; as real
			   root */
	const struct bind_file *file;

	const char *const *lowers; /* a stack of layers, topmost first */
	size_t lower_count;
	const char *upper, *work; /* what is written to it; NULL: it is read-only */

	const char *inside; /* mount only this path below the source or the layers, every link in
			       it resolved in there; NULL: all */
	bool inside_is_file;
};

/** A resource limit of all that runs in it; never above what this process may have. */
struct limit {
	int resource; /* RLIMIT_... */
	uint64_t soft, hard;
};

struct terminal_size {
	uint16_t columns, rows;
};

/**
 * A terminal of the sandbox's own for the program, instead of the three descriptors.  Its other
 * side, for the caller to read and write, is sent as a descriptor over the socket.
 */
struct terminal_spec {
	int socket_fd;
	struct terminal_size size;
};

/** What all of a sandbox may use together; 0: no limit that was asked for. */
struct resource_limits {
	uint64_t memory;     /* bytes, and no swap on top */
	bool ends_whole;     /* where memory ends, all does: with control groups of version 2 */
	uint64_t milli_cpus; /* thousandths of a CPU's time */
	uint64_t pids;       /* processes and threads */
	uint64_t layer;      /* bytes that are written to the layer */
};

enum network {
	NETWORK_HOST,    /* that of this process */
	NETWORK_NONE,    /* one of its own, with loopback only */
	NETWORK_PRIVATE, /* one of its own from which the outside is reached, but not this host's
			    loopback, nor link-local addresses, nor abstract sockets */
};

/**
 * Whether there may be private networks here; what is missing is the error.
 */
bool network_possible(struct error *err);

/** A tree of native programs, seen at SANDBOX_HIDDEN/N: a stack of directories, topmost first. */
struct assist_root {
	const char *const *lowers;
	size_t lower_count;
};

/** Where foreign programs are started natively (see assist_table_write()). */
struct assist_spec {
	const char *engine; /* directory that is SANDBOX_ENGINE for binfmt_rules */
	const char *hidden; /* directory made by assist_hidden_make() */
	const struct assist_root *roots;
	size_t root_count;
	struct sampling *sampling; /* is told what takes the time; or NULL */
	struct door *door;         /* is open while it runs; or NULL */
};

/**
 * A directory that is empty to everybody in a sandbox, with or without assist: the kernel's own is
 * for its root alone.  What is mounted there can be used by name, and is in no listing.
 */
#define SANDBOX_HIDDEN "/proc/tty/driver"

/** Where rules find what is in `engine`, while they are registered. */
#define SANDBOX_ENGINE "/etc/engine"

/** All that decides what a program may see and do; plain data, everything is borrowed. */
struct sandbox_spec {
	const char *const *lowers; /* paths of layer directories, topmost first; may be empty */
	size_t lower_count;
	const char *upper, *work; /* paths of empty directories on one file system */
	const char *scratch;      /* path of an empty directory for the sandbox's own use */
	const struct privilege *privilege;

	const char *const *argv, *const *envp; /* NULL-terminated; argv[0] is looked up in PATH, and
						  HOME is the user's where it is not set */
	const char *cwd;                       /* absolute; made (0755) if missing */
	const char *user;                      /* "name|uid[:group|gid]", NULL or "": root */
	const char *const *groups;             /* "name|gid": more supplementary ones */
	size_t group_count;
	const char *const *cap_add, *const *cap_drop; /* names, of the capabilities of root */
	size_t cap_add_count, cap_drop_count;
	const char *seccomp;    /* NULL: ours, "unconfined", or the path of a profile as JSON */
	bool makes_devices;     /* its root may make device nodes, which nobody in it can open;
				   as real root, with our filter of calls */
	bool no_new_privileges; /* set-user-id bits and file capabilities give none */
	bool narrow_words;      /* programs are of 32 bits on a CPU of 64: uname tells theirs */
	const char *hostname;
	bool leaves_hostname; /* /etc/hostname is the image's own, not a file that says `hostname`
			       */
	bool may_edit_files;  /* /etc/hosts, resolv.conf and hostname, which are ours */
	const struct bind *binds; /* in any order: outer ones are mounted first */
	size_t bind_count;
	bool read_only_root;
	enum network network;
	const char *const *hosts; /* more lines of /etc/hosts: "10.0.0.1\tname" */
	size_t host_count;
	/* Lines of /etc/resolv.conf, instead of this host's that begin with the same words; one
	   that has nothing behind its word takes those away. */
	const char *const *resolver;
	size_t resolver_count;
	/* "net/core/somaxconn=1024": settings of its own namespaces, as paths below /proc/sys. */
	const char *const *sysctls;
	size_t sysctl_count;
	const struct limit *limits; /* instead of the usual ones, or on top of them */
	size_t limit_count;
	struct resource_limits resources;
	bool shows_group;    /* at /sys/fs/cgroup, the one it shares with us, where it has no own */
	uint64_t timeout_ms; /* from its start; then all of it is killed; 0: any time */
	uint64_t shm_size;   /* of /dev/shm, in bytes; 0: 64 MiB */
	const char *engine;  /* directory that is SANDBOX_ENGINE for binfmt_rules; or NULL */
	const char *const *binfmt_rules; /* registered privately; NULL: the host's entries serve */
	size_t binfmt_rule_count;
	const struct assist_spec *assist; /* or NULL */

	int input_fd, output_fd, error_fd;    /* 0, 1 and 2 of the program; no directories */
	bool new_terminal_session;            /* setsid: no terminal of ours sends it signals */
	const struct terminal_spec *terminal; /* or NULL */
	/* A pipe of signal numbers, a byte each, to pass on to the program; 0: none.  SIGINT and
	   SIGTERM ask it to end: ten seconds later, or at the second one, all of it is killed. */
	int signal_fd;
};

struct sandbox; /* a spec compiled to a list of operations */

struct sandbox_exit {
	int status;         /* 0-255, or 128 + signal */
	int signal;         /* 0, or the signal that ended it */
	bool timed_out;     /* killed since its time was up; status is 124 */
	bool layer_full;    /* killed since it wrote more than its layer may hold */
	bool out_of_memory; /* the kernel killed some of it at the limit of its memory */
	bool exec_failed;   /* the program could not be started; status is 126 or 127 */
	int exec_errno;     /* ELIBACC: it is there, but its interpreter or loader is not */
	struct {
		uint64_t user_us, system_us, peak_bytes;
	} usage;
};

/**
 * Work out every path, mount, capability set and filter now; afterwards the child only makes system
 * calls.  What the spec points to must outlive the sandbox.
 */
result sandbox_compile(const struct sandbox_spec *spec, struct sandbox **out, struct error *err);
void sandbox_drop(struct sandbox **sandbox);

/** What would be done, a line each: for --explain and for tests that need no privilege. */
void sandbox_explain(const struct sandbox *sandbox, struct buf *out);

/**
 * Have one made now, for one that will run soon: of the spec, only privilege, network, binfmt_rules
 * and assist are looked at.
 */
void sandbox_expect(const struct sandbox_spec *spec);

/**
 * Run it once and wait.  OK with the exit status in `out` whenever the sandbox was set up, whatever
 * the program did; FAILED with a precise message where an operation failed, or when `ctx` was
 * cancelled (all its processes are dead by then).  Safe from several threads.
 */
result sandbox_run(const struct ctx *ctx, const struct sandbox *sandbox, struct sandbox_exit *out,
		   struct error *err);

/**
 * Take what sandbox_run() made to mount `targets` on (absolute paths) out of its upper directory:
 * what is not in the tree below (`lower_fd`; -1: nothing is) and is empty, and so the directories
 * above.
 */
result mount_points_remove(int upper_fd, int lower_fd, const struct strings *targets,
			   struct error *err);

/**
 * A merged view of a layer stack for reading, or with `upper` and `work` for writing, as a detached
 * mount that goes with its descriptor: openat() below it sees what the program would see.
 */
result overlay_open(const char *const *lowers, size_t lower_count, const char *upper,
		    const char *work, int *root_fd, struct error *err);

/** Close one that was only read, soon: the kernel takes its time, and nobody waits for it. */
void overlay_drop(int *fd);

/**
 * The owner that COPY --chown and WORKDIR give: "name|uid[:group|gid]" by the passwd and group
 * files below root_fd; without a group, a name's own one, or the uid's number.  A name that nobody
 * has is warned about, and is root; "root" itself is not looked up.  With -1 for root_fd there is
 * nothing to look names up in: FAULT_INPUT.
 */
result owner_resolve(const struct ctx *ctx, int root_fd, const char *text, uint32_t *uid,
		     uint32_t *gid, struct error *err);

/**
 * Make what is missing of the directory `path` below root_fd, links followed inside of it (and made
 * where they lead to nothing), with mode 0755 and the time `mtime` (NULL: now).  `*fd` is open on
 * it.
 */
result tree_directory(int root_fd, const char *path, uint32_t uid, uint32_t gid,
		      const struct timespec *mtime, int *fd, struct error *err);

/* ---- native assist ---- */

/** A foreign file of the root's layers, and what to execute in its place. */
struct assist_twin {
	uint64_t inode, size;
	struct timespec mtime, ctime;
	const char *native; /* its path in the sandbox: SANDBOX_HIDDEN "/0/usr/bin/sed" */
	bool library_path_ok;
	bool place_matters; /* it runs emulated where argv[0] is a path but in /usr/bin and /bin */
	bool is_script;     /* nothing to execute: interpreters with the next flag may run it */
	bool scripts_only;  /* an interpreter: runs such scripts only, and what `scripts` has */
	bool finds_itself;  /* it runs emulated where argv[0] leads to another file */
	bool loads_plugins; /* ... and where it would load what assist_plugins.h finds */
	bool is_library;    /* nothing to execute: twins with a companion load it */
	/* Lists end with NULL, or are NULL; patterns are "exact", "prefix*", "~suffix" or "$last".
	 */
	const char *const *refuse;           /* arguments that make it run emulated */
	const char *const *insert;           /* behind argv[0]; "+TEXT": at the end */
	const char *const *insert_unless;    /* ... but not where one of these is given */
	const char *const *env;              /* NAME=value; "?NAME=value": where it is not set */
	const char *const *scripts;          /* "m:NAME" for -m NAME, "c:CODE" for -c CODE */
	const char *const *before;           /* pairs: an argument, and what is put before it */
	const char *const *names;            /* that argv[0] may have behind its last slash */
	const char *plugin_from, *plugin_to; /* an argument that begins so, becomes that */
	const char *loads; /* a library: it runs emulated where that is there, but not its twin */
};

/** The table for the dispatcher.  FAULT_INPUT where it would be larger than it may be. */
result assist_table_write(const struct assist_twin *twins, size_t count, struct buf *out,
			  struct error *err);

/**
 * Copy a static emulator for this machine, with the dispatcher put before it: for each program
 * that it is to run, it looks for the table of the sandbox first.  FAULT_INPUT where the emulator
 * is not of a form in which that can be done.
 */
result assist_engine_write(int emulator_fd, int into_fd, struct error *err);

/** Of the SHA-256 of the dispatcher and the companion: a copy, or a table, is as old as they are.
 */
void assist_engine_version(char version[17]);

/**
 * The companion: a library for twins that load others, see sandbox/dispatcher/companion.c.  With
 * `has_arm_flags`, for such whose flags of open() have the numbers of arm64.
 */
void assist_companion(bool has_arm_flags, struct buf *out);

enum { ASSIST_PROGRAMS_MAX = 256 };

/** How programs ran in a sandbox, as its dispatcher told. */
struct assist_counts {
	uint64_t native, emulated;
	uint64_t tripped;    /* twins that said so: see assist_trip_message() */
	char tripped_at[48]; /* what the first of them came to, if it said that */
	struct assist_program {
		char name[48];
		uint64_t count;
		const char *why; /* a word or two: "no twin", "argument" */
		bool has_twin;   /* that could not be taken, for what `why` says */
	} * programs;            /* that were emulated, most often first */
	size_t program_count;
};

enum { ASSIST_TRIP_SIZE = 64 };

/**
 * What a twin writes to SANDBOX_TRIP, and ends, when it meets what it cannot do as the foreign
 * program would.
 */
void assist_trip_message(uint8_t message[ASSIST_TRIP_SIZE]);

#define SANDBOX_TRIP SANDBOX_HIDDEN "/records"

/** The hidden directory of one sandbox, and who counts while it runs. */
struct assist_hidden;

/** A further name that the image has for a twin: what runs by it should be called so. */
struct assist_alias {
	size_t twin; /* its number in the table */
	const char *name;
};

/** Most trees of native programs that a sandbox has. */
enum { ASSIST_ROOTS_MAX = 8 };

/** What is in a hidden directory. */
struct assist_content {
	const struct buf *table;
	const struct assist_twin *twins; /* that the table was made of */
	size_t twin_count;
	const struct assist_alias *aliases;
	size_t alias_count;
	size_t root_count;
	/* Where it is set, programs that are not older than the sandbox are asked for by their
	   names, each of which must be answered; called by a thread that must not wait. */
	void (*asked)(void *closure, const char *name);
	void *closure;
};

/** What the answers of a running sandbox know. */
struct assist_known {
	struct timespec mtime, ctime; /* of the package database that was looked at */
	uint64_t inode, size;
	bool pending; /* programs without a twin may still get one: they are to ask again */
	bool is_over; /* nobody is to ask any more */
};

/**
 * Fill the empty directory `path` with what the dispatcher needs, so that no program in a sandbox
 * can list it, and start to count.  `path` must be absolute.
 */
result assist_hidden_make(const char *path, const struct privilege *privilege,
			  const struct assist_content *content, struct assist_hidden **out,
			  struct error *err);

/** When it was made: what has a change time before that, the sandbox has not changed. */
struct timespec assist_hidden_since(const struct assist_hidden *hidden);

/**
 * From now on, new programs are looked up in this table, too, and what it knows is not asked again.
 * Its `asked` is not looked at.
 */
result assist_hidden_publish(struct assist_hidden *hidden, const struct assist_content *content,
			     const struct assist_known *known, struct error *err);

/** Those who asked for the name go on. */
void assist_hidden_answer(struct assist_hidden *hidden, const char *name);

/** After the sandbox has ended: stop counting.  What `out` points to goes with `hidden`. */
void assist_hidden_counts(struct assist_hidden *hidden, struct assist_counts *out);
void assist_hidden_drop(struct assist_hidden **hidden);

/**
 * A way into a sandbox while it runs.  `closed` is called when it has ended (but not if it never
 * started), before anybody looks at what it has left; then nobody may use the door any more, or
 * hold what came out of it.
 */
struct door;

struct door *door_new(void (*closed)(void *closure), void *closure);
void door_drop(struct door **door);

/** Its root as its programs see it, with nothing that is mounted in it, for reading. */
result door_root(struct door *door, int *fd, struct error *err);

/** Mount a stack of directories, topmost first, read-only on SANDBOX_HIDDEN/`number`. */
result door_mount(struct door *door, const char *const *lowers, size_t lower_count, size_t number,
		  struct error *err);

/* ---- where the time goes ---- */

enum { TIMED_MAX = 64 }; /* programs that are told apart */

/** A program, and how often it was seen running. */
struct timed_program {
	char name[48];
	char script[48]; /* that an emulated interpreter ran; "": none, or not known */
	bool emulated;
	uint64_t seen;
};

struct program_times {
	const struct timed_program *items; /* most often first */
	size_t count;
	uint64_t seen, emulated; /* all, and the emulated ones */
	uint64_t cpu_us;         /* what they took of CPUs; 0: unknown */
};

/**
 * Finds out what takes the time of a sandbox, by a look at its processes some dozen times a second;
 * of one that ends in less than a third of a second, nothing.  A guest may lie about names.
 */
struct sampling;

struct sampling *sampling_new(void);
void sampling_drop(struct sampling **sampling);

/** After the sandbox has ended; what `out` points to goes with `sampling`. */
void sampling_times(struct sampling *sampling, struct program_times *out);

/* ---- layers ---- */

/** What outside data may ask for when a layer is unpacked; 0 stands for the default. */
struct layer_limits {
	uint64_t bytes;   /* of all content unpacked: default 64 GiB */
	uint64_t entries; /* default 4 million */
};

struct layer_info {
	struct digest diff_id; /* of the uncompressed tar */
	struct digest blob;    /* of the bytes as stored */
	uint64_t tar_size, blob_size;
	uint64_t entry_count; /* files, directories, whiteouts ... */
};

/**
 * Unpack a layer blob (read from its current offset to its end; compression is detected from its
 * first bytes) into the empty directory `into_fd`.  Nothing is ever made outside of it: an entry
 * that climbs out by "..", an absolute name, a link on the way or a hard link's target is
 * FAULT_INPUT with the entry's name.  Both digests are computed on the way and returned; the caller
 * compares.  Content is on disk (syncfs) when it returns OK.  Borrows both descriptors.
 */
result layer_unpack(const struct ctx *ctx, int blob_fd, int into_fd,
		    const struct layer_limits *limits, struct layer_info *out, struct error *err);

/**
 * The same on top of a tree (`lower_fd`, the layers below as one; -1: none), whose links lead where
 * the layer's paths go through them, and whose files may get another name.  Names the directories
 * that the layer has no entry for, though it has something in them: made 0755 and root's here, they
 * should look as in the layers below.  Relative paths, parents first, added to `implicit`; not
 * empty where the result would be another on another tree.
 */
result layer_unpack_part(const struct ctx *ctx, int blob_fd, int into_fd, int lower_fd,
			 const struct layer_limits *limits, struct strings *implicit,
			 struct layer_info *out, struct error *err);

struct diff_options {
	enum compression compression;
	int64_t epoch;        /* clamp times to this second; negative: keep them */
	uint64_t bytes_max;   /* of content; 0: as much as layer_unpack() takes by default */
	bool with_attributes; /* all that are the image's, else only what layers record */
	bool rounds_times;    /* to the nearest second, else down */
};

/**
 * Reduce an overlay upper directory to what it changes of the tree below it (`lower_fd`, the layers
 * as one): what is there in the same way is removed from it (a directory counts as the same
 * whatever its time is), and a directory that hides all below it names what is gone instead.  It
 * then means the same on top of that tree, whatever the marks of overlayfs were.
 */
result layer_settle(const struct ctx *ctx, int upper_fd, int lower_fd, struct error *err);

/**
 * Write what an overlay upper directory holds as a reproducible tar (sorted, PAX where needed, OCI
 * whiteouts, no user.overlay.* and security.selinux attributes), packed, to `blob_fd`.  An empty
 * directory makes the empty tar of two zero blocks.
 */
result layer_diff(const struct ctx *ctx, int upper_fd, const struct diff_options *options,
		  int blob_fd, struct layer_info *out, struct error *err);

/**
 * Copy a tar stream, packed or not, to `blob_fd` packed as asked, computing both digests: for
 * `mpemu import`.  The tar's bytes are kept as they are.
 */
result layer_repack(const struct ctx *ctx, int from_fd, enum compression compression, int blob_fd,
		    struct layer_info *out, struct error *err);

enum { MODE_OPS_MAX = 32 };

/** One step of a symbolic mode. */
struct mode_op {
	char kind; /* '=' '+' '-', 'X', or the class ('u' 'g' 'o') whose bits are copied */
	char how;  /* the operator it stands behind */
	mode_t who, bits;
};

/** What --chmod says. */
struct mode_change {
	bool is_absolute;
	mode_t mode; /* where absolute */
	struct mode_op ops[MODE_OPS_MAX];
	size_t count;
};

/** Octal up to 7777, or symbolic as chmod(1) has it ("u=rwX,go=rX"); FAULT_INPUT. */
result mode_parse(const char *text, struct mode_change *out, struct error *err);

/** The mode, whose type is kept, after the change. */
mode_t mode_apply(const struct mode_change *change, mode_t old);

/** How much of a path is asked for. */
enum wanted {
	WANTED_NOT,   /* neither it nor anything below it */
	WANTED_BELOW, /* not itself, but maybe something below it: made when that is met */
	WANTED_WITH,  /* the same, but then it counts as a whole */
	WANTED,
};

/**
 * What is in files that were read before, by what the kernel says of them: one whose inode, size
 * and times are as they were is not read again.  Thread-safe.
 *
 * A file that was changed so shortly before it was read that another change might get the same
 * times is not remembered, nor is one on a file system whose times another machine's clock gives.
 */
struct recall;

/** What recall_save() wrote to the file `path`; empty where it is missing or damaged. */
struct recall *recall_load(const char *path);
void recall_drop(struct recall **recall);

/** Write it, if it knows more than when it was loaded. */
result recall_save(struct recall *recall, struct error *err);

struct copy_options {
	const char *name; /* of the copy, in the directory `target`; NULL: the target itself */
	bool keep_owner;  /* else uid and gid below are given to all that is made */
	uint32_t uid, gid;
	const struct mode_change *change; /* of files and directories; NULL: modes are kept */
	bool is_context; /* as clients send files to builders: no attributes, sockets as empty files
			  */
	/** What of a path (relative to the source root) is there: WANTED_BELOW is not for it.
	    NULL: all. */
	enum wanted (*sees)(void *closure, const char *path, bool is_directory);
	void *closure;
	/** Asked of what is below a source that is a directory; NULL: all is wanted. */
	enum wanted (*wants)(void *closure, const char *path_below_source);
	void *wants_closure;
	struct recall *recall; /* tree_hash(): asked and told about files; NULL: all are read */
};

/**
 * Copy `source` (relative to source_root_fd, resolved inside it; its own last link is followed) to
 * `target` (absolute, resolved inside target_root_fd) as COPY of a Dockerfile does: a directory's
 * content merges into the target, which keeps its looks, missing directories on the way and the
 * target itself are made 0755 (or as an absolute change says), a file replaces a file, a directory
 * in the way of a file (and the other way round) is FAULT_INPUT. Content is shared by reflink where
 * the file system can.  Hard links within the source are kept.
 */
result tree_copy(const struct ctx *ctx, int source_root_fd, const char *source, int target_root_fd,
		 const char *target, const struct copy_options *options, struct error *err);

/**
 * Feed a hasher with all that tree_copy() would take of `source`: names, types, modes, owners where
 * `with_owner`, link targets, extended attributes and content, in sorted order, never times.
 */
result tree_hash(const struct ctx *ctx, int source_root_fd, const char *source,
		 const struct copy_options *options, bool with_owner, struct digest *out,
		 struct error *err);

/**
 * Whether a regular file is a tar, plain or packed with gzip, bzip2, xz or zstd: by its content,
 * up to the first entry.  The offset of `fd` is left anywhere.
 */
bool archive_looks_like_one(int fd);

struct archive_options {
	struct layer_limits limits;
	bool has_owner; /* give uid and gid to all that is made, else those of the archive */
	uint32_t uid, gid;
};

/**
 * Unpack such a file into the directory `into_fd` as ADD does: what is there gives way, but
 * directories merge; devices and FIFOs are passed over; nothing is made outside of it, whatever
 * names and links say.
 */
result archive_unpack(const struct ctx *ctx, int fd, int into_fd,
		      const struct archive_options *options, struct error *err);

/* ---- writing archives: for export ---- */

/** A tar archive being written to a descriptor, deterministic (root, epoch 0, 0644/0755). */
struct tar_writer;

struct tar_writer *tar_writer_new(int fd);
void tar_writer_drop(struct tar_writer **writer);
result tar_writer_directory(struct tar_writer *writer, const char *path, struct error *err);
result tar_writer_bytes(struct tar_writer *writer, const char *path, const void *data,
			size_t length, struct error *err);
/** A regular file of `size` bytes read from `fd`. */
result tar_writer_file(struct tar_writer *writer, const char *path, int fd, uint64_t size,
		       struct error *err);
/** The closing blocks.  A writer that was dropped before this leaves a truncated archive. */
result tar_writer_finish(struct tar_writer *writer, struct error *err);

#endif

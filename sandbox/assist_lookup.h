/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The table that says which foreign program has a native twin, and how it is asked.
 *
 * Written once a step by assist_table_write() and read by the dispatcher at each exec; both sides
 * are the same machine, so numbers are as it has them.  The reader uses no memory and no library,
 * since it is part of a program that has neither, and believes nothing of a table but its bytes.
 */
#ifndef SANDBOX_ASSIST_LOOKUP_H
#define SANDBOX_ASSIST_LOOKUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ASSIST_MAGIC UINT64_C(0x32747369737361) /* "assist2" */

enum {
	ASSIST_TABLE_MAX = 16 << 20,
	ASSIST_NAME_MAX = 44,    /* of a program in a record, cut */
	ASSIST_ANSWERS = 1024,   /* words of the file "answers" */
	ASSIST_WAIT_S = 16 * 60, /* longest wait for one */
};

/** A text in the companion; another byte at its end: flags of open() have numbers of arm64. */
#define ASSIST_GUISE "companion: ."
enum { ASSIST_GUISE_FLAGS = 11 };

/** Where programs that packages install are known from; the dispatcher looks whether it changed. */
#define ASSIST_DATABASE "/var/lib/dpkg/status"

/**
 * What names the content of a file: of a layer, which is never written to, nobody can make another
 * one that has all four, because the time of the last change is the kernel's to set.
 */
struct assist_file {
	uint64_t inode, size;
	int64_t mtime, ctime; /* nanoseconds */
};

/**
 * What a running sandbox may still ask, as no table can know what it installs: about files that are
 * not older than it, once for each state of its package database.
 */
struct assist_state {
	int64_t since;               /* nanoseconds: nothing that is older is new; 0: ask nothing */
	struct assist_file database; /* ASSIST_DATABASE as the table knows it */
	uint32_t pending;            /* what it does not know may still be obtained: ask again */
	uint32_t padding;
};

/** Behind the header: `bucket_count` indices + 1 of entries (0: empty), the entries, the texts. */
struct assist_header {
	uint64_t magic;
	uint32_t size; /* of all of it */
	uint32_t bucket_count, entry_count;
	uint32_t buckets, entries; /* where they are, from the start */
	uint32_t names;            /* what is added to an entry's number in "names/N" */
	struct assist_state state;
};

/** Places of texts and lists, from the start; 0: none.  A list ends with an empty text. */
struct assist_entry {
	struct assist_file file;
	uint32_t flags;
	uint32_t native, refuse, insert, insert_unless, env, scripts;
	uint32_t plugin_from, plugin_to;
	uint32_t before; /* list: an argument, what is put before it, and so on */
	uint32_t names;  /* list: what it may be called; 0: anything */
	uint32_t loads; /* a library: where it is there, it has an entry, or the program has no twin
			 */
};

enum assist_flag {
	ASSIST_LIBRARY_PATH_OK = 1, /* LD_LIBRARY_PATH may be set */
	ASSIST_PLACE_MATTERS = 2,   /* argv[0] has no directory but /usr/bin or /bin */
	ASSIST_IS_SCRIPT = 4,       /* no program, but what one with the next flag may run */
	ASSIST_SCRIPTS_ONLY = 8,    /* an interpreter, of scripts that the table has */
	ASSIST_FINDS_ITSELF = 16,   /* argv[0] leads to it, as a path or in PATH */
	ASSIST_PLUGINS = 32,        /* it loads those that assist_plugins.h finds */
	ASSIST_IS_LIBRARY = 64,     /* no program: twins with a companion load it */
};

/** Why a program runs the way it does. */
enum assist_verdict {
	ASSIST_NATIVE,
	ASSIST_NO_TWIN,
	ASSIST_ENVIRONMENT, /* it has a variable that the loader or the C library obeys */
	ASSIST_ARGUMENT,    /* it has one that the tool's row refuses */
	ASSIST_SCRIPT,      /* an interpreter, and not one of its scripts */
	ASSIST_PRIVILEGED,  /* it runs with rights that its caller does not have */
	ASSIST_LIBRARY,     /* one that it would load has no twin */
	ASSIST_UNSTARTED,   /* the kernel would not start the twin */
	ASSIST_TRIPPED,     /* told by a twin that met what it cannot do as the target would */
	ASSIST_ASKS,        /* no verdict yet: it waits for the answer, see assist_answer_word() */
	ASSIST_VERDICTS
};

/** What the dispatcher tells of an exec; a hostile program may tell lies in this form. */
struct assist_record {
	uint32_t magic;   /* the lower half of ASSIST_MAGIC */
	uint16_t verdict; /* enum assist_verdict */
	uint16_t length;  /* of the name */
	uint32_t entry;   /* its number in the table; UINT32_MAX: none */
	uint32_t pid;     /* in the sandbox */
	char name[ASSIST_NAME_MAX + 4];
};

struct buf;

/** Put into a table that was written what depends on the sandbox that it is for. */
void assist_table_date(struct buf *table, uint32_t names, const struct assist_state *state);

/** Whether a table of `size` bytes can be read without leaving it. */
bool assist_table_check(const void *table, size_t size);

/** Where the search for a file begins; it goes on to the next buckets up to an empty one. */
uint32_t assist_bucket(const struct assist_file *file, uint32_t bucket_count);

/** The entry for a file, or NULL; of a checked table, as below. */
const struct assist_entry *assist_find(const void *table, const struct assist_file *file);

/** Whether two files are the same with the same content. */
bool assist_file_equal(const struct assist_file *a, const struct assist_file *b);

/** Which word of the file "answers" changes when a question about that name is answered. */
uint32_t assist_answer_word(const char *name, size_t length);

/** Whether a path is one where packages have programs, and nobody else should. */
bool assist_is_packaged(const char *path);

/** The text or the first text of a list; "" where there is none. */
const char *assist_text(const void *table, uint32_t at);

/** The text behind this one in its list; the last is followed by "". */
const char *assist_next(const char *text);

/** Without the C library, which the dispatcher and the companion do not have. */
bool assist_begins(const char *text, const char *with);

/** Whether "exact", "prefix*" or "~suffix" matches. */
bool assist_match(const char *pattern, const char *text);

/**
 * Whether one of the list matches one of the arguments.  "$exact" only matches the last one; what
 * is behind "!exact" matches no such argument.
 */
bool assist_match_any(const void *table, uint32_t list, char *const *arguments);

/**
 * How a program runs that was given these arguments (from argv[0]) and this environment, both
 * NULL-terminated.  Where that is ASSIST_NATIVE only if an argument names a script that the table
 * has, this is `*script`, else NULL.
 */
enum assist_verdict assist_judge(const void *table, const struct assist_entry *entry,
				 char *const *arguments, char *const *environment,
				 const char **script);

/** The variable's value, or NULL. */
const char *assist_variable(char *const *environment, const char *name);

/** How many pointers assist_arguments() and assist_environment() need at most, with the NULL. */
size_t assist_room(const void *table, const struct assist_entry *entry, char *const *list);

/** What the twin gets; `arguments` begins with argv[0].  The texts are not copied. */
void assist_arguments(const void *table, const struct assist_entry *entry, char *const *arguments,
		      char **out);
void assist_environment(const void *table, const struct assist_entry *entry,
			char *const *environment, char **out);

#endif

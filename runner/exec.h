/* SPDX-License-Identifier: Apache-2.0 */
/**
 * One step: what an instruction does to a snapshot.
 */
#ifndef RUNNER_EXEC_H
#define RUNNER_EXEC_H

#include "runner/builder.h"

/**
 * Execute the step from the results of its needs.  `*out` is the snapshot after it, `*cached`
 * whether its layer was known.  Runs on a worker thread; only touches what is its own or locked.
 * A step that only changes the config may take over the result of the one before it.
 */
result step_execute(struct build *build, const struct step *step, struct snapshot **out,
		    bool *cached, struct error *err);

/**
 * Work out the key of a step from those of its needs, and run nothing.  With `wants_layer` its
 * layer is brought into the store where somebody knows it: `*known` tells.  FAILED where the key
 * cannot be known without running something.
 */
result step_forecast(struct build *build, const struct step *step, bool wants_layer,
		     struct snapshot **out, bool *known, struct error *err);

/* ---- private to exec*.c ---- */

/** How much of a step is done: all, or what it takes to know its key, or its layer where known. */
enum extent { EXTENT_ALL, EXTENT_KEY, EXTENT_LAYER };

/** A step being executed. */
struct job {
	enum extent extent;
	bool missed; /* EXTENT_LAYER: nobody knows it */
	struct build *build;
	const struct step *step;
	struct snapshot *snapshot; /* starts as a copy of the previous one */
	const char *maker;         /* what made its layer; NULL: the instruction as written */
	bool cached;
	bool stands_alone;       /* its layer is made without looking at those below */
	bool refuse_long_double; /* a native twin came to read one: see assist_tripped() */
	bool crashed; /* a program died as it does when an emulator fails; see job_layer() */
	int below_fd; /* see job_below_open(); -1: it is not open */
};

/** Makes the content of an upper directory; the job's directories are below `workdir`. */
typedef result layer_maker(struct job *job, const char *workdir, void *closure, struct error *err);

/**
 * Put on top of the job's snapshot the layer of `key`: a known one, else what `make` leaves in
 * upper.  Equal keys are made once, however many steps of the build have them.  Where the emulator
 * may have failed rather than the program, it is made a second time, from a clean snapshot.
 */
result job_layer(struct job *job, const struct digest *key, layer_maker *make, void *closure,
		 struct error *err);

/** The key that was found when this was asked for before, here or elsewhere. */
result job_asked_find(const struct job *job, const struct digest *asked, struct digest *key,
		      bool *found, struct error *err);
result job_asked_keep(const struct job *job, const struct digest *asked, const struct digest *key,
		      struct error *err);

/** Expand one word with the variables of the snapshot; the caller frees it. */
result job_expand(const struct job *job, const char *word, char **out, struct error *err);

/** The words of RUN, CMD or ENTRYPOINT: exec form as they are, shell form behind SHELL. */
void job_command(const struct job *job, struct strings *out);

/**
 * Open what the snapshot holds for reading, while a layer is made on top of it; stays -1 where that
 * is nothing.
 */
result job_below_open(struct job *job, struct error *err);

/** The job's file system for writing: changes go to the upper directory below `workdir`. */
result job_root_open(const struct job *job, const char *workdir, int *root_fd, struct error *err);

void job_history(const struct job *job, bool has_layer, const char *format, ...) PRINTF(3, 4);

/** The path made absolute against WORKDIR and cleaned of "." and ".."; the caller frees it. */
char *path_in(const char *workdir, const char *path);

result exec_base(struct job *job, struct error *err);

/** A further context: a file system made of it. */
result exec_files(struct job *job, struct error *err);

/** FROM scratch: an empty file system and the config that all images have. */
void scratch_start(struct job *job);

result exec_run(struct job *job, struct error *err);
result exec_copy(struct job *job, struct error *err);
result exec_workdir(struct job *job, struct error *err);
result exec_config(struct job *job, struct error *err);
result exec_healthcheck(struct job *job, struct error *err);
result exec_stopsignal(struct job *job, struct error *err);

/** Whether STOPSIGNAL takes it: a number but 0, or a name with or without SIG; FAULT_INPUT. */
result signal_check(const char *text, struct error *err);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What else `run` sets up inside, as it is typed: --dns and its kin, --sysctl and --device.
 */
#ifndef RUNNER_RUN_SETTINGS_H
#define RUNNER_RUN_SETTINGS_H

#include "runner/run_binds.h"

/** All of them as typed. */
struct setting_options {
	struct strings dns;         /* ADDRESS */
	struct strings dns_search;  /* DOMAIN; ".": none */
	struct strings dns_options; /* OPTION of the resolver */
	struct strings sysctls;     /* NAME=VALUE */
	struct strings devices;     /* SOURCE[:TARGET[:rwm]] */
};

/** Starts empty. */
struct run_settings {
	struct strings resolver; /* sandbox_spec's lines of it */
	struct strings sysctls;  /* "kernel/shmmax=1": paths below /proc/sys */
};

/**
 * Parse them; devices become binds.  FAULT_USAGE names the option, FAULT_PRIVILEGE a device that
 * takes real root.  `out` is to be dropped after a failure too.
 */
result run_settings_parse(const struct setting_options *options, enum network network, bool is_root,
			  struct run_settings *out, struct run_binds *binds, struct error *err);
void run_settings_drop(struct run_settings *settings);

#endif

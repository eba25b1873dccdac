/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANDBOX_DISPATCHER_PLUGINS_H
#define SANDBOX_DISPATCHER_PLUGINS_H

#include <stdbool.h>

/** Whether a compiler with these arguments may load plugins (see assist_plugins.h). */
bool plugins_are_needed(char *const *arguments);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Ports as EXPOSE takes them: "80", "8000-8010/udp", and what only `docker run -p` should be given,
 * "127.0.0.1:80:80".
 */
#ifndef RUNNER_PORTS_H
#define RUNNER_PORTS_H

#include "base/text.h"

struct port_range {
	unsigned first, last;
	const char *protocol; /* "tcp", "udp" or "sctp"; a constant */
	bool is_mapped;       /* names an address or a port of the host, which mean nothing here */
	bool is_shouted;      /* the protocol is not in lower case */
};

/** FAULT_INPUT with the word and what is wrong with it. */
result port_parse(const char *word, struct port_range *out, struct error *err);

/** Each port of the range as the config has it: "8000/udp". */
void port_range_list(const struct port_range *range, struct strings *out);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/ports.h"

#include "base/mem.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/** Cut off what follows the last `separator`; NULL where there is none. */
static char *cut_last(char *text, char separator)
{
	char *at = strrchr(text, separator);

	if (!at)
		return NULL;
	*at = '\0';
	return at + 1;
}

/** A port as Go reads an integer: a sign and zeros in front do not matter. */
static bool number_read(const char *text, unsigned *out)
{
	struct error ignored = {};
	uint64_t number;

	text += *text == '+';
	if (number_parse(text, 65535, &number, &ignored))
		return false;
	*out = (unsigned)number;
	return true;
}

/** "80" or "80-90". */
static bool range_read(const char *text, unsigned *first, unsigned *last)
{
	owned(str) char *start = xstrndup(text, strcspn(text, "-"));
	const char *end = strchr(text, '-');

	if (!number_read(start, first))
		return false;
	*last = *first;
	return !end || (number_read(end + 1, last) && *last >= *first);
}

/** IPv6 stands in brackets, or not. */
static bool is_address(const char *text)
{
	owned(str) char *bare = xstrdup(text);
	struct in6_addr address;
	size_t length = strlen(bare);

	if (*bare == '[' && bare[length - 1] == ']') {
		bare[length - 1] = '\0';
		return inet_pton(AF_INET6, bare + 1, &address) == 1 ||
		       inet_pton(AF_INET, bare + 1, &address) == 1;
	}
	return inet_pton(AF_INET, bare, &address) == 1 || inet_pton(AF_INET6, bare, &address) == 1;
}

static bool protocol_read(const char *text, struct port_range *out)
{
	static const char *const known[] = { "tcp", "udp", "sctp" };

	if (!*text) {
		out->protocol = "tcp";
		return true;
	}
	for (size_t i = 0; i < countof(known); i++) {
		if (strcasecmp(text, known[i]) != 0)
			continue;
		out->protocol = known[i];
		out->is_shouted = strcmp(text, known[i]) != 0;
		return true;
	}
	return false;
}

static result host_check(const char *host, const struct port_range *range, const char *port,
			 struct error *err)
{
	unsigned first, last;

	if (!*host)
		return OK;
	if (!range_read(host, &first, &last))
		return fail(err, FAULT_INPUT, "invalid hostPort: %s", host);
	if (last - first != range->last - range->first && range->last != range->first)
		return fail(err, FAULT_INPUT,
			    "invalid ranges specified for container and host Ports: %s and %s",
			    port, host);
	return OK;
}

static result parts_parse(char *word, struct port_range *out, struct error *err)
{
	char *container = cut_last(word, ':'), *host = NULL, *protocol;
	const char *address = "";

	if (container) {
		host = cut_last(word, ':');
		address = host ? word : "";
		host = host ? host : word;
	} else {
		container = word;
	}
	protocol = container + strcspn(container, "/");
	if (*protocol)
		*protocol++ = '\0';
	if (!*container)
		return fail(err, FAULT_INPUT, "no port specified");
	if (!protocol_read(protocol, out))
		return fail(err, FAULT_INPUT, "invalid proto: %s", protocol);
	out->is_mapped = *address || (host && *host);
	if (*address && !is_address(address))
		return fail(err, FAULT_INPUT, "invalid IP address: %s", address);
	if (!range_read(container, &out->first, &out->last))
		return fail(err, FAULT_INPUT,
			    "invalid containerPort: %s; want PORT[-PORT][/tcp|udp|sctp]",
			    container);
	return host_check(host ? host : "", out, container, err);
}

result port_parse(const char *word, struct port_range *out, struct error *err)
{
	owned(str) char *copy = xstrdup(word);
	struct port_range range = {};

	if (parts_parse(copy, &range, err))
		return fail_in(err, "invalid port: \"%.100s\"", word);
	*out = range;
	return OK;
}

void port_range_list(const struct port_range *range, struct strings *out)
{
	for (unsigned port = range->first; port <= range->last; port++)
		strings_printf(out, "%u/%s", port, range->protocol);
}

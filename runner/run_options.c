/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/run_options.h"

#include "base/fd.h"
#include "base/mem.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

/** By docker's names. */
static const struct {
	const char *name;
	int resource;
} resources[] = {
	{ "as", RLIMIT_AS },
	{ "core", RLIMIT_CORE },
	{ "cpu", RLIMIT_CPU },
	{ "data", RLIMIT_DATA },
	{ "fsize", RLIMIT_FSIZE },
	{ "locks", RLIMIT_LOCKS },
	{ "memlock", RLIMIT_MEMLOCK },
	{ "msgqueue", RLIMIT_MSGQUEUE },
	{ "nice", RLIMIT_NICE },
	{ "nofile", RLIMIT_NOFILE },
	{ "nproc", RLIMIT_NPROC },
	{ "rss", RLIMIT_RSS },
	{ "rtprio", RLIMIT_RTPRIO },
	{ "rttime", RLIMIT_RTTIME },
	{ "sigpending", RLIMIT_SIGPENDING },
	{ "stack", RLIMIT_STACK },
};

static result resource_find(const char *name, int *out, struct error *err)
{
	const char *names[countof(resources)];
	char hint[HINT_MAX];

	for (size_t i = 0; i < countof(resources); i++) {
		names[i] = resources[i].name;
		if (strcmp(name, names[i]) == 0) {
			*out = resources[i].resource;
			return OK;
		}
	}
	return fail(err, FAULT_USAGE, "invalid ulimit type: %s%s", name,
		    hint_text("", nearest(name, names, countof(names)), hint));
}

/** A number, or -1 for no limit. */
static result limit_value(const char *text, uint64_t *out, struct error *err)
{
	if (strcmp(text, "-1") == 0) {
		*out = RLIM_INFINITY;
		return OK;
	}
	if (number_parse(text, INT64_MAX, out, err)) {
		err->fault = FAULT_USAGE;
		return FAILED;
	}
	return OK;
}

/** "nofile=1024:4096" */
static result limit_parse(const char *text, struct limit *out, struct error *err)
{
	const char *equals = strchr(text, '=');
	owned(str) char *name = xstrndup(text, strcspn(text, "="));
	owned(strings) struct strings values = {};

	if (!equals)
		return fail(err, FAULT_USAGE, "want NAME=SOFT[:HARD]");
	strings_split(&values, equals + 1, ':');
	if (values.count > 2)
		return fail(err, FAULT_USAGE, "want NAME=SOFT[:HARD]");
	if (resource_find(name, &out->resource, err) ||
	    limit_value(values.items[0], &out->soft, err) ||
	    limit_value(values.items[values.count - 1], &out->hard, err))
		return FAILED;
	if (out->soft > out->hard)
		return fail(err, FAULT_USAGE, "the soft limit is above the hard one");
	return OK;
}

static result limits_set(const struct strings *limits, struct build_request *request,
			 struct error *err)
{
	for (size_t i = 0; i < limits->count; i++) {
		if (request->limit_count == countof(request->limits))
			return fail(err, FAULT_USAGE, "--ulimit: more than %zu",
				    countof(request->limits));
		if (limit_parse(limits->items[i], &request->limits[request->limit_count], err))
			return fail_in(err, "--ulimit %s", limits->items[i]);
		request->limit_count++;
	}
	return OK;
}

/**
 * Where this host can be reached from a network of its own: the address that its packets to the
 * world have.  Connecting a datagram socket sends none.
 */
static result host_address(char text[INET_ADDRSTRLEN], struct error *err)
{
	owned(fd) int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(9) };
	socklen_t length = sizeof(address);

	/* Of a block that documents use. */
	address.sin_addr.s_addr = htonl(0xc0000201);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &length) < 0)
		return fail_sys(err, "host-gateway: this host has no address to the outside");
	inet_ntop(AF_INET, &address.sin_addr, text, INET_ADDRSTRLEN);
	return OK;
}

/** "name:address" or "name=address"; an IPv6 address may stand in brackets. */
static result host_add(const char *text, struct strings *hosts, struct error *err)
{
	size_t length = strcspn(text, "=:");
	owned(str) char *name = xstrndup(text, length), *address = NULL;
	unsigned char bytes[sizeof(struct in6_addr)];
	char own[INET_ADDRSTRLEN];

	if (!length || !text[length] || name[strcspn(name, " \t\r\n#")])
		return fail(err, FAULT_USAGE, "--add-host %s: want NAME:ADDRESS", text);
	address = xstrdup(text + length + 1);
	if (strcmp(address, "host-gateway") == 0) {
		if (host_address(own, err))
			return fail_in(err, "--add-host %s", text);
		strings_printf(hosts, "%s\t%s", own, name);
		return OK;
	}
	if (*address == '[' && ends_with(address, "]")) {
		address[strlen(address) - 1] = '\0';
		memmove(address, address + 1, strlen(address));
	}
	if (inet_pton(AF_INET, address, bytes) != 1 && inet_pton(AF_INET6, address, bytes) != 1)
		return fail(err, FAULT_USAGE, "--add-host %s: '%s' is no IP address", text,
			    address);
	strings_printf(hosts, "%s\t%s", address, name);
	return OK;
}

static result shm_size_set(const char *text, struct build_request *request, struct error *err)
{
	if (!text)
		return OK;
	if (size_parse(text, &request->shm_size, err) || !request->shm_size)
		return fail(err, FAULT_USAGE, "--shm-size %s: want a size such as 128m", text);
	return OK;
}

result run_options_set(const struct strings *secrets, const struct strings *agents,
		       const struct strings *hosts, const struct strings *limits,
		       const char *shm_size, struct build_request *request, struct error *err)
{
	for (size_t i = 0; i < secrets->count; i++) {
		if (secrets_add(&request->secrets, secrets->items[i], err))
			return FAILED;
	}
	for (size_t i = 0; i < agents->count; i++) {
		if (secrets_add_agent(&request->secrets, agents->items[i], err))
			return FAILED;
	}
	for (size_t i = 0; i < hosts->count; i++) {
		if (host_add(hosts->items[i], &request->hosts, err))
			return FAILED;
	}
	return limits_set(limits, request, err) || shm_size_set(shm_size, request, err) ? FAILED
											: OK;
}

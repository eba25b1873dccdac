/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/peer/peer.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { RULES_MAX = 128, LINES_MAX = 32, REQUEST_MAX = 64 << 10 };

struct rule {
	char *method, *path;
	char *has[LINES_MAX], *lacks[LINES_MAX], *headers[LINES_MAX];
	size_t has_count, lacks_count, header_count;
	long times, status, declared, cut;
	double stall, drip;
	char *body;
	size_t body_length;
	bool ranges, endless, closes;
};

struct peer {
	int listener, log_fd, port;
	struct rule rules[RULES_MAX];
	size_t rule_count;
	pthread_mutex_t lock; /* times, log */
};

struct connection {
	struct peer *peer;
	int fd;
	char request[REQUEST_MAX + 1];
	size_t have; /* bytes in `request`, maybe of the next one too */
};

/* ---- the script ---- */

static char *with_port(const char *text, int port)
{
	const char *mark = strstr(text, "@PORT@");
	char *first, *all;

	if (!mark)
		return strdup(text);
	if (asprintf(&first, "%.*s%d%s", (int)(mark - text), text, port, mark + 6) < 0)
		abort();
	all = with_port(first, port);
	free(first);
	return all;
}

static bool load_file(struct rule *rule, const char *path)
{
	FILE *file = fopen(path, "re");
	long length;

	if (!file || fseek(file, 0, SEEK_END) < 0 || (length = ftell(file)) < 0) {
		perror(path);
		return false;
	}
	rewind(file);
	rule->body = malloc((size_t)length + 1);
	rule->body_length = fread(rule->body, 1, (size_t)length, file);
	fclose(file);
	return true;
}

static bool set_body(struct rule *rule, char *text)
{
	rule->body = text;
	rule->body_length = strlen(text);
	return true;
}

static bool set_fill(struct rule *rule, const char *text)
{
	rule->body_length = (size_t)strtoul(text, NULL, 10);
	rule->body = malloc(rule->body_length + 1);
	memset(rule->body, 'x', rule->body_length);
	return true;
}

static bool add(char *list[], size_t *count, char *text)
{
	if (*count == LINES_MAX)
		return false;
	list[(*count)++] = text;
	return true;
}

/** One line of a rule; `value` stays with it. */
static bool rule_line(struct rule *rule, const char *word, char *value)
{
	const struct {
		const char *word;
		long *number;
		double *seconds;
		bool *flag;
	} fields[] = {
		{ .word = "times", .number = &rule->times },
		{ .word = "reply", .number = &rule->status },
		{ .word = "length", .number = &rule->declared },
		{ .word = "cut", .number = &rule->cut },
		{ .word = "stall", .seconds = &rule->stall },
		{ .word = "drip", .seconds = &rule->drip },
		{ .word = "ranges", .flag = &rule->ranges },
		{ .word = "endless", .flag = &rule->endless },
		{ .word = "close", .flag = &rule->closes },
	};

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		if (strcmp(word, fields[i].word) != 0)
			continue;
		if (fields[i].number)
			*fields[i].number = strtol(value, NULL, 10);
		else if (fields[i].seconds)
			*fields[i].seconds = strtod(value, NULL);
		else
			*fields[i].flag = true;
		return true;
	}
	if (strcmp(word, "has") == 0)
		return add(rule->has, &rule->has_count, value);
	if (strcmp(word, "lacks") == 0)
		return add(rule->lacks, &rule->lacks_count, value);
	if (strcmp(word, "header") == 0)
		return add(rule->headers, &rule->header_count, value);
	if (strcmp(word, "body") == 0)
		return set_body(rule, value);
	if (strcmp(word, "file") == 0)
		return load_file(rule, value);
	return strcmp(word, "fill") == 0 && set_fill(rule, value);
}

static bool rule_open(struct peer *peer, char *value)
{
	char *space = strchr(value, ' ');

	if (!space || peer->rule_count == RULES_MAX)
		return false;
	*space = '\0';
	peer->rules[peer->rule_count++] = (struct rule){
		.method = value,
		.path = space + 1,
		.times = -1,
		.status = 200,
		.declared = -1,
		.cut = -1,
	};
	return true;
}

static bool script_line(struct peer *peer, const char *line)
{
	char *text = with_port(line + strspn(line, " \t"), peer->port);
	char *value = text + strcspn(text, " \t");

	if (!*text || *text == '#')
		return true;
	if (*value)
		*value++ = '\0';
	value += strspn(value, " \t");
	if (strcmp(text, "expect") == 0)
		return rule_open(peer, value);
	return peer->rule_count && rule_line(&peer->rules[peer->rule_count - 1], text, value);
}

static bool listen_anywhere(struct peer *peer)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t length = sizeof(address);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	peer->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (peer->listener < 0 ||
	    bind(peer->listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(peer->listener, 64) < 0 ||
	    getsockname(peer->listener, (struct sockaddr *)&address, &length) < 0) {
		perror("listen");
		return false;
	}
	peer->port = ntohs(address.sin_port);
	return true;
}

struct peer *peer_new(const char *script, int log_fd)
{
	struct peer *peer = calloc(1, sizeof(*peer));
	char *copy = strdup(script), *rest = NULL;

	peer->log_fd = log_fd;
	pthread_mutex_init(&peer->lock, NULL);
	if (!listen_anywhere(peer))
		return NULL;
	for (char *line = strtok_r(copy, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		if (!script_line(peer, line)) {
			fprintf(stderr, "peer: wrong line: %s\n", line);
			return NULL;
		}
	}
	return peer;
}

int peer_port(const struct peer *peer)
{
	return peer->port;
}

/* ---- requests ---- */

static bool send_all(int fd, const char *data, size_t length)
{
	while (length) {
		ssize_t sent = send(fd, data, length, MSG_NOSIGNAL);

		if (sent <= 0)
			return false;
		data += sent;
		length -= (size_t)sent;
	}
	return true;
}

__attribute__((format(printf, 2, 3))) static bool send_text(int fd, const char *format, ...)
{
	char text[4096];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return send_all(fd, text, strlen(text));
}

/** The value of a header in a request's head, up to its line's end; NULL where absent. */
static const char *header_find(const char *head, const char *name, size_t name_length)
{
	for (const char *line = strstr(head, "\r\n"); line; line = strstr(line, "\r\n")) {
		line += 2;
		if (strncasecmp(line, name, name_length) == 0 && line[name_length] == ':')
			return line + name_length + 1 + strspn(line + name_length + 1, " ");
	}
	return NULL;
}

/** Whether the first `length` bytes of `text` are what the pattern says; "*" ends a prefix. */
static bool pattern_match(const char *pattern, const char *text, size_t length)
{
	size_t fixed = strlen(pattern);

	if (fixed && pattern[fixed - 1] == '*')
		return length >= fixed - 1 && strncmp(pattern, text, fixed - 1) == 0;
	return length == fixed && strncmp(pattern, text, fixed) == 0;
}

static bool rule_matches(const struct rule *rule, const char *head, const char *path,
			 size_t path_length)
{
	if (rule->times == 0 || strncmp(head, rule->method, strlen(rule->method)) != 0 ||
	    head[strlen(rule->method)] != ' ' || !pattern_match(rule->path, path, path_length))
		return false;
	for (size_t i = 0; i < rule->has_count; i++) {
		size_t name = strcspn(rule->has[i], ":");
		const char *value = header_find(head, rule->has[i], name);
		const char *want = rule->has[i] + name + 1;

		want += strspn(want, " ");
		if (!value || !pattern_match(want, value, strcspn(value, "\r")))
			return false;
	}
	for (size_t i = 0; i < rule->lacks_count; i++)
		if (header_find(head, rule->lacks[i], strlen(rule->lacks[i])))
			return false;
	return true;
}

static struct rule *rule_find(struct peer *peer, const char *head)
{
	const char *path = strchr(head, ' ');
	struct rule *found = NULL;

	if (!path)
		return NULL;
	path++;
	pthread_mutex_lock(&peer->lock);
	for (size_t i = 0; i < peer->rule_count && !found; i++)
		if (rule_matches(&peer->rules[i], head, path, strcspn(path, " \r")))
			found = &peer->rules[i];
	if (found && found->times > 0)
		found->times--;
	pthread_mutex_unlock(&peer->lock);
	return found;
}

static void log_request(struct peer *peer, const char *head)
{
	const char *line_end = strstr(head, " HTTP/");

	pthread_mutex_lock(&peer->lock);
	if (line_end)
		dprintf(peer->log_fd, "%.*s", (int)(line_end - head), head);
	for (const char *at = strstr(head, "\r\n"); at && *at; at++)
		if (*at != '\r' && !(at[0] == '\n' && !at[1]))
			dprintf(peer->log_fd, "%c", *at);
	dprintf(peer->log_fd, "\n");
	pthread_mutex_unlock(&peer->lock);
}

/** Read the body away. */
static bool drain(struct connection *connection, const char *head)
{
	const char *declared = header_find(head, "Content-Length", strlen("Content-Length"));
	size_t left = declared ? (size_t)strtoul(declared, NULL, 10) : 0, total = left;
	size_t here = connection->have < left ? connection->have : left;

	if (header_find(head, "Expect", strlen("Expect")) &&
	    !send_text(connection->fd, "HTTP/1.1 100 Continue\r\n\r\n"))
		return false;
	memmove(connection->request, connection->request + here, connection->have - here);
	connection->have -= here;
	for (left -= here; left;) {
		char data[16 << 10];
		ssize_t got =
			recv(connection->fd, data, left < sizeof(data) ? left : sizeof(data), 0);

		if (got <= 0)
			break;
		left -= (size_t)got;
	}
	if (total) {
		pthread_mutex_lock(&connection->peer->lock);
		dprintf(connection->peer->log_fd, "= %zu bytes\n", total - left);
		pthread_mutex_unlock(&connection->peer->lock);
	}
	return left == 0;
}

/* ---- replies ---- */

static void pause_for(double seconds)
{
	if (seconds > 0)
		usleep((useconds_t)(seconds * 1e6));
}

static bool send_body(int fd, const struct rule *rule, const char *body, size_t length)
{
	size_t end = rule->cut >= 0 && (size_t)rule->cut < length ? (size_t)rule->cut : length;

	while (rule->endless)
		if (!send_text(fd, "400\r\n%01024d\r\n", 0))
			return false;
	for (size_t at = 0; rule->drip > 0 && at < end; at++) {
		pause_for(rule->drip);
		if (!send_all(fd, body + at, 1))
			return false;
	}
	if (rule->drip <= 0 && !send_all(fd, body, end))
		return false;
	return rule->cut < 0;
}

static bool reply(int fd, const struct rule *rule, const char *head)
{
	const char *range = header_find(head, "Range", strlen("Range"));
	const char *body = rule->body ? rule->body : "";
	size_t length = rule->body_length, from = 0;
	bool has_body = strncmp(head, "HEAD ", 5) != 0;

	if (rule->ranges && range && sscanf(range, "bytes=%zu-", &from) == 1 && from >= length)
		return send_text(fd, "HTTP/1.1 416 No\r\nContent-Length: 0\r\n\r\n");
	send_text(fd, "HTTP/1.1 %ld Scripted\r\n", from ? 206 : rule->status);
	for (size_t i = 0; i < rule->header_count; i++)
		send_text(fd, "%s\r\n", rule->headers[i]);
	if (from)
		send_text(fd, "Content-Range: bytes %zu-%zu/%zu\r\n", from, length - 1, length);
	if (rule->endless)
		send_text(fd, "Transfer-Encoding: chunked\r\n\r\n");
	else
		send_text(fd, "Content-Length: %zu\r\n\r\n",
			  rule->declared >= 0 ? (size_t)rule->declared : length - from);
	return !has_body || send_body(fd, rule, body + from, length - from);
}

/** Read one request's head: everything up to its empty line, moved out of the buffer. */
static char *head_read(struct connection *connection)
{
	for (;;) {
		char *end;

		connection->request[connection->have] = '\0';
		end = strstr(connection->request, "\r\n\r\n");
		if (end) {
			size_t length = (size_t)(end - connection->request) + 2;
			char *head = strndup(connection->request, length);

			connection->have -= length + 2;
			memmove(connection->request, end + 4, connection->have);
			return head;
		}
		ssize_t got = recv(connection->fd, connection->request + connection->have,
				   REQUEST_MAX - connection->have, 0);
		if (got <= 0)
			return NULL;
		connection->have += (size_t)got;
		if (connection->request[0] == 0x16) /* a TLS hello */
			return NULL;
	}
}

static bool serve_one(struct connection *connection)
{
	char *head = head_read(connection);
	struct rule *rule = head ? rule_find(connection->peer, head) : NULL;
	bool goes_on = false;

	if (head)
		log_request(connection->peer, head);
	if (head && !(rule && rule->closes) && drain(connection, head)) {
		pause_for(rule ? rule->stall : 0);
		goes_on = rule ? reply(connection->fd, rule, head)
			       : send_text(connection->fd, "HTTP/1.1 404 No rule\r\n"
							   "Content-Length: 0\r\n\r\n");
	}
	free(head);
	return goes_on;
}

static void *serve_connection(void *arg)
{
	struct connection *connection = arg;

	while (serve_one(connection))
		;
	close(connection->fd);
	free(connection);
	return NULL;
}

void peer_serve(struct peer *peer)
{
	for (;;) {
		struct connection *connection = calloc(1, sizeof(*connection));
		pthread_t thread;

		connection->peer = peer;
		connection->fd = accept4(peer->listener, NULL, NULL, SOCK_CLOEXEC);
		if (connection->fd < 0 ||
		    pthread_create(&thread, NULL, serve_connection, connection) != 0)
			exit(EXIT_FAILURE);
		pthread_detach(thread);
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
/**
 * HTTP against a peer that misbehaves by script; see tests/peer/peer.h for the language.
 */
#include "registry/http.h"
#include "registry/url.h"
#include "tests/peer/peer.c" /* it runs in a child of the test */
#include "tests/tap.h"

#include "base/fd.h"
#include "base/mem.h"
#include "base/progress.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

struct served {
	pid_t pid;
	int port, log_fd;
};

static void served_drop(struct served *served)
{
	kill(served->pid, SIGKILL);
	waitpid(served->pid, NULL, 0);
	fd_drop(&served->log_fd);
}

static void serve_child(const char *script, int log_fd, int report)
{
	struct peer *peer;
	int port;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	peer = peer_new(script, log_fd);
	port = peer ? peer_port(peer) : 0;
	if (!peer || write(report, &port, sizeof(port)) != sizeof(port))
		_exit(1);
	peer_serve(peer);
}

static struct served serve(const char *script)
{
	struct served served = { .log_fd = memfd_create("log", MFD_CLOEXEC) };
	int ends[2];

	if (served.log_fd < 0 || pipe2(ends, O_CLOEXEC) < 0)
		abort();
	served.pid = fork();
	if (served.pid == 0)
		serve_child(script, served.log_fd, ends[1]);
	close(ends[1]);
	if (served.pid < 0 || read(ends[0], &served.port, sizeof(served.port)) <= 0)
		abort();
	close(ends[0]);
	return served;
}

/** How often a text is in the log of what the peer was asked. */
static int logged(const struct served *served, const char *text)
{
	owned(buf) struct buf log = {};
	struct error err = {};
	int count = 0;

	if (lseek(served->log_fd, 0, SEEK_SET) < 0 || read_all(served->log_fd, 1 << 20, &log, &err))
		return -1;
	for (const char *at = buf_text(&log); (at = strstr(at, text)); at++)
		count++;
	return count;
}

/** One request to a served script and what came of it. */
struct asking {
	struct http_response response;
	struct error err;
	bool failed;
	double seconds;
};

static void asking_drop(struct asking *outcome)
{
	http_response_drop(&outcome->response);
}

static double now(void)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static struct asking ask(const struct served *served, const struct ctx *ctx,
			 struct http_request request)
{
	static const struct ctx idle;
	owned(http) struct http *http = http_new(false);
	owned(str) char *url =
		xasprintf("http://127.0.0.1:%d%s", served->port, request.url ? request.url : "/");
	struct asking outcome = {};
	double began = now();

	request.url = url;
	if (!request.limit)
		request.limit = 1 << 20;
	outcome.failed =
		http_send(ctx ? ctx : &idle, http, &request, &outcome.response, &outcome.err);
	outcome.seconds = now() - began;
	return outcome;
}

/** A port that nobody listens at: it was there, and is gone. */
static struct served nobody(void)
{
	struct served served = serve("expect GET /\n");

	kill(served.pid, SIGKILL);
	waitpid(served.pid, NULL, 0);
	return served;
}

/** How often somebody was told something, which each try but the first is worth. */
struct told {
	struct progress sink;
	int count;
};

static void told_count(struct progress *sink, const struct event *event)
{
	(void)event;
	((struct told *)sink)->count++;
}

TEST(what_does_not_listen_on_this_machine_is_not_asked_again)
{
	struct told told = { .sink.emit = told_count };
	const struct ctx ctx = { .progress = &told.sink };
	struct served gone = nobody();
	owned(asking) struct asking outcome = ask(&gone, &ctx, (struct http_request){});

	CHECK(outcome.failed && outcome.err.fault == FAULT_NETWORK);
	CHECK(strstr(outcome.err.text, "connect"));
	CHECK(told.count == 0);
	fd_drop(&gone.log_fd);
}

TEST(a_response_has_status_headers_and_body)
{
	owned(served) struct served served = serve("expect GET /\n"
						   "has Accept: text/x\n"
						   "header content-type:  a/b \n"
						   "header WWW-Authenticate: Basic realm=\"1\"\n"
						   "header WWW-Authenticate: Bearer realm=\"2\"\n"
						   "body hello\n");
	owned(asking) struct asking got =
		ask(&served, NULL, (struct http_request){ .accept = "text/x" });

	CHECK(!got.failed && got.response.status == 200);
	CHECK_STR(buf_text(&got.response.body), "hello");
	CHECK_STR(http_header(&got.response, HTTP_CONTENT_TYPE), "a/b");
	CHECK_STR(http_header(&got.response, HTTP_CHALLENGE),
		  "Basic realm=\"1\", Bearer realm=\"2\"");
	CHECK_STR(http_header(&got.response, HTTP_LOCATION), "");
}

/* ---- faults ---- */

static const struct {
	const char *script;
	const char *text; /* of the error; a prefix */
	enum fault fault;
	int asked;
} faults[] = {
	{ "expect GET /\nfill 2000000\n", "response is larger than 1048576 bytes", FAULT_INPUT, 1 },
	{ "expect GET /\nendless\n", "response is larger than 1048576 bytes", FAULT_INPUT, 1 },
	{ "expect GET /\nclose\n", "Empty reply", FAULT_NETWORK, 2 },
	{ "expect GET /\nfill 10\nlength 20\ncut 10\n", "transfer closed", FAULT_NETWORK, 2 },
	{ "expect GET /\nfill 9\ncut 5\n", "transfer closed", FAULT_NETWORK, 2 },
	{ "expect GET /\nstall 30\n", "Operation too slow", FAULT_NETWORK, 2 },
	{ "expect GET /\nfill 100\ndrip 0.5\n", "Operation too slow", FAULT_NETWORK, 2 },
	{ "expect GET /\nreply 302\nheader Location: /\n", "more than 10 redirects", FAULT_NETWORK,
	  11 },
	{ "expect GET /\nreply 302\nheader Location: file:///etc/passwd\n",
	  "redirect: 'file:///etc/passwd'", FAULT_INPUT, 1 },
	{ "expect GET /\nreply 302\nheader Location: gopher://x/\n", "redirect: 'gopher://x/'",
	  FAULT_INPUT, 1 },
};

TEST(faults_of_a_peer_are_met_and_named)
{
	for (size_t i = 0; i < countof(faults); i++) {
		owned(served) struct served served = serve(faults[i].script);
		owned(asking) struct asking got =
			ask(&served, NULL, (struct http_request){ .tries = 2, .idle_seconds = 1 });
		int asked = logged(&served, "GET /");

		tap_check(got.failed && got.err.fault == faults[i].fault &&
				  starts_with(got.err.text, faults[i].text),
			  __FILE__, __LINE__, "%s: fault %d: '%s'", faults[i].script, got.err.fault,
			  got.err.text);
		tap_check(asked == faults[i].asked, __FILE__, __LINE__, "%s: asked %d times",
			  faults[i].script, asked);
	}
}

TEST(headers_have_a_limit)
{
	owned(buf) struct buf script = {};

	buf_add_str(&script, "expect GET /\n");
	for (int i = 0; i < 20; i++)
		buf_printf(&script, "header X-%d: %04000d\n", i, 0);
	owned(served) struct served served = serve(buf_text(&script));
	owned(asking) struct asking got = ask(&served, NULL, (struct http_request){});

	CHECK(got.failed && got.err.fault == FAULT_INPUT);
	CHECK_STR(got.err.text, "headers are larger than 65536 bytes");
}

TEST(a_long_error_page_is_cut)
{
	owned(served) struct served served = serve("expect GET /\nreply 404\nendless\n");
	owned(asking) struct asking got = ask(&served, NULL, (struct http_request){});

	CHECK(!got.failed && got.response.status == 404);
	CHECK(got.response.body.length <= HTTP_ERROR_BYTES_MAX);
}

TEST(what_may_pass_is_tried_again)
{
	owned(served) struct served served = serve("expect GET /\ntimes 1\nreply 503\n"
						   "expect GET /\ntimes 1\nclose\n"
						   "expect GET /\ntimes 1\nreply 429\n"
						   "header Retry-After: 1\n"
						   "expect GET /\nbody at last\n");
	owned(asking) struct asking got = ask(&served, NULL, (struct http_request){});

	CHECK(!got.failed && got.response.status == 200);
	CHECK_STR(buf_text(&got.response.body), "at last");
	CHECK(got.seconds > 1 && logged(&served, "GET /") == 4);
}

TEST(what_does_not_pass_is_given_up)
{
	owned(served) struct served served = serve("expect GET /\nreply 502\n");
	owned(asking) struct asking got = ask(&served, NULL, (struct http_request){});

	CHECK(!got.failed && got.response.status == 502);
	CHECK(logged(&served, "GET /") == HTTP_TRIES);
}

TEST(what_is_final_is_asked_once)
{
	owned(served) struct served served = serve("expect GET /\nreply 403\n");
	owned(asking) struct asking got = ask(&served, NULL, (struct http_request){});

	CHECK(!got.failed && got.response.status == 403 && logged(&served, "GET /") == 1);
}

/* ---- redirects ---- */

TEST(credentials_stay_with_their_origin)
{
	owned(served) struct served served = serve(
		"expect GET /same\nreply 307\nheader Location: /end\n"
		"expect GET /other\nreply 307\nheader Location: http://localhost:@PORT@/end\n"
		"expect GET /back\nreply 307\n"
		"header Location: http://localhost:@PORT@/returns\n"
		"expect GET /returns\nreply 307\nheader Location: http://127.0.0.1:@PORT@/end\n"
		"expect GET /end\nhas Authorization: Basic x\nbody with\n"
		"expect GET /end\nlacks Authorization\nbody without\n");
	static const struct {
		const char *path, *want;
	} cases[] = { { "/same", "with" }, { "/other", "without" }, { "/back", "without" } };

	for (size_t i = 0; i < countof(cases); i++) {
		owned(asking) struct asking got = ask(
			&served, NULL,
			(struct http_request){ .url = cases[i].path, .authorization = "Basic x" });

		CHECK(!got.failed);
		CHECK_STR(buf_text(&got.response.body), cases[i].want);
	}
	CHECK(logged(&served, "Cookie") == 0);
}

TEST(a_secret_body_stays_with_its_origin)
{
	owned(served) struct served served =
		serve("expect POST /\nreply 307\nheader Location: http://localhost:@PORT@/b\n"
		      "expect POST /b\n");
	owned(asking) struct asking got =
		ask(&served, NULL,
		    (struct http_request){
			    .method = "POST", .stays = true, .body = "secret", .body_length = 6 });

	CHECK(got.failed && logged(&served, "POST /b") == 0);
}

/* ---- bodies that stream ---- */

struct collected {
	struct buf bytes;
	int restarts;
};

static result collect(void *arg, uint64_t offset, const void *data, size_t length,
		      struct error *err)
{
	struct collected *collected = arg;

	if (offset == 0 && collected->bytes.length) {
		collected->restarts++;
		buf_clear(&collected->bytes);
	}
	if (offset != collected->bytes.length)
		return fail(err, FAULT_SYSTEM, "hole");
	buf_add(&collected->bytes, data, length);
	return OK;
}

static const struct {
	const char *script;
	int restarts;
	const char *log; /* must be in it */
} resumes[] = {
	{ "expect GET /\ntimes 1\nfill 1000\ncut 400\nexpect GET /\nranges\nfill 1000\n", 0,
	  "Range: bytes=400-" },
	{ "expect GET /\ntimes 1\nfill 1000\ncut 400\nexpect GET /\nfill 1000\n", 1,
	  "Range: bytes=400-" },
	{ "expect GET /\ntimes 1\nfill 1000\ncut 400\n"
	  "expect GET /\ntimes 1\nranges\nfill 1000\ncut 300\nexpect GET /\nranges\nfill 1000\n",
	  0, "Range: bytes=700-" },
	{ "expect GET /\ntimes 1\nfill 1000\ncut 400\n"
	  "expect GET /\ntimes 1\nreply 206\nheader Content-Range: bytes 100-199/1000\nfill 100\n"
	  "expect GET /\nlacks Range\nfill 1000\n",
	  1, "Range: bytes=400-" },
	{ "expect GET /\ntimes 1\nfill 1000\ncut 400\nexpect GET /\ntimes 1\nreply 416\n"
	  "expect GET /\nlacks Range\nfill 1000\n",
	  1, "Range: bytes=400-" },
};

TEST(a_broken_transfer_goes_on_where_it_stopped)
{
	for (size_t i = 0; i < countof(resumes); i++) {
		owned(served) struct served served = serve(resumes[i].script);
		struct collected collected = {};
		struct http_sink sink = { .write = collect, .arg = &collected };
		owned(asking) struct asking got =
			ask(&served, NULL, (struct http_request){ .sink = &sink });

		tap_check(!got.failed && collected.bytes.length == 1000, __FILE__, __LINE__,
			  "%s: %zu bytes: %s", resumes[i].script, collected.bytes.length,
			  got.err.text);
		CHECK(collected.restarts == resumes[i].restarts);
		CHECK(logged(&served, resumes[i].log) == 1);
		buf_drop(&collected.bytes);
	}
}

/** What varies goes on only where it is the same still. */
static const struct {
	const char *script;
	int restarts;
} varying[] = {
	{ "expect GET /\ntimes 1\nheader ETag: \"a\"\nfill 1000\ncut 400\n"
	  "expect GET /\nhas Range: bytes=400-\nhas If-Range: \"a\"\nranges\nfill 1000\n",
	  0 },
	{ "expect GET /\ntimes 1\nheader ETag: \"a\"\nfill 1000\ncut 400\n"
	  "expect GET /\ntimes 1\nhas If-Range: \"a\"\nheader ETag: \"b\"\nfill 1000\ncut 300\n"
	  "expect GET /\nhas Range: bytes=300-\nhas If-Range: \"b\"\nranges\nfill 1000\n",
	  1 },
	{ "expect GET /\ntimes 1\nfill 1000\ncut 400\n"
	  "expect GET /\nlacks Range\nlacks If-Range\nfill 1000\n",
	  1 },
	{ "expect GET /\ntimes 1\nheader ETag: W/\"a\"\nfill 1000\ncut 400\n"
	  "expect GET /\nlacks Range\nlacks If-Range\nfill 1000\n",
	  1 },
};

TEST(parts_of_what_varies_are_never_joined)
{
	for (size_t i = 0; i < countof(varying); i++) {
		owned(served) struct served served = serve(varying[i].script);
		struct collected collected = {};
		struct http_sink sink = { .write = collect, .arg = &collected };
		owned(asking) struct asking got =
			ask(&served, NULL, (struct http_request){ .sink = &sink, .varies = true });

		tap_check(!got.failed && collected.bytes.length == 1000, __FILE__, __LINE__,
			  "%s: %zu bytes: %s", varying[i].script, collected.bytes.length,
			  got.err.text);
		tap_check(collected.restarts == varying[i].restarts, __FILE__, __LINE__,
			  "%s: %d restarts", varying[i].script, collected.restarts);
		buf_drop(&collected.bytes);
	}
}

static result refuse(void *arg, uint64_t offset, const void *data, size_t length, struct error *err)
{
	(void)arg;
	(void)offset;
	(void)data;
	(void)length;
	return fail(err, FAULT_INTEGRITY, "not that");
}

TEST(a_sink_that_fails_ends_the_request)
{
	owned(served) struct served served = serve("expect GET /\nfill 1000\n");
	struct http_sink sink = { .write = refuse };
	owned(asking) struct asking got =
		ask(&served, NULL, (struct http_request){ .sink = &sink });

	CHECK(got.failed && got.err.fault == FAULT_INTEGRITY && logged(&served, "GET") == 1);
	CHECK_STR(got.err.text, "not that");
}

static result give(void *arg, uint64_t offset, char *to, size_t room, size_t *got,
		   struct error *err)
{
	(void)arg;
	(void)offset;
	(void)err;
	memset(to, 'u', room);
	*got = room;
	return OK;
}

static result give_nothing(void *arg, uint64_t offset, char *to, size_t room, size_t *got,
			   struct error *err)
{
	(void)arg;
	(void)offset;
	(void)to;
	(void)room;
	(void)got;
	return fail(err, FAULT_INTEGRITY, "damaged");
}

TEST(an_upload_streams_and_follows_a_redirect)
{
	owned(served) struct served served =
		serve("expect PUT /\nreply 307\nheader Location: /b?x=1\n"
		      "expect PUT /b?x=1\nhas Content-Length: 300000\nreply 201\n");
	struct http_source source = { .length = 300000, .read = give };
	owned(asking) struct asking got =
		ask(&served, NULL, (struct http_request){ .method = "PUT", .source = &source });

	CHECK(!got.failed && got.response.status == 201);
	CHECK(logged(&served, "= 300000 bytes") == 2);
}

TEST(a_source_that_fails_ends_the_request)
{
	owned(served) struct served served = serve("expect PUT /\nreply 201\n");
	struct http_source source = { .length = 300000, .read = give_nothing };
	owned(asking) struct asking got =
		ask(&served, NULL, (struct http_request){ .method = "PUT", .source = &source });

	CHECK(got.failed && got.err.fault == FAULT_INTEGRITY);
	CHECK_STR(got.err.text, "damaged");
}

/* ---- cancel ---- */

static void *fire_soon(void *arg)
{
	usleep(300000);
	cancel_fire(arg, NULL);
	return NULL;
}

static const char *const waits[] = {
	"expect GET /\nstall 30\n",
	"expect GET /\nfill 100\ndrip 1\n",
	"expect GET /\nreply 503\nheader Retry-After: 30\n",
};

TEST(cancel_ends_every_wait)
{
	for (size_t i = 0; i < countof(waits); i++) {
		owned(served) struct served served = serve(waits[i]);
		owned(cancel) struct cancel *cancel = cancel_new();
		struct ctx ctx = { .cancel = cancel };
		pthread_t thread;

		if (pthread_create(&thread, NULL, fire_soon, cancel))
			abort();
		owned(asking) struct asking got = ask(&served, &ctx, (struct http_request){});
		pthread_join(thread, NULL);
		CHECK(got.failed && got.err.fault == FAULT_CANCELLED);
		tap_check(got.seconds < 3, __FILE__, __LINE__, "%s: %.1f s", waits[i], got.seconds);
	}
}

/* ---- URLs ---- */

static const struct {
	const char *base, *reference, *want; /* want NULL: refused */
} urls[] = {
	{ "https://a/v2/x/blobs/uploads/", "/v2/x/blobs/uploads/1?s=2",
	  "https://a/v2/x/blobs/uploads/1?s=2" },
	{ "https://a/v2/x/", "y", "https://a/v2/x/y" },
	{ "https://a/", "//b/c", "https://b/c" },
	{ "https://a/", "http://b:81/c", "http://b:81/c" },
	{ "https://a/", "https://user:pass@b/c#d", "https://b/c" },
	{ NULL, "https://a/", "https://a/" },
	{ NULL, "/x", NULL },
	{ "https://a/", "ftp://b/", NULL },
	{ "https://a/", "https://b/\r\nx", NULL },
	{ "https://a/", "https://b:99999/", NULL },
	{ "https://a/", "https:///", NULL },
};

TEST(references_are_resolved_to_http_only)
{
	for (size_t i = 0; i < countof(urls); i++) {
		owned(str) char *got = NULL;
		struct error err = {};
		bool refused = url_resolve(urls[i].base, urls[i].reference, &got, &err);

		if (tap_check(refused == !urls[i].want, __FILE__, __LINE__, "'%s': %s",
			      urls[i].reference, refused ? err.text : got) &&
		    !refused)
			CHECK_STR(got, urls[i].want);
	}
}

TEST(a_query_grows_and_what_was_in_it_stays_as_it_was)
{
	owned(str) char *first = url_with("https://a/token", "service", "a b");
	owned(str) char *second = url_with("https://a/up?sig=%2Fx", "digest", "sha256:0");

	CHECK_STR(first, "https://a/token?service=a%20b");
	CHECK_STR(second, "https://a/up?sig=%2Fx&digest=sha256%3A0");
}

static const struct {
	const char *host;
	bool loopback;
} loopbacks[] = {
	{ "localhost", true },       { "localhost:5000", true },     { "127.0.0.1:5000", true },
	{ "127.1.2.3", true },       { "[::1]:5000", true },         { "[::1]", true },
	{ "localhost.evil", false }, { "127.0.0.1.evil:80", false }, { "128.0.0.1", false },
	{ "[::2]:5000", false },     { "example.com", false },
};

TEST(only_loopback_may_do_without_tls)
{
	for (size_t i = 0; i < countof(loopbacks); i++)
		tap_check(host_is_loopback(loopbacks[i].host) == loopbacks[i].loopback, __FILE__,
			  __LINE__, "%s", loopbacks[i].host);
	CHECK(url_same_origin("https://A:443/x", "https://a/y"));
	CHECK(!url_same_origin("https://a/", "https://a:444/"));
	CHECK(!url_same_origin("https://a/", "http://a/"));
	CHECK(!url_same_origin("https://a/", "https://a.b/"));
	CHECK(url_is_local("http://[::ffff:127.0.0.1]/") && url_is_local("http://2130706433/"));
}

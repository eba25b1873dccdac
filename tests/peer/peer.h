/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A scripted HTTP peer: answers by rules, as badly as a test wants, and logs what it was asked.
 *
 * A script is a list of rules; the first that matches and is not used up answers.  Lines:
 *
 *     expect METHOD PATH     opens a rule; a PATH that ends in * is a prefix; "?query" is part of
 * it has NAME: VALUE        only requests with that header; a VALUE that ends in * is a prefix
 *     lacks NAME             only requests without that header
 *     times N                for the first N matches (default: all)
 *     reply STATUS           default 200
 *     header NAME: VALUE     one more header of the reply
 *     body TEXT              the rest of the line
 *     file PATH              a file's content
 *     fill N                 N bytes
 *     ranges                 "Range: bytes=N-" is answered with 206
 *     length N               what Content-Length says, whatever is true
 *     cut N                  closes after N bytes of the body (or all of it)
 *     drip SECONDS           so long between two bytes of the body
 *     endless                a body in chunks, for ever
 *     stall SECONDS          before the reply
 *     close                  instead of the reply, before the request's body is read
 *
 * "@PORT@" is replaced by the port, blank lines and those with # are skipped.  What no rule matches
 * is answered with 404.  A client that tries TLS is turned away and not logged.  The log has each
 * request as "METHOD PATH", then its headers, then "= N bytes" for its body.
 */
#ifndef TESTS_PEER_H
#define TESTS_PEER_H

#include <sys/types.h>

struct peer;

/** Listen on a free port of 127.0.0.1; NULL with a message on stderr where the script is wrong. */
struct peer *peer_new(const char *script, int log_fd);
int peer_port(const struct peer *peer);

/** Serve, each connection in its thread; never returns. */
[[gnu::noreturn]] void peer_serve(struct peer *peer);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The scripted peer as a program: `peer SCRIPT LOG` prints its port and serves until it is killed.
 */
#include "tests/peer/peer.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	static char script[1 << 20];
	struct peer *peer;
	FILE *file;
	int log_fd;

	if (argc != 3) {
		fprintf(stderr, "usage: %s SCRIPT LOG\n", argv[0]);
		return 2;
	}
	file = fopen(argv[1], "re");
	log_fd = open(argv[2], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (!file || log_fd < 0) {
		perror(argv[1]);
		return EXIT_FAILURE;
	}
	script[fread(script, 1, sizeof(script) - 1, file)] = '\0';
	fclose(file);
	peer = peer_new(script, log_fd);
	if (!peer)
		return EXIT_FAILURE;
	printf("%d\n", peer_port(peer));
	fflush(stdout);
	peer_serve(peer);
}

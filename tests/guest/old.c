/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A program of the 32-bit x86 calls that a 64-bit kernel has too.  Without arguments it exits with
 * 32; with one it asks for a socket of that family (one digit less '0') and exits with 33, or with
 * 34 where it was given one.
 *
 *     cc -m32 -static -nostdlib -O1 -fno-builtin -fno-stack-protector -fno-pie -no-pie -o old old.c
 */
enum { CALL_EXIT = 1, CALL_SOCKETCALL = 102, OPEN_SOCKET = 1, STREAM = 1 };

static long call(long number, long a, long b)
{
	long value;

	__asm__ volatile("int $0x80" : "=a"(value) : "a"(number), "b"(a), "c"(b) : "memory");
	return value;
}

__asm__(".globl _start\n_start:\n\tmov %esp, %eax\n\tand $-16, %esp\n\tsub $12, %esp\n\t"
	"push %eax\n\tcall old_main\n");

[[gnu::used]] void old_main(const long *stack);

void old_main(const long *stack)
{
	const char *word = stack[0] > 1 ? (const char *)stack[2] : "";
	volatile long words[3] = { word[0] - '0', STREAM, 0 };
	long status = 32;

	if (*word)
		status = call(CALL_SOCKETCALL, OPEN_SOCKET, (long)words) < 0 ? 33 : 34;
	call(CALL_EXIT, status, 0);
}

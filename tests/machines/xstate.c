/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Preloaded into User mode Linux: its registers on CPUs that have more of them than it knows.
 *
 * The kernels of Debian 12 and 13 keep 2696 bytes of what XSAVE saves; Linux refuses to set less
 * than all there is, which on CPUs with AMX is 11008.  What is missing is added from the process
 * itself.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { XSTATE_MAX = 64 << 10 };

static long set_all(long pid, const struct iovec *some)
{
	static char all[XSTATE_MAX];
	struct iovec whole = { .iov_base = all, .iov_len = sizeof(all) };

	if (syscall(SYS_ptrace, PTRACE_GETREGSET, pid, NT_X86_XSTATE, &whole) < 0)
		return -1;
	if (some->iov_len < whole.iov_len)
		memcpy(all, some->iov_base, some->iov_len);
	else
		whole = *some;
	return syscall(SYS_ptrace, PTRACE_SETREGSET, pid, NT_X86_XSTATE, &whole);
}

long ptrace(enum __ptrace_request request, ...)
{
	long pid, address, data, peeked = 0;
	va_list rest;

	va_start(rest, request);
	pid = va_arg(rest, int);
	address = va_arg(rest, long);
	data = va_arg(rest, long);
	va_end(rest);
	if (request == PTRACE_SETREGSET && address == NT_X86_XSTATE)
		return set_all(pid, (const struct iovec *)data);
	/* The system call stores the word where the function returns it. */
	if (request == PTRACE_PEEKTEXT || request == PTRACE_PEEKDATA || request == PTRACE_PEEKUSER)
		return syscall(SYS_ptrace, request, pid, address, &peeked) < 0 ? -1 : peeked;
	return syscall(SYS_ptrace, request, pid, address, data);
}

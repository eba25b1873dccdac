/* SPDX-License-Identifier: Apache-2.0 */
/**
 * System calls without a C library: each gives what the kernel gives, an error as its negative.
 */
#ifndef SANDBOX_DISPATCHER_KERNEL_H
#define SANDBOX_DISPATCHER_KERNEL_H

#include <stdbool.h>
#include <sys/syscall.h>

#define CALL(name, ...)                         CALL_PICK(__VA_ARGS__, 6, 5, 4, 3, 2, 1)(SYS_##name, __VA_ARGS__)
#define CALL_PICK(a, b, c, d, e, f, count, ...) CALL_##count
#define CALL_1(n, a)                            kernel_call(n, (long)(a), 0, 0, 0, 0, 0)
#define CALL_2(n, a, b)                         kernel_call(n, (long)(a), (long)(b), 0, 0, 0, 0)
#define CALL_3(n, a, b, c)                      kernel_call(n, (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define CALL_4(n, a, b, c, d)                   kernel_call(n, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)
#define CALL_6(n, a, b, c, d, e, f) \
	kernel_call(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

static inline long kernel_call(long number, long a, long b, long c, long d, long e, long f)
{
#if defined(__x86_64__)
	register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
#elif defined(__aarch64__)
	register long x8 __asm__("x8") = number, x0 __asm__("x0") = a, x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c, x3 __asm__("x3") = d, x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc #0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory");
	return x0;
#endif
}

static inline bool failed(long result)
{
	return (unsigned long)result > -4096UL;
}

#endif

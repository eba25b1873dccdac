/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A program to run in sandboxes: no libc, no files, no loader; its arguments are what it does.
 *
 *     call=NUMBER,A,B,...   a system call; what begins with a digit or '-' is a number (0x: in
 *                           base 16), '$' is the result of the last call, the rest is text; its
 *                           result is printed, a negative errno where it failed
 *     call=NAME,A,B,...     the same by name, of those in the table below
 *     quiet=NAME,A,B,...    the same, not printed
 *     many=COUNT,NAME,...   a call again and again until it fails: how often it did not, and why
 *     show=PATH             what a file holds
 *     listen                a filter that allows all, with a listener; printed as a call's result
 *     fork                  a child that holds all descriptors open and sleeps for ever
 *     orphan                a child of a child, which exits with 9
 *     crash                 a read from address 0
 *     exit=STATUS
 *
 *     cc -static -nostdlib -O1 -fno-builtin -fno-stack-protector -o guest guest.c
 */
#include <stddef.h>
#include <sys/syscall.h>

#if defined(__x86_64__)
#define ENTRY "mov %rsp, %rdi\n\tand $-16, %rsp\n\tcall guest_main"
static long call(long number, const long *a)
{
	register long r10 __asm__("r10") = a[3], r8 __asm__("r8") = a[4], r9 __asm__("r9") = a[5];
	long value;

	__asm__ volatile("syscall"
			 : "=a"(value)
			 : "a"(number), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return value;
}
#elif defined(__aarch64__)
#define ENTRY "mov x0, sp\n\tbl guest_main"
static long call(long number, const long *a)
{
	register long x8 __asm__("x8") = number, x0 __asm__("x0") = a[0], x1 __asm__("x1") = a[1],
			 x2 __asm__("x2") = a[2], x3 __asm__("x3") = a[3], x4 __asm__("x4") = a[4],
			 x5 __asm__("x5") = a[5];

	__asm__ volatile("svc 0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory");
	return x0;
}
#elif defined(__riscv) && __riscv_xlen == 64
#define ENTRY "mv a0, sp\n\tcall guest_main"
static long call(long number, const long *a)
{
	register long a7 __asm__("a7") = number, a0 __asm__("a0") = a[0], a1 __asm__("a1") = a[1],
			 a2 __asm__("a2") = a[2], a3 __asm__("a3") = a[3], a4 __asm__("a4") = a[4],
			 a5 __asm__("a5") = a[5];

	__asm__ volatile("ecall"
			 : "+r"(a0)
			 : "r"(a7), "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5)
			 : "memory");
	return a0;
}
#else
#error "tell call() how this architecture makes system calls"
#endif

__asm__(".globl _start\n_start:\n\t" ENTRY "\n");

#define CALL(number, ...) call(number, (const long[6]){ __VA_ARGS__ })

enum { AT_CWD = -100, SIGNAL_CHILD = 17 };

static size_t length(const char *text)
{
	size_t count = 0;

	while (text[count])
		count++;
	return count;
}

/** What follows `verb` in `text`, or NULL. */
static const char *after(const char *text, const char *verb)
{
	while (*verb) {
		if (*text++ != *verb++)
			return NULL;
	}
	return text;
}

/** The value of a digit in base 36, or 99. */
static long digit(char byte)
{
	if (byte >= '0' && byte <= '9')
		return byte - '0';
	return byte >= 'a' && byte <= 'z' ? byte - 'a' + 10 : 99;
}

static long number(const char *text)
{
	long value = 0, sign = *text == '-' ? -1 : 1, base = 10;

	text += *text == '-';
	if (after(text, "0x")) {
		base = 16;
		text += 2;
	}
	for (; digit(*text) < base; text++)
		value = value * base + digit(*text);
	return sign * value;
}

static void print(const char *text)
{
	CALL(SYS_write, 1, (long)text, (long)length(text));
}

static void print_number(long value)
{
	char text[32], *at = text + sizeof(text) - 2;
	unsigned long left = value < 0 ? -(unsigned long)value : (unsigned long)value;

	at[0] = '\n';
	at[1] = '\0';
	do
		*--at = (char)('0' + left % 10);
	while (left /= 10);
	if (value < 0)
		*--at = '-';
	print(at);
}

/* clang-format off */
#define NAME(name) { #name, SYS_##name }

/** What attacks are made of, on all architectures. */
static const struct {
	const char *name;
	long number;
} names[] = {
	NAME(openat), NAME(close), NAME(dup3), NAME(read), NAME(write), NAME(ftruncate),
	NAME(fallocate), NAME(mkdirat), NAME(mknodat), NAME(unlinkat), NAME(symlinkat),
	NAME(linkat), NAME(fchmodat), NAME(fchownat), NAME(chdir), NAME(fchdir), NAME(chroot),
	NAME(getcwd), NAME(setxattr), NAME(utimensat), NAME(memfd_create), NAME(pipe2),
	NAME(inotify_init1), NAME(inotify_add_watch), NAME(mount), NAME(umount2),
	NAME(pivot_root), NAME(open_tree), NAME(move_mount), NAME(fsopen), NAME(fsconfig),
	NAME(fsmount), NAME(fspick), NAME(mount_setattr), NAME(unshare), NAME(setns),
	NAME(clone), NAME(clone3), NAME(socket), NAME(bind), NAME(connect), NAME(personality),
	NAME(io_uring_setup), NAME(bpf), NAME(keyctl), NAME(add_key), NAME(request_key),
	NAME(perf_event_open), NAME(userfaultfd), NAME(fanotify_init), NAME(kexec_load),
	NAME(init_module), NAME(finit_module), NAME(delete_module), NAME(syslog), NAME(reboot),
	NAME(swapon), NAME(acct), NAME(settimeofday), NAME(clock_settime), NAME(quotactl),
	NAME(lookup_dcookie), NAME(mbind), NAME(set_mempolicy), NAME(ptrace),
	NAME(process_vm_readv), NAME(pidfd_open), NAME(pidfd_getfd),
	NAME(pidfd_send_signal), NAME(kill), NAME(tgkill), NAME(getppid), NAME(setsid),
	NAME(geteuid), NAME(getegid), NAME(setresuid), NAME(prctl), NAME(ioctl),
	NAME(sethostname), NAME(name_to_handle_at), NAME(open_by_handle_at), NAME(execveat),
	NAME(prlimit64),
};
/* clang-format on */

static long call_number(const char *name)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *rest = after(name, names[i].name);

		if (rest && !*rest)
			return names[i].number;
	}
	print("no such call here: ");
	print(name);
	print("\n");
	CALL(SYS_exit_group, 99);
	return -1;
}

static long last_result;

/** Take "NAME,A,B,..." apart; words[0] is the number. */
static void call_parse(char *text, long words[7])
{
	for (int i = 0; i < 7 && *text; i++) {
		int is_number = *text == '-' || (*text >= '0' && *text <= '9');
		char *start = text;

		while (*text && *text != ',')
			text++;
		if (*text)
			*text++ = '\0';
		if (is_number)
			words[i] = number(start);
		else if (*start == '$')
			words[i] = last_result;
		else
			words[i] = i ? (long)start : call_number(start);
	}
}

static void do_call(char *text, int quiet)
{
	long words[7] = {};

	call_parse(text, words);
	last_result = call(words[0], words + 1);
	if (!quiet)
		print_number(last_result);
}

static void do_many(char *text)
{
	long words[7] = {}, count = number(text), done = 0;

	while (*text && *text++ != ',')
		;
	call_parse(text, words);
	do
		last_result = call(words[0], words + 1);
	while (last_result >= 0 && ++done < count);
	print_number(done);
	print_number(last_result < 0 ? last_result : 0);
}

static void do_show(const char *path)
{
	static char bytes[4096];
	long fd = CALL(SYS_openat, AT_CWD, (long)path, 0), got;

	if (fd < 0) {
		print_number(fd);
		return;
	}
	while ((got = CALL(SYS_read, fd, (long)bytes, sizeof(bytes))) > 0)
		CALL(SYS_write, 1, (long)bytes, got);
	CALL(SYS_close, fd);
}

/** Has effect only after call=prctl,38,1,0,0,0: no new privileges. */
static void do_listen(void)
{
	enum { RETURN = 6, ALLOW = 0x7fff0000, SET_FILTER = 1, NEW_LISTENER = 8 };
	static const struct {
		unsigned short code;
		unsigned char yes, no;
		unsigned value;
	} allow = { RETURN, 0, 0, ALLOW };
	const struct {
		unsigned short count;
		const void *instructions;
	} program = { 1, &allow };

	last_result = CALL(SYS_seccomp, SET_FILTER, NEW_LISTENER, (long)&program);
	print_number(last_result);
}

static void do_fork(void)
{
	if (CALL(SYS_clone, SIGNAL_CHILD) != 0)
		return;
	for (;;)
		CALL(SYS_ppoll);
}

static void do_orphan(void)
{
	if (CALL(SYS_clone, SIGNAL_CHILD) != 0)
		return;
	CALL(SYS_clone, SIGNAL_CHILD);
	CALL(SYS_exit_group, 9);
}

[[gnu::used]] void guest_main(long *stack);

void guest_main(long *stack)
{
	char **argv = (char **)(stack + 1);

	for (long i = 1; i < stack[0]; i++) {
		const char *rest;

		if ((rest = after(argv[i], "call=")))
			do_call((char *)rest, 0);
		else if ((rest = after(argv[i], "quiet=")))
			do_call((char *)rest, 1);
		else if ((rest = after(argv[i], "many=")))
			do_many((char *)rest);
		else if ((rest = after(argv[i], "show=")))
			do_show(rest);
		else if (after(argv[i], "listen"))
			do_listen();
		else if (after(argv[i], "fork"))
			do_fork();
		else if (after(argv[i], "orphan"))
			do_orphan();
		else if (after(argv[i], "crash"))
			*(volatile int *)NULL = 1;
		else if ((rest = after(argv[i], "exit=")))
			CALL(SYS_exit_group, number(rest));
	}
	CALL(SYS_exit_group, 0);
}

/*
 * What 32-bit programs have of their own: calls through socketcall(2), two kinds of signal frames, segments of threads,
 * offsets in two registers. Built without the C library: cc -m32 -nostdlib -static.
 */
typedef unsigned long word;

static long call(long number, word a, word b, word c, word d, word e)
{
	long result;
	asm volatile("int $0x80" : "=a"(result) : "0"(number), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e) : "memory");
	return result;
}

enum { CLOSE = 6, GETPID = 20, KILL = 37, SOCKETCALL = 102, LLSEEK = 140, SIGACTION = 67, RT_SIGACTION = 174 };
enum { SIGPROCMASK = 175, OPEN = 5, EXIT = 1, SET_THREAD_AREA = 243, GET_THREAD_AREA = 244 };

static void handler(int signal)
{
}

/* What the C library gives as sa_restorer: the frame's return address leads there. */
void restore(void);
void restore_rt(void);
asm(".globl restore, restore_rt\n"
    "restore: popl %eax\n movl $119, %eax\n int $0x80\n"
    "restore_rt: movl $173, %eax\n int $0x80\n");

static void signals(void)
{
	word blocked[2] = { 1 << 11, 1 << 1 };	/* SIGUSR2 and a signal above 32 */
	struct { void (*handler)(int); word flags; void (*restorer)(void); word mask[2]; } action = { handler };
	call(SIGPROCMASK, 0, (word)blocked, 0, 8, 0);
	action.flags = 0x04000000;	/* SA_RESTORER */
	action.restorer = restore;
	call(RT_SIGACTION, 10, (word)&action, 0, 8, 0);
	call(KILL, call(GETPID, 0, 0, 0, 0, 0), 10, 0, 0, 0);
	action.flags = 0x04000004;	/* SA_RESTORER|SA_SIGINFO */
	action.restorer = restore_rt;
	call(RT_SIGACTION, 10, (word)&action, 0, 8, 0);
	call(KILL, call(GETPID, 0, 0, 0, 0, 0), 10, 0, 0, 0);
}

static void sockets(void)
{
	int pair[2];
	char text[8];
	word make[] = { 1, 1, 0, (word)pair };
	call(SOCKETCALL, 8, (word)make, 0, 0, 0);	/* SYS_SOCKETPAIR */
	word out[] = { pair[0], (word)"salam", 5, 0x4000 }, in[] = { pair[1], (word)text, 8, 0 };
	word sent[] = { pair[0], (word)"salam", 5, 0, 0, 0 }, accepted[] = { pair[0], 0, 0, 0 };
	call(SOCKETCALL, 9, (word)out, 0, 0, 0);	/* SYS_SEND */
	call(SOCKETCALL, 10, (word)in, 0, 0, 0);	/* SYS_RECV */
	call(SOCKETCALL, 11, (word)sent, 0, 0, 0);	/* SYS_SENDTO */
	call(SOCKETCALL, 5, (word)accepted, 0, 0, 0);	/* SYS_ACCEPT */
	call(SOCKETCALL, 18, (word)accepted, 0, 0, 0);	/* SYS_ACCEPT4 */
}

static void segments(void)
{
	static struct { word number, base, limit, flags; } area = { -1, 0, 0xfffff, 0x51 };
	call(SET_THREAD_AREA, (word)&area, 0, 0, 0, 0);
	call(GET_THREAD_AREA, (word)&area, 0, 0, 0, 0);
	area.number = 99;
	call(GET_THREAD_AREA, (word)&area, 0, 0, 0, 0);
	call(SET_THREAD_AREA, 0, 0, 0, 0, 0);
}

static void offsets(void)
{
	long long at;
	int fd = call(OPEN, (word)"/etc/passwd", 0, 0, 0, 0);
	call(LLSEEK, fd, 1, 5, (word)&at, 0);
	call(LLSEEK, fd, -1, -1, (word)&at, 0);
	call(LLSEEK, fd, 0, 5, 0, 0);
	call(CLOSE, fd, 0, 0, 0, 0);
}

void _start(void)
{
	signals();
	sockets();
	segments();
	offsets();
	call(EXIT, 0, 0, 0, 0, 0);
}

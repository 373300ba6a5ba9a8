/* A 32-bit program without libc: calls whose structures have four-byte words. test_against_strace.py assembles it. */
.global _start
.text
_start:
	mov $359,%eax; mov $2,%ebx; mov $2,%ecx; mov $0,%edx; int $0x80	/* socket(AF_INET, SOCK_DGRAM, 0) */
	mov %eax,%ebp
	mov $361,%eax; mov %ebp,%ebx; mov $address,%ecx; mov $16,%edx; int $0x80	/* bind */
	mov $366,%eax; mov %ebp,%ebx; mov $1,%ecx; mov $20,%edx; mov $second,%esi; mov $8,%edi; int $0x80	/* setsockopt SO_RCVTIMEO_OLD */
	mov %ebp,arguments
	mov $102,%eax; mov $11,%ebx; mov $arguments,%ecx; int $0x80	/* socketcall(SYS_SENDTO) */
	mov %ebp,pollfd
	mov $168,%eax; mov $pollfd,%ebx; mov $1,%ecx; mov $100,%edx; int $0x80	/* poll */
	mov $372,%eax; mov %ebp,%ebx; mov $message,%ecx; mov $0,%edx; int $0x80	/* recvmsg */
	mov $254,%eax; mov $5,%ebx; int $0x80	/* epoll_create */
	mov %eax,%edi
	mov $255,%eax; mov %edi,%ebx; mov $1,%ecx; mov %ebp,%edx; mov $event,%esi; int $0x80	/* epoll_ctl */
	mov $162,%eax; mov $short,%ebx; mov $0,%ecx; int $0x80	/* nanosleep */
	mov $180,%eax; mov $9,%ebx; mov $buffer,%ecx; mov $4,%edx; mov $1,%esi; mov $1,%edi; int $0x80	/* pread64 */
	mov $6,%eax; mov %ebp,%ebx; int $0x80	/* close */
	mov $252,%eax; mov $7,%ebx; int $0x80	/* exit_group */
.data
.align 4
address: .short 2; .byte 0x11,0xd9; .byte 127,0,0,1; .zero 8	/* port 4569 */
second: .long 1,500000
arguments: .long 0,text,6,0,address,16
text: .ascii "salam\n"
.align 4
pollfd: .long 0; .short 1,0
vector: .long buffer,3, buffer+3,10
message: .long name,16,vector,2,control,64,0
event: .long 1,7,0
short: .long 0,1000
name: .zero 16
control: .zero 64
buffer: .zero 64

/* An echo server for one client whose accept, recv, send and close all go through io_uring: no system call of their own.
   Usage: io_uring_echo PORT. Raw system calls (io_uring_setup(2), io_uring_enter(2)), so that no library is needed. */
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static int ring;
static struct io_uring_params params;
static unsigned char *sq, *cq;
static struct io_uring_sqe *entries;

static void *map(size_t bytes, uint64_t what)
{
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, (off_t)what);
    if (at == MAP_FAILED)
        exit(3);
    return at;
}

static void set_up(void)
{
    ring = (int)syscall(__NR_io_uring_setup, 8, &params);
    if (ring < 0)
        exit(2);
    sq = map(params.sq_off.array + params.sq_entries * sizeof(uint32_t), IORING_OFF_SQ_RING);
    cq = map(params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe), IORING_OFF_CQ_RING);
    entries = map(params.sq_entries * sizeof(struct io_uring_sqe), IORING_OFF_SQES);
}

/* Submit one operation and wait for its result. */
static int operate(uint8_t opcode, int fd, void *buffer, uint32_t length)
{
    uint32_t *tail = (uint32_t *)(sq + params.sq_off.tail), *head = (uint32_t *)(cq + params.cq_off.head);
    uint32_t slot = *tail & *(uint32_t *)(sq + params.sq_off.ring_mask);
    struct io_uring_sqe *entry = &entries[slot];
    memset(entry, 0, sizeof *entry);
    entry->opcode = opcode;
    entry->fd = fd;
    entry->addr = (uint64_t)(uintptr_t)buffer;
    entry->len = length;
    ((uint32_t *)(sq + params.sq_off.array))[slot] = slot;
    __atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
    if (syscall(__NR_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0)
        exit(4);
    struct io_uring_cqe *cqes = (struct io_uring_cqe *)(cq + params.cq_off.cqes);
    int result = cqes[*head & *(uint32_t *)(cq + params.cq_off.ring_mask)].res;
    __atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
    return result;
}

int main(int argc, char **argv)
{
    static char buffer[65536];
    struct sockaddr_in place = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    if (argc != 2)
        return 64;
    place.sin_port = htons((uint16_t)atoi(argv[1]));
    set_up();
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&place, sizeof place) || listen(listener, 1))
        return 5;
    int client = operate(IORING_OP_ACCEPT, listener, NULL, 0);
    for (int got; client >= 0 && (got = operate(IORING_OP_RECV, client, buffer, sizeof buffer)) > 0;)
        for (int sent = 0, more; sent < got; sent += more)
            if ((more = operate(IORING_OP_SEND, client, buffer + sent, (uint32_t)(got - sent))) <= 0)
                return 6;
    return operate(IORING_OP_CLOSE, client, NULL, 0) < 0;
}

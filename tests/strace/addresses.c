/*
 * Socket addresses of every family and length, and netlink messages whose attributes hold attributes: most make no
 * sense to the kernel; what matters is how they are printed.
 */
#define _GNU_SOURCE
#include <linux/if_link.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Every family, with little, counting and equal bytes in addresses of every length. */
static void addresses(void)
{
	unsigned char bytes[128];
	static const int lengths[] = { 2, 3, 4, 6, 8, 10, 12, 14, 16, 18, 20, 24, 25, 28, 32, 36, 88, 96, 128 };
	for (int family = 0; family < 47; family++)
		for (int kind = 0; kind < 4; kind++) {
			for (unsigned i = 0; i < sizeof(bytes); i++)
				bytes[i] = kind == 0 ? i % 4 == 0 : kind == 1 ? 0x81 + i : kind == 2 ? 0 : 0xff;
			bytes[0] = family;
			bytes[1] = 0;
			for (unsigned i = 0; i < sizeof(lengths) / sizeof(*lengths); i++)
				connect(-1, (void *)bytes, lengths[i]);
		}
	struct { unsigned short family, service, kind, length; unsigned char inner[28]; } rx = { AF_RXRPC, 1, 2 };
	for (unsigned length = 0; length < 30; length++)
		for (rx.inner[0] = 0; rx.inner[0] < 12; rx.inner[0]++) {
			rx.length = length;
			rx.service = 2499 + length;
			connect(-1, (void *)&rx, sizeof(rx));
		}
	struct { unsigned short family, pad; int kind; unsigned short network, name; char more[8]; } near = { AF_IEEE802154 };
	for (near.kind = -1; near.kind < 5; near.kind++)
		for (near.name = 0xfffc; near.name; near.name++) {
			near.network = near.name + 1;
			connect(-1, (void *)&near, sizeof(near));
		}
}

/* One message with attributes in attributes: kinds[0] holds kinds[1] holds ... `bytes` of counting bytes. */
static void nested(int fd, int type, const void *head, unsigned size, const int *kinds, unsigned depth, unsigned bytes)
{
	struct { struct nlmsghdr h; char body[512]; } m = { .h = { .nlmsg_type = type, .nlmsg_flags = NLM_F_DUMP } };
	char *at = memcpy(m.body, head, size);
	unsigned inside = depth * 4 + bytes;
	m.h.nlmsg_len = sizeof(m.h) + size + inside;
	at += size;
	for (unsigned i = 0; i < depth; i++, at += 4, inside -= 4)
		memcpy(at, (unsigned short[]){ inside, kinds[i] }, 4);
	for (unsigned i = 0; i < bytes; i++)
		at[i] = bytes == 4 ? 0 : i + 3;
	sendto(fd, &m, m.h.nlmsg_len, MSG_DONTWAIT, NULL, 0);
}

static void attributes(void)
{
	static const unsigned sizes[] = { 0, 1, 2, 3, 4, 8, 12, 40, 44, 48, 56, 72, 80, 240, 248 };
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
	bind(fd, (void *)&(struct sockaddr_nl){ AF_NETLINK }, sizeof(struct sockaddr_nl));
	for (unsigned mask = 0; mask < 9; mask++) {
		struct if_stats_msg head = { AF_INET, 0, mask == 8, 1, mask == 7 ? -1 : mask == 6 ? 0xfc0 : mask * 7 };
		nested(fd, RTM_GETSTATS, &head, sizeof(head), NULL, 0, 0);
	}
	struct if_stats_msg head = { AF_UNIX, 0, 0, 1, 1 };
	for (int outer = 2; outer < 7; outer++)
		for (int inner = 0; inner < 5; inner++)
			for (int last = 0; last < 6; last++)
				for (unsigned i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
					nested(fd, RTM_GETSTATS, &head, sizeof(head), (int[]){ outer, outer == 5 ? 26 + inner : inner, last, i }, 2 + i % 2, sizes[i]);
	fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG);
	bind(fd, (void *)&(struct sockaddr_nl){ AF_NETLINK }, sizeof(struct sockaddr_nl));
	struct inet_diag_msg answer = { AF_INET, 10 };
	for (int outer = INET_DIAG_LOCALS; outer < 24; outer++)
		for (int inner = 0; inner < 5; inner++)
			for (int last = 0; last < 13; last++)
				for (unsigned i = 1; i < 6 && !(outer == INET_DIAG_ULP_INFO && inner == 1); i++)
					nested(fd, SOCK_DIAG_BY_FAMILY, &answer, sizeof(answer), (int[]){ outer, inner, last }, i == 2 ? 1 : 3, sizes[i]);
}

int main(void)
{
	chdir("/next part");
	addresses();
	chdir("/next part");
	attributes();
	return 0;
}

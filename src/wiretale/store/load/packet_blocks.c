/* The packets of ring blocks in one pass: where their frames are, and what their headers say (packet_blocks.py).
 *
 * A plain shared library without Python headers. It trusts nothing in the file, and reads only inside it.
 */
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { LEAST = TPACKET3_HDRLEN, TAGGED = 0x8100, HATYPES = 1 << 16 }; /* a header and its address; ETH_P_8021Q */
enum { AHEAD = 1024, LINE = 64 };                                    /* bytes; of a processor's cache */

struct block {
    int64_t at, end, packets; /* its first packet header; where it ends; how many packets it says it has */
};

struct packets { /* one element per packet; the order of packet_blocks.py:PacketArrays */
    int64_t *header, *at, *realtime_ns;
    uint32_t *captured, *length;
    int32_t *ifindex;
    uint32_t *vlan;
    uint16_t *hatype, *protocol;
    uint8_t *pkttype;
};

/* Packets are read faster than memory is: what will be looked at soon is asked for, some packets before. */
static void fetch_ahead(const uint8_t *data, int64_t at, int64_t bytes, int64_t end) {
    for (int64_t line = at + AHEAD; line < at + AHEAD + bytes && line < end; line += LINE)
        __builtin_prefetch(data + line);
}

/* The fields of a packet whose header is at `at`; false if it reaches out of its block. `is_ethernet` says of every
 * hardware type whether its frames are stored with their link header: without one a frame begins at its network header. */
static bool read_packet(const uint8_t *data, int64_t at, int64_t end, const struct tpacket3_hdr *h,
                        const uint8_t is_ethernet[HATYPES], const struct packets *out, int64_t row) {
    struct sockaddr_ll link;
    memcpy(&link, data + at + TPACKET_ALIGN(sizeof *h), sizeof link);
    int64_t captured = h->tp_snaplen;
    if (h->tp_mac < LEAST || at + h->tp_mac + captured > end)
        return false;
    int64_t skip = is_ethernet[link.sll_hatype] ? 0 : h->tp_net - h->tp_mac;
    skip = skip < 0 ? 0 : skip > captured ? captured : skip;
    uint32_t tpid = h->tp_status & TP_STATUS_VLAN_TPID_VALID ? h->hv1.tp_vlan_tpid : TAGGED;
    out->header[row] = at;
    out->at[row] = at + h->tp_mac + skip;
    out->realtime_ns[row] = (int64_t)h->tp_sec * 1000000000 + h->tp_nsec;
    out->captured[row] = captured - skip;
    out->length[row] = h->tp_len > skip ? h->tp_len - skip : 0;
    out->ifindex[row] = link.sll_ifindex;
    out->vlan[row] = h->tp_status & TP_STATUS_VLAN_VALID ? tpid << 16 | (h->hv1.tp_vlan_tci & 0xFFFF) : 0;
    out->hatype[row] = link.sll_hatype;
    out->protocol[row] = ntohs(link.sll_protocol);
    out->pkttype[row] = link.sll_pkttype;
    return true;
}

/* Follow the chain of packets in each of `count` blocks, at most `most` of them all together. Returns how many were read:
 * those that reach out of their block are left out. */
int64_t wt_read_blocks(const uint8_t *data, int64_t size, const struct block *blocks, int64_t count, int64_t most,
                       const uint8_t is_ethernet[HATYPES], const struct packets *out) {
    int64_t kept = 0;
    for (int64_t n = 0; n < count; n++) {
        int64_t at = blocks[n].at, end = blocks[n].end < size ? blocks[n].end : size;
        for (int64_t left = blocks[n].packets; left > 0 && most > 0; left--, most--) {
            if (at < 0 || at + LEAST > end)
                break;
            struct tpacket3_hdr h;
            memcpy(&h, data + at, sizeof h);
            fetch_ahead(data, at, h.tp_next_offset, end);
            kept += read_packet(data, at, end, &h, is_ethernet, out, kept);
            if (h.tp_next_offset < LEAST)
                break;
            at += h.tp_next_offset;
        }
    }
    return kept;
}

/* The packet headers of ring blocks, and their fields, in one pass each (packet_blocks.py says what is done with them).
 *
 * A plain shared library without Python headers. It trusts nothing in the file, and reads only inside it.
 */
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <stdint.h>
#include <string.h>

enum { LEAST = TPACKET3_HDRLEN, TAGGED = 0x8100, HATYPES = 1 << 16 }; /* a header and its address; ETH_P_8021Q */

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

/* Follow the chain of packets in each of `count` blocks. Writes at most `most` headers, and how far their blocks reach;
 * returns how many there are. */
int64_t wt_walk_blocks(const uint8_t *data, int64_t size, const struct block *blocks, int64_t count, int64_t most,
                       int64_t *headers, int64_t *ends) {
    int64_t found = 0;
    for (int64_t n = 0; n < count; n++) {
        int64_t at = blocks[n].at, end = blocks[n].end < size ? blocks[n].end : size;
        for (int64_t left = blocks[n].packets; left > 0 && found < most; left--) {
            if (at < 0 || at + LEAST > end)
                break;
            headers[found] = at;
            ends[found++] = end;
            uint32_t step;
            memcpy(&step, data + at, sizeof step); /* tp_next_offset is the first field */
            if (step < LEAST)
                break;
            at += step;
        }
    }
    return found;
}

/* The fields of the packets whose headers wt_walk_blocks found, without those that reach out of their block; returns how
 * many are left. `is_ethernet` says of every hardware type whether its frames are stored with their link header: without
 * one a frame begins at its network header. */
int64_t wt_read_packets(const uint8_t *data, const int64_t *headers, const int64_t *ends, int64_t count,
                        const uint8_t is_ethernet[HATYPES], const struct packets *out) {
    int64_t kept = 0;
    for (int64_t n = 0; n < count; n++) {
        struct tpacket3_hdr h;
        struct sockaddr_ll link;
        memcpy(&h, data + headers[n], sizeof h);
        memcpy(&link, data + headers[n] + TPACKET_ALIGN(sizeof h), sizeof link);
        int64_t captured = h.tp_snaplen;
        if (h.tp_mac < LEAST || headers[n] + h.tp_mac + captured > ends[n])
            continue;
        int64_t skip = is_ethernet[link.sll_hatype] ? 0 : h.tp_net - h.tp_mac;
        skip = skip < 0 ? 0 : skip > captured ? captured : skip;
        uint32_t tpid = h.tp_status & TP_STATUS_VLAN_TPID_VALID ? h.hv1.tp_vlan_tpid : TAGGED;
        out->header[kept] = headers[n];
        out->at[kept] = headers[n] + h.tp_mac + skip;
        out->realtime_ns[kept] = (int64_t)h.tp_sec * 1000000000 + h.tp_nsec;
        out->captured[kept] = captured - skip;
        out->length[kept] = h.tp_len > skip ? h.tp_len - skip : 0;
        out->ifindex[kept] = link.sll_ifindex;
        out->vlan[kept] = h.tp_status & TP_STATUS_VLAN_VALID ? tpid << 16 | (h.hv1.tp_vlan_tci & 0xFFFF) : 0;
        out->hatype[kept] = link.sll_hatype;
        out->protocol[kept] = ntohs(link.sll_protocol);
        out->pkttype[kept++] = link.sll_pkttype;
    }
    return kept;
}

"""Layout of the blocks in `packets.blocks`: the kernel's TPACKET_V3 ring, copied whole.

Facts from linux/if_packet.h (tpacket_block_desc, tpacket3_hdr, sockaddr_ll) and packet_mmap.rst of the kernel's manual.
Fields are of the recording machine's byte order, except those marked as network order.
"""

TPACKET_V3 = 2  # value of PACKET_VERSION, and of `version` in every block
TPACKET_ALIGNMENT = 16

BLOCK_HEADER_BYTES = 48
# name, NumPy type, offset, meaning
BLOCK_HEADER = [
    ("version", "<u4", 0, "TPACKET_V3"),
    ("block_status", "<u4", 8, "TP_STATUS_USER while user space owns the block"),
    ("num_pkts", "<u4", 12, "packets in the block"),
    ("offset_to_first_pkt", "<u4", 16, "from the start of the block"),
    ("blk_len", "<u4", 20, "used length of the block; in the spool, the distance to the next one"),
    ("seq_num", "<u8", 24, "number of the block: a gap is a block that did not reach the spool"),
]
BLOCK_STATUS_OFFSET = 8
NUM_PKTS_OFFSET = 12

PACKET_HEADER = [
    ("tp_next_offset", "<u4", 0, "distance to the next packet header; 0 at the last"),
    ("tp_sec", "<u4", 4, "CLOCK_REALTIME, seconds"),
    ("tp_nsec", "<u4", 8, "and nanoseconds"),
    ("tp_snaplen", "<u4", 12, "captured bytes"),
    ("tp_len", "<u4", 16, "bytes on the wire"),
    ("tp_status", "<u4", 20, "TP_STATUS_*"),
    ("tp_mac", "<u2", 24, "where the frame begins, from the packet header"),
    ("tp_net", "<u2", 26, "where its network header begins"),
    ("tp_vlan_tci", "<u4", 32, "VLAN tag that the kernel took out of the frame"),
    ("tp_vlan_tpid", "<u2", 36, "its EtherType"),
]
# sockaddr_ll follows the packet header
SOCKADDR_LL = [
    ("sll_protocol", ">u2", 50, "EtherType, network order"),
    ("sll_ifindex", "<i4", 52, "interface"),
    ("sll_hatype", "<u2", 56, "ARPHRD_*"),
    ("sll_pkttype", "u1", 58, "PACKET_HOST ... PACKET_OUTGOING"),
]
LINK_HEADER_BYTES = 68  # packet header and sockaddr_ll: the least a packet takes

TP_STATUS_KERNEL = 0
TP_STATUS_USER = 1 << 0

PACKET_OUTGOING = 4  # sll_pkttype: the copy made when the packet leaves

# linux/if_arp.h
ARPHRD_ETHER = 1
ARPHRD_LOOPBACK = 772
ETHERNET_TYPES = (ARPHRD_ETHER, ARPHRD_LOOPBACK)
# RAWIP, PPP-less tunnels (TUNNEL, TUNNEL6, SIT, IPGRE, IP6GRE) and NONE (tun, WireGuard): no link header at all
RAW_IP_TYPES = (519, 768, 769, 776, 778, 823, 0xFFFE)

# https://www.tcpdump.org/linktypes.html
LINKTYPE_ETHERNET = 1
LINKTYPE_RAW = 101
LINKTYPE_SLL = 113
LINKTYPE_SLL2 = 276

PROBE_TOKEN_BYTES = 16  # random bytes at the start of each clock probe's payload

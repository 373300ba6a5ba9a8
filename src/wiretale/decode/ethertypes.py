"""EtherTypes that more than the decoder of frames asks for: IEEE 802 numbers, linux/if_ether.h."""

ETH_ARP = 0x0806

"""Protocols in IP headers: IANA's protocol numbers, netinet/in.h."""

TCP, UDP, ICMP, ICMPV6, UDPLITE = 6, 17, 1, 58, 136

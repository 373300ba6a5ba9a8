"""What ICMP messages say, in words. Source: IANA registries "ICMP Type Numbers" (RFC 792, 1122, 1812) and "ICMPv6
Parameters" (RFC 4443, 4861, 2710, 3810)."""

TYPES_V4 = {
    0: "echo reply", 3: "destination unreachable", 4: "source quench", 5: "redirect", 8: "echo request",
    9: "router advertisement", 10: "router solicitation", 11: "time exceeded", 12: "parameter problem",
    13: "timestamp request", 14: "timestamp reply", 42: "extended echo request", 43: "extended echo reply",
}  # fmt: skip

CODES_V4 = {
    3: {
        0: "network unreachable", 1: "host unreachable", 2: "protocol unreachable", 3: "port unreachable",
        4: "fragmentation needed", 5: "source route failed", 6: "network unknown", 7: "host unknown",
        8: "source host isolated", 9: "network prohibited", 10: "host prohibited",
        11: "network unreachable for this service", 12: "host unreachable for this service",
        13: "communication prohibited", 14: "host precedence violation", 15: "precedence cutoff",
    },
    5: {0: "for the network", 1: "for the host", 2: "for the service and network", 3: "for the service and host"},
    11: {0: "time to live exceeded in transit", 1: "fragment reassembly time exceeded"},
    12: {0: "bad header", 1: "required option missing", 2: "bad length"},
}  # fmt: skip

TYPES_V6 = {
    1: "destination unreachable", 2: "packet too big", 3: "time exceeded", 4: "parameter problem", 128: "echo request",
    129: "echo reply", 130: "multicast listener query", 131: "multicast listener report",
    132: "multicast listener done", 133: "router solicitation", 134: "router advertisement",
    135: "neighbor solicitation", 136: "neighbor advertisement", 137: "redirect",
    143: "multicast listener report, version 2",
}  # fmt: skip

CODES_V6 = {
    1: {
        0: "no route", 1: "communication prohibited", 2: "beyond the scope of the source address",
        3: "address unreachable", 4: "port unreachable", 5: "source address failed policy", 6: "route rejected",
    },
    3: {0: "hop limit exceeded in transit", 1: "fragment reassembly time exceeded"},
    4: {0: "bad header", 1: "unknown next header", 2: "unknown option"},
}  # fmt: skip

ERRORS_V4 = frozenset({3, 4, 5, 11, 12})  # these quote the packet they are about
ERRORS_V6 = frozenset({1, 2, 3, 4})
ECHO_V4 = frozenset({0, 8})
ECHO_V6 = frozenset({128, 129})


def icmp_name(version: int, kind: int, code: int) -> str:
    """`destination unreachable (port unreachable)`; numbers where there is no name."""
    types, codes = (TYPES_V6, CODES_V6) if version == 6 else (TYPES_V4, CODES_V4)
    name = types.get(kind, f"type {kind}")
    detail = codes.get(kind, {}).get(code, f"code {code}" if code else "")
    return f"{name} ({detail})" if detail else name


def icmp_type_name(version: int, kind: int) -> str:
    """`echo request`, or the number."""
    return (TYPES_V6 if version == 6 else TYPES_V4).get(kind, f"ICMP type {kind}")

"""Fields of IGMP (RFC 1112, 2236, 3376), and of MLD among ICMPv6's messages (RFC 2710, 3810)."""

from wiretale.filter.fields.table import BOOLEAN, BYTES, IPV4, IPV6, NUMBER, Field, Term, packet, protocol
from wiretale.filter.header import bits, digits, flag, ipv4, ipv6_in, number, number_in, octets, one_address

_I = "p.payload_offset"  # IGMP is the payload of IP
_IGMP = "p.ip_protocol = 2 AND p.ip_version = 4 AND NOT p.fragment AND p.payload_bytes >= 2"
_LEAST = "p.payload_bytes >= 8"
_END = "p.payload_offset + p.payload_bytes"
# Sources of one record: what follows a record with more is not read. RE2 repeats nothing more than 1,000 times.
_MOST_SOURCES, _MOST_DIGITS = 40, 1000


def _type(*kinds: int) -> str:
    """Where the message is of one of these types."""
    listed = ", ".join(f"'{kind:02X}'" for kind in kinds)
    place = f"CAST({_I} AS BIGINT) + 1"
    return f"{_IGMP} AND hex(p.frame[{place} : {place}]) IN ({listed})"


_QUERY, _OLD, _V2, _REPORT = _type(0x11), _type(0x11, 0x12, 0x16, 0x17), _type(0x16, 0x17), _type(0x22)
_QUERY_3 = f"{_QUERY} AND p.payload_bytes >= 12"
_CODE = number(f"{_I} + 1", 1, f"({_QUERY_3} OR {_V2} OR {_QUERY})")
_EXPONENT = f"{_QUERY_3} AND {_CODE} >= 128"


def _records(text: str, size: int) -> str:
    """A list with the digits of each record of a report, whose addresses have so many bytes."""
    head, more = f".{{{2 * size}}}", 2 * size
    most = min(_MOST_SOURCES, _MOST_DIGITS // more)
    records = "|".join(f"..00{n:04X}{head}" + (f".{{{more * n}}}" if n else "") for n in range(most + 1))
    return f"regexp_extract_all({text}, '{records}|.+')"


def _four(first: int) -> str:
    """An IPv4 address in the digits `v`."""
    parts = [f"CAST(CAST('0x' || v[{n} : {n + 1}] AS UTINYINT) AS VARCHAR)" for n in range(first, first + 8, 2)]
    return f"CASE WHEN len(v) >= {first + 7} THEN {' || chr(46) || '.join(parts)} END"


def _sources(records: str, head: int, size: int) -> str:
    """A list with the digits of each source of each record; `head`: digits of a record before them."""
    return f"flatten(list_transform({records}, lambda r: regexp_extract_all(r[{head + 1} :], '.{{{2 * size}}}')))"


_IGMP_RECORDS = _records(digits(f"{_I} + 8", _REPORT), 4)
_QUERIED = f"regexp_extract_all({digits(f'{_I} + 12', _QUERY_3)}, '.{{8}}')"
_VERSION = (
    f"CASE WHEN {_REPORT} OR {_QUERY_3} THEN 3 WHEN {_V2} THEN 2 WHEN {_type(0x12)} THEN 1"
    f" WHEN {_QUERY} THEN CASE WHEN {number(f'{_I} + 1', 1, _QUERY)} = 0 THEN 1 ELSE 2 END END"
)
_HAS_TIME = f"({_QUERY_3} OR {_V2} OR {_QUERY} AND {number(f'{_I} + 1', 1, _QUERY)} > 0)"
# A code from 128 on is a number of few digits and many zeros (RFC 3376 4.1.1)
_MAX_RESP = (
    f"CASE WHEN {_EXPONENT} THEN (({_CODE} & 15) | 16) << ((({_CODE} >> 4) & 7) + 3) WHEN {_HAS_TIME} THEN {_CODE} END"
)

IGMP_FIELDS: tuple[Field, ...] = (
    protocol("igmp", "IGMP", _IGMP, _I, _END, f"least({_END}, p.captured_bytes) - {_I}"),
    packet("igmp.type", NUMBER, "17 query, 18 report of version 1, 22 of 2, 34 of 3, 23 leave", number(_I, 1, _IGMP), size=1),
    packet("igmp.version", NUMBER, "version, as type and length tell", _VERSION, size=1),
    packet("igmp.max_resp", NUMBER, "time to answer within, in tenths of a second", _MAX_RESP, size=2),
    packet("igmp.max_resp.exp", NUMBER, "exponent, of a long time", bits(f"{_I} + 1", 1, _EXPONENT, 7, 4), size=1),
    packet("igmp.max_resp.mant", NUMBER, "mantissa, of a long time", bits(f"{_I} + 1", 1, _EXPONENT, 15), size=1),
    packet("igmp.checksum", NUMBER, "checksum", number(f"{_I} + 2", 2, f"{_IGMP} AND {_LEAST}"), size=2),
    packet(
        "igmp.maddr", IPV4, "group: of a report of version 3 that of each record",
        Term(ipv4(f"{_I} + 4", f"{_OLD} AND {_LEAST}")), Term(_four(9), elements=_IGMP_RECORDS), size=4,
    ),
    packet("igmp.s", BOOLEAN, "query: routers leave their timers alone", flag(f"{_I} + 8", 1, _QUERY_3, 8)),
    packet("igmp.qrv", NUMBER, "query: robustness variable", bits(f"{_I} + 8", 1, _QUERY_3, 7), size=1),
    packet("igmp.qqic", NUMBER, "query: code of the interval", number(f"{_I} + 9", 1, _QUERY_3), size=1),
    packet("igmp.num_grp_recs", NUMBER, "report: number of records", number(f"{_I} + 6", 2, _REPORT), size=2),
    packet(
        "igmp.record_type", NUMBER,
        "record: 1 and 2 as it is (includes, excludes sources), 3 and 4 as it becomes, 5 new sources, 6 old ones",
        Term(number_in(1), elements=_IGMP_RECORDS), size=1,
    ),
    packet("igmp.aux_data_len", NUMBER, "record: further data, in units of 4 bytes", Term(number_in(3), elements=_IGMP_RECORDS), size=1),
    packet(
        "igmp.num_src", NUMBER, "number of sources of a query, or of each record",
        Term(number(f"{_I} + 10", 2, _QUERY_3)), Term(number_in(5, 2), elements=_IGMP_RECORDS), size=2,
    ),
    packet(
        "igmp.saddr", IPV4, "each source of a query or a record",
        Term(_four(1), elements=_QUERIED), Term(_four(1), elements=_sources(_IGMP_RECORDS, 16, 4)), size=4,
    ),
    packet(
        "igmp.reserved", BYTES, "bytes without a meaning",
        Term(octets(f"{_I} + 1", 1, f"({_REPORT} OR {_type(0x12)} OR {_QUERY} AND {_VERSION} = 1)")),
        Term(octets(f"{_I} + 4", 2, _REPORT)),
    ),
)  # fmt: skip

_T = "p.transport_offset"
_MLD_1 = "p.ip_protocol = 58 AND p.icmp_type IN (130, 131, 132) AND p.payload_bytes < 20"
_MLD_QUERY_2 = "p.ip_protocol = 58 AND p.icmp_type = 130 AND p.payload_bytes >= 20"
_MLD_REPORT = "p.ip_protocol = 58 AND p.icmp_type = 143"
_MLD_RECORDS = _records(digits(f"{_T} + 8", _MLD_REPORT), 16)
_MLD_QUERIED = f"regexp_extract_all({digits(f'{_T} + 28', _MLD_QUERY_2)}, '.{{32}}')"


MLD_FIELDS: tuple[Field, ...] = (
    packet(
        "icmpv6.mld.maximum_response_delay", NUMBER, "MLD version 1: time to answer within, in milliseconds",
        number(f"{_T} + 4", 2, _MLD_1), size=2,
    ),
    packet(
        "icmpv6.mld.maximum_response_code", NUMBER, "query of MLD version 2: code of the time to answer within",
        number(f"{_T} + 4", 2, _MLD_QUERY_2), size=2,
    ),
    packet(
        "icmpv6.mld.multicast_address", IPV6, "group of a query, and of MLD version 1",
        Term(ipv6_in(1), elements=one_address(f"{_T} + 8", f"({_MLD_1} OR {_MLD_QUERY_2})")), size=16,
    ),
    packet("icmpv6.mld.flag.s", BOOLEAN, "query: routers leave their timers alone", flag(f"{_T} + 24", 1, _MLD_QUERY_2, 8)),
    packet("icmpv6.mld.flag.qrv", NUMBER, "query: robustness variable", bits(f"{_T} + 24", 1, _MLD_QUERY_2, 7), size=1),
    packet("icmpv6.mld.qqi", NUMBER, "query: code of the interval", number(f"{_T} + 25", 1, _MLD_QUERY_2), size=1),
    packet("icmpv6.mld.nb_sources", NUMBER, "query: number of sources", number(f"{_T} + 26", 2, _MLD_QUERY_2), size=2),
    packet("icmpv6.mld.source_address", IPV6, "query: each source", Term(ipv6_in(1), elements=_MLD_QUERIED), size=16),
    packet("icmpv6.mldr.nb_mcast_records", NUMBER, "report: number of records", number(f"{_T} + 6", 2, _MLD_REPORT), size=2),
    packet(
        "icmpv6.mldr.mar.record_type", NUMBER, "record: as igmp.record_type", Term(number_in(1), elements=_MLD_RECORDS), size=1,
    ),
    packet(
        "icmpv6.mldr.mar.aux_data_len", NUMBER, "record: further data, in units of 4 bytes",
        Term(number_in(3), elements=_MLD_RECORDS), size=1,
    ),
    packet(
        "icmpv6.mldr.mar.nb_sources", NUMBER, "record: number of sources", Term(number_in(5, 2), elements=_MLD_RECORDS), size=2,
    ),
    packet("icmpv6.mldr.mar.multicast_address", IPV6, "record: group", Term(ipv6_in(9), elements=_MLD_RECORDS), size=16),
    packet(
        "icmpv6.mldr.mar.source_address", IPV6, "record: each source",
        Term(ipv6_in(1), elements=_sources(_MLD_RECORDS, 40, 16)), size=16,
    ),
)  # fmt: skip

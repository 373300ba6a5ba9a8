"""SQL that reads numbers and addresses out of a frame's bytes. Positions are offsets from 0 into the frame.

What lies behind the captured bytes is NULL. A field read this way costs about a tenth of a second over a million
packets; the columns of `packet` cost a tenth of that.
"""


def number(at: str, size: int, when: str) -> str:
    """An unsigned number of `size` bytes in network byte order, where `when` holds."""
    return (
        f"CASE WHEN {when} AND {at} + {size} <= p.captured_bytes"
        f" THEN CAST('0x' || hex(p.frame[CAST({at} AS BIGINT) + 1 : CAST({at} AS BIGINT) + {size}]) AS UBIGINT) END"
    )


def bits(at: str, size: int, when: str, mask: int, shift: int = 0) -> str:
    """Some bits of such a number."""
    shifted = f" >> {shift}" if shift else ""
    return f"(({number(at, size, when)}{shifted}) & {mask})"


def flag(at: str, size: int, when: str, mask: int) -> str:
    """One bit of such a number, as true or false."""
    return f"(({number(at, size, when)} & {mask}) <> 0)"


def octets(at: str, size: int | str, when: str) -> str:
    """Some bytes."""
    begin = f"CAST({at} AS BIGINT)"
    return f"CASE WHEN {when} AND {at} + {size} <= p.captured_bytes THEN p.frame[{begin} + 1 : {begin} + {size}] END"


def ipv4(at: str, when: str) -> str:
    """The text of an IPv4 address."""
    places = (f"CAST({at} AS BIGINT) + {n}" for n in range(1, 5))
    parts = [f"CAST(CAST('0x' || hex(p.frame[{n} : {n}]) AS UTINYINT) AS VARCHAR)" for n in places]
    return f"CASE WHEN {when} AND {at} + 4 <= p.captured_bytes THEN {' || chr(46) || '.join(parts)} END"


# The options of IPv4 (RFC 791) and TCP (RFC 9293) in hexadecimal digits, one text an option: an end of options takes
# all that follows, a no-op is one byte, any other option as long as its second byte says; what is malformed is one
# text.
_LENGTHS = "|".join(f"{n:02X}.{{{2 * (n - 2)}}}" if n > 2 else "02" for n in range(2, 41))
_ONE_OPTION = f"00.*|01|[0-9A-F]{{2}}(?:{_LENGTHS})|.+"


def options(digits: str) -> str:
    """A list with the digits of each option."""
    return f"regexp_extract_all({digits}, '{_ONE_OPTION}')"


def option_byte(digit: int) -> str:
    """The byte of an option, called `v`, whose digits begin at `digit`, counted from 1."""
    return f"CASE WHEN len(v) >= {digit + 1} THEN CAST('0x' || v[{digit} : {digit + 1}] AS UTINYINT) END"


_END = "p.payload_offset + p.payload_bytes"


def digits(at: str, when: str, end: str = _END) -> str:
    """The hexadecimal digits of some bytes: lists are made of them, whose elements `v` the next two read."""
    return f"CASE WHEN {when} THEN hex(p.frame[CAST({at} AS BIGINT) + 1 : least({end}, p.captured_bytes)]) END"


def number_in(first: int, size: int = 1) -> str:
    """A number in the digits `v`, from the digit `first` on, counted from 1."""
    last = first + 2 * size - 1
    return f"CASE WHEN len(v) >= {last} THEN CAST('0x' || v[{first} : {last}] AS UBIGINT) END"


def ipv6_in(first: int) -> str:
    """An IPv6 address in the digits `v`, in the spelling of RFC 5952, as `packet.src` has it."""
    groups = (f"coalesce(nullif(ltrim(lower(v[{n} : {n + 3}]), '0'), ''), '0')" for n in range(first, first + 32, 4))
    runs = (f"(^|:)0(:0){{{n}}}(:|$)" for n in range(7, 0, -1))
    shorter = " ".join(f"WHEN regexp_matches(t, '{run}') THEN regexp_replace(t, '{run}', '::')" for run in runs)
    spelled = f"list_transform([{' || chr(58) || '.join(groups)}], lambda t: CASE {shorter} ELSE t END)[1]"
    return f"CASE WHEN len(v) >= {first + 31} THEN {spelled} END"


def one_address(at: str, when: str) -> str:
    """A list of one address's digits."""
    return f"list_filter([{digits(at, when, f'{at} + 16')}], lambda v: v IS NOT NULL)"

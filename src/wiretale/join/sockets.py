"""Sockets, and the payload that calls moved through them: tables `socket` and `call_file`, temporary `j_transfer`."""

import socket as names
import struct

import duckdb

from wiretale.join.addresses import Address, parse_sockaddr
from wiretale.join.models import run
from wiretale.join.rows import put

SOCK_TYPE_MASK = 0xF  # linux/net.h: the flags SOCK_CLOEXEC and SOCK_NONBLOCK share the argument


def _family(number: int) -> str:
    try:
        return names.AddressFamily(number).name
    except ValueError:
        return f"AF_{number}"


def _type(number: int) -> str:
    try:
        return names.SocketKind(number & SOCK_TYPE_MASK).name
    except ValueError:
        return f"SOCK_{number & SOCK_TYPE_MASK}"


def build_sockets(db: duckdb.DuckDBPyConnection) -> None:
    """Fill `socket` and `call_file`."""
    asked = db.execute(
        "SELECT call_id, a0, a1, a2 FROM call WHERE name IN ('socket', 'socketpair') AND errno IS NULL"
    ).fetchall()
    made = ((c, _family(a0 & 0xFFFF), _type(a1), a2 & 0xFFFFFFFF) for c, a0, a1, a2 in asked)
    columns = (("call_id", "BIGINT"), ("family", "VARCHAR"), ("type", "VARCHAR"), ("protocol", "INTEGER"))
    put(db, "j_made", columns, made)
    run(db, "socket")
    run(db, "call_file")


def put_transfers(db: duckdb.DuckDBPyConnection) -> None:
    """Make `j_transfer`: one row per message that a successful call moved into or out of a socket."""
    _put_message_lengths(db)
    _put_remote_addresses(db)
    _put_cut(db)
    run(db, "j_transfer")


def _put_message_lengths(db: duckdb.DuckDBPyConnection) -> None:
    """`j_message`: the msg_len that sendmmsg and recvmmsg wrote into each struct mmsghdr (sendmmsg(2)).

    Where the headers were not captured at the exit, the lengths of the message's buffers stand in (exact for sending).
    """
    headers = db.execute(
        """
        SELECT d.call_id, d.idx, d.bytes, c.retval, c.arch FROM call_data d JOIN call c USING (call_id)
        WHERE d.role = 'msghdr' AND d.at_exit AND c.name LIKE '%mmsg%' AND c.retval > 0 ORDER BY d.call_id, d.idx
        """
    ).fetchall()
    lengths: dict[tuple[int, int], int] = {}
    for call_id, idx, data, count, arch in headers:
        # struct mmsghdr is a msghdr (56 bytes with 64-bit pointers, 28 with 32-bit ones), msg_len, and padding
        head, stride = (56, 64) if arch & 0x80000000 else (28, 32)
        for n, at in enumerate(range(0, len(data or b"") - head - 3, stride)):
            message = (idx >> 16) + n
            if message < count:
                lengths[call_id, message] = struct.unpack_from("<I", data, at + head)[0]
    buffers = db.execute(
        """
        SELECT d.call_id, d.idx // 65536, sum(d.full_bytes) FROM call_data d JOIN call c USING (call_id)
        WHERE d.role = 'payload' AND c.name LIKE '%mmsg%' AND c.retval > d.idx // 65536 GROUP BY ALL
        """
    ).fetchall()
    for call_id, message, size in buffers:
        lengths.setdefault((call_id, int(message)), int(size))
    columns = (("call_id", "BIGINT"), ("message", "INTEGER"), ("bytes", "BIGINT"))
    put(db, "j_message", columns, ((c, m, n) for (c, m), n in sorted(lengths.items())))


def _put_cut(db: duckdb.DuckDBPyConnection) -> None:
    """`j_cut`: messages of which msg_flags says that the buffers were too small, and whether those of readv were full.

    A call that asks for the whole length (MSG_TRUNC in its flags) got it.
    """
    headers = db.execute(
        """
        SELECT d.call_id, d.idx // 65536, d.bytes, c.arch, c.name = 'recvmmsg'
        FROM call_data d JOIN call c USING (call_id)
        WHERE d.role = 'msghdr' AND d.at_exit AND c.retval >= 0 AND c.name IN ('recvmsg', 'recvmmsg')
          AND CASE c.name WHEN 'recvmsg' THEN c.a2 ELSE c.a3 END & $trunc = 0
        """,
        {"trunc": names.MSG_TRUNC},
    ).fetchall()
    rows = []
    for call_id, first, data, arch, is_vector in headers:
        # msg_flags is the last member of struct msghdr (bits/socket.h)
        at, stride = (48, 64) if arch & 0x80000000 else (24, 32)
        for n, place in enumerate(range(at, len(data or b"") - 3, stride if is_vector else 1 << 16)):
            if struct.unpack_from("<I", data, place)[0] & names.MSG_TRUNC:
                rows.append((call_id, int(first) + n, True))
    vectors = db.execute(
        """
        SELECT d.call_id, list(d.bytes), any_value(c.retval), any_value(c.arch)
        FROM call_data d JOIN call c USING (call_id)
        WHERE d.role = 'iovec' AND NOT d.at_exit AND c.name = 'readv' AND c.retval >= 0 GROUP BY d.call_id
        """
    ).fetchall()
    for call_id, parts, size, arch in vectors:
        layout = "<QQ" if arch & 0x80000000 else "<II"  # struct iovec: base, length
        step = struct.calcsize(layout)
        data = b"".join(parts)
        room = sum(struct.unpack_from(layout, data, at)[1] for at in range(0, len(data) - step + 1, step))
        rows.append((call_id, 0, room == size))
    put(db, "j_cut", (("call_id", "BIGINT"), ("message", "INTEGER"), ("cut", "BOOLEAN")), rows)


def _put_remote_addresses(db: duckdb.DuckDBPyConnection) -> None:
    """`j_remote`: the address a message was sent to or came from, where the call named one."""
    rows = db.execute(
        """
        SELECT d.call_id, d.idx // 65536, first(d.bytes ORDER BY d.at_exit DESC)
        FROM call_data d JOIN call c USING (call_id) JOIN j_effect e ON e.name = c.name
        WHERE d.role = 'sockaddr' AND (e.sends OR (e.receives AND d.at_exit)) AND c.errno IS NULL GROUP BY ALL
        """
    ).fetchall()
    decoded: dict[bytes, Address | None] = {}
    found = []
    for call_id, message, data in rows:
        if data not in decoded:
            decoded[data] = parse_sockaddr(data or b"")
        address = decoded[data]
        if address is not None:
            found.append((call_id, int(message), address.addr, address.port))
    columns = (("call_id", "BIGINT"), ("message", "INTEGER"), ("addr", "VARCHAR"), ("port", "INTEGER"))
    put(db, "j_remote", columns, found)

"""The joins end to end, on conversations made by hand."""

from tests.join.rows import Rows, Tcp


def salam(**options: object) -> Tcp:
    rows = Rows()
    rows.source()
    rows.interface()
    tcp = Tcp(rows, **options)  # type: ignore[arg-type]
    tcp.open()
    tcp.write(tcp.client, b"salam\n")
    tcp.read(tcp.server, b"salam\n")
    tcp.close()
    return tcp


def test_a_written_line_is_linked_through_its_packet_to_the_read() -> None:
    db = salam().rows.joined()
    links = db.execute("SELECT kind, direction, lo, hi, evidence, compared_bytes FROM link ORDER BY kind").fetchall()
    assert links == [
        ("segment_read", "c2s", 0, 6, "bytes", 6),
        ("write_read", "c2s", 0, 6, "bytes", 6),
        ("write_segment", "c2s", 0, 6, "bytes", 6),
    ]
    assert db.execute(
        "SELECT client_port, server_port, client_known_by, outcome, client_bytes, server_bytes FROM connection"
    ).fetchall() == [(4444, 4000, "connect", "closed", 6, 0)]
    assert db.execute("SELECT role, pid, fd, initial_seq FROM endpoint ORDER BY role").fetchall() == [
        ("client", 200, 3, 1000),
        ("server", 100, 4, 9000),
    ]
    assert db.execute("SELECT * FROM coverage WHERE state <> 'recorded'").fetchall() == []


def test_states_follow_the_segments_and_the_accept_wakes_on_the_third_one() -> None:
    db = salam().rows.joined()
    states = db.execute(
        "SELECT role, list(state ORDER BY from_ns) FROM tcp_state JOIN endpoint USING (endpoint_id) "
        "GROUP BY role ORDER BY role"
    ).fetchall()
    assert states == [
        ("client", ["SYN-SENT", "ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT"]),
        ("server", ["SYN-RECEIVED", "ESTABLISHED", "CLOSE-WAIT", "LAST-ACK", "CLOSED"]),
    ]
    waits = db.execute(
        "SELECT c.name, w.ended_by, w.packet_id FROM wait w JOIN call c USING (call_id) ORDER BY c.name"
    ).fetchall()
    assert waits == [("accept4", "packet", 3), ("connect", "packet", 2)]

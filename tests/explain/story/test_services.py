"""The story of servers that hand work to others: the tables of the same capture say who did what."""

import pytest

from tests.explain.story.recordings import ids, service, steps_of, text, told

pytestmark = pytest.mark.e2e


def test_a_close_after_which_another_process_holds_the_socket_is_told_as_one_of_a_copy() -> None:
    """dnsmasq forks for each TCP client; parent and child both close the socket, the last of them ends it."""
    with told(service("dnsmasq-and-dig")) as (db, story):
        closes = db.execute(
            "SELECT d.close_call_id, d.pid, d.to_ns = s.to_ns FROM descriptor d JOIN socket s USING (file_id)"
            " JOIN endpoint e USING (socket_id) JOIN connection k USING (connection_id)"
            " WHERE k.protocol = 'tcp' AND k.server_port = 5400 AND e.role = 'server' AND d.close_call_id IS NOT NULL"
        ).fetchall()
        assert len({pid for _, pid, _ in closes}) == len(closes) == 2
        for call_id, pid, is_last in closes:
            (step,) = steps_of(story, "call", call_id)
            assert (step.title == "A descriptor is closed, and the socket stays") == (not is_last), (call_id, pid, step)
            assert not is_last or "still held" not in text(step)


def test_bytes_of_sendfile_are_said_not_to_pass_through_the_program() -> None:
    with told(service("nginx")) as (db, story):
        sent = db.execute(
            "SELECT w.write_id, c.a1 FROM stream_write w JOIN call c USING (call_id) WHERE c.name = 'sendfile'"
        ).fetchall()
        assert sent
        told_writes = {write: step for step in story.steps() for write in ids(step, "stream_write")}
        for write_id, source in sent:
            if write_id in told_writes:
                assert f"It only names descriptor {source} as their source" in text(told_writes[write_id])
        assert told_writes.keys() & {write_id for write_id, _ in sent}

"""The TCP analysis, verdict by verdict, for both versions of the rules."""

import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wiretale.join.tcp import library
from wiretale.join.tcp.library import SEGMENT, STREAM, VERDICT, analyse
from wiretale.join.tcp.verdicts import EVENTS, NAMES, mask_names

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
MSEC = 1_000_000
HEADER = Path(library.__file__).with_name("tcp_rules.h")


class Tap:
    """Feeds segments to one analysis; positions are relative to the initial sequence numbers."""

    def __init__(self, *, scale: int | None = 7, a_isn: int = 1000, b_isn: int = 5000, rules: str = "4.0") -> None:
        self.isn = {True: a_isn, False: b_isn}
        self.now = 1_000_000_000
        self.rules = rules
        self.rows: list[dict[str, Any]] = []
        self.see(True, SYN, 0, None, scale=scale)
        self.see(False, SYN | ACK, 0, 1, scale=scale)
        self.see(True, ACK, 1, 1)

    def see(
        self,
        forward: bool,
        flags: int,
        seq: int,
        ack: int | None,
        *,
        length: int = 0,
        window: int = 512,
        scale: int | None = None,
        after_ns: int = 10_000,
        **more: object,
    ) -> "Seen":
        self.now += after_ns
        self.rows.append(
            {
                "realtime_ns": self.now,
                "number": len(self.rows) + 1,
                "forward": forward,
                "seq": (self.isn[forward] + seq) % (1 << 32),
                "ack": 0 if ack is None else (self.isn[not forward] + ack) % (1 << 32),
                "flags": flags,
                "window": window,
                "length": length,
                "scale": -1 if scale is None else scale,
                **more,
            }
        )
        return Seen(self.verdicts()[-1])

    def verdicts(self) -> Any:
        segments = np.zeros(len(self.rows), SEGMENT)
        for n, row in enumerate(self.rows):
            for name, value in row.items():
                segments[name][n] = value
        return analyse(segments, self.rules)[0]

    def data(self, seq: int, length: int, **more: Any) -> "Seen":
        return self.see(True, PSH | ACK, seq, 1, length=length, **more)

    def ack(self, ack: int, **more: Any) -> "Seen":
        return self.see(False, ACK, 1, ack, **more)


class Seen:
    """One verdict, with names."""

    def __init__(self, row: Any) -> None:
        self.row = {name: int(row[name]) for name in VERDICT.names or ()}
        self.analysis = mask_names(self.row["verdicts"])
        self.events = [name for bit, name in enumerate(EVENTS) if self.row["events"] >> bit & 1]

    def __getattr__(self, name: str) -> int:
        return self.row[name]


def test_layouts_and_names_are_those_of_the_header(tmp_path: Path) -> None:
    source = tmp_path / "sizes.c"
    fields = [("wt_segment", SEGMENT), ("wt_verdict", VERDICT), ("wt_stream", STREAM)]
    prints = [f'printf("%zu\\n", sizeof(struct {name}));' for name, _ in fields]
    prints += [
        f'printf("%zu\\n", offsetof(struct {name}, {field}));' for name, dtype in fields for field in dtype.names or ()
    ]
    source.write_text(
        f'#include <stdio.h>\n#include <stddef.h>\n#include "{HEADER}"\nint main(void){{{"".join(prints)}}}'
    )
    subprocess.run(["cc", "-o", str(tmp_path / "sizes"), str(source)], check=True)
    told = subprocess.run([tmp_path / "sizes"], capture_output=True, text=True, check=True).stdout.split()
    assert [int(t) for t in told] == [
        *(dtype.itemsize for _, dtype in fields),
        *(dtype.fields[n][1] for _, dtype in fields for n in dtype.names or ()),
    ]
    bits = re.findall(r"V_\w+ = 1 << (\d+)", HEADER.read_text())
    assert [int(b) for b in bits] == list(range(len(NAMES)))


def test_positions_count_payload_and_round_trips_are_of_the_acknowledged_segment() -> None:
    tap = Tap(a_isn=0xFFFFFFFE)
    first, second = tap.data(1, 100), tap.data(101, 50)
    answer = tap.ack(151)
    assert (first.rel_seq, second.rel_seq, second.shown_seq, answer.rel_ack) == (1, 101, 101, 151)
    assert (first.bytes_in_flight, second.bytes_in_flight) == (100, 150)
    assert (answer.ack_rtt_ns, answer.acks_number) == (10_000, 5)
    assert answer.scaled_window == 512 << 7
    assert answer.analysis == []


def test_what_the_rules_of_4_4_do_not_call_out_of_order() -> None:
    wanted = {"4.0": ["out_of_order"], "4.4": ["retransmission"]}
    for rules, verdict in wanted.items():
        tap = Tap(rules=rules)
        tap.data(1, 100)
        tap.data(101, 100)
        assert tap.data(1, 100).analysis == verdict  # soon after the highest, but seen before


def test_a_late_repeat_is_a_retransmission_and_a_hole_filled_soon_is_out_of_order() -> None:
    tap = Tap()
    tap.data(1, 100)
    assert tap.data(201, 100).analysis == ["lost_segment"]
    assert tap.data(101, 50).analysis == ["out_of_order"]
    repeat = tap.data(101, 100, after_ns=300 * MSEC)
    assert repeat.analysis == ["retransmission"]
    assert (repeat.rto_number, repeat.rto_ns > 300 * MSEC) == (4, True)


def test_three_acknowledgements_ask_for_a_fast_retransmission() -> None:
    tap = Tap()
    for n in range(4):
        tap.data(1 + 100 * n, 100, after_ns=5 * MSEC)
    tap.ack(1, after_ns=5 * MSEC)
    seen = [tap.ack(1) for _ in range(2)]
    assert [s.analysis for s in seen] == [["duplicate_ack"], ["duplicate_ack"]]
    assert [s.duplicates for s in seen] == [2, 3]  # the SYN's own ACK of byte 1 counts as the first
    assert tap.data(1, 100, after_ns=5 * MSEC).analysis == ["retransmission", "fast_retransmission"]
    tap.ack(401)
    assert tap.data(1, 100).analysis == ["retransmission", "spurious_retransmission"]


def test_a_closed_window_is_probed_and_the_probe_is_named_for_what_it_is() -> None:
    tap = Tap()
    tap.ack(1, window=1)
    assert tap.data(1, 128).analysis == ["window_full"]
    assert tap.ack(129, window=0).analysis == ["zero_window"]
    byte = tap.data(129, 1)
    assert (byte.analysis, byte.truth) == (["zero_window_probe"], 1)
    assert tap.ack(129, window=0).analysis == ["zero_window", "zero_window_probe_ack"]
    linux = tap.see(True, ACK, 128, 1)
    assert (linux.analysis, linux.truth) == (["keep_alive"], 1)  # the shape of a keep-alive, but the window is closed
    assert tap.ack(129, window=4).analysis == ["window_update"]


def test_a_keep_alive_is_answered() -> None:
    tap = Tap()
    tap.data(1, 10)
    tap.ack(11)
    asked = tap.see(True, ACK, 10, 1)
    assert (asked.analysis, asked.truth, asked.is_new) == (["keep_alive"], 2, 0)
    assert tap.ack(11).analysis == ["keep_alive_ack"]


def test_a_last_byte_that_was_not_acknowledged_is_sent_again_and_asks_nothing() -> None:
    tap = Tap()
    tap.data(1, 10)
    tap.ack(10)
    again = tap.data(10, 1)
    assert (again.analysis, again.truth) == (["keep_alive"], 3)  # Wireshark has only the shape to go by
    tap.ack(11)
    assert tap.data(10, 1).truth == 2


def test_what_was_not_captured_is_told_by_its_acknowledgement() -> None:
    tap = Tap()
    tap.data(1, 10)
    assert tap.ack(500).analysis == ["ack_lost_segment"]


def test_the_window_scale_counts_only_if_the_handshake_was_seen() -> None:
    assert Tap(scale=None).data(1, 10).scaled_window == 512
    middle = np.zeros(1, SEGMENT)
    middle["flags"], middle["scale"], middle["window"], middle["realtime_ns"], middle["number"] = ACK, -1, 512, 1, 1
    assert analyse(middle, "4.0")[0]["scaled_window"][0] == -1


def test_a_syn_with_another_number_begins_a_new_stream() -> None:
    tap = Tap()
    again = tap.see(True, SYN, 7_000_000, None, scale=7)
    assert (again.stream, again.analysis, again.events) == (1, ["reused_ports"], ["syn"])
    assert tap.see(True, SYN, 7_000_000, None, scale=7, after_ns=1000 * MSEC).stream == 1


def test_a_quoted_segment_names_a_stream_and_is_not_judged() -> None:
    tap = Tap()
    quoted = tap.see(True, ACK, 1, 1, quality=library.QUOTED | library.NO_LENGTH)
    assert (quoted.stream, quoted.analysis, quoted.rel_seq) == (0, [], -1)
    assert tap.data(1, 5).analysis == []


def test_the_state_machine_s_events() -> None:
    tap = Tap()
    assert Seen(tap.verdicts()[2]).events == ["handshake-ack"]
    assert tap.see(True, FIN | ACK, 1, 1).events == ["fin"]
    assert tap.see(False, FIN | ACK, 1, 2).events == ["ack-of-fin", "fin"]
    assert tap.see(True, ACK, 2, 2).events == ["ack-of-fin"]
    assert tap.see(False, RST, 2, None).events == ["rst"]


SMALL_OR_ANY = st.integers(0, 2**32 - 1) | st.integers(0, 40)
ANY_SEGMENT = st.tuples(
    st.integers(0, 3), st.booleans(), SMALL_OR_ANY, SMALL_OR_ANY,
    st.integers(0, 0xFFF), st.integers(0, 65535), st.integers(0, 70), st.integers(-1, 255), st.integers(0, 15),
    st.integers(-(10**12), 10**12), st.integers(0, 4),
)  # fmt: skip


@settings(deadline=None, max_examples=200)
@given(st.lists(ANY_SEGMENT, max_size=60), st.sampled_from(["4.0", "4.4"]))
def test_any_segments_give_one_verdict_each(rows: list[tuple[Any, ...]], rules: str) -> None:
    segments = np.zeros(len(rows), SEGMENT)
    names = ("tuple", "forward", "seq", "ack", "flags", "window", "length", "scale", "quality", "realtime_ns", "sacks")
    for n, row in enumerate(rows):
        for name, value in zip(names, row, strict=True):
            segments[name][n] = value
    segments["number"] = np.arange(1, len(rows) + 1)
    verdicts, streams = analyse(segments, rules)
    assert len(verdicts) == len(rows)
    assert sorted(set(verdicts["stream"].tolist())) == list(range(len(streams)))
    # Streams are numbered in the order they appear.
    first = [verdicts["stream"].tolist().index(n) for n in range(len(streams))]
    assert first == sorted(first)


@pytest.mark.parametrize("rules", ["4.0", "4.4"])
def test_a_long_flight_without_acknowledgements_ends(rules: str) -> None:
    count = 30_000
    segments = np.zeros(count, SEGMENT)
    segments["flags"], segments["scale"], segments["length"], segments["window"] = PSH | ACK, -1, 100, 9
    segments["number"] = np.arange(1, count + 1)
    segments["seq"] = np.arange(count) * 100 + 1
    segments["realtime_ns"] = np.arange(1, count + 1)
    assert not analyse(segments, rules)[0]["verdicts"].any()


def test_stamps_that_go_backwards_give_no_round_trip() -> None:
    tap = Tap()
    tap.data(1, 10)
    tap.ack(11, after_ns=-500 * MSEC)
    assert tap.verdicts()[-1]["ack_rtt_ns"] == -1
    back = Tap()
    back.rows[-1]["realtime_ns"] = back.rows[0]["realtime_ns"] - 1
    back.data(1, 10)
    assert back.verdicts()[-1]["initial_rtt_ns"] == -1

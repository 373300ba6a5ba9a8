"""Anchors of steps: they say what a step tells, whatever else is told."""

from hypothesis import given
from hypothesis import strategies as st

from wiretale.explain.story import Anchors, Ref, Step

_ROWS = st.sampled_from(["call", "packet", "wait", "task", "connection"])
_STEPS = st.builds(
    lambda table, number, key, at: Step("", "t", (), at, refs=(Ref(table, number, f"{table} {number}"),), key=key),
    _ROWS, st.integers(1, 10**6), st.sampled_from(["", "", "rounds", "time-wait"]), st.integers(0, 10**9),
)  # fmt: skip


def _what(step: Step) -> str:
    return step.key or step.refs[0].label


@given(st.lists(_STEPS, unique_by=_what), st.data())
def test_a_step_keeps_its_anchor_when_others_are_told_besides_or_left_out(
    steps: list[Step], data: st.DataObject
) -> None:
    all_of_them = {_what(s): s.anchor for s in Anchors("c3").in_order(steps)}
    some = data.draw(st.lists(st.sampled_from(steps), unique=True)) if steps else []
    assert {_what(s): s.anchor for s in Anchors("c3").all_named(some)}.items() <= all_of_them.items()


@given(st.lists(_STEPS))
def test_no_two_steps_of_a_chapter_share_an_anchor(steps: list[Step]) -> None:
    named = Anchors("c3").all_named(steps)
    assert len({s.anchor for s in named}) == len(steps)
    assert [s.title for s in named] == [s.title for s in steps]


def test_an_anchor_is_the_key_or_the_first_row() -> None:
    rows = (Ref("stream_write", 4, "write 4"), Ref("call", 9, "call 9"))
    anchors = Anchors("c3")
    assert anchors.named(Step("", "t", (), refs=rows)).anchor == "c3.write4"
    assert anchors.named(Step("", "t", (), refs=rows, key="rounds")).anchor == "c3.rounds"

"""Row references as people read them: call 12, packets 4 and 5."""

from collections.abc import Iterable

from wiretale.explain.story import Ref


def evidence_text(refs: Iterable[Ref]) -> str:
    """`calls 12 and 13, packet 4`."""
    grouped: dict[str, list[str]] = {}
    for ref in refs:
        word, _, number = ref.label.rpartition(" ")
        grouped.setdefault(word, []).append(number)
    return "; ".join(
        f"{word}{'s' if len(numbers) > 1 else ''} {', '.join(numbers)}" for word, numbers in grouped.items()
    )

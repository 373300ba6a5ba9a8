"""A story as one JSON object: every sentence, and the rows that each step rests on. The keys are in docs/explain.md."""

from wiretale.explain.story import Arrow, Chapter, Figure, Gap, Hop, Mark, Omission, Ref, Section, Span, Step, Story
from wiretale.explain.words import plain

Json = dict[str, object]


def story_json(story: Story) -> Json:
    """The whole story. Times are seconds since the first event; marks of code are backticks."""
    return _Writer(story.origin_ns).story(story)


class _Writer:
    def __init__(self, origin_ns: int) -> None:
        self.origin_ns = origin_ns

    def story(self, story: Story) -> Json:
        return {
            "name": story.name,
            "reader": story.reader.value,
            "clock_error_ns": story.clock_error_ns,
            "summary": _texts(story.summary),
            "about": _texts(story.about),
            "chapters": [self._chapter(c) for c in story.chapters],
            "gaps": [_gap(g) for g in story.gaps],
        }

    def _time(self, time_ns: int | None) -> float | None:
        return None if time_ns is None else (time_ns - self.origin_ns) / 1e9

    def _chapter(self, chapter: Chapter) -> Json:
        return {
            "anchor": chapter.anchor,
            "title": plain(chapter.title, "`"),
            "connection_id": chapter.connection_id,
            "intro": _texts(chapter.intro),
            "sections": [self._section(s) for s in chapter.sections],
            "figures": [self._figure(f) for f in chapter.figures],
        }

    def _section(self, section: Section) -> Json:
        return {
            "title": section.title,
            "steps": [self.step(s) for s in section.steps],
            "figures": [self._figure(f) for f in section.figures],
        }

    def step(self, step: Step) -> Json:
        return {
            "anchor": step.anchor,
            "time": self._time(step.time_ns),
            "title": plain(step.title, "`"),
            "sentences": _texts(step.sentences),
            "inferred": step.inferred,
            "call": step.call or None,
            "arguments": [
                {"name": a.name, "text": a.text, "numbers": dict(a.numbers), "meaning": a.meaning or None}
                for a in step.arguments
            ],
            "hops": [self._hop(h) for h in step.hops],
            "bytes": step.excerpt or None,
            "background": _texts(step.background),
            "remedy": step.remedy or None,
            "topics": list(step.topics),
            "evidence": [_ref(r) for r in step.evidence],
        }

    def _hop(self, hop: Hop) -> Json:
        return {
            "time": self._time(hop.time_ns),
            "where": hop.where,
            "lane": hop.lane or None,
            "what": plain(hop.what, "`"),
            "note": plain(hop.note, "`") or None,
            "inferred": hop.inferred,
            "evidence": [_ref(r) for r in hop.refs],
        }

    def _figure(self, figure: Figure) -> Json:
        return {
            "anchor": figure.anchor,
            "title": figure.title,
            "caption": figure.caption,
            "left": figure.left or None,
            "right": figure.right or None,
            "tracks": [
                {"group": t.group or None, "label": t.label, "spans": [self._span(s) for s in t.spans]}
                for t in figure.tracks
            ],
            "arrows": [self._arrow(a) for a in figure.arrows],
            "marks": [self._mark(m) for m in figure.marks],
            "omitted": self._omission(figure.omitted) if figure.omitted is not None else None,
        }

    def _span(self, span: Span) -> Json:
        return {
            "label": span.label,
            "detail": span.detail or None,
            "inferred": span.inferred,
            "kind": span.kind,
            "from": self._time(span.from_ns),
            "to": self._time(span.to_ns),
            "evidence": [_ref(span.ref)] if span.ref is not None else [],
        }

    def _arrow(self, arrow: Arrow) -> Json:
        return {
            "time": self._time(arrow.time_ns),
            "to": "right" if arrow.to_right else "left",
            "label": arrow.label,
            "kind": arrow.kind,
            "evidence": [_ref(arrow.ref)],
        }

    def _omission(self, omitted: Omission) -> Json:
        return {"from": self._time(omitted.from_ns), "to": self._time(omitted.to_ns), "text": omitted.text}

    def _mark(self, mark: Mark) -> Json:
        return {
            "from": self._time(mark.from_ns),
            "to": self._time(mark.to_ns),
            "end": "left" if mark.on_left else "right",
            "label": mark.label,
            "result": mark.result,
            "evidence": [_ref(mark.ref)],
        }


def _texts(texts: tuple[str, ...]) -> list[str]:
    return [plain(text, "`") for text in texts]


def _gap(gap: Gap) -> Json:
    return {"text": plain(gap.text, "`"), "remedy": gap.remedy or None}


def _ref(ref: Ref) -> Json:
    return {"table": ref.table, "id": ref.id, "label": ref.label}

"""A story as lines that are the same in every run: what timing and chance decide is taken out.

Kept is what the programs cause by themselves: who took part, what each asked of the kernel in its own order, what it
was answered, how much went each way, how it ended, what was odd. Taken out are times and whatever sentence speaks of
one, numbers the kernel chose (processes, ports, packets), and the order of what two processes did.
"""

import re
import sys
from pathlib import Path

from wiretale.explain.story import Chapter, Section, Step, Story
from wiretale.explain.words import plain

_SENTENCE = re.compile(r"(?<=[.:]) (?=[A-Z])|(?<=\.) ")
# Times, and what depends on them: how long, whether something had to be waited for, how often.
_VARIES = re.compile(
    r"\b\d[\d,.]* (ns|us|ms|s)\b|system calls? of it|Of its sockets|"
    r"it waited|wakes no one|need not wait|acknowledges|list of sockets"
)
_REPLACED = (
    (re.compile(r"\b[Pp]ackets? \d+(, \d+)*( and \d+)?( more)?"), "packets N"),
    (re.compile(r"htons\((3[2-9]|4\d|5\d|60)\d{3}\)"), "htons(PORT)"),
    (re.compile(r"(127\.0\.0\.1|0\.0\.0\.0|\[::ffff:127\.0\.0\.1\]):(3[2-9]|4\d|5\d|60)\d{3}\b"), r"\1:PORT"),
    (re.compile(r", in (packets N|\d+ packets)"), ""),
    (re.compile(r"connection \d+"), "connection"),
    (re.compile(r"process \d+|F_SETOWN, \d+"), "process"),
    (re.compile(rf"{re.escape(sys.executable)}\b"), "/usr/bin/python"),
    (re.compile(r"/tmp/[^\s/,')]*/(?:[^\s,')]*/)?"), "/tmp/"),
    (re.compile(r"/tmp/wiretale-story-\w+"), "/tmp/folder"),
    (re.compile(r"tv_sec=\d+, tv_nsec=\d+"), "TIME"),
    (re.compile(r"0x7f[0-9a-f]{6,}"), "POINTER"),
)


def normalised(story: Story, processes: dict[int, str], leave_out: str = "") -> str:
    """The text. `processes` names each process; `leave_out` is a pattern over titles and introductions."""
    found: list[str] = []
    left = re.compile(leave_out or "$")
    for chapter in story.chapters:
        if chapter.anchor == "sum" or left.match(chapter.title):
            continue
        found += ["", f"# {_text(chapter.title, processes)}"]
        found += [s for s in (_text(s, processes) for s in chapter.intro) if s and not left.match(s)]
        for section in chapter.sections:
            if not section.title or not left.match(section.title):
                found += _section(section, processes, chapter, left)
    return "\n".join(found).strip() + "\n"


def _section(section: Section, processes: dict[int, str], chapter: Chapter, left: re.Pattern[str]) -> list[str]:
    steps = [_step(step, processes) for step in section.steps if not left.match(step.title)]
    if chapter.anchor == "odd":
        steps.sort()
    else:
        # What two processes did at the same time stands in any order; what each did, in its own.
        steps.sort(key=lambda lines: next((i for i, name in enumerate(processes.values()) if name in lines[0]), -1))
    heading = [f"## {section.title}"] if section.title else []
    return [*heading, *(line for lines in steps for line in lines)]


def _step(step: Step, processes: dict[int, str]) -> list[str]:
    actor = re.match(r"(?:Thread \d+ of )?[Pp]id (\d+) ", plain(step.sentences[0], "`"))
    who = f"{processes.get(int(actor[1]), '?')}: " if actor else ""
    sentences = [s for s in (_text(s, processes) for s in step.sentences) if s]
    call = [f"    {_text(step.call, processes, whole=True)}"] if step.call else []
    return [f"- {who}{_text(step.title, processes)}", *(f"  {s}" for s in sentences), *call]


def _text(text: str, processes: dict[int, str], *, whole: bool = False) -> str:
    """Without what varies; empty if it speaks of a time."""
    said = re.sub(r" (at|since) \d+\.\d{6} s", "", plain(text, "`"))
    said = re.sub(r"\b[Tt]hread \d+ of (?=pid \d)", "a thread of ", said)
    said = re.sub(r"[Pp]id (\d+) \([^)]*\)", lambda m: processes.get(int(m[1]), "?"), said)
    for pattern, by in _REPLACED:
        said = pattern.sub(by, said)
    parts = [said] if whole else [s for s in _SENTENCE.split(said) if not _VARIES.search(s)]
    return " ".join(parts)


def names(capture_processes: list[tuple[int, int | None, str]]) -> dict[int, str]:
    """Names of processes (pid, parent, comm) in the order of their birth: `nginx 1`; copies of one are `nginx 1's`."""
    found: dict[int, str] = {}
    for pid, parent, its_name in capture_processes:
        comm = "python" if its_name == Path(sys.executable).name else its_name
        if parent in found and re.match(rf"{re.escape(comm)} \d", found[parent]):
            found[pid] = found[parent].removesuffix("'s") + "'s"
        else:
            found[pid] = f"{comm} {1 + sum(1 for n in found.values() if re.fullmatch(rf'{re.escape(comm)} [0-9]+', n))}"
    return found


def without_descriptors(text: str) -> str:
    """The same without the numbers of descriptors."""
    text = re.sub(r"\b(descriptors?) \d+(, \d+)*( and \d+)?|a new descriptor, \d+,", r"descriptor N", text)
    text = re.sub(r"^(    \w+\()\d+(?=[,)])", r"\1N", text, flags=re.MULTILINE)
    return re.sub(r"^(    (?:accept4?|socket)\(.*\) = )\d+$", r"\1N", text, flags=re.MULTILINE)

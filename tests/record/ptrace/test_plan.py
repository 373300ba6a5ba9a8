"""The tracer's plan follows the call specifications."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from wiretale.decode.syscalls import CALLS, call_spec, table
from wiretale.decode.syscalls.spec import Effect, Kind, Result
from wiretale.model.enums import Arch
from wiretale.model.spool import Role
from wiretale.record.ptrace import plan, planned
from wiretale.record.ptrace.operations import CallFlag, Count, OpFlag, What, When
from wiretale.record.ptrace.plan import call_flags, steps

PLAIN = {
    Kind.INT, Kind.UINT, Kind.LONG, Kind.ULONG, Kind.HEX, Kind.OCTAL, Kind.SIZE, Kind.OFFSET, Kind.PID, Kind.UID,
    Kind.SIGNAL, Kind.FD, Kind.DIRFD, Kind.ENUM, Kind.FLAGS, Kind.WIDE_ENUM,
    Kind.WIDE_FLAGS, Kind.POINTER,
}  # fmt: skip


@pytest.mark.parametrize("arch", [Arch.X86_64, Arch.I386, Arch.AARCH64])
def test_every_pointer_of_every_call_is_read(arch: Arch) -> None:
    for name in table(arch).values():
        call = call_spec(name, arch)
        if call is None:
            continue
        read = {s.arg for s in steps(call, arch)}
        assert {i for i, a in enumerate(call.args) if a.kind not in PLAIN} <= read, name
        assert all(s.arg < 6 and s.size > 0 for s in steps(call, arch))


@pytest.mark.parametrize(
    ("name", "arg", "role", "when", "count_from"),
    [
        ("write", 1, Role.PAYLOAD, When.ENTRY, Count.ARG),
        ("read", 1, Role.PAYLOAD, When.EXIT, Count.RETURN),
        ("connect", 1, Role.SOCKADDR, When.ENTRY, Count.ARG32),
        ("accept4", 1, Role.SOCKADDR, When.EXIT, Count.POINTER),
        ("getsockopt", 3, Role.OPTVAL, When.EXIT, Count.POINTER),
        ("poll", 0, Role.ARRAY, When.ENTRY | When.EXIT, Count.ARG32),
        ("epoll_wait", 1, Role.ARRAY, When.EXIT, Count.RETURN),
        ("pselect6", 1, Role.FDSET, When.ENTRY | When.EXIT, Count.BITS),
    ],
)
def test_known_calls_read_known_memory(name: str, arg: int, role: Role, when: When, count_from: Count) -> None:
    (step,) = [s for s in steps(CALLS[name], Arch.X86_64) if s.arg == arg and s.only_arg == plan.NO_ARG]
    assert (step.role, step.when, step.count_from) == (role, when, count_from)


def test_only_payload_is_cut_at_snaplen() -> None:
    for call in CALLS.values():
        for step in steps(call, Arch.X86_64):
            if step.flags & OpFlag.PAYLOAD:
                assert step.role is Role.PAYLOAD and call.effects & {Effect.SENDS, Effect.RECEIVES}


def test_variants_read_only_for_their_command() -> None:
    for step in steps(CALLS["fcntl"], Arch.X86_64):
        assert step.only_arg == CALLS["fcntl"].variant_arg
        assert step.what is What.BYTES and step.arg == 2


def test_structures_have_the_size_of_the_tasks_words() -> None:
    sizes = {}
    for arch in (Arch.X86_64, Arch.I386):
        (step,) = [s for s in steps(CALLS["pselect6"], arch) if s.arg == 4]
        sizes[arch] = step.size
    assert sizes == {Arch.X86_64: 16, Arch.I386: 8}


def test_results_that_are_descriptors_are_asked_for() -> None:
    for call in CALLS.values():
        flags = call_flags(call)
        assert bool(flags & CallFlag.RESULT_SOCKET) == (call.result is Result.SOCKET)
        if call.result is Result.FD:
            assert flags & CallFlag.RESULT_FD
        if call.sets_fds >= 0:
            assert flags & CallFlag.SETS_FDS
        if Effect.DESCRIPTOR in call.effects:
            assert flags & CallFlag.SELECTED


def test_the_whole_plan_fits_its_fields() -> None:
    made = planned.TracePlan(plan.plan((Arch.X86_64, Arch.I386, Arch.AARCH64, Arch.ARM)))
    assert {t.arch for t in made.tables} == {Arch.X86_64, Arch.I386, Arch.AARCH64, Arch.ARM}
    for entry in made.tables:
        for number in range(entry.count):
            call = entry.calls[number]
            assert call.first_op + call.ops <= len(made.ops)
            assert call.n_args <= 6
    native = next(t for t in made.tables if t.arch == Arch.X86_64)
    # getppid, write, fcntl with its longest variant, and a number that nothing has
    assert [native.calls[n].n_args for n in (110, 1, 72, 400)] == [0, 3, 3, 6]


@pytest.mark.parametrize("links", [False, True])
def test_the_plan_that_was_kept_is_the_one_that_would_be_made(tmp_path: Path, links: bool) -> None:
    fresh = plan.plan(plan.native_arches(), links=links)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(planned, "PLAN_PATH", str(tmp_path / "plan"))
        assert planned._kept(links) is None
        planned.write()
        assert planned._kept(links) == fresh
        (tmp_path / "plan").write_bytes((tmp_path / "plan").read_bytes()[:100])
        assert planned._kept(links) is None
    assert planned._kept(links) in (None, fresh)  # the one of this installation, if its sources were not changed since


def test_a_plan_made_from_other_sources_is_not_used(tmp_path: Path) -> None:
    copied = tmp_path / "wiretale"
    shutil.copytree(Path(planned._ROOT), copied, ignore=shutil.ignore_patterns("__pycache__"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(planned, "PLAN_PATH", str(tmp_path / "plan"))
        planned.write()
        patch.setattr(planned, "_ROOT", str(copied))
        assert planned._kept(False) is not None
        for name in planned.SOURCES:
            source = copied / name
            before = source.read_bytes()
            source.write_bytes(before + b"#")
            assert planned._kept(False) is None, name
            source.write_bytes(before)


def test_what_a_plan_is_made_from_is_all_that_is_loaded_for_it() -> None:
    """A module that a plan depends on and that is no part of its fingerprint would let an old plan pass."""
    code = (
        "import sys; from wiretale.record.ptrace import planned; before = set(sys.modules)\n"
        "import wiretale.record.ptrace.plan\n"
        "print(*(sys.modules[n].__file__ for n in set(sys.modules) - before if n.startswith('wiretale.')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {str(Path(file).relative_to(planned._ROOT)) for file in done.stdout.split()}
    without_facts = {"light.py", "decode/__init__.py", "model/__init__.py"}
    assert loaded - without_facts <= set(planned.SOURCES)

"""The gate falls back to Python, and is never silently open."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from indelible.redact import gate


class DeadSet:
    """A set that ran out of memory: it answers "no match" to everything (google/re2#136)."""

    def Match(self, text: bytes) -> list[int]:
        return []


def test_a_set_that_ran_out_of_memory_is_noticed_on_every_call() -> None:
    dead = gate.Re2Gate(DeadSet())
    text = "mail bob@example.com"
    assert gate.PureGate().fired(text) == dead.fired(text)


def test_the_canary_cannot_be_spoofed_by_the_text() -> None:
    fast = gate.load()
    assert list(fast.fired("\x00\x01")) == []


def test_without_re2_the_gate_is_pure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "re2", None)
    assert isinstance(gate.load(), gate.PureGate)


def test_a_set_that_does_not_compile_or_fails_its_examples_is_not_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    re2 = pytest.importorskip("re2", reason="platform: google-re2 has no wheel here")

    class Broken:
        def Add(self, pattern: bytes) -> int:
            return 0

        def Compile(self) -> None:
            return None

        def Match(self, text: bytes) -> list[int]:
            return [gate.RUN + 1]

    fake = SimpleNamespace(
        Options=re2.Options,
        error=re2.error,
        Set=SimpleNamespace(SearchSet=lambda options: Broken()),
    )
    monkeypatch.setitem(sys.modules, "re2", fake)
    assert isinstance(gate.load(), gate.PureGate)

    def refuse(self: Broken, pattern: bytes) -> int:
        raise re2.error("out of memory")

    monkeypatch.setattr(Broken, "Add", refuse)
    assert isinstance(gate.load(), gate.PureGate)


def test_importing_the_scrubber_does_not_import_re2() -> None:
    import subprocess

    code = (
        "import sys, indelible.redact.walk as w; w.scrubber().value({1: 1});"
        "print('re2' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    assert done.stdout.strip() == "False"

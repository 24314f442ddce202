"""One question cannot take all memory or all time: the process that asks has bounds of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

BEGIN = """
import ctypes, resource, sys
from indelible.cli.bounds import bounded
from indelible.errors import IndelibleError
from indelible.query import guard
from indelible.query.engine import Engine

def give_up():
    print("gave up")
    return 7
"""


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", BEGIN + code],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.requirement("sql.hard-bounds")
def test_what_does_not_end_when_it_is_told_to_ends_with_the_process() -> None:
    # A call into C that nothing but the end of the process interrupts.
    done = run("with bounded(-1.9, give_up): ctypes.CDLL(None).pause()")
    assert (done.returncode, done.stdout) == (7, "gave up\n")


@pytest.mark.requirement("sql.hard-bounds")
@pytest.mark.parametrize(
    ("source", "max_rows"),
    [
        ("SELECT range FROM range(100000000)", 100_000_000),
        ("SELECT length(replace('" + "a" * 10_000 + "', 'a', '" + "b" * 50_000 + "'))", 1),
    ],
    ids=["rows in Python", "one value in DuckDB"],
)
def test_what_needs_too_much_memory_fails_with_a_reason(source: str, max_rows: int) -> None:
    done = run(f"""
engine = Engine([])
try:
    with bounded(60, give_up, more_bytes=400 << 20):
        guard.ask(engine, {source!r}, max_rows={max_rows}, timeout_s=60)
except IndelibleError as error:
    print(error)
print(guard.ask(engine, "SELECT 1", max_rows=1, timeout_s=60).rows)
print(resource.getrlimit(resource.RLIMIT_DATA)[0] == resource.RLIM_INFINITY)
""")
    assert done.stdout.splitlines() == [
        "the answer needs more than 1024 MiB of memory", "[(1,)]", "True",
    ]  # fmt: skip


def test_a_lower_bound_of_the_user_stays() -> None:
    done = run("""
resource.setrlimit(resource.RLIMIT_DATA, (1 << 30, resource.RLIM_INFINITY))
with bounded(60, give_up):
    print(resource.getrlimit(resource.RLIMIT_DATA)[0] == 1 << 30)
""")
    assert done.stdout == "True\n"

"""What runs in the processes of a storm: emitters, collectors, readers; see `storming`.

    python -m tests.query.storm_roles emit STATE NAME
    python -m tests.query.storm_roles collect STATE
    python -m tests.query.storm_roles page|sql|tail|export STATE

What a call is follows from who made it and its number, so whoever reads it can tell
whether it is what was recorded.
"""

from __future__ import annotations

import io
import json
import os
import select
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from indelible.capture.process import CLASS, clock_us
from indelible.model.event import Actor, Completed, Connection, ErrorType, Origin, Outcome, Received
from indelible.model.flat import Fields
from indelible.query.export import export_stream
from indelible.query.filter import Filter
from indelible.query.trail import Trail
from indelible.store.state import State, resolve

TOOLS = ("find_contact", "delete_file", "send_email")
EVERY = 1_000_000
Seen = dict[tuple[str, int], str | None]
"""The outcome of each call, by who made it and its number."""


def arguments(name: str, number: int) -> Fields:
    """What a call was asked with."""
    return {"emitter": name, "number": number, "twice": 2 * number, "note": "ordinary words"}


def is_error(number: int) -> bool:
    return number % 5 == 0


# Writing


def emit(root: Path, name: str) -> None:
    """Make as many calls as each line of stdin says; tell of each, and how long it took."""
    recorder = _recorder(root, name)
    number = 0
    for line in sys.stdin:
        for _ in range(int(line)):
            started = time.perf_counter_ns()
            recorder.keep([_received(name, number)])
            recorder.keep([_completed(number)])
            taken = time.perf_counter_ns() - started
            os.write(1, f"{number} {taken}\n".encode())
            number += 1


def _recorder(root: Path, name: str):
    from indelible.capture.policy import PROFILES
    from indelible.capture.recorder import Recorder
    from indelible.deliver.spool import Spool
    from indelible.redact.record import Redactor
    from indelible.redact.walk import scrubber

    cleaner = scrubber()
    cleaner.load()
    # Small parts: they roll all the time.
    spool = Spool(
        root / "spool" / CLASS, clock_us=clock_us, on_roll=lambda: None, roll_bytes=20_000
    )
    return Recorder(
        Redactor(cleaner, Origin(f"server-{name}", "stdio", "wrap")),
        spool,
        policy=PROFILES["dev"],
        reserve=root / "reserve",
        clock_us=clock_us,
        warn=print,
    )


def _received(name: str, number: int) -> Received:
    actor = Actor(id=f"actor-{name}", provenance="inherited")
    return Received(
        number=number,
        at_us=clock_us(),
        direction="client",
        method="tools/call",
        jsonrpc_id=number,
        tool=TOOLS[number % len(TOOLS)],
        tool_registered=True,
        args=arguments(name, number),
        args_bytes=40,
        connection=Connection(actor=actor, session=(name, "process")),
    )


def _completed(number: int) -> Completed:
    if is_error(number):
        return Completed(
            number, Outcome.ERROR, error_type=ErrorType.TOOL_ERROR, error=f"no {number}",
            duration_us=1000 * number,
        )  # fmt: skip
    return Completed(number, Outcome.OK, result_bytes=number, duration_us=1000 * number)


def collect(root: Path) -> None:
    """Collect, and seal the rows of the copy into small files, until stdin ends."""
    from indelible.collect.once import collect_once
    from indelible.query.search import origin_of
    from indelible.store import lock
    from indelible.store.index.keep import Keeper, Limits
    from indelible.store.reader import LogReader

    state, user = _state(root), os.geteuid()
    paths = state.log()
    limits = Limits(hot_rows=150, day_rows=1 << 30)

    def keep() -> None:
        reader = LogReader(paths.directory)
        log = origin_of(state, paths.name)
        Keeper(paths.index, reader, log, now_us=clock_us(), limits=limits).catch_up()

    def turn() -> int:
        collect_once(state, user=user, clock_us=clock_us, random=os.urandom, roll_bytes=30_000)
        if paths.checkpoint.exists():
            lock.run_exclusively(paths, keep)
        return 0

    _turns(turn)


# Reading


def check(entry: Fields) -> tuple[str, int]:
    """Whose call an entry is, and which; fails unless it is just what was recorded."""
    args = entry["args"]
    assert isinstance(args, dict), entry
    name, number = str(args["emitter"]), int(str(args["number"]))
    actor = entry["actor"]
    assert isinstance(actor, dict), entry
    assert args == arguments(name, number), entry
    assert actor["id"] == f"actor-{name}", entry
    assert entry["server"] == f"server-{name}", entry
    assert entry["tool"] == TOOLS[number % len(TOOLS)], entry
    check_ending(number, entry["outcome"], entry["error"], entry["durationMs"])
    return name, number


def check_ending(number: int, outcome: object, error: object, duration_ms: object) -> None:
    """Fail unless a call ended as it did, has not ended, or nobody is left who could tell."""
    if outcome is None:
        assert (error, duration_ms) == (None, None)
    elif outcome != "unknown":
        assert outcome == ("error" if is_error(number) else "ok"), number
        assert error == (f"no {number}" if is_error(number) else None), number
        assert duration_ms == number, number


def calls(entries: Iterable[Fields]) -> Seen:
    """Check entries, none of which may come twice."""
    found: Seen = {}
    for entry in entries:
        if entry["kind"] == "call":
            key = check(entry)
            assert key not in found, entry
            outcome = entry["outcome"]
            found[key] = outcome if isinstance(outcome, str) else None
    return found


def check_whole(found: Iterable[tuple[str, int]]) -> None:
    """Fail if of somebody's calls one is missing that came before another."""
    numbers: dict[str, list[int]] = {}
    for name, number in found:
        numbers.setdefault(name, []).append(number)
    for name, some in numbers.items():
        assert sorted(some) == list(range(len(some))), name


def page(trail: Trail) -> int:
    """All pages of one snapshot."""
    trail.refresh()
    entries: list[Fields] = []
    after = None
    while True:
        got = trail.page(Filter(), limit=EVERY if after is None else 100, after=after)
        entries += got.entries
        after = got.next
        if after is None:
            break
    found = calls(entries)
    check_whole(found)
    newest = trail.page(Filter(), limit=50)
    calls(newest.entries)
    return len(found)


def sql(trail: Trail) -> int:
    trail.refresh()
    rows = trail.sql(
        "SELECT actor_id, tool, outcome, error, duration_ms, call_id, "
        "CAST(args->>'$.number' AS BIGINT) AS number, args->>'$.emitter' AS emitter "
        "FROM audit_log",
        max_rows=EVERY,
        timeout_s=300,
    ).rows
    keys = []
    for actor, tool, outcome, error, duration_ms, _, number, name in rows:
        assert (actor, tool) == (f"actor-{name}", TOOLS[number % len(TOOLS)])
        check_ending(number, outcome, error, duration_ms)
        keys.append((name, number))
    assert len(set(keys)) == len({row[5] for row in rows}) == len(rows)
    check_whole(keys)
    return len(rows)


def tail(trail: Trail) -> Callable[[], int]:
    from indelible.cli.following import Following

    following = Following(trail, Filter(), clock_us)
    following.begin(10)
    done: set[tuple[str, int]] = set()

    def turn() -> int:
        trail.refresh()
        ended = [line.entry for line in following.news() if not line.is_open]
        found = set(calls(ended))
        assert not found & done
        done.update(found)
        return len(found)

    return turn


def export(trail: Trail) -> int:
    trail.refresh()
    out = io.BytesIO()
    export_stream(trail.scan(Filter()), out, "ndjson")
    return len(calls([json.loads(line) for line in out.getvalue().splitlines()]))


def read(kind: str, root: Path) -> None:
    """Read in one way, over and over, until stdin ends."""
    trail = Trail.open(_state(root), os.geteuid(), clock_us=clock_us)
    turns = {"page": page, "sql": sql, "export": export}
    _turns(tail(trail) if kind == "tail" else lambda: turns[kind](trail))
    trail.close()


def _turns(turn: Callable[[], int]) -> None:
    """Take turns until stdin ends; tell after each what it came to."""
    while not select.select([0], [], [], 0)[0]:
        os.write(1, f"{turn()}\n".encode())


def _state(root: Path) -> State:
    return resolve(root, {"HOME": str(root.parent)})


if __name__ == "__main__":
    role, state_root = sys.argv[1], Path(sys.argv[2])
    if role == "emit":
        emit(state_root, sys.argv[3])
    elif role == "collect":
        collect(state_root)
    else:
        read(role, state_root)

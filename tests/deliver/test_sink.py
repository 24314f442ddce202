"""NDJSON for log shippers: the flat entries, each on a line, and never at a call's expense."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given

from indelible.deliver.sink import Sink, open_sink
from indelible.deliver.sinks import ndjson
from indelible.deliver.sinks.ndjson import NdjsonSink
from indelible.deliver.sinks.outlet import DescriptorOutlet, FileOutlet
from indelible.errors import UsageError
from indelible.model.event import Completed, Outcome, ServerExit, ServerStart
from indelible.model.flat import Fields
from indelible.model.line import entry_line
from indelible.query.search import search
from indelible.store.state import resolve
from tests.capture.rig import Rig
from tests.model.events import JSON

SCHEMA = json.loads(
    (Path(__file__).parents[2] / "docs/reference/flat.schema.json").read_text(encoding="utf-8")
)


def lines(data: bytes) -> list[Fields]:
    assert data.endswith(b"\n") or not data
    return [json.loads(line) for line in data.split(b"\n")[:-1]]


def close(rig: Rig, sink: Sink) -> None:
    rig.recorder.close()
    sink.close()


def kept(state: Path) -> dict[str, Fields]:
    found = search(resolve(state, {}), os.geteuid(), lambda _entry: True, 10_000)
    return {str(entry["recordId"]): entry for entry in found.entries}


@pytest.fixture
def out(tmp_path) -> Path:
    return tmp_path / "out.ndjson"


@pytest.fixture
def rig(tmp_path, out):
    sink = open_sink(out, print)
    sink.start()
    made = Rig(tmp_path / "state", sink=sink)
    made.sink = sink
    yield made
    made.spool.close()
    sink.close()


@pytest.mark.requirement("ndjson.flat-entry")
def test_a_line_is_what_query_says_of_the_entry_before_it_is_sealed(rig, out, tmp_path) -> None:
    rig.recorder.keep([ServerStart(rig.now, ["crm", "--token", "sekret-value-1"])])
    first, second = rig.call(), rig.call("write")
    rig.recorder.keep([first, second])
    rig.recorder.keep([Completed(second.number, Outcome.ERROR, error="no \x85 ü 漢 \u2028")])
    rig.recorder.keep([Completed(first.number, Outcome.OK, duration_us=1_700)])
    rig.recorder.keep([ServerExit(rig.now, 0, None)])
    close(rig, rig.sink)

    told = lines(out.read_bytes())
    assert [entry.get("tool") for entry in told] == [None, "write-tool", "read-tool", None]
    assert {entry["recordId"]: entry for entry in told} == kept(tmp_path / "state")
    for entry in told:
        jsonschema.validate(entry, SCHEMA)
    assert b"sekret" not in out.read_bytes()


def test_a_gap_is_told_too(rig, out) -> None:
    rig.spool.room = 0
    rig.runs(rig.call())
    rig.spool.room = None
    rig.runs(rig.call())
    close(rig, rig.sink)
    assert [entry["kind"] for entry in lines(out.read_bytes())] == ["gap", "call"]


def test_a_call_that_never_ended_is_told_without_an_end(rig, out, tmp_path) -> None:
    rig.recorder.keep([rig.call()])
    close(rig, rig.sink)
    (entry,) = lines(out.read_bytes())
    assert entry["outcome"] is None
    assert kept(tmp_path / "state") == {entry["recordId"]: entry}


def test_beyond_a_bound_the_oldest_call_is_told_without_waiting_for_its_end(
    rig, out, monkeypatch
) -> None:
    monkeypatch.setattr(ndjson, "MAX_OPEN", 2)
    calls = [rig.call() for _ in range(3)]
    rig.recorder.keep(list(calls))
    rig.recorder.keep([Completed(call.number, Outcome.OK) for call in calls])
    close(rig, rig.sink)
    told = [(entry["kind"], entry["outcome"]) for entry in lines(out.read_bytes())]
    assert told == [("call", None), ("completed", "ok"), ("call", "ok"), ("call", "ok")]


def test_nothing_is_written_before_it_may_start_and_nothing_is_lost_by_that(tmp_path, out) -> None:
    threads = threading.active_count()
    sink = open_sink(str(out), print)
    rig = Rig(tmp_path / "state", sink=sink)
    rig.runs(rig.call())
    assert threading.active_count() == threads
    assert not out.exists()
    close(rig, sink)
    assert len(lines(out.read_bytes())) == 1


@given(JSON.filter(lambda value: "\\ud" not in json.dumps(value)))
def test_a_line_reads_as_what_was_written(value) -> None:
    try:
        expected = json.loads(json.dumps({"a": value}, allow_nan=False))
    except ValueError:  # NaN, or a number too long for Python
        return
    line = entry_line({"a": value})
    assert json.loads(line) == expected
    assert len(line.decode().splitlines()) == 1
    assert all(byte >= 0x20 and byte != 0x7F for byte in line[:-1])


def test_half_a_surrogate_pair_is_written_as_an_escape() -> None:
    assert entry_line({"a": "\ud83d"}) == b'{"a":"\\ud83d"}\n'


# A reader that is slow, gone, or never there


@pytest.fixture
def pipe():
    reader, writer = os.pipe()
    outlet = DescriptorOutlet(writer, "fd:9")
    os.close(writer)
    yield reader, outlet
    os.close(reader)


@pytest.mark.requirement("ndjson.never-delays")
def test_a_reader_that_never_reads_delays_no_call_and_loses_lines_only(
    pipe, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(ndjson, "MAX_WAITING_BYTES", 50_000)
    said: list[str] = []
    sink = NdjsonSink(pipe[1], said.append, close_s=0)
    sink.start()
    rig = Rig(tmp_path / "state", sink=sink)
    for _ in range(500):
        assert rig.runs(rig.call())
    close(rig, sink)

    assert len(kept(tmp_path / "state")) == 500
    too_slow = "fd:9: NDJSON lines are lost: its reader is too slow"
    assert said[0] == f"{too_slow}; the records themselves are kept"
    assert len(said) == 2, "once, and in the end how many"
    lost = int(said[1].split()[1])
    written = os.read(pipe[0], 1 << 20).count(b"\n")
    assert written + lost == 500
    assert rig.said == []


@pytest.mark.requirement("ndjson.never-delays")
def test_a_reader_that_is_slow_gets_everything_there_is_room_for(pipe, tmp_path) -> None:
    sink = NdjsonSink(pipe[1], print, close_s=30)
    sink.start()
    rig = Rig(tmp_path / "state", sink=sink)
    for _ in range(300):
        assert rig.runs(rig.call())
    reading: list[bytes] = []
    reader = os.dup(pipe[0])

    def read() -> None:
        with open(reader, "rb") as stream:
            reading.append(stream.read())

    thread = threading.Thread(target=read)
    thread.start()
    close(rig, sink)
    thread.join(30)
    assert [entry["args"]["n"] for entry in lines(reading[0])] == list(range(1, 301))


@pytest.mark.requirement("ndjson.never-fails")
def test_a_reader_that_is_gone_is_said_once(tmp_path) -> None:
    reader, writer = os.pipe()
    said: list[str] = []
    sink = NdjsonSink(DescriptorOutlet(writer, "fd:9"), said.append, close_s=30)
    sink.start()
    os.close(writer)
    os.close(reader)
    rig = Rig(tmp_path / "state", sink=sink)
    for _ in range(20):
        assert rig.runs(rig.call())
    close(rig, sink)
    assert said == [
        "fd:9: NDJSON lines are lost: Broken pipe; the records themselves are kept",
        "fd:9: 20 NDJSON lines were not written",
    ]


@pytest.mark.requirement("ndjson.never-fails")
def test_a_full_disk_costs_lines_and_no_calls(tmp_path) -> None:
    said: list[str] = []
    sink = open_sink("/dev/full", said.append)
    sink.start()
    rig = Rig(tmp_path / "state", sink=sink)
    assert all(rig.runs(rig.call("destructive")) for _ in range(3))
    close(rig, sink)
    assert said[1:] == ["/dev/full: 3 NDJSON lines were not written"]


@pytest.mark.requirement("ndjson.never-fails")
def test_a_fault_of_the_sinks_own_is_said_and_nothing_is_kept_twice(tmp_path) -> None:
    class Faulty:
        def kept(self, records: Any) -> None:
            raise RuntimeError("a bug")

        def start(self) -> None: ...

        def redraw(self) -> None: ...

        def close(self) -> None: ...

    rig = Rig(tmp_path / "state", sink=Faulty())
    assert rig.runs(rig.call())
    assert rig.runs(rig.call())
    rig.recorder.close()
    assert rig.said == ["nothing more is passed on as NDJSON (RuntimeError)"]
    assert rig.kinds == ["received", "completed"] * 2


# Forks


@pytest.mark.requirement("ndjson.forks")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # Python 3.12: threads and forks
@pytest.mark.parametrize("to", ["file", "pipe"])
def test_forked_writers_write_whole_lines(to, tmp_path, out) -> None:
    reader, writer = os.pipe()
    outlet = FileOutlet(out) if to == "file" else DescriptorOutlet(writer, "fd:9")
    os.close(writer)
    sink = NdjsonSink(outlet, print, close_s=30)
    sink.start()
    rig = Rig(tmp_path / "state", sink=sink)
    parents = rig.call()
    rig.recorder.keep([parents])
    long = {str(n): "long words " * 15 for n in range(60)}

    def work() -> None:
        for _ in range(25):
            rig.runs(rig.call()._replace(args=long))
        close(rig, sink)

    children = []
    for _ in range(3):
        if not (child := os.fork()):
            code = 1
            try:
                work()
                code = 0
            finally:
                os._exit(code)
        children.append(child)
    found: list[bytes] = []

    def read() -> None:
        with open(reader, "rb") as stream:
            found.append(stream.read())

    thread = threading.Thread(target=read)
    thread.start()
    rig.recorder.keep([Completed(parents.number, Outcome.OK)])
    work()
    outlet.close()
    for child in children:
        assert os.waitpid(child, 0)[1] == 0
    thread.join(30)

    told = lines(out.read_bytes() if to == "file" else found[0])
    assert len(told) == 4 * 25 + 1, "the parent's call is told by the parent alone"
    assert {entry["recordId"]: entry for entry in told} == kept(tmp_path / "state")


# Where it may not go


@pytest.mark.requirement("ndjson.not-stdout")
@pytest.mark.parametrize("target", ["stdout", "-", "fd:1", "fd:0", "/dev/stdout"])
def test_the_protocols_own_channel_is_refused(target) -> None:
    with pytest.raises(UsageError, match="carries the protocol") as caught:
        open_sink(target, print)
    assert "stderr" in caught.value.hint


@pytest.mark.requirement("ndjson.not-stdout")
@pytest.mark.parametrize("target", ["fd:3", "/dev/fd/1", "/proc/self/fd/3", "stderr"])
def test_so_is_the_same_pipe_under_another_name(target) -> None:
    code = (
        "import os; from indelible.deliver.sink import open_sink\n"
        "from indelible.errors import UsageError\n"
        "os.dup2(1, 3), os.dup2(1, 2)\n"
        f"try: open_sink({target!r}, print)\nexcept UsageError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "carries the protocol" in done.stdout


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("fd:", "no descriptor"),
        ("fd:x", "no descriptor"),
        ("fd:-1", "no descriptor"),
        ("fd:²", "no descriptor"),
        ("fd:99999", "cannot be written to: Bad file descriptor"),
        ("", "no name of a file"),
        ("/", "is a directory"),
    ],
)
def test_what_cannot_be_a_target_is_refused_at_once(target, says) -> None:
    with pytest.raises(UsageError, match=says):
        open_sink(target, print)


def test_a_path_is_a_file_whatever_it_is_called(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    sink = open_sink(Path("stderr"), print)
    rig = Rig(tmp_path / "state", sink=sink)
    rig.runs(rig.call())
    close(rig, sink)
    assert len(lines((tmp_path / "stderr").read_bytes())) == 1


@pytest.mark.requirement("ndjson.costs-nothing-unused")
def test_nothing_of_it_is_loaded_where_it_is_not_asked_for() -> None:
    code = (
        "import sys; import indelible.cli.wrap, indelible.capture.sdk; "
        "print([name for name in sys.modules if 'sink' in name])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

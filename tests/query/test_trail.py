"""The trail answers what the log answers, whatever the query copy covers of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import weakref
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indelible.errors import FormatError, IndelibleError, UsageError
from indelible.model.canonical import encode, format_time, parse_time
from indelible.model.flat import Fields
from indelible.model.record import Record, body_hash
from indelible.query import snapshot
from indelible.query.filter import explain_terms
from indelible.query.parse import parse
from indelible.query.search import find, origin_of, search
from indelible.query.trail import Trail
from indelible.store.index.keep import Keeper, Limits
from indelible.store.reader import LogReader
from indelible.store.state import State
from tests.query import trail as made
from tests.query.trail import Writer

ROOT = Path(__file__).parents[2]
EVERY = 10_000


def opened(trail: made.Trail) -> Trail:
    found = Trail.open(trail.state, os.geteuid(), clock_us=lambda: trail.now_us)
    weakref.finalize(trail, found.close)
    return found


def place(entry: Fields) -> tuple[int, str, int]:
    """Where an entry stands: the earlier of its own time and that of its collection."""
    writer, _, seq = str(entry["recordId"]).rpartition("/")
    return parse_time(str(entry["timestamp"])), writer, int(seq)


def by_log(state: State) -> list[Fields]:
    return search(state, os.geteuid(), lambda _: True, EVERY).entries


@pytest.fixture
def trail(tmp_path: Path) -> made.Trail:
    return made.Trail(tmp_path / "state")


def collect_beyond(trail: made.Trail) -> None:
    """Collect, and leave the query copy as it was."""
    index = trail.state.log().index
    with tempfile.TemporaryDirectory() as kept:
        held = Path(kept) / "index"
        if index.exists():
            shutil.copytree(index, held)
        trail.collect()
        shutil.rmtree(index, ignore_errors=True)
        if held.exists():
            shutil.copytree(held, index)


def catch_up(trail: made.Trail, hot_rows: int) -> None:
    """Bring the query copy up to the log, and seal its rows into files of so many."""
    paths = trail.state.log()
    limits = Limits(hot_rows=hot_rows, day_rows=1)
    reader = LogReader(paths.directory)
    log = origin_of(trail.state, "default")
    Keeper(paths.index, reader, log, now_us=trail.now_us, limits=limits).catch_up()


@pytest.fixture
def filled(trail: made.Trail) -> made.Trail:
    """Calls in sealed files, in the log beyond them, and in a spool; one spans them all."""
    writer = Writer(trail)
    slow = writer.received("slow")
    for number in range(4):
        writer.call("find_contact", "error" if number == 1 else "ok")
    collect_beyond(trail)
    catch_up(trail, 2)
    writer.call("send_email", actor={"id": "bob", "provenance": "asserted"})
    collect_beyond(trail)
    writer.completed(slow)
    writer.call("find_contact")
    return trail


class History:
    """What emitters, collectors and the keeper of the copy do, one step at a time."""

    def __init__(self, root: Path) -> None:
        self.trail = made.Trail(root / "state")
        self.writers: list[Writer] = []
        self.open: list[tuple[Writer, int]] = []
        self.ended: list[tuple[Writer, list[int]]] = []

    def step(self, name: str, pick: int) -> None:
        if name == "writer" or not self.writers:
            self.writers.append(Writer(self.trail, f"server-{pick % 2}"))
        writer = self.writers[pick % len(self.writers)]
        if name == "start":
            self.open.append((writer, writer.received(f"tool-{pick % 3}")))
        elif name == "call":
            writer.call(f"tool-{pick % 3}", "error" if pick % 2 else "ok")
        elif name == "note":
            writer.keep({"kind": "server.start", "timestamp": format_time(self.trail.tick())}, {})
        elif name == "end" and self.open:
            one, of = self.open.pop(pick % len(self.open))
            one.completed(of)
        elif name == "die":
            self.writers.remove(writer)
            left = [of for one, of in self.open if one is writer]
            self.open = [(one, of) for one, of in self.open if one is not writer]
            writer.end()
            self.ended.append((writer, left))
        elif name == "revive" and self.ended:
            self.revive(*self.ended.pop())
        elif name == "collect":
            self.trail.collect()
        elif name == "collect beyond":
            collect_beyond(self.trail)
        elif name == "seal" and (self.trail.root / "log").exists():
            catch_up(self.trail, 1 + pick % 4)

    def revive(self, writer: Writer, left: list[int]) -> None:
        """Have a writer that was given up speak again: its own word stands."""
        writer.again()
        for of in left:
            writer.completed(of)
        self.writers.append(writer)


STEPS = ("writer", "start", "start", "call", "call", "note", "end", "end", "die", "revive")
KEEPING = ("collect", "collect beyond", "collect beyond", "seal", "seal")


@pytest.mark.requirement("trail.same-as-log")
@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.sampled_from(STEPS + KEEPING), st.integers(0, 11)), max_size=40),
    st.integers(1, 7),
    st.booleans(),
)
def test_any_history_is_answered_as_the_log_answers_it(
    steps: list[tuple[str, int]], limit: int, oldest_first: bool
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        history = History(Path(directory))
        for name, pick in steps:
            history.step(name, pick)
        if not history.trail.root.exists():
            return
        trail = opened(history.trail)
        expected = sorted(by_log(history.trail.state), key=place, reverse=not oldest_first)
        found: list[Fields] = []
        page = trail.page(parse(""), limit=limit, oldest_first=oldest_first)
        found += page.entries
        while page.next is not None:
            assert len(page.entries) == limit
            page = trail.page(parse(""), limit=limit, after=page.next, oldest_first=oldest_first)
            found += page.entries
        assert found == expected
        assert trail.count(parse("")) == len(expected)
        assert list(chain(*trail.scan(parse("")))) == sorted(expected, key=place)
        trail.close()


@pytest.mark.requirement("trail.same-as-log")
def test_a_call_that_spans_copy_log_and_spool_is_one_entry(filled: made.Trail) -> None:
    trail = opened(filled)
    found = trail.page(parse(""), limit=EVERY).entries
    assert found == by_log(filled.state)
    assert [(entry["tool"], entry["outcome"]) for entry in found] == [
        ("find_contact", "ok"), ("send_email", "ok"), ("find_contact", "ok"),
        ("find_contact", "ok"), ("find_contact", "error"), ("find_contact", "ok"), ("slow", "ok"),
    ]  # fmt: skip
    assert list((filled.state.log().index).rglob("*.parquet"))


def test_of_two_ends_that_a_writer_gives_a_call_the_first_stands_sealed_or_not(
    trail: made.Trail,
) -> None:
    writer = Writer(trail)
    of = writer.received("slow")
    writer.completed(of, "error", errorType="tool_error")
    writer.completed(of, "ok")
    for collect in (lambda: None, lambda: collect_beyond(trail), trail.collect):
        collect()
        asked = opened(trail)
        [found] = asked.page(parse(""), limit=EVERY).entries
        assert (found["outcome"], [found]) == ("error", by_log(trail.state))


def test_an_end_of_what_is_no_call_is_an_entry_of_its_own_sealed_or_not(trail: made.Trail) -> None:
    writer = Writer(trail)
    of = writer.keep({"kind": "server.start", "timestamp": format_time(trail.tick())}, {})
    trail.collect()
    writer.completed(of)
    for step in (lambda: None, lambda: collect_beyond(trail), trail.collect):
        step()
        kinds = {e["kind"] for e in opened(trail).page(parse(""), limit=EVERY).entries}
        assert kinds == {"server.start", "completed"}
    shutil.rmtree(trail.state.indexes)
    assert opened(trail).count(parse("kind:completed")) == 1


def test_a_record_whose_json_cannot_be_read_hinders_no_late_end(trail: made.Trail) -> None:
    writer = Writer(trail)
    slow = writer.received("slow")
    salt, body = b"0" * 16, b'{"error":"\\ud800"}'
    header = {
        "kind": "completed", "of": {"writer": writer.id, "seq": 99}, "outcome": "ok", "v": 1,
        "writer": writer.id, "seq": writer.seq, "bodyHash": body_hash(salt, body),
    }  # fmt: skip
    writer.write(Record(encode(header), salt, body))
    writer.end()
    trail.collect()
    catch_up(trail, 1)
    writer.again()
    writer.completed(slow)
    trail.collect()
    catch_up(trail, 1)
    found = opened(trail)
    assert (found.count(parse("tool:slow outcome:ok")), found.count(parse(""))) == (1, 2)


def test_without_a_copy_everything_is_read_from_the_log(filled: made.Trail) -> None:
    shutil.rmtree(filled.state.indexes)
    assert opened(filled).page(parse(""), limit=EVERY).entries == by_log(filled.state)


def test_a_copy_of_another_log_is_no_copy(filled: made.Trail) -> None:
    manifest = filled.state.log().index / "manifest.json"
    data = manifest.read_bytes()
    for old, new in ((b'"log":"', b'"log":"x'), (b'"last":"', b'"last":"00')):
        manifest.write_bytes(data.replace(old, new))
        assert opened(filled).page(parse(""), limit=EVERY).entries == by_log(filled.state)


def test_a_copy_that_was_cut_is_an_error_that_says_what_to_do(filled: made.Trail) -> None:
    for path in filled.state.log().index.rglob("*.parquet"):
        path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(FormatError) as caught:
        opened(filled).page(parse(""), limit=EVERY)
    assert "index rebuild" in caught.value.hint


@pytest.mark.requirement("trail.beside-writers")
def test_files_that_vanish_after_the_snapshot_are_no_failure(filled: made.Trail) -> None:
    trail, expected = opened(filled), by_log(filled.state)
    scan = trail.scan(parse(""))
    paths = filled.state.log()
    for _ in range(2):
        keeper = Keeper(
            paths.index,
            LogReader(paths.directory),
            origin_of(filled.state, "default"),
            now_us=filled.now_us,
            limits=Limits(hot_rows=2, day_rows=1),
        )
        before = set(paths.index.rglob("*.parquet"))
        keeper.catch_up(anew=True)
        assert before.isdisjoint(paths.index.rglob("*.parquet"))
        assert trail.page(parse(""), limit=EVERY).entries == expected
    keeper.catch_up(anew=True)
    assert trail.sql("SELECT count(*) FROM audit_log", max_rows=9, timeout_s=60).rows == [(7,)]
    assert list(chain(*scan)) == expected[::-1]


@pytest.mark.requirement("trail.beside-writers")
def test_newest_rows_that_vanished_while_they_were_read_are_not_shown_twice(
    trail: made.Trail, monkeypatch
) -> None:
    writer = Writer(trail)
    for _ in range(3):
        writer.call()
    trail.collect()
    asked = opened(trail)
    assert len(asked.page(parse(""), limit=EVERY).entries) == 3
    writer.call()
    trail.collect()
    index = trail.state.log().index
    [newest] = index.glob("hot-*.ndjson")
    newest.rename(index / "away")
    monkeypatch.setattr(snapshot, "_TRIES", 1)  # a second look would hide what the first left
    with pytest.raises(IndelibleError, match="replaced each time"):
        asked.refresh()
    (index / "away").rename(newest)
    catch_up(trail, 1)  # the newest rows are sealed, and there are none in their place
    asked.refresh()
    assert asked.page(parse(""), limit=EVERY).entries == by_log(trail.state)


@pytest.mark.requirement("trail.beside-writers")
def test_a_writer_that_was_collected_and_forgotten_meanwhile_is_not_shown_twice(
    trail: made.Trail, monkeypatch
) -> None:
    gone, other = Writer(trail), Writer(trail)
    other.call()
    trail.collect()
    gone.call()
    gone.end()
    read, times = snapshot.read_manifest, iter(range(100))

    def read_late(directory: Path) -> object:
        if next(times) == 0:
            for _ in range(2):  # the first removes the spool, the second forgets the writer
                other.call()
                trail.collect()
        return read(directory)

    monkeypatch.setattr(snapshot, "read_manifest", read_late)
    found = opened(trail).page(parse(""), limit=EVERY).entries
    assert found == by_log(trail.state)
    assert len(found) == 4


def test_several_classes_are_one_trail(trail: made.Trail) -> None:
    first, second = Writer(trail), Writer(trail, name="brief")
    for _ in range(3):
        first.call("a")
        second.call("b")
    trail.collect()
    second.call("b")
    found = opened(trail)
    page = found.page(parse(""), limit=3)
    assert page.next is not None
    rest = found.page(parse(""), limit=9, after=page.next)
    assert [entry["tool"] for entry in page.entries + rest.entries] == list("bbababa")
    assert len({entry["log"] for entry in page.entries[1:]}) == 2


def test_an_entry_that_comes_in_between_moves_no_page(filled: made.Trail) -> None:
    trail = opened(filled)
    first = trail.page(parse(""), limit=3)
    Writer(filled).call("fresh")
    filled.collect()
    trail.refresh()
    rest = trail.page(parse(""), limit=EVERY, after=first.next)
    everything = trail.page(parse(""), limit=EVERY).entries
    assert everything[0]["tool"] == "fresh"
    assert first.entries[1:] + rest.entries == everything[2:]


def test_ids_are_found_as_in_the_log(filled: made.Trail) -> None:
    trail, user = opened(filled), os.geteuid()
    for entry in by_log(filled.state):
        for name in ("callId", "recordId", "requestId"):
            wanted = str(entry[name])
            assert trail.find(wanted) == find(filled.state, user, wanted), wanted
    for wanted in ("0", "#3", "7"):
        assert trail.find(wanted) == find(filled.state, user, wanted)
    with pytest.raises(IndelibleError, match="entries have an id that begins with"):
        trail.find(str(entry["callId"])[:8])
    with pytest.raises(UsageError, match="too short"):
        trail.find("0192f0c")
    with pytest.raises(IndelibleError, match="nothing with the id"):
        trail.find("ffffffff-0000")


def test_the_previous_call_is_that_of_the_same_actor_tool_and_server(filled: made.Trail) -> None:
    trail = opened(filled)
    newest, email, older, *_ = trail.page(parse(""), limit=EVERY).entries
    assert trail.previous(newest) == older
    assert trail.previous(email) is None


def test_groups_count_calls_errors_and_the_latest(filled: made.Trail) -> None:
    trail = opened(filled)
    groups = trail.groups(parse(""), ["tool"], 9)
    assert [(one.values, one.calls, one.errors) for one in groups] == [
        (("find_contact",), 5, 1), (("send_email",), 1, 0), (("slow",), 1, 0),
    ]  # fmt: skip
    assert groups[0].last == trail.page(parse(""), limit=1).entries[0]["timestamp"]
    assert trail.groups(parse(""), ["actor", "day"], 1)[0].values == ("ann", "2026-11-24")
    assert [one.calls for one in trail.groups(parse("tool:s*"), [], 1)] == [2]
    with pytest.raises(UsageError, match="cannot group by 'duration'"):
        trail.groups(parse(""), ["duration"], 1)


def test_each_condition_is_explained_by_what_matches_without_it(filled: made.Trail) -> None:
    trail = opened(filled)
    terms = explain_terms(parse("tool:find_contact actor:bob"))
    assert [(term, trail.count(one), trail.count(rest)) for term, one, rest in terms] == [
        ("tool:find_contact", 5, 1),
        ("actor:bob", 1, 5),
    ]


def test_reading_changes_nothing(filled: made.Trail) -> None:
    before = contents(filled.root)
    trail = opened(filled)
    trail.page(parse(""), limit=3)
    trail.sql("SELECT count(*) FROM audit_log", max_rows=1, timeout_s=60)
    trail.close()
    assert contents(filled.root) == before


def contents(root: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in root.rglob("*") if path.is_file()}


KEEP = """
import sys
from pathlib import Path
from tests.query.test_trail import catch_up
from tests.query.trail import Trail, Writer
trail = Trail(Path(sys.argv[1]))
print("begun", flush=True)
for number in range(40):
    writer = Writer(trail)
    trail.now_us += 100_000_000_000 * (number % 2)
    for _ in range(5):
        writer.call(f"tool-{number}")
    writer.end()
    trail.collect()
    catch_up(trail, 7)
"""


@pytest.mark.requirement("trail.beside-writers")
def test_readers_beside_a_writer_see_whole_histories(trail: made.Trail) -> None:
    Writer(trail).end()
    keeper = subprocess.Popen(
        [sys.executable, "-c", KEEP, str(trail.root)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
        stdout=subprocess.PIPE,
    )
    assert keeper.stdout is not None
    keeper.stdout.readline()
    reader = opened(trail)
    seen = 0
    while keeper.poll() is None:
        reader.refresh()
        found = [str(e["recordId"]) for stretch in reader.scan(parse("")) for e in stretch]
        assert len(found) == len(set(found)) >= seen
        seen = len(found)
    keeper.stdout.close()
    assert keeper.returncode == 0
    reader.refresh()
    assert reader.count(parse("")) == 200
    assert reader.count(parse("outcome:ok")) == 200

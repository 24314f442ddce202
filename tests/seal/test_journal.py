"""The notes `intent` and `writers`, the book of writers, and how the notes are compared."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indelible.errors import FormatError
from indelible.model.canonical import uuid7
from indelible.model.record import Stamp, body_hash
from indelible.seal.abandoned import ABANDONED, abandoned
from indelible.seal.density import Density
from indelible.seal.journal import (
    MAX_OPEN,
    MAX_SEQ,
    Book,
    Intent,
    Read,
    Sealed,
    Writers,
    WriterState,
)
from indelible.seal.merkle import Frontier, leaf_hash
from indelible.seal.note import Checkpoint, SigningKey
from indelible.seal.notes import RawNotes, judge_notes

KEY = SigningKey("indelible.00000000/default", bytes(32))
W = uuid7(10**15, bytes(10))
V = uuid7(10**15, bytes(9) + b"\x01")

numbers = st.integers(0, 2**53 - 1)
hashes = st.from_regex(r"[0-9a-f]{64}", fullmatch=True)
read = st.builds(Read, numbers, hashes)
reads = st.dictionaries(st.integers(0, 999_999), read)
listings = st.fixed_dictionaries({"bodies": hashes, "quarantine": hashes, "segments": hashes})
files = st.builds(Sealed, numbers, read, listings)
FILES = Sealed(0, Read(1, "0" * 64), dict.fromkeys(("bodies", "quarantine", "segments"), "1" * 64))
calls = st.sets(st.integers(0, 12) | st.integers(0, MAX_SEQ - 1), max_size=12)
states = st.dictionaries(st.sampled_from([W, V]), st.builds(WriterState, numbers, calls, reads))


def frontier(size: int) -> Frontier:
    made = Frontier()
    for number in range(size):
        made.add(leaf_hash(b"%d" % number))
    return made


@given(st.integers(0, 10**18), st.binary(min_size=32, max_size=32))
def test_intents_read_as_they_were_written(size, root):
    intent = Intent(KEY.name, size, root)
    assert Intent.parse(intent.format()) == intent


@given(st.integers(0, 50), st.booleans(), st.integers(0, 4 * 10**15), states, files)
def test_writers_read_as_they_were_written(size, outside, at_us, content, sealed):
    there = sealed if size else None
    writers = Writers(KEY.name, size, outside, at_us, frontier(size), content, there)
    again = Writers.parse(writers.format())
    assert again.format() == writers.format()
    assert (again.size, again.root, again.outside) == (size, writers.root, outside)
    assert again.states == content
    assert again.sealed == there
    assert again.collected_at_us == at_us


def written(still_open: set[int], following: int = 9) -> bytes:
    states = {W: WriterState(following, still_open)}
    return Writers(KEY.name, 0, True, 0, frontier(0), states, None).format()


@pytest.mark.parametrize(
    ("still_open", "text"),
    [
        (set(), b"[]"),
        ({4}, b"[4]"),
        ({4, 5}, b"[4,5]"),
        ({4, 5, 6}, b"[[4,6]]"),
        ({0, 2, 3, 4, 5, 9, 10}, b"[0,[2,5],9,10]"),
    ],
)
def test_open_calls_in_a_row_are_written_as_a_range(still_open, text):
    note = written(still_open)
    assert b'"open":%s,' % text in note
    assert Writers.parse(note).states[W].open == still_open


def test_a_million_open_calls_take_no_room_and_no_more_are_read():
    note = written(set(range(MAX_OPEN)))
    assert len(note) < 1000
    assert len(Writers.parse(note).states[W].open) == MAX_OPEN
    for last in (MAX_OPEN, MAX_SEQ - 1, MAX_SEQ, -1):
        with pytest.raises(FormatError):
            Writers.parse(note.replace(b"%d]]" % (MAX_OPEN - 1), b"%d]]" % last))
    with pytest.raises(FormatError):
        Writers.parse(written(set(range(3))).replace(b"[0,2]", b"[0,2,3]"))


def test_the_number_after_the_highest_can_be_kept():
    assert Writers.parse(written(set(), MAX_SEQ)).states[W].next == MAX_SEQ
    with pytest.raises(FormatError):
        Writers.parse(written(set(), 1 << 53))


@given(st.data())
def test_another_spelling_of_writers_is_refused(data):
    text = Writers(KEY.name, 3, True, 0, frontier(3), {W: WriterState(2, {1})}, FILES).format()
    at = data.draw(st.integers(0, len(text) - 1))
    edited = bytearray(text)
    edited[at] ^= 1 << data.draw(st.integers(0, 7))
    try:
        found = Writers.parse(bytes(edited))
    except FormatError:
        return
    assert found.format() == bytes(edited)


@pytest.mark.parametrize(
    "content",
    [
        "{}",
        "[]",
        "[" * 5000,
        '{"collectedAt":"2026-11-24T00:00:00.000000Z","frontier":["zz"],"writers":{}}',
        '{"collectedAt":"never","frontier":[],"writers":{}}',
        '{"collectedAt":"2026-11-24T00:00:00.000000Z","frontier":[],"writers":{"w":{"next":-1}}}',
        '{"collectedAt":"2026-11-24T00:00:00.000000Z","frontier":[],"writers":[]}',
    ],
)
def test_what_is_no_writers_note(content):
    root = Checkpoint(KEY.name, 0, frontier(0).root()).format().split(b"\n")[2].decode()
    text = f"indelible-writers/v1\n{KEY.name}\n0\n{root}\noutside=no\n{content}\n"
    with pytest.raises(FormatError):
        Writers.parse(text.encode())
    with pytest.raises(FormatError):
        Intent.parse(text.encode())


@pytest.mark.parametrize(
    "edit",
    [
        ('"listings":{', '"listings":{"more":"' + "1" * 64 + '",'),
        ('"quarantine":"' + "1" * 64, '"quarantine":"' + "1" * 63),
        ('"quarantine":"' + "1" * 64 + '",', ""),
        ('"first":0', '"first":-1'),
        ('"first":0,', ""),
        ('"bytes":1', '"bytes":true'),
        ('"sha256":"' + "0" * 64, '"sha256":"' + "A" * 64),
        ('"segment":', '"Segment":'),
        ('"listings":', '"Listings":'),
        ('"segment":{', '"segment":3,"x":{'),
    ],
)
def test_what_a_writers_note_may_not_say_of_the_files(edit):
    text = Writers(KEY.name, 3, True, 0, frontier(3), {}, FILES).format()
    assert Writers.parse(text).sealed == FILES
    edited = text.decode().replace(*edit)
    assert edited.encode() != text
    with pytest.raises(FormatError):
        Writers.parse(edited.encode())


@pytest.mark.parametrize(("size", "sealed"), [(0, FILES), (3, None)])
def test_files_are_told_of_exactly_where_there_are_leaves(size, sealed):
    text = Writers(KEY.name, size, True, 0, frontier(size), {}, sealed).format()
    with pytest.raises(FormatError):
        Writers.parse(text)


def test_the_book_follows_the_headers():
    book = Book()
    book.apply({"kind": "received", "writer": W, "seq": 0}, from_collector=False)
    book.apply({"kind": "received", "writer": W, "seq": 1}, from_collector=False)
    of = {"writer": W, "seq": 0}
    book.apply({"kind": "completed", "writer": W, "seq": 2, "of": of}, from_collector=False)
    assert (book.get(W).next, book.get(W).open) == (3, {1})
    # Another emitter may not close it, nor move its numbers; the collector may.
    of = {"writer": W, "seq": 1}
    gap = {"kind": "gap", "ofWriter": W, "firstSeq": 3, "lastSeq": 5}
    book.apply({"kind": "completed", "writer": V, "seq": 0, "of": of}, from_collector=False)
    book.apply({**gap, "writer": V, "seq": 1}, from_collector=False)
    assert (book.get(W).next, book.get(W).open) == (3, {1})
    book.apply({"kind": "completed", "writer": V, "seq": 2, "of": of}, from_collector=True)
    book.apply({**gap, "writer": V, "seq": 3}, from_collector=True)
    assert (book.get(W).next, book.get(W).open) == (6, set())
    for odd in ({}, {"writer": 1, "seq": 1}, {"writer": W, "seq": True}, {"writer": W, "seq": -1}):
        book.apply(odd, from_collector=True)
    book.apply({"kind": "completed", "writer": V, "seq": 4, "of": 3}, from_collector=True)
    book.apply({"kind": "gap", "writer": V, "seq": 5, "ofWriter": 3}, from_collector=True)
    assert book.get(W).next == 6


def test_density():
    density = Density()

    def take(seq: int, **extra: object) -> str | None:
        own = "ofWriter" in extra
        return density.take({"writer": V if own else W, "seq": seq, **extra}, seq, own=own)

    assert take(0) is None
    assert take(1) is None
    assert "second time" in (take(1) or "")
    assert take(5) is None
    assert [one[:3] for one in density.undeclared()] == [(W, 2, 4)]
    assert take(0, kind="gap", ofWriter=W, firstSeq=2, lastSeq=4) is None
    assert list(density.undeclared()) == []
    assert take(3) is None  # late, but here
    assert "second time" in (take(3) or "")
    assert take(1, kind="gap", ofWriter=W, firstSeq=6, lastSeq=7) is None
    assert density.next(W) == 8
    assert take(2, kind="gap", ofWriter=3, firstSeq=6, lastSeq=7) is None
    assert density.take({"writer": W}, 0, own=False) is not None
    assert density.next("nobody") == 0


def test_an_abandoned_call_is_closed_from_constants():
    record = abandoned(W, 7, Stamp(V, 0, bytes(16)))
    assert b'"errorType":"abandoned"' in record.header
    assert b'"of":{"seq":7,"writer":"%s"}' % W.encode() in record.header
    assert b'"outcome":"unknown"' in record.header
    assert b"timestamp" not in record.header
    assert ABANDONED.encode() in record.body
    assert body_hash(record.salt, record.body).encode() in record.header


def checkpoint(size: int, salt: int = 0) -> bytes:
    tree = frontier(size)
    if salt:
        tree.add(leaf_hash(b"other"))
    return KEY.sign(Checkpoint(KEY.name, size, tree.root()).format())


def writers(size: int, *, outside: bool = True) -> bytes:
    sealed = FILES if size else None
    return KEY.sign(Writers(KEY.name, size, outside, 0, frontier(size), {}, sealed).format())


def intent(size: int) -> bytes:
    return KEY.sign(Intent(KEY.name, size, frontier(size).root()).format())


@pytest.mark.parametrize(
    ("raw", "wrong"),
    [
        ((None, None, None, None), []),
        ((None, writers(3), checkpoint(3), checkpoint(3)), []),
        ((None, writers(3, outside=False), checkpoint(3), None), []),
        ((None, writers(3), checkpoint(3), None), ["outside"]),
        ((None, writers(3), None, checkpoint(3)), ["checkpoint"]),
        ((None, None, checkpoint(3), checkpoint(3)), ["writers"]),
        ((None, None, None, checkpoint(3)), ["checkpoint", "writers"]),
        ((None, writers(2), checkpoint(3), checkpoint(3)), ["writers"]),
        ((None, writers(3), checkpoint(2), checkpoint(3)), ["checkpoint"]),
        ((None, writers(3), checkpoint(3), checkpoint(2)), ["outside"]),
        ((None, writers(3), checkpoint(3), checkpoint(3, 1)), ["outside"]),
        # A collection began at 3 leaves, and was ended at each of its steps.
        ((intent(0), None, None, None), []),
        ((intent(0), None, None, checkpoint(5)), []),
        ((intent(3), writers(3), checkpoint(3), checkpoint(3)), []),
        ((intent(3), writers(3), checkpoint(3), checkpoint(5)), []),
        ((intent(3), writers(3), checkpoint(5), checkpoint(5)), []),
        ((intent(3), writers(5), checkpoint(5), checkpoint(5)), []),
        ((intent(3), writers(3), checkpoint(5), checkpoint(3)), ["outside"]),
        ((intent(3), writers(5), checkpoint(3), checkpoint(5)), ["checkpoint"]),
        ((intent(3), writers(3), checkpoint(2), checkpoint(3)), ["checkpoint", "checkpoint"]),
        ((intent(3), writers(2), checkpoint(3), checkpoint(3)), ["writers"]),
        ((intent(3), None, checkpoint(3), checkpoint(3)), ["writers"]),
        ((intent(3), writers(3), None, checkpoint(3)), ["checkpoint", "checkpoint"]),
        ((intent(3), writers(3), checkpoint(3), None), ["outside"]),
        # No note passes for another.
        ((checkpoint(3), writers(3), checkpoint(3), checkpoint(3)), ["intent"]),
        ((None, writers(3), intent(3), checkpoint(3)), ["checkpoint"]),
        ((None, intent(3), checkpoint(3), checkpoint(3)), ["writers"]),
    ],
)
def test_how_the_notes_are_compared(raw, wrong):
    found = judge_notes(RawNotes(*raw), KEY.verifier)
    assert [name for name, _ in found.wrong] == wrong


def test_notes_of_another_log_are_refused():
    other = SigningKey("indelible.00000001/default", bytes(32))
    text = Intent(other.name, 0, frontier(0).root()).format()
    raw = RawNotes(KEY.sign(text), None, None, None)
    assert judge_notes(raw, KEY.verifier).wrong[0][0] == "intent"

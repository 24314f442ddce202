"""Out of the spools and into the log, each record once, whatever the spools hold."""

from __future__ import annotations

import json
import os
from collections import Counter

import pytest

from indelible import durable
from indelible.collect.accept import accept
from indelible.collect.ingest import Ingest
from indelible.collect.once import collect_once
from indelible.errors import StateError
from indelible.model.canonical import encode
from indelible.model.frame import decode_frames, encode_frame
from indelible.model.record import Record, Stamp, body_hash, seal_body
from indelible.seal import journal
from indelible.seal.journal import MAX_SEQ
from indelible.seal.segment import parse_leaf
from indelible.seal.verify import Verdict
from indelible.store import files, spools
from indelible.store.check import check
from indelible.store.log import LogWriter
from indelible.store.reader import LogReader
from tests.collect.emitters import Disk, Emitter, House, digest, snapshot


@pytest.fixture
def house(tmp_path, monkeypatch):
    monkeypatch.setattr(durable, "os", Disk())
    made = House(tmp_path)
    yield made
    made.close()


def headers(house: House) -> list[dict]:
    log = LogReader(house.paths.directory)
    found = [parse_leaf(line) for _, line in log.leaves()]
    return [json.loads(one.header) for one in found if one is not None]


def kinds(house: House) -> Counter:
    return Counter(one["kind"] for one in headers(house))


def of_kind(house: House, kind: str) -> list[dict]:
    return [one for one in headers(house) if one["kind"] == kind]


def test_a_live_spool_is_read_as_far_as_it_goes_and_stays(house):
    one = house.emitter()
    one.call()
    one.received()
    assert house.collect().sealed == 3
    assert one.path.exists()
    assert house.collect().sealed == 0
    one.completed()
    assert house.collect().sealed == 1
    assert kinds(house) == {"received": 2, "completed": 2}
    assert house.verify().verdict is Verdict.INTACT


def test_half_a_frame_of_a_live_writer_is_waited_for(house):
    one = house.emitter()
    one.call()
    record = one.received()
    data = one.path.read_bytes()
    frame = encode_frame(record)
    os.truncate(one.path, len(data) - len(frame) // 2)
    assert house.collect().sealed == 2
    one.raw(frame[len(frame) - len(frame) // 2 :])
    result = house.collect()
    assert (result.sealed, result.damaged) == (1, 0)
    assert kinds(house) == {"received": 2, "completed": 1}


@pytest.mark.requirement("spool.empty-removed")
def test_a_dead_writer_is_closed_and_its_spool_removed(house):
    one = house.emitter()
    one.received()
    one.received()
    one.completed()
    one.end()
    result = house.collect()
    assert (result.sealed, result.closed) == (4, 1)
    assert not list(house.paths.spool.iterdir())
    (closed,) = [one for one in of_kind(house, "completed") if one["outcome"] == "unknown"]
    assert closed["of"] == {"seq": 1, "writer": one.writer}
    assert closed["errorType"] == "abandoned"
    assert closed["writer"] != one.writer
    log = LogReader(house.paths.directory)
    assert log.body(3) is not None
    assert b"the recorder ended" in log.body(3)[1]


def test_a_rolled_part_is_removed_while_its_writer_lives(house):
    one = house.emitter()
    one.call()
    first = one.path
    one.roll()
    one.received()
    house.collect()
    assert not first.exists()
    assert one.path.exists()
    one.completed()
    house.collect()
    assert kinds(house) == {"received": 2, "completed": 2}


def test_an_empty_spool_makes_no_log(house):
    one = house.emitter()
    house.collect()
    assert not (house.paths.directory / "checkpoint").exists()
    assert house.verify().verdict is Verdict.INTACT
    one.end()
    house.collect()
    assert not list(house.paths.spool.iterdir())


def test_a_state_without_anything_is_left_alone(house):
    house.paths.spool.rmdir()
    found = collect_once(house.state, user=os.geteuid(), clock_us=house.clock, random=house.dice)
    assert found == []
    assert not house.state.logs.exists()


def test_a_writer_that_lost_numbers_gets_a_gap_record(house):
    one = house.emitter()
    one.call()
    one.skip(3)
    one.received()
    assert house.collect().gaps == 1
    (gap,) = of_kind(house, "gap")
    assert (gap["firstSeq"], gap["lastSeq"], gap["count"]) == (2, 4, 3)
    assert gap["ofWriter"] == one.writer
    report = house.verify()
    assert report.verdict is Verdict.INCOMPLETE
    assert report.verdict.exit_code == 5
    assert "never arrived" in report.findings[0].what


def test_a_number_that_comes_late_is_kept(house):
    one = house.emitter()
    one.call()
    late = one.received()
    data = one.path.read_bytes()
    frame = encode_frame(late)
    os.truncate(one.path, len(data) - len(frame))
    one.call()
    house.collect()
    one.raw(frame)
    assert house.collect().sealed == 1
    assert kinds(house)["received"] == 3
    assert house.verify().verdict is Verdict.INCOMPLETE


def test_a_restored_spool_enters_once(house):
    one = house.emitter()
    one.call()
    one.received()
    one.end()
    data = one.path.read_bytes()
    house.collect()
    for number in range(3):
        other = house.emitter()
        other.call()
        other.end()
        house.collect()
        one.path.write_bytes(data)
        result = house.collect()
        assert result.sealed == 0, number
        assert not one.path.exists()
    assert result.duplicates == 3
    assert house.verify().verdict is Verdict.INTACT


def test_a_restored_part_of_a_spool_enters_once(house):
    one = house.emitter()
    one.call()
    data = one.path.read_bytes()
    one.received()
    one.end()
    house.collect()
    other = house.emitter()
    other.call()
    house.collect()
    one.path.write_bytes(data)
    assert house.collect().sealed == 0
    assert kinds(house) == {"received": 3, "completed": 3}


def test_the_same_number_with_other_content_is_a_conflict(house):
    one = house.emitter()
    one.call()
    house.collect()
    data = one.path.read_bytes()
    header = {"kind": "received", "server": "other"}
    forged = seal_body(header, {"args": {}}, Stamp(one.writer, 0, bytes(16)))
    frames = encode_frame(forged) + data[len(encode_frame(_first(house))) :]
    one.path.write_bytes(frames)
    result = house.collect()
    assert (result.conflicts, result.sealed, result.duplicates) == (1, 1, 1)
    (conflict,) = of_kind(house, "conflict")
    assert (conflict["ofWriter"], conflict["firstSeq"]) == (one.writer, 0)
    assert conflict["sha256"] == digest(encode_frame(forged))
    assert [path.read_bytes() for path in house.paths.quarantine.iterdir()] == [
        encode_frame(forged)
    ]
    report = house.verify()
    assert report.verdict is Verdict.INCOMPLETE
    assert "other content" in report.findings[0].what
    one.end()
    house.collect()
    assert len(of_kind(house, "conflict")) == 1


def _first(house: House) -> Record:
    log = LogReader(house.paths.directory)
    leaf = parse_leaf(log.leaf(0))
    body = log.body(0)
    assert leaf is not None
    assert body is not None
    return Record(leaf.header, *body)


def test_the_same_number_twice_in_one_run(house):
    one = house.emitter()
    record = one.received()
    one.raw(encode_frame(record))
    result = house.collect()
    assert (result.sealed, result.duplicates) == (1, 1)


def test_damage_in_the_middle_is_kept_and_told_once(house):
    one = house.emitter()
    one.call()
    one.raw(b"IND1 what is this")
    one.call()
    assert house.collect().damaged == 1
    one.call()
    house.collect()
    one.end()
    house.collect()
    (told,) = of_kind(house, "recovered")
    assert (told["reason"], told["ofWriter"]) == ("damaged-spool", one.writer)
    assert told["sha256"] == digest(b"IND1 what is this")
    assert told["bytes"] == 17
    assert house.verify().verdict is Verdict.INCOMPLETE


@pytest.mark.requirement("spool.torn-tail")
def test_a_torn_end_is_what_a_kill_leaves(house):
    one = house.emitter()
    one.call()
    one.raw(b"IND1\0\0")
    one.end()
    house.collect()
    (told,) = of_kind(house, "recovered")
    assert told["reason"] == "torn-spool"
    assert house.verify().verdict is Verdict.INTACT


def test_a_spool_that_vanished_leaves_no_call_open(house):
    one = house.emitter()
    one.received()
    house.collect()
    one.path.unlink()
    assert house.collect().closed == 1
    assert house.collect().closed == 0


@pytest.mark.requirement("spool.hostile")
def test_files_that_are_no_spools_of_ours_are_refused_and_left(house, tmp_path):
    one = house.emitter()
    one.received()
    linked = house.emitter()
    linked.received()
    real = tmp_path / "real"
    linked.path.rename(real)
    linked.path.symlink_to(real)
    twice = house.emitter()
    twice.received()
    os.link(twice.path, tmp_path / "other name")
    pipe = house.emitter()
    pipe.path.unlink()
    os.mkfifo(pipe.path)
    (house.paths.spool / "something").write_bytes(b"x")
    before = sorted(house.paths.spool.iterdir())
    result = house.collect()
    assert result.sealed == 1
    assert {path for path, _ in result.refused} == {linked.path, twice.path, pipe.path}
    for each in (linked, twice, pipe):
        each.end()
    house.collect()
    assert sorted(house.paths.spool.iterdir()) == before
    report = house.verify()
    assert report.verdict is Verdict.INCOMPLETE
    assert sum("not read" in one.what for one in report.findings) == 3
    assert sum("not read" in one for one in report.logs[0].notes) == 1


@pytest.mark.requirement("spool.hostile")
@pytest.mark.parametrize("why", ["another user", "too large"])
def test_records_that_nobody_will_read_make_the_log_incomplete(house, monkeypatch, why):
    one = house.emitter()
    one.received()
    house.collect()
    if why == "too large":
        monkeypatch.setattr(spools, "MAX_SPOOL_BYTES", 10)
        report = house.verify()
    else:
        report = check(house.state, user=os.geteuid() + 1, now_us=house.clock.now_us)
    assert report.verdict is Verdict.INCOMPLETE
    (found,) = report.findings
    assert found.file == f"spool/default/{one.path.name}"
    assert found.what.startswith("not read: spool of ")


def noted(house: House) -> dict:
    return json.loads(house.paths.writers.read_bytes().split(b"\n")[5])["writers"]


def test_the_highest_number_there_is_bricks_nothing(house):
    house.emitter().call()
    forged = house.emitter()
    for seq in (2**53 - 1, 2**53 - 2, MAX_SEQ, MAX_SEQ - 1):
        forged.next = seq
        forged.received()
    forged.end()
    for _ in range(2):
        house.collect()
        house.emitter().call()
    house.collect()
    assert house.verify().verdict is Verdict.INCOMPLETE
    assert [one["count"] for one in of_kind(house, "gap")] == [MAX_SEQ - 1]
    assert [one["reason"] for one in of_kind(house, "recovered")] == ["damaged-spool"]


def test_spools_without_anything_in_them_are_not_in_the_note(house):
    house.emitter().call()
    quiet = [house.emitter() for _ in range(20)]
    house.collect()
    assert set(noted(house)) == {house.emitters[0].writer}
    quiet[3].call()
    house.collect()
    assert set(noted(house)) == {house.emitters[0].writer, quiet[3].writer}
    assert kinds(house)["received"] == 2
    assert house.verify().verdict is Verdict.INTACT


def test_parts_that_are_gone_are_not_in_the_note(house):
    one = house.emitter()
    for _ in range(3):
        one.call()
        house.collect()
        one.roll()
    house.collect()
    one.call()
    house.collect()
    assert set(noted(house)[one.writer]["read"]) == {"000003"}


def test_a_note_that_grows_too_large_keeps_only_what_it_must(house, monkeypatch):
    house.emitter().received()
    for _ in range(20):
        one = house.emitter()
        one.call()
        one.end()
    monkeypatch.setattr(files, "MAX_NOTE_BYTES", 3000)
    house.collect()
    assert set(noted(house)) == {house.emitters[0].writer}
    assert house.verify().verdict is Verdict.INTACT


def test_a_crowded_note_and_a_crash_enter_nothing_twice(house, monkeypatch):
    house.emitter().received()
    for _ in range(20):
        one = house.emitter()
        one.call()
        one.end()
    monkeypatch.setattr(files, "MAX_NOTE_BYTES", 3000)
    with monkeypatch.context() as patch:
        patch.setattr(Ingest, "_remove_finished", lambda _: None)
        patch.setattr(LogWriter, "end", lambda _: None)
        house.collect()
    assert len(list(house.paths.spool.iterdir())) == 21
    result = house.collect()
    assert (result.duplicates, result.conflicts) == (40, 0)
    assert len(list(house.paths.spool.iterdir())) == 1
    assert kinds(house) == {"received": 21, "completed": 20}
    assert house.verify().verdict is Verdict.INTACT


def test_a_note_that_cannot_be_kept_is_not_signed_and_nothing_is_lost(house, monkeypatch):
    living = [house.emitter() for _ in range(20)]
    house.emitter().call()
    house.collect()
    for one in living:
        one.received()
    with monkeypatch.context() as patch:
        patch.setattr(files, "MAX_NOTE_BYTES", 3000)
        for _ in range(2):
            with pytest.raises(StateError, match="cannot keep how far") as caught:
                house.collect()
            assert "collect again" in caught.value.hint
            assert house.verify().verdict is Verdict.INTACT
        for one in living:
            one.end()
        house.collect()
    assert kinds(house) == {"received": 21, "completed": 21}
    assert house.verify().verdict is Verdict.INTACT


def test_a_note_that_would_not_be_read_back_is_not_signed(house, monkeypatch):
    one = house.emitter()
    for _ in range(5):
        one.received()
        one.received()
        one.completed()
    with monkeypatch.context() as patch:
        patch.setattr(journal, "MAX_OPEN", 4)
        with pytest.raises(StateError, match=f"5 calls of writer {one.writer} are open"):
            house.collect()
    house.collect()
    assert house.verify().verdict is Verdict.INTACT


@pytest.mark.requirement("spool.hostile")
def test_a_spool_of_another_user_is_refused(house):
    house.emitter().received()
    with pytest.raises(StateError, match="belongs to user"):
        collect_once(house.state, user=os.geteuid() + 1, clock_us=house.clock, random=house.dice)
    house.state.root.rename(house.state.root.with_name("elsewhere"))
    with pytest.raises(StateError, match="no state directory"):
        house.collect()


W = "01a20c23-c301-75b1-a522-4a58b791f1d8"


def record(body: bytes = b"{}", **changes: object) -> Record:
    header = {"v": 1, "kind": "received", "writer": W, "seq": 0}
    header["bodyHash"] = body_hash(bytes(16), body)
    return Record(encode({**header, **changes}), bytes(16), body)


def test_accepted():
    assert accept(record(), W) == json.loads(record().header)
    assert accept(record(kind="a new kind", v=9, more={"x": [1, None]}), W)
    assert accept(record(seq=MAX_SEQ - 1, more={"x": [[1]]}), W)


@pytest.mark.parametrize(
    "bad",
    [
        record(writer="another"),
        record(seq=-1),
        record(seq=True),
        record(seq=1.0),
        record(seq=2**53),
        record(seq=MAX_SEQ),
        record(more={"x": [[[]]]}),
        record(more=[[[{}]]]),
        record(seq="0"),
        record(v="1"),
        record(v=True),
        record(kind=None),
        record(bodyHash="0" * 64),
        record(bodyHash=3),
        record(b"[]"),
        record(b"{"),
        record(b'{"a":NaN}'),
        record(b'{"a":\n1}'),
        record(b'{"a":"\xff"}'),
        record(b'{"a":' + b"[" * 3000 + b"]" * 3000 + b"}"),
        Record(b"[]", bytes(16), b"{}"),
        Record(b"{}", bytes(16), b"{}"),
        Record(record().header.replace(b",", b", "), bytes(16), b"{}"),
        Record(record().header.replace(b"{", b'{"seq":0,', 1), bytes(16), b"{}"),
        Record(record().header[:-1] + b',"z":"\\ud800"}', bytes(16), b"{}"),
        Record(
            record().header[:-1] + b',"z":' + b"[" * 1500 + b"]" * 1500 + b"}", bytes(16), b"{}"
        ),
        Record(record().header[:-1] + b',"z":1e999}', bytes(16), b"{}"),
        Record(record().header[:-1] + b',"z":\n1}', bytes(16), b"{}"),
        Record(b"\xff" + record().header, bytes(16), b"{}"),
    ],
)
def test_not_accepted(bad):
    assert accept(bad, W) is None


def test_what_is_not_accepted_goes_to_quarantine(house):
    one = house.emitter()
    one.call()
    other = house.emitter()
    bad = other.received()
    one.raw(encode_frame(bad))
    one.skip(1)
    one.received()
    result = house.collect()
    assert (result.damaged, result.gaps) == (1, 1)
    (told,) = of_kind(house, "recovered")
    assert told["sha256"] == digest(encode_frame(bad))
    # In its own file it is welcome.
    assert sum(one["writer"] == other.writer for one in headers(house)) == 1


def test_forged_control_records_of_an_emitter_move_nothing(house):
    victim = house.emitter()
    victim.received()
    liar = house.emitter()
    header = {"kind": "gap", "ofWriter": victim.writer, "firstSeq": 1, "lastSeq": 99}
    liar.raw(encode_frame(seal_body(header, {}, Stamp(liar.writer, 0, bytes(16)))))
    header = {"kind": "completed", "of": {"seq": 0, "writer": victim.writer}}
    liar.raw(encode_frame(seal_body(header, {}, Stamp(liar.writer, 1, bytes(16)))))
    house.collect()
    victim.received()
    victim.end()
    assert house.collect().closed == 2
    assert house.verify().findings[0].verdict is Verdict.INCOMPLETE


def test_a_spool_of_garbage_alone(house):
    one = house.emitter()
    one.raw(os.urandom(5000))
    one.end()
    house.collect()
    assert kinds(house) == {"recovered": 1}
    assert not list(house.paths.spool.iterdir())


def test_batches_and_rolled_segments(house, monkeypatch):
    house.roll_bytes = 20_000
    one = house.emitter()
    for _ in range(1300):
        one.call()
    house.collect()
    names = sorted(path.name for path in house.paths.segments.iterdir())
    assert names[0] == "000000000000.ndjson.zst"
    assert names[1] == "000000001000.ndjson.zst"
    assert names[2] == "000000002000.ndjson"
    report = house.verify()
    assert report.verdict is Verdict.INTACT
    assert report.logs[0].leaves == 2600


def test_a_writer_of_the_future_and_one_of_the_past(house):
    house.emitter().call()
    house.collect()
    now = house.clock.now_us
    for at in (now + 10**16, now - 10**12):
        house.clock.now_us = at
        one = Emitter(house.paths, house.clock, house.dice)
        house.emitters.append(one)
        house.clock.now_us = now
        one.call()
        house.collect()
    assert kinds(house)["received"] == 3
    assert house.verify().verdict is Verdict.INTACT
    writers = (house.paths.directory / "writers").read_text()
    assert '"collectedAt":"2026' in writers


def test_the_first_run_without_a_place_outside(house):
    house.state.checkpoints.write_bytes(b"not a directory")
    house.emitter().call()
    assert not house.collect().outside
    report = house.verify()
    assert report.verdict is Verdict.INTACT
    assert any("outside" in one for one in report.logs[0].notes)
    house.state.checkpoints.unlink()
    assert house.collect().outside
    assert house.paths.outside.read_bytes() == house.paths.checkpoint.read_bytes()
    assert house.verify().verdict is Verdict.INTACT
    for path in house.state.checkpoints.iterdir():
        path.unlink()
    house.state.checkpoints.rmdir()
    house.state.checkpoints.write_bytes(b"not a directory again")
    with pytest.raises(Exception, match="missing") as caught:
        house.collect()
    assert caught.value.exit_code == 3


def test_the_place_outside_belongs_to_another_log(house, tmp_path):
    house.emitter().call()
    house.state.checkpoints.mkdir()
    house.paths.outside_vkey.write_text("other+00000000+AAAA\n")
    with pytest.raises(StateError, match="another log") as caught:
        house.collect()
    assert "INDELIBLE_CHECKPOINT_DIR" in caught.value.hint


@pytest.mark.requirement("verify.never-writes")
def test_verify_writes_nothing(house):
    one = house.emitter()
    one.call()
    one.raw(b"IND1")
    one.end()
    before = snapshot(house.state.root.parent)
    house.verify()
    assert snapshot(house.state.root.parent) == before
    house.collect()
    before = snapshot(house.state.root.parent)
    assert house.verify().verdict is Verdict.INTACT
    assert snapshot(house.state.root.parent) == before


def test_a_writer_that_rolls_while_we_look_is_not_dead(house, monkeypatch):
    one = house.emitter()
    one.received()
    real = spools.is_dead

    def is_dead(part):
        # The new part is there, and the old one let go, before its lock is tried.
        one.roll()
        return real(part)

    monkeypatch.setattr(spools, "is_dead", is_dead)
    assert house.collect().closed == 0
    one.completed()
    house.collect()
    assert kinds(house) == {"received": 1, "completed": 1}


def test_a_spool_that_changed_since_it_was_read_is_not_removed(house, monkeypatch):
    one = house.emitter()
    one.call()
    data = one.path.read_bytes()
    one.end()
    real = LogWriter.finish

    def finish(self, *given, **named):
        real(self, *given, **named)
        one.path.write_bytes(data + data)

    with monkeypatch.context() as patch:
        patch.setattr(LogWriter, "finish", finish)
        house.collect()
    assert one.path.exists()
    result = house.collect()
    assert (result.sealed, result.duplicates) == (0, 2)
    assert not one.path.exists()


def test_parts_read_before_a_search_are_not_read_again(house):
    one = house.emitter()
    one.call()
    one.roll()
    one.received()
    one.raw(encode_frame(_last_of(one)))
    result = house.collect()
    assert (result.sealed, result.duplicates) == (3, 1)
    one.completed()
    result = house.collect()
    assert (result.sealed, result.duplicates) == (1, 0)


def _last_of(one: Emitter) -> Record:
    return decode_frames(one.path.read_bytes()).records[-1]

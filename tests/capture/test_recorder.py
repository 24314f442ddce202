"""The recorder: two records a call, a policy for a full disk, one writer for each process."""

from __future__ import annotations

import errno
import os
import threading

import pytest

from indelible.capture.policy import COMPLIANCE, DEV
from indelible.model.canonical import parse_time
from indelible.model.event import Completed, Outcome, ServerExit, ServerStart, Unparseable
from tests.capture.rig import START_US, Rig
from tests.deliver.spools import assert_dense, is_locked


@pytest.fixture
def rig(tmp_path):
    made = Rig(tmp_path / "state")
    yield made
    made.spool.close()


@pytest.mark.requirement("model.two-records")
def test_a_call_is_on_record_before_it_runs_and_again_when_it_has(rig) -> None:
    call = rig.call()
    assert rig.recorder.keep([call]) == []
    (received,) = rig.headers
    assert received["kind"] == "received"
    rig.recorder.keep([Completed(call.number, Outcome.OK, duration_us=5)])
    received, completed = rig.headers
    assert completed["kind"] == "completed"
    assert completed["of"] == {"writer": received["writer"], "seq": received["seq"]}
    assert (received["seq"], completed["seq"]) == (0, 1)


def test_ends_find_their_own_calls_in_any_order(rig) -> None:
    calls = [rig.call() for _ in range(3)]
    rig.recorder.keep(list(calls))
    rig.recorder.keep([Completed(call.number, Outcome.OK) for call in reversed(calls)])
    assert [h["of"]["seq"] for h in rig.headers[3:]] == [2, 1, 0]


def test_an_end_without_a_call_is_not_kept_and_a_second_end_neither(rig) -> None:
    call = rig.call()
    rig.recorder.keep([Completed(99, Outcome.OK)])
    rig.recorder.keep([call, Completed(call.number, Outcome.OK)])
    rig.recorder.keep([Completed(call.number, Outcome.ERROR)])
    assert rig.kinds == ["received", "completed"]


@pytest.mark.requirement("wrap.full-disk")
def test_dev_goes_on_reading_refuses_writing_and_says_how_many(rig) -> None:
    assert rig.runs(rig.call())
    rig.spool.room = 0
    assert rig.runs(rig.call("read"))
    assert rig.runs(rig.call("undeclared"))
    assert not rig.runs(rig.call("write"))
    assert not rig.runs(rig.call("destructive"))
    first, last = START_US + 2_000, rig.now
    rig.spool.room = None
    rig.now += 5_000
    assert rig.runs(rig.call())
    assert rig.kinds == ["received", "completed", "gap", "received", "completed"]
    assert rig.gaps == [(2, 2)]
    gap = rig.headers[2]
    assert gap["reason"] == "write-failed"
    assert [parse_time(gap["firstAt"]), parse_time(gap["lastAt"])] == [first, last]
    assert_dense(rig.directory)


@pytest.mark.requirement("wrap.full-disk")
def test_the_operator_is_told_once_when_it_begins_and_once_when_it_is_over(rig) -> None:
    rig.spool.room = 0
    for _ in range(3):
        rig.runs(rig.call())
    rig.spool.room = None
    for _ in range(3):
        rig.runs(rig.call())
    began, ended = rig.said
    assert "records cannot be kept" in began
    assert "No space left" in began
    assert "3 messages went on unrecorded, 0 calls were refused" in ended


@pytest.mark.requirement("wrap.full-disk")
def test_writing_may_use_the_reserve_and_reading_may_not(tmp_path) -> None:
    rig = Rig(tmp_path / "state", DEV, reserved=4)
    rig.spool.room = 0
    assert rig.runs(rig.call("read"))
    assert rig.spool.reserve.exists()
    assert rig.runs(rig.call("destructive"))
    assert not rig.spool.reserve.exists()
    assert "received" in rig.kinds
    rig.spool.close()


@pytest.mark.requirement("wrap.full-disk")
def test_compliance_refuses_what_changes_anything_at_once(tmp_path) -> None:
    rig = Rig(tmp_path / "state", COMPLIANCE, reserved=8)
    rig.spool.room = 0
    assert not rig.runs(rig.call("write"))
    assert not rig.runs(rig.call("destructive"))
    assert rig.spool.reserve.exists(), "the reserve is for those that the policy gives it to"
    assert rig.runs(rig.call("read"))
    assert not rig.spool.reserve.exists()
    rig.spool.reserved = 0
    rig.spool.room = 0
    assert not rig.runs(rig.call("read"))
    rig.spool.room = None
    assert rig.runs(rig.call("write"))
    assert sum(refused for _, refused in rig.gaps) == 3
    rig.spool.close()


def test_what_is_refused_is_what_could_not_be_kept_and_no_more(rig) -> None:
    calls = [rig.call("write") for _ in range(5)]
    rig.spool.room = 3
    refused = rig.recorder.keep(list(calls))
    assert refused == calls[3:]
    rig.spool.room = None
    rig.recorder.keep([Completed(call.number, Outcome.OK) for call in calls])
    assert rig.kinds == ["received"] * 3 + ["gap"] + ["completed"] * 3
    assert_dense(rig.directory)


def test_an_end_that_cannot_be_kept_counts_and_refuses_nothing(rig) -> None:
    call = rig.call()
    rig.recorder.keep([call])
    rig.spool.room = 0
    assert rig.recorder.keep([Completed(call.number, Outcome.OK)]) == []
    rig.spool.room = None
    rig.recorder.keep([rig.call()])
    assert rig.gaps == [(1, 0)]


def test_a_gap_is_written_at_the_end_if_not_before(rig) -> None:
    rig.spool.room = 0
    rig.runs(rig.call())
    rig.spool.room = None
    rig.recorder.close()
    assert rig.kinds == ["gap"]
    assert not is_locked(next(rig.directory.iterdir()))


def test_where_even_that_fails_it_is_said(rig) -> None:
    rig.spool.room = 0
    rig.runs(rig.call("write"))
    rig.recorder.close()
    assert "unrecorded calls at exit: 0 messages went on unrecorded, 1 calls" in rig.said[-1]


def test_a_fault_of_ours_is_treated_as_a_full_disk(rig, monkeypatch) -> None:
    def broken(*arguments: object) -> None:
        raise ZeroDivisionError("a bug")

    with monkeypatch.context() as patch:
        patch.setattr(rig.recorder._redactor, "_scrubber", broken)
        assert rig.runs(rig.call("read"))
        assert not rig.runs(rig.call("write"))
    assert rig.runs(rig.call("write"))
    assert rig.gaps == [(1, 0), (0, 1)], "the disk took the first gap before the second began"


def test_noise_and_the_servers_life_are_records_too(rig) -> None:
    rig.recorder.keep(
        [
            ServerStart(rig.now, ["crm", "--token", "sekret-value-1"]),
            Unparseable(rig.now, "server", b"hello", 1, 5),
            ServerExit(rig.now, 3, None),
        ]
    )
    assert rig.kinds == ["server.start", "unparseable", "server.exit"]
    assert rig.headers[2]["exitCode"] == 3


@pytest.mark.requirement("spool.forked-writers")
def test_a_forked_child_is_a_writer_of_its_own(rig) -> None:
    rig.runs(rig.call())
    parent = rig.spool.writer
    child = os.fork()
    if not child:
        code = 1
        try:
            for _ in range(3):
                rig.runs(rig.call())
            code = 0 if rig.spool.writer != parent else 2
        finally:
            os._exit(code)
    rig.runs(rig.call())
    assert os.waitpid(child, 0)[1] == 0
    rig.runs(rig.call())
    found = assert_dense(rig.directory)
    assert sorted(map(len, found.values())) == [6, 6]
    assert len(found[parent]) == 6
    locked = {path.name[:36]: is_locked(path) for path in rig.directory.iterdir()}
    assert locked[parent], "the child's end lets go of nothing of the parent's"
    assert sorted(locked.values()) == [False, True]


@pytest.mark.requirement("spool.forked-writers")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # Python 3.12: threads and forks
def test_a_fork_while_a_record_is_being_written_locks_nobody_out(rig) -> None:
    inside, forked = threading.Event(), threading.Event()
    append = rig.spool.append

    def slow(records) -> None:
        inside.set()
        assert forked.wait(30)
        append(records)

    rig.spool.append = slow
    thread = threading.Thread(target=rig.recorder.keep, args=[[rig.call()]])
    thread.start()
    assert inside.wait(30)
    child = os.fork()
    if not child:
        code = 1
        try:
            rig.spool.append = append
            rig.runs(rig.call())
            code = 0
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    forked.set()
    thread.join(30)
    assert sorted(map(len, assert_dense(rig.directory).values())) == [1, 2]


def test_a_childs_losses_are_its_own(rig) -> None:
    rig.spool.room = 0
    rig.runs(rig.call())
    child = os.fork()
    if not child:
        code = 1
        try:
            rig.spool.room = None
            rig.runs(rig.call())
            code = len(rig.gaps)
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    rig.spool.room = None
    rig.runs(rig.call())
    assert rig.gaps == [(1, 0)]


@pytest.mark.requirement("model.two-records")
def test_threads_share_one_dense_sequence(rig) -> None:
    batches = [[rig.call() for _ in range(40)] for _ in range(8)]
    start = threading.Barrier(8)

    def work(calls) -> None:
        start.wait(30)
        for call in calls:
            assert rig.recorder.keep([call]) == []
            rig.recorder.keep([Completed(call.number, Outcome.OK)])

    threads = [threading.Thread(target=work, args=[calls]) for calls in batches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    (numbers,) = assert_dense(rig.directory).values()
    assert len(numbers) == 8 * 40 * 2
    ends = [h["of"]["seq"] for h in rig.headers if h["kind"] == "completed"]
    assert len(set(ends)) == 8 * 40


def test_a_disk_error_is_no_reason_to_raise(rig, monkeypatch) -> None:
    monkeypatch.setattr(
        rig.spool, "append", lambda records: (_ for _ in ()).throw(OSError(errno.EIO, "eio"))
    )
    assert rig.recorder.keep([]) == []
    assert len(rig.recorder.keep([rig.call("write")])) == 1

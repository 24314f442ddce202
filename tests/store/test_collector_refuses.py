"""The collector on top of tampering: it stops before it writes anything, and says where."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from indelible import durable
from indelible.collect import batch
from indelible.errors import TamperedError
from indelible.seal.verify import Verdict
from indelible.store import segments
from tests.collect.emitters import Disk, KilledError, snapshot
from tests.store.kept import Kept, is_of_the_log, pack, unpack
from tests.store.test_tamper_matrix import is_signed_twice, is_twin

pytestmark = pytest.mark.requirement("seal.tampering-refused")


@pytest.fixture(scope="module")
def kept(tmp_path_factory) -> Iterator[Kept]:
    """A state where a living writer has a call that is not sealed yet."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(durable, "os", Disk())
        patch.setattr(batch, "MAX_RECORDS", 3)
        made = Kept(tmp_path_factory.mktemp("kept"))
    made.house.emitter().call()
    made.copies.append(snapshot(made.directory))
    yield made
    made.house.close()


@pytest.fixture(autouse=True)
def whole_again(kept, monkeypatch):
    monkeypatch.setattr(durable, "os", Disk())
    monkeypatch.setattr(batch, "MAX_RECORDS", 3)
    yield
    kept.restore()


def sealed(kept: Kept) -> list[str]:
    """Every file that was signed, or is covered by what was."""
    return [name for name in kept.files if is_of_the_log(name) and "/spool/" not in name]


def newest_segment(kept: Kept) -> str:
    return max(name for name in kept.files if "/segments/" in name and name.endswith(".ndjson"))


def assert_refused(kept: Kept, *what: object) -> TamperedError:
    before = snapshot(kept.directory)
    error = refusal(kept)
    assert error is not None, what
    assert snapshot(kept.directory) == before, what
    assert error.exit_code == 3
    assert error.where
    assert kept.house.verify().verdict is Verdict.TAMPERED, what
    return error


def refusal(kept: Kept) -> TamperedError | None:
    try:
        kept.house.collect()
    except TamperedError as error:
        return error
    return None


def test_untouched_it_goes_on(kept):
    assert kept.house.collect().sealed == 2
    assert kept.house.verify().verdict is Verdict.INTACT


def test_an_edit_anywhere_in_the_open_segment(kept):
    name = newest_segment(kept)
    data = kept.files[name]
    path = kept.directory / name
    for at in range(0, len(data), 7):
        edited = bytearray(data)
        edited[at] ^= 1
        path.write_bytes(edited)
        error = assert_refused(kept, at)
        assert error.where == str(path)
        assert "indelible verify" in error.hint


def test_an_edit_anywhere_in_a_note_or_a_key(kept):
    dice = random.Random(2)
    ends = ("/writers", "checkpoint", "key")
    names = [name for name in sealed(kept) if name.endswith(ends)]
    assert len(names) == 6
    for name in names:
        data = kept.files[name]
        for at in dice.sample(range(len(data)), min(len(data), 40)):
            edited = bytearray(data)
            edited[at] ^= 1 << dice.randrange(8)
            (kept.directory / name).write_bytes(edited)
            assert_refused(kept, name, at)
        (kept.directory / name).write_bytes(data)


def test_any_file_removed_cut_emptied_or_grown(kept):
    for name in sealed(kept):
        path, data = kept.directory / name, kept.files[name]
        path.unlink()
        assert_refused(kept, name, "removed")
        last = data[data.rfind(b"\n", 0, -1) + 1 :]
        for edited in (data[:-1], data[: len(data) // 2], b"", data + b"x", data + last):
            if edited != data and not is_signed_twice(edited, data):
                path.write_bytes(edited)
                assert_refused(kept, name, len(edited), len(data))
        kept.restore()


def test_whole_batches_cut_from_the_open_segment(kept):
    path, data = kept.directory / newest_segment(kept), kept.files[newest_segment(kept)]
    ends = [at + 1 for at in range(len(data)) if data.startswith(b"\n", at)]
    assert len(ends) > 3
    for end in ends[:-1]:
        path.write_bytes(data[:end])
        assert "was cut" in str(assert_refused(kept, end))


def test_an_earlier_copy_of_any_file(kept):
    tried = 0
    for copy in kept.copies[:-2]:
        for name, data in copy.items():
            old = name in sealed(kept) or name not in kept.files
            if "/spool/" in name or "/index/" in name or not old or kept.files.get(name) == data:
                continue
            (kept.directory / name).write_bytes(data)
            if not is_twin(kept, name, data):
                assert_refused(kept, name)
                tried += 1
            kept.restore()
    assert tried > 5


def test_the_whole_state_of_an_earlier_time(kept):
    for copy in kept.copies[:-2]:
        kept.restore({**copy, **{n: d for n, d in kept.files.items() if "checkpoints" in n}})
        assert_refused(kept)
        kept.restore()


@pytest.mark.parametrize(
    "name",
    [
        "segments/000000000001.ndjson",
        "segments/000000000001.ndjson.zst",
        "segments/000000000000.ndjson",
        "segments/000000000999.ndjson",
        "segments/000000000999.ndjson.zst",
        "bodies/2020-01-01.000000000000.ndjson",
        "bodies/2020-01-01.000000000000.ndjson.zst",
        "bodies/2030-01-01.000000000000.ndjson",
        "bodies/2030-01-01.000000000999.ndjson",
        "bodies/2030-01-01.000000000999.ndjson.zst",
        "quarantine/000000000000-torn-spool-" + "0" * 64,
    ],
)
@pytest.mark.parametrize("data", [b"", b"x\n"])
def test_a_file_put_in(kept, name, data):
    (kept.house.paths.directory / name).write_bytes(data)
    assert_refused(kept, name)


def test_an_empty_segment_put_in_where_the_next_one_would_start(kept):
    (kept.house.paths.segments / f"{kept.house.verify().logs[0].leaves:012d}.ndjson").touch()
    assert "empty" in str(assert_refused(kept))


def test_a_link_in_place_of_a_file(kept, tmp_path):
    for name in sealed(kept):
        path = kept.directory / name
        (tmp_path / "moved").write_bytes(kept.files[name])
        path.unlink()
        path.symlink_to(tmp_path / "moved")
        if not name.endswith(".zst"):
            assert_refused(kept, name)
        else:
            with pytest.raises(TamperedError):
                kept.house.collect()
        kept.restore()


@pytest.mark.parametrize("step", range(1, 60, 4))
def test_under_a_collection_that_was_cut_short(kept, monkeypatch, step):
    """Residue is a crash's; what was sealed before it is still compared."""
    one = kept.house.emitter()
    for _ in range(4):
        one.call()
    one.end()
    with monkeypatch.context() as patch:
        patch.setattr(durable, "os", Disk(step))
        with contextlib.suppress(KilledError):
            kept.house.collect()
    files = snapshot(kept.directory)
    assert kept.house.verify().verdict is Verdict.INTACT
    name = newest_segment(kept)
    data = files.get(name)
    oldest = min(name for name in files if name.endswith(".zst"))
    quarantined = next(name for name in kept.files if "/quarantine/" in name)
    body = next(name for name in kept.files if "/bodies/" in name)
    for edited in (oldest, quarantined, body):
        (kept.directory / edited).write_bytes(files[edited][:-1])
        assert_refused(kept, step, edited)
        (kept.directory / edited).unlink()
        assert_refused(kept, step, edited)
        kept.restore(files)
    if data is not None:
        (kept.directory / name).write_bytes(data[:50] + bytes([data[50] ^ 1]) + data[51:])
        where = assert_refused(kept, step, name).where
        # Where both files of it are there, it is the compressed one that is not like the other.
        assert where == str(kept.directory / name) + ".zst" * (f"{name}.zst" in files)
        kept.restore(files)
    open_then = next(name for name in kept.files if "/bodies/" in name and name.endswith("n"))
    for edited in {open_then, f"{open_then}.zst"} & files.keys():
        noted = unpack(open_then, kept.files[open_then])
        now = unpack(edited, files[edited])
        assert now.startswith(noted)
        for lines in (now[1:], noted[: len(noted) // 2], noted[: noted.rfind(b"\n", 0, -1) + 1]):
            (kept.directory / edited).write_bytes(pack(edited, lines))
            assert_refused(kept, step, edited)
        kept.restore(files)
    kept.house.collect()
    assert kept.house.verify().verdict is Verdict.INTACT


def test_a_compressed_file_beside_the_open_segment(kept):
    path = kept.directory / newest_segment(kept)
    beside = Path(f"{path}.zst")
    beside.write_bytes(segments.compress(path.read_bytes() + b"x"))
    assert_refused(kept)
    # Somebody compressed it by hand: its lines are the same.
    beside.write_bytes(segments.compress(path.read_bytes()))
    assert kept.house.collect().sealed == 2
    assert kept.house.verify().verdict is Verdict.INTACT


def test_what_it_does_not_read_is_left_for_verify_to_find(kept):
    """Bytes changed in place in bodies, closed segments and quarantine."""
    for part in ("/bodies/", ".zst", "/quarantine/"):
        name = min(name for name in kept.files if part in name)
        data = kept.files[name]
        at = len(data) // 2
        (kept.directory / name).write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        assert kept.house.collect().sealed == 2
        report = kept.house.verify()
        assert report.verdict is Verdict.TAMPERED
        assert report.findings[0].file == kept.label(name) or "/quarantine/" in name
        kept.restore()

"""Every stored file, every way to alter it: each is found, and the first wrong place named.

And what level L0 cannot find is shown not to be found, and to be said.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from indelible import durable
from indelible.collect import batch
from indelible.errors import FormatError
from indelible.model.frame import encode_frame
from indelible.seal import merkle, note
from indelible.seal.journal import Writers
from indelible.seal.segment import COLLECTOR, Scanner, encode_batch, leaf_line
from indelible.seal.verify import Verdict
from indelible.store import keys, sealed, segments
from tests.collect.emitters import Disk, House
from tests.store.kept import DAY_US, Kept, is_of_the_log, pack, unpack

LIMITS = "L0: rewrite, rollback, tail cut and forged unsealed records by this user not detectable; "


@pytest.fixture(scope="module")
def kept(tmp_path_factory) -> Iterator[Kept]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(durable, "os", Disk())
        patch.setattr(batch, "MAX_RECORDS", 3)
        made = Kept(tmp_path_factory.mktemp("kept"))
    yield made
    made.house.close()


@pytest.fixture(autouse=True)
def whole_again(kept):
    yield
    kept.restore()
    assert kept.house.verify().verdict is Verdict.INTACT


def stored(kept: Kept) -> list[str]:
    return [name for name in kept.files if is_of_the_log(name)]


def assert_found(kept: Kept, name: str, what: str) -> None:
    report = kept.house.verify()
    assert report.verdict is Verdict.TAMPERED, (name, what)
    assert report.verdict.exit_code == 3
    first = report.findings[0]
    assert first.file == kept.label(name), (name, what, report.findings[:2])


def is_same_content(name: str, old: bytes, new: bytes) -> bool:
    try:
        return unpack(name, old) == unpack(name, new)
    except FormatError:
        return False


def test_the_kept_state_has_every_kind_of_file(kept):
    kinds = {Path(name).suffix or Path(name).name for name in kept.files}
    assert {".ndjson", ".zst", ".key", ".vkey", ".checkpoint", "checkpoint", "writers"} <= kinds
    assert any("quarantine" in name for name in kept.files)
    found = [name for name in kept.files if "bodies" in name]
    assert (len(found), sum(name.endswith(".zst") for name in found)) == (4, 3)
    assert sum("segments" in name for name in kept.files) > 2


@pytest.mark.requirement("seal.edit-detected")
def test_a_flipped_bit_anywhere(kept):
    dice = random.Random(1)
    tried = 0
    for name in stored(kept):
        data = kept.files[name]
        path = kept.directory / name
        places = range(len(data)) if len(data) < 300 else dice.sample(range(len(data)), 120)
        for at in places:
            edited = bytearray(data)
            edited[at] ^= 1 << dice.randrange(8)
            if is_same_content(name, data, bytes(edited)):
                continue  # an unused bit of the compressed frame: the lines are the same
            path.write_bytes(edited)
            assert_found(kept, name, f"byte {at}")
            tried += 1
        path.write_bytes(data)
    assert tried > 1500


@pytest.mark.requirement("seal.delete-detected")
def test_a_missing_file(kept):
    for name in stored(kept):
        (kept.directory / name).unlink()
        report = kept.house.verify()
        assert report.verdict is Verdict.TAMPERED, name
        first = report.findings[0]
        if "/segments/" in name:
            assert "/segments/" in first.file or "checkpoint" in first.file
        elif "/quarantine/" in name:
            assert name.rpartition("-")[2] in first.what
        else:
            # Of a file that is gone nobody knows whether it was compressed.
            assert first.file == kept.label(name).removesuffix(".zst")
        kept.restore()


def line_edits(lines: list[bytes]) -> Iterator[tuple[str, list[bytes]]]:
    for at in range(len(lines)):
        yield f"line {at} deleted", lines[:at] + lines[at + 1 :]
        yield f"line {at} doubled", [*lines[: at + 1], *lines[at:]]
        yield f"line {at} inserted", [*lines[:at], b'{"header":{"v":1}}\n', *lines[at:]]
        if at and lines[at - 1] != lines[at]:
            swapped = lines.copy()
            swapped[at - 1], swapped[at] = lines[at], lines[at - 1]
            yield f"lines {at - 1} and {at} swapped", swapped
    yield "last line doubled", [*lines, lines[-1]]
    yield "tail cut", lines[:-1]
    yield "last byte cut", [*lines[:-1], lines[-1][:-1]]
    yield "half of it", [b"".join(lines)[: sum(map(len, lines)) // 2]]
    yield "nothing left", []
    yield "a zero at the end", [*lines, b"\0"]
    yield "an empty line at the end", [*lines, b"\n"]


@pytest.mark.requirement("seal.reorder-detected")
@pytest.mark.requirement("seal.insert-detected")
@pytest.mark.requirement("seal.delete-detected")
def test_lines_deleted_doubled_inserted_swapped_and_cut(kept):
    for name in stored(kept):
        path = kept.directory / name
        data = kept.files[name]
        packed = name.endswith(".zst")
        text = unpack(name, data)
        for what, lines in line_edits(text.splitlines(keepends=True)):
            edited = b"".join(lines)
            if edited == text or is_signed_twice(edited, text):
                continue
            path.write_bytes(pack(name, edited))
            report = kept.house.verify()
            assert report.verdict is Verdict.TAMPERED, (name, what)
            whole_batches = "/segments/" in name and not packed
            if not whole_batches:
                # Cut at the end of a batch, it is the checkpoint that shows it.
                assert first_is_near(report.findings[0].file, kept.label(name)), (name, what)
        path.write_bytes(data)


def is_signed_twice(edited: bytes, text: bytes) -> bool:
    """A note's signature may stand twice (C2SP signed-note): text and meaning are the same."""
    signature = text[text.rfind(b"\n", 0, -1) + 1 :]
    return signature.startswith("— ".encode()) and edited == text + signature


def first_is_near(found: str, label: str) -> bool:
    return found == label or ("/segments/" in label and "/segments/" in found)


@pytest.mark.requirement("seal.cut-detected")
def test_a_tail_cut_at_the_end_of_a_batch(kept):
    newest = max(name for name in kept.files if name.endswith(".ndjson") and "segments" in name)
    data = kept.files[newest]
    commit = data.rfind(b'\n{"commit"', 0, data.rfind(b'\n{"commit"')) + 1
    (kept.directory / newest).write_bytes(data[: data.index(b"\n", commit) + 1])
    first = kept.house.verify().findings[0]
    assert "checkpoint" in first.file
    assert "the log ends after" in first.what
    assert first.since is not None


@pytest.mark.requirement("seal.cut-detected")
def test_the_bodies_that_a_cut_tail_leaves_are_one_finding(kept):
    newest = max(name for name in kept.files if name.endswith(".ndjson") and "segments" in name)
    (kept.directory / newest).unlink()
    told = [one for one in kept.house.verify().findings if "/bodies/" in one.file]
    assert len(told) == 1
    first = int(Path(newest).name[:12])
    size = merkle_size(kept)
    assert told[0].what == f"body of no leaf: {first} and {size - first - 1} more after it"


def merkle_size(kept: Kept) -> int:
    return note.Checkpoint.parse(note.split_text(kept.house.paths.checkpoint.read_bytes())).size


@pytest.mark.requirement("seal.cut-detected")
def test_the_files_that_writers_tells_of_are_compared_too(kept):
    """Where nothing else is wrong with them, as when somebody with the key signed it so."""
    key = keys.read_private(kept.house.paths.key)
    assert key is not None
    path = kept.house.paths.writers
    text = note.open_note(path.read_bytes(), key.verifier)
    good = Writers.parse(text).sealed
    assert good is not None
    for digest, where in (
        (good.segment.sha256, f"log/default/segments/{good.first:012d}.ndjson"),
        *((digest, f"log/default/{name}") for name, digest in good.listings.items()),
    ):
        path.write_bytes(key.sign(text.replace(digest.encode(), b"0" * 64)))
        (found,) = kept.house.verify().findings
        assert found.file == where


def test_the_first_wrong_leaf_and_the_last_good_time_are_named(kept):
    newest = max(name for name in kept.files if name.endswith(".ndjson") and "segments" in name)
    first_leaf = int(Path(newest).name[:12])
    data = bytearray(kept.files[newest])
    lines = bytes(data).splitlines(keepends=True)
    target = next(n for n, line in enumerate(lines) if b'"commit"' in line) + 2
    at = sum(map(len, lines[:target])) + 40
    data[at] ^= 1
    (kept.directory / newest).write_bytes(data)
    first = kept.house.verify().findings[0]
    assert first.index is not None
    assert first.index >= first_leaf
    assert first.line is not None
    assert first.line <= target + 1
    assert first.since is not None


def batches_of(kept: Kept, name: str) -> list[tuple[int, int]]:
    """Return first and last line (its commit), from 1, of each batch of a plain segment."""
    found, first = [], 1
    for number, line in enumerate(kept.files[name].splitlines(), 1):
        if line.startswith(b'{"commit"'):
            found.append((first, number))
            first = number + 1
    return found


def newest_segment(kept: Kept) -> str:
    return max(name for name in kept.files if name.endswith(".ndjson") and "segments" in name)


def edit_line(kept: Kept, name: str, number: int, old: bytes, new: bytes) -> None:
    lines = kept.files[name].splitlines(keepends=True)
    edited = lines[number - 1].replace(old, new, 1)
    assert edited != lines[number - 1]
    lines[number - 1] = edited
    (kept.directory / name).write_bytes(b"".join(lines))


@pytest.mark.requirement("seal.edit-detected")
def test_an_edited_batch_is_named_by_its_own_lines(kept):
    name = newest_segment(kept)
    batches = batches_of(kept, name)
    assert len(batches) > 2
    for first, last in batches:
        edit_line(kept, name, first, b'"v":1', b'"v":7')
        report = kept.house.verify()
        found = report.findings[0]
        told = f"the leaves of this batch do not give its root (lines {first} to {last})"
        assert (found.file, found.line, found.likely) == (kept.label(name), first, None)
        assert found.what == told
        cut = [one for one in report.logs[0].notes if "can be judged" in one]
        assert len(cut) == ((first, last) != batches[-1])
        assert all(f"nothing after line {last} of {kept.label(name)}" in one for one in cut)


@pytest.mark.requirement("seal.edit-detected")
@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (b'"bodyHash":"', b'"bodyHash":"0', "its header and body no longer agree"),
        (b'"bodyHash":', b'"BodyHash":', "its header and body no longer agree"),
        (b'"receivedAt"', b'"receivedat"', "it can no longer be read"),
        (b'"kind":', b'"kind";', "it can no longer be read"),
        (b'"kind":"', b'"kind":"\xff', "it can no longer be read"),
    ],
)
def test_the_leaf_that_was_changed_is_named_where_it_shows(kept, old, new, why):
    name = newest_segment(kept)
    first, last = next(one for one in batches_of(kept, name) if one[1] - one[0] > 2)
    edit_line(kept, name, first + 1, old, new)
    report = kept.house.verify()
    found = report.findings[0]
    assert found.index is not None
    assert found.likely == found.index + 1
    assert found.line == first
    assert found.what == (
        f"the leaves of this batch do not give its root (lines {first} to {last}); "
        f"most likely leaf #{found.likely} (line {first + 1}): {why}"
    )


@pytest.mark.requirement("seal.edit-detected")
def test_two_leaves_that_do_not_fit_name_none(kept):
    name = newest_segment(kept)
    first, _ = next(one for one in batches_of(kept, name) if one[1] - one[0] > 2)
    data = kept.files[name].splitlines(keepends=True)
    for at in (first - 1, first):
        data[at] = data[at].replace(b'"bodyHash":"', b'"bodyHash":"0', 1)
    (kept.directory / name).write_bytes(b"".join(data))
    assert kept.house.verify().findings[0].likely is None


@pytest.mark.requirement("seal.edit-detected")
def test_an_edit_in_the_very_first_batch(kept):
    name = min(name for name in kept.files if "/segments/" in name)
    text = segments.decompress(kept.files[name], name)
    edited = text.replace(b'"v":1', b'"v":7', 1)
    (kept.directory / name).write_bytes(segments.compress(edited))
    report = kept.house.verify()
    found = report.findings[0]
    assert (found.index, found.line, found.since) == (0, 1, None)
    assert sum("can be judged" in one for one in report.logs[0].notes) == 1


def test_a_segment_that_cannot_be_read_ends_the_judgement(kept):
    name = min(name for name in kept.files if "/segments/" in name)
    (kept.directory / name).write_bytes(b"x")
    notes = kept.house.verify().logs[0].notes
    assert [one for one in notes if "can be judged" in one] == [
        f"nothing after {kept.label(name)} can be judged: each batch stands on the one before it"
    ]


def test_files_that_are_not_ours_and_in_nobody_s_way_are_remarked(kept):
    root = kept.house.state.root
    (root / "extra").write_bytes(b"x")
    (root / "spool" / "Other").mkdir()
    (root / "spool" / "more").write_bytes(b"x")
    (root / "spool" / "another").mkdir()
    (kept.house.paths.spool / ".hidden").write_bytes(b"x")
    (kept.house.paths.directory / "lock").write_bytes(b"hello")
    (kept.house.paths.directory / "again").write_bytes(b"z")
    report = kept.house.verify()
    assert report.verdict is Verdict.INTACT
    notes = [note for log in report.logs for note in log.notes]
    for told in (
        *(f"{root}/{name}: not a " for name in ("extra", "spool/Other", "spool/more")),
        *(f"{kept.house.paths.directory}/{name}: has content" for name in ("lock", "again")),
        "spool/default/.hidden: not read: not a spool file's name",
        "another: no log, no key and no records here",
    ):
        assert sum(note.startswith(told) for note in notes) == 1, (told, notes)
    (kept.house.paths.directory / "again").unlink()
    (kept.house.paths.directory / "again").mkdir()
    assert any("a collection may fail" in one for one in kept.house.verify().logs[0].notes)
    (kept.house.paths.directory / "again").rmdir()
    (root / "spool" / "Other").rmdir()
    (root / "spool" / "another").rmdir()
    (kept.house.paths.directory / "lock").write_bytes(b"")


@pytest.mark.requirement("seal.insert-detected")
def test_a_file_put_in(kept):
    for directory in {str(Path(name).parent) for name in kept.files if "/log/" in name}:
        path = kept.directory / directory / "more"
        path.write_bytes(b"x")
        assert_found(kept, str(path.relative_to(kept.directory)), "inserted")
        path.unlink()
    for name in ("segments/000000000999.ndjson", "segments/000000000001.ndjson.zst"):
        path = kept.house.paths.directory / name
        path.write_bytes(b"")
        assert kept.house.verify().verdict is Verdict.TAMPERED
        path.unlink()
    for name in (
        *("bodies/2026-01-01.000000000000.ndjson", "bodies/2026-01-01.000000000999.ndjson.zst"),
        *("bodies/2026-11-24.000000000001.ndjson", "quarantine/x-" + "0" * 64),
    ):
        path = kept.house.paths.directory / name
        path.write_bytes(b"")
        assert_found(kept, str(path.relative_to(kept.directory)), "inserted")
        path.unlink()


def test_a_link_in_place_of_a_file(kept, tmp_path):
    for name in kept.files:
        if "/index/" in name:
            continue
        path = kept.directory / name
        moved = tmp_path / "moved"
        shutil.move(path, moved)
        path.symlink_to(moved)
        assert kept.house.verify().verdict is Verdict.TAMPERED, name
        path.unlink()
        shutil.move(moved, path)


def is_twin(kept: Kept, name: str, data: bytes) -> bool:
    """Whether these are the lines of a file that is there in its compressed form."""
    packed = f"{name}.zst"
    stored = kept.files.get(packed)
    return name not in kept.files and stored is not None and unpack(packed, stored) == data


@pytest.mark.requirement("seal.rollback-detected")
def test_an_earlier_copy_of_one_file(kept):
    tried = 0
    for copy in kept.copies[:-1]:
        for name, data in copy.items():
            if "/spool/" in name or "/index/" in name or kept.files.get(name) == data:
                continue
            path = kept.directory / name
            path.write_bytes(data)
            same = is_twin(kept, name, data)
            expected = Verdict.INTACT if same else Verdict.TAMPERED
            assert kept.house.verify().verdict is expected, name
            tried += 1
            kept.restore()
    assert tried > 10


@pytest.mark.requirement("seal.rollback-detected")
@pytest.mark.requirement("seal.outside-checkpoint")
def test_the_whole_state_rolled_back_while_the_copy_outside_stays(kept):
    for copy in [*kept.copies[:-1], {}]:
        kept.restore({**copy, **{n: d for n, d in kept.files.items() if "checkpoints" in n}})
        report = kept.house.verify()
        assert report.verdict is Verdict.TAMPERED
        kept.restore()


def test_the_log_or_all_its_checkpoints_gone(kept):
    for within in ("state/log", "state/keys", "state.checkpoints"):
        kept.restore({n: d for n, d in kept.files.items() if not n.startswith(within)})
        assert kept.house.verify().verdict is Verdict.TAMPERED
        kept.restore()


def test_another_key_than_the_pinned_one(kept):
    real = keys.read_public(kept.house.paths.vkey)
    assert real is not None
    assert kept.house.verify(key=real).verdict is Verdict.INTACT
    assert kept.house.verify(key=real).logs[0].pinned
    other = note.SigningKey(real.name, b"\x07" * 32).verifier
    assert kept.house.verify(key=other).verdict is Verdict.TAMPERED


def test_a_checkpoint_that_the_caller_holds(kept):
    for copy in kept.copies:
        held = copy["state/log/default/checkpoint"]
        assert kept.house.verify(checkpoint=held).verdict is Verdict.INTACT
    kept.restore(kept.copies[1])
    assert kept.house.verify().verdict is Verdict.INTACT
    report = kept.house.verify(checkpoint=kept.files["state/log/default/checkpoint"])
    assert report.verdict is Verdict.TAMPERED


def test_a_pinned_key_without_its_private_half(kept):
    real = keys.read_public(kept.house.paths.vkey)
    kept.house.paths.key.unlink()
    assert kept.house.verify(key=real).verdict is Verdict.INTACT


@pytest.mark.requirement("verify.says-l0-limits")
def test_rewriting_all_with_the_key_is_not_found_and_that_is_said(kept):
    key = keys.read_private(kept.house.paths.key)
    assert key is not None
    paths = kept.house.paths
    frontier = merkle.Frontier()
    for one in segments.list_segments(paths.segments):
        out = b""
        opened = segments.OpenSegment(one)
        for found in Scanner(segments.read_segment(one), original_frontier(kept, one)).batches():
            lines = [
                line.replace(b'"server":"files"', b'"server":"lies!"') for line in found.leaves
            ]
            out += encode_batch(lines, frontier)
        (one.compressed if one.has_compressed else one.plain).write_bytes(
            segments.compress(out) if one.has_compressed else out
        )
        opened.add(out)
    checkpoint = note.Checkpoint(key.name, frontier.size, frontier.root())
    signed = key.sign(checkpoint.format())
    paths.checkpoint.write_bytes(signed)
    paths.outside.write_bytes(signed)
    old = Writers.parse(note.open_note(paths.writers.read_bytes(), key.verifier))
    files = sealed.seal(paths, opened, frontier.size)
    at_us, states = old.collected_at_us, old.states
    new = Writers(key.name, frontier.size, old.outside, at_us, frontier, states, files)
    paths.writers.write_bytes(key.sign(new.format()))
    report = kept.house.verify()
    assert report.verdict is Verdict.INTACT
    assert report.limits == f"{LIMITS}0 records unsealed for 0 s"
    held = kept.files["state/log/default/checkpoint"]
    assert kept.house.verify(checkpoint=held).verdict is Verdict.TAMPERED


def original_frontier(kept: Kept, segment: segments.Segment) -> merkle.Frontier:
    frontier = merkle.Frontier()
    for name in sorted(kept.files):
        if "/segments/" not in name or int(Path(name).name[:12]) >= segment.first:
            continue
        data = kept.files[name]
        text = segments.decompress(data, name) if name.endswith(".zst") else data
        scanner = Scanner(text, frontier)
        list(scanner.batches())
        frontier = scanner.frontier
    return frontier


@pytest.mark.requirement("verify.says-l0-limits")
def test_an_unsealed_record_forged_with_a_right_checksum_is_not_found_and_that_is_said(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(durable, "os", Disk())
    house = House(tmp_path)
    one = house.emitter()
    one.call()
    house.collect()
    record = one.received()
    data = one.path.read_bytes()
    forged = record.header.replace(b'"server":"files"', b'"server":"lies!"')
    changed = type(record)(forged, record.salt, record.body)
    one.path.write_bytes(data.replace(encode_frame(record), encode_frame(changed)))
    house.clock.now_us += 2 * DAY_US
    report = house.verify()
    assert report.verdict is Verdict.INTACT
    assert report.limits == f"{LIMITS}1 record unsealed for 2 d"
    house.close()


def test_an_empty_state_is_intact_and_said_to_be_empty(tmp_path, monkeypatch):
    monkeypatch.setattr(durable, "os", Disk())
    house = House(tmp_path)
    report = house.verify()
    assert report.verdict is Verdict.INTACT
    assert report.is_empty
    assert report.limits == f"{LIMITS}0 records unsealed for 0 s"
    house.emitter().received()
    report = house.verify()
    assert (report.verdict, report.is_empty, report.unsealed) == (Verdict.INTACT, False, 1)
    house.collect()
    assert not house.verify().is_empty
    house.close()


@pytest.mark.parametrize("left", ["default.key", "default.vkey"])
def test_a_state_with_nothing_but_a_key_is_not_empty(kept, left):
    files = {n: d for n, d in kept.files.items() if n == f"state/keys/{left}"}
    kept.restore(files)
    shutil.rmtree(kept.house.state.logs)
    report = kept.house.verify()
    assert not report.is_empty
    kept.restore()


def test_a_checkpoint_alone_is_not_empty(kept):
    kept.restore({n: d for n, d in kept.files.items() if "checkpoints" in n})
    report = kept.house.verify()
    assert (report.verdict, report.is_empty) == (Verdict.TAMPERED, False)
    kept.restore()


def test_leaf_lines_of_the_collector_and_of_spools_are_told_apart():
    line = leaf_line(b'{"a":1}', COLLECTOR, 0)
    assert line.endswith(b'"peer":{"via":"collector"},"receivedAt":"1970-01-01T00:00:00.000000Z"}')


@pytest.mark.requirement("seal.edit-detected")
@pytest.mark.requirement("seal.insert-detected")
def test_a_plain_file_beside_or_in_place_of_a_compressed_one(kept):
    """Beside it with the same lines it is what a crash leaves; else it is not."""
    for name in [one for one in stored(kept) if one.endswith(".zst")]:
        packed = kept.directory / name
        plain = packed.with_suffix("")
        lines = unpack(name, kept.files[name])
        plain.write_bytes(lines)
        assert kept.house.verify().verdict is Verdict.INTACT
        for edited in (lines[:-1], lines + b"x", lines.replace(b'"v":1', b'"v":2', 1) + b"\n", b""):
            plain.write_bytes(edited)
            report = kept.house.verify()
            assert report.verdict is Verdict.TAMPERED
            near = kept.label(name).removesuffix(".zst")
            assert any(one.file.startswith(near) for one in report.findings), name
        plain.write_bytes(lines)
        packed.unlink()
        assert kept.house.verify().verdict is Verdict.TAMPERED
        kept.restore()


@pytest.mark.requirement("seal.edit-detected")
def test_body_lines_moved_to_another_file(kept):
    names = sorted(name for name in stored(kept) if "/bodies/" in name)
    for source, target in ((names[0], names[1]), (names[-1], names[0])):
        first, *rest = unpack(source, kept.files[source]).splitlines(keepends=True)
        (kept.directory / source).write_bytes(pack(source, b"".join(rest)))
        moved = sorted(
            [first, *unpack(target, kept.files[target]).splitlines(keepends=True)],
            key=lambda line: int(line.split()[0]),
        )
        (kept.directory / target).write_bytes(pack(target, b"".join(moved)))
        found = {one.file for one in kept.house.verify().findings}
        assert {kept.label(source), kept.label(target)} <= found
        kept.restore()

"""Outlets: whole lines into files that are rotated, pipes that are full, disks that are."""

from __future__ import annotations

import fcntl
import os
import resource
import stat
import threading

import pytest

from indelible.deliver.sinks.outlet import DescriptorOutlet, FileOutlet


def test_a_line_is_appended_and_the_file_is_its_owners(tmp_path) -> None:
    path = tmp_path / "out.ndjson"
    outlet = FileOutlet(path)
    outlet.write(b"one\n")
    outlet.write(b"two\n")
    outlet.close()
    assert path.read_bytes() == b"one\ntwo\n"
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.requirement("ndjson.rotation")
def test_after_a_rotation_lines_go_to_the_new_file(tmp_path) -> None:
    path = tmp_path / "out.ndjson"
    outlet = FileOutlet(path)
    outlet.write(b"one\n")
    path.rename(tmp_path / "out.1")
    outlet.write(b"two\n")
    path.rename(tmp_path / "out.2")
    path.write_bytes(b"")
    path.chmod(0o640)
    outlet.write(b"three\n")
    outlet.close()
    told = [(tmp_path / name).read_bytes() for name in ("out.1", "out.2", "out.ndjson")]
    assert told == [b"one\n", b"two\n", b"three\n"]
    assert path.stat().st_mode & 0o777 == 0o640, "whoever rotates says who may read"


@pytest.mark.requirement("ndjson.rotation")
def test_a_file_that_is_cut_in_place_goes_on_from_its_start(tmp_path) -> None:
    path = tmp_path / "out.ndjson"
    outlet = FileOutlet(path)
    outlet.write(b"one\n")
    os.truncate(path, 0)
    outlet.write(b"two\n")
    outlet.close()
    assert path.read_bytes() == b"two\n"


def test_a_file_that_cannot_be_opened_is_tried_with_each_line(tmp_path) -> None:
    path = tmp_path / "later" / "out.ndjson"
    outlet = FileOutlet(path)
    with pytest.raises(FileNotFoundError):
        outlet.write(b"one\n")
    path.parent.mkdir()
    outlet.write(b"two\n")
    outlet.close()
    assert path.read_bytes() == b"two\n"


def test_what_a_full_disk_broke_off_stays_a_line_of_its_own(tmp_path) -> None:
    path = tmp_path / "out.ndjson"
    outlet = FileOutlet(path)
    outlet.write(b"a" * 99 + b"\n")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (150, hard))
    try:
        for _ in range(2):
            with pytest.raises(OSError, match="too large"):
                outlet.write(b"b" * 99 + b"\n")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    outlet.write(b"c\n")
    outlet.write(b"d\n")
    outlet.close()
    assert path.read_bytes() == b"a" * 99 + b"\n" + b"b" * 50 + b"\nc\nd\n"


def test_a_device_takes_lines_too() -> None:
    outlet = FileOutlet(os.devnull)  # type: ignore[arg-type]
    outlet.write(b"one\n")
    outlet.write(b"two\n")
    outlet.close()
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)  # and it is no file of ours now


def test_a_descriptor_for_reading_is_refused(tmp_path) -> None:
    reader, writer = os.pipe()
    with pytest.raises(OSError, match="reading only"):
        DescriptorOutlet(reader, "fd:9")
    os.close(reader)
    os.close(writer)


@pytest.mark.parametrize("blocking", [True, False])
def test_a_line_longer_than_a_pipe_arrives_whole_when_it_is_read(blocking) -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, blocking)
    outlet = DescriptorOutlet(writer, "fd:9")
    os.close(writer)
    line = b"x" * 1_000_000 + b"\n"
    thread = threading.Thread(target=lambda: (outlet.write(line), outlet.close()))
    thread.start()
    with open(reader, "rb") as read:
        assert read.read() == line
    thread.join(30)


def test_the_flags_of_a_shared_descriptor_stay_as_they_are() -> None:
    reader, writer = os.pipe()
    before = fcntl.fcntl(writer, fcntl.F_GETFL)
    outlet = DescriptorOutlet(writer, "fd:9")
    outlet.write(b"one\n")
    assert fcntl.fcntl(writer, fcntl.F_GETFL) == before
    outlet.close()
    assert os.fstat(writer)
    os.close(reader)
    os.close(writer)

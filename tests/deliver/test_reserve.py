"""The disk reserve: really allocated, given back once."""

from __future__ import annotations

import errno
import stat

from indelible.deliver import reserve as module
from indelible.deliver.reserve import RESERVE_BYTES, release, set_aside


def test_the_reserve_takes_up_real_blocks_and_gives_them_back(tmp_path) -> None:
    path = tmp_path / "reserve"
    assert set_aside(path)
    found = path.stat()
    assert found.st_size == RESERVE_BYTES
    assert found.st_blocks * 512 >= RESERVE_BYTES, "a sparse file reserves nothing"
    assert stat.S_IMODE(found.st_mode) == 0o600
    assert set_aside(path), "it is there already"
    assert release(path)
    assert not path.exists()
    assert not release(path)


def test_a_reserve_cut_short_is_filled_up(tmp_path) -> None:
    path = tmp_path / "reserve"
    path.write_bytes(b"")
    assert set_aside(path, 8_192)
    assert path.stat().st_size == 8_192


def test_where_there_is_no_room_nothing_is_left_behind(tmp_path, monkeypatch) -> None:
    path = tmp_path / "reserve"

    def full(fd: int, offset: int, size: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module.os, "posix_fallocate", full)
    assert not set_aside(path)
    assert not path.exists()


def test_where_there_is_no_directory_there_is_no_reserve(tmp_path) -> None:
    assert not set_aside(tmp_path / "absent" / "reserve")

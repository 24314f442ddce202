"""Where the state is, whose it is, and what a class may be called."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from indelible.errors import StateError
from indelible.store import state


@pytest.mark.parametrize(
    ("argument", "environment", "root"),
    [
        ("/a", {"INDELIBLE_STATE_DIR": "/b", "HOME": "/h"}, "/a"),
        (None, {"INDELIBLE_STATE_DIR": "/b", "XDG_STATE_HOME": "/x", "HOME": "/h"}, "/b"),
        ("", {"XDG_STATE_HOME": "/x", "HOME": "/h"}, "/x/indelible"),
        (None, {"XDG_STATE_HOME": "relative", "HOME": "/h"}, "/h/.local/state/indelible"),
        (None, {"HOME": "/h"}, "/h/.local/state/indelible"),
    ],
)
def test_the_order_of_what_names_the_state(argument, environment, root):
    found = state.resolve(argument, environment)
    assert found.root == Path(root)
    assert found.checkpoints == Path(f"{root}.checkpoints")
    outside = state.resolve(argument, {**environment, "INDELIBLE_CHECKPOINT_DIR": "/o"})
    assert outside.checkpoints == Path("/o")


def test_without_home_the_user_database_is_asked():
    home = Path(pwd.getpwuid(os.geteuid()).pw_dir)
    assert state.resolve(None, {}).root == home / ".local" / "state" / "indelible"


def test_nothing_names_a_state(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: (1 << 31) - 7)
    with pytest.raises(StateError) as caught:
        state.resolve(None, {})
    assert "--state" in caught.value.hint


def test_a_relative_state_is_made_absolute():
    assert state.resolve("here", {}).root == Path.cwd() / "here"


@pytest.mark.parametrize("name", ["", "A", "../x", "a/b", "a.b", "-a", "x" * 33])
def test_what_is_no_class(name, tmp_path):
    with pytest.raises(StateError, match="class"):
        state.State(tmp_path, tmp_path).log(name)


def test_owner(tmp_path):
    made = state.State(tmp_path, tmp_path)
    state.check_owner(made, os.geteuid())
    with pytest.raises(StateError, match="belongs to user"):
        state.check_owner(made, os.geteuid() + 1)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StateError, match="not a directory"):
        state.check_owner(state.State(tmp_path / "file", tmp_path), os.geteuid())
    with pytest.raises(StateError, match="no state directory"):
        state.check_owner(state.State(tmp_path / "none", tmp_path), os.geteuid())


def test_directories_are_the_owners_alone(tmp_path):
    made = state.State(tmp_path / "state", tmp_path / "outside")
    paths = state.prepare_log(made, "default")
    assert state.prepare_outside(made)
    for one in (made.root, made.keys, paths.directory, paths.segments, made.checkpoints):
        assert one.stat().st_mode & 0o777 == 0o700
    assert made.classes() == ["default"]
    (made.checkpoints / "other.checkpoint").write_bytes(b"")
    (made.checkpoints / "UPPER.checkpoint").write_bytes(b"")
    (made.logs / "Not-a-class").mkdir()
    assert made.classes() == ["default"]
    assert made.classes_outside() == ["other"]


def test_a_place_outside_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    assert not state.prepare_outside(state.State(tmp_path, tmp_path / "file" / "more"))

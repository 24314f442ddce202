"""Where a configuration is looked for, and which files are refused."""

from __future__ import annotations

import os
import socket

import pytest

from indelible.config.find import MAX_BYTES, Found, find, is_configured
from indelible.config.load import load
from indelible.errors import ConfigError
from tests.config.written import write

TEXT = '[capture]\nread = "args"\n'
TABLE = '[project]\nname = "x"\n[tool.indelible.capture]\nread = "args"\n'
OTHER_UID = 12_345


@pytest.fixture
def tree(tmp_path):
    """A repository with every file that may hold a configuration; its places by name."""
    below = tmp_path / "repo" / "a" / "b"
    below.mkdir(parents=True)
    (tmp_path / "repo" / ".git").mkdir()
    return {
        "given": tmp_path / "given.toml",
        "named": tmp_path / "named.toml",
        "here": below / "indelible.toml",
        "above": tmp_path / "repo" / "indelible.toml",
        "pyproject": tmp_path / "repo" / "a" / "pyproject.toml",
        "user": tmp_path / "home" / ".config" / "indelible" / "indelible.toml",
        "machine": tmp_path / "etc" / "indelible.toml",
    }


def look(tree, *, given=None, named=None, **more) -> Found | None:
    home = tree["user"].parents[2]
    environment = {"HOME": str(home), **({"INDELIBLE_CONFIG": str(named)} if named else {}), **more}
    directory = str(tree["here"].parent)
    system = str(tree["machine"])
    return find(str(given) if given else None, environment, directory, system=system)


@pytest.mark.requirement("config.lookup")
def test_the_first_file_found_is_taken_alone(tree) -> None:
    for name, path in tree.items():
        write(path, TABLE if name == "pyproject" else TEXT)
    order = []
    while found := look(
        tree,
        given=tree["given"] if tree["given"].exists() else None,
        named=tree["named"] if tree["named"].exists() else None,
    ):
        order.append(next(name for name, path in tree.items() if str(path) == found.path))
        os.unlink(found.path)
    assert order == list(tree)


def test_nothing_above_the_root_of_the_repository_is_looked_at(tree, tmp_path) -> None:
    write(tmp_path / "indelible.toml", TEXT)
    assert look(tree) is None


def test_without_a_repository_only_the_directory_itself_is_looked_at(tmp_path) -> None:
    write(tmp_path / "indelible.toml", TEXT)
    (tmp_path / "a").mkdir()
    assert find(None, {}, str(tmp_path / "a"), system="/none") is None
    assert find(None, {}, str(tmp_path), system="/none") is not None
    assert find(None, {}, None, system="/none") is None


def test_a_pyproject_without_our_table_says_nothing(tree) -> None:
    write(tree["pyproject"], '[project.scripts]\nindelible = "indelible.cli:main"\n')
    write(tree["user"], TEXT)
    found = look(tree)
    assert found is not None
    assert found.path == str(tree["user"])


@pytest.mark.parametrize(
    "text",
    [
        TABLE,
        '[ tool . "indelible" ]\ncapture.read = "args"\n',
        '[tool]\nindelible = { capture = { read = "args" } }\n',
        '[tool]\nindelible.capture.read = "args"\n',
        'tool.indelible.capture.read = "args"\n',
    ],
)
def test_a_table_in_a_pyproject_is_a_configuration_however_it_is_written(tree, text) -> None:
    write(tree["pyproject"], text)
    loaded = load(environment={}, directory=str(tree["here"].parent), system=str(tree["machine"]))
    assert loaded.config.capture.read == "args"
    assert loaded.origins == {("capture", "read"): str(tree["pyproject"])}


def test_an_error_in_a_pyproject_has_its_line(tree) -> None:
    write(tree["pyproject"], TABLE.replace('"args"', '"arg"'))
    with pytest.raises(ConfigError, match=r"pyproject\.toml:4: capture\.read: 'arg' is none of"):
        load(environment={}, directory=str(tree["here"].parent), system="/none")


def test_the_user_directory_is_where_xdg_says(tree, tmp_path) -> None:
    own = write(tmp_path / "xdg" / "indelible" / "indelible.toml", TEXT)
    write(tree["user"], TEXT)
    found = look(tree, XDG_CONFIG_HOME=str(tmp_path / "xdg"))
    assert found is not None
    assert found.path == str(own)
    relative = look(tree, XDG_CONFIG_HOME="xdg")
    assert relative is not None
    assert relative.path == str(tree["user"])


@pytest.mark.parametrize("how", ["given", "named"])
def test_a_file_that_was_named_must_be_there(tree, how) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        look(tree, **{how: tree[how]})
    with pytest.raises(ConfigError, match="no name of a file"):
        look(tree, **{how: "a\0b"})


def test_the_null_device_stands_for_no_file(tree) -> None:
    write(tree["here"], TEXT)
    assert look(tree, given=os.devnull) is None
    assert look(tree, named=os.devnull) is None


# Files that are refused


@pytest.mark.requirement("config.permissions")
@pytest.mark.parametrize(
    ("mode", "says"), [(0o602, "every user can write"), (0o666, "every user"), (0o646, "every")]
)
def test_a_file_that_others_can_write_is_refused(tree, mode, says) -> None:
    write(tree["here"], TEXT, mode)
    with pytest.raises(ConfigError, match=says) as caught:
        look(tree)
    assert caught.value.hint == f"chmod go-w {tree['here']}"


def test_a_file_that_others_can_read_is_fine(tree) -> None:
    write(tree["here"], TEXT, 0o644)
    assert look(tree) is not None


@pytest.mark.requirement("config.permissions")
@pytest.mark.skipif(os.geteuid() != 0, reason="privilege: only root gives files away")
class TestAsRoot:
    def test_a_file_of_another_user_is_refused(self, tree) -> None:
        os.chown(write(tree["here"], TEXT), OTHER_UID, -1)
        with pytest.raises(ConfigError, match=f"it belongs to user {OTHER_UID}"):
            look(tree)

    def test_a_link_of_another_user_is_refused(self, tree, tmp_path) -> None:
        tree["here"].symlink_to(write(tmp_path / "real.toml", TEXT))
        os.lchown(tree["here"], OTHER_UID, -1)
        with pytest.raises(ConfigError, match="it belongs to user"):
            look(tree)

    def test_a_link_to_a_file_of_another_user_is_refused(self, tree, tmp_path) -> None:
        os.chown(write(tmp_path / "real.toml", TEXT), OTHER_UID, -1)
        tree["here"].symlink_to(tmp_path / "real.toml")
        with pytest.raises(ConfigError, match="what it leads to belongs to user"):
            look(tree)

    def test_a_file_that_a_group_can_write_is_refused(self, tree) -> None:
        os.chown(write(tree["here"], TEXT), -1, OTHER_UID)
        tree["here"].chmod(0o660)
        with pytest.raises(ConfigError, match=f"group {OTHER_UID} can write it"):
            look(tree)

    def test_the_group_that_is_the_owners_alone_may_write(self, tree) -> None:
        write(tree["here"], TEXT, 0o664)
        assert os.stat(tree["here"]).st_gid == 0
        assert look(tree) is not None


@pytest.mark.requirement("config.hostile-file")
def test_what_is_no_plain_file_is_refused_and_never_waited_for(tree, tmp_path, monkeypatch) -> None:
    makers = [
        lambda p: os.mkfifo(p, 0o600),
        lambda p: p.mkdir(),
        lambda p: p.symlink_to("/dev/zero"),
        lambda p: p.symlink_to(tmp_path / "nowhere"),
        lambda p: p.symlink_to(p),
    ]
    for make in makers:
        make(tree["here"])
        with pytest.raises(ConfigError):
            look(tree)
        if tree["here"].is_dir() and not tree["here"].is_symlink():
            tree["here"].rmdir()
        else:
            tree["here"].unlink()
    with socket.socket(socket.AF_UNIX) as listener:
        monkeypatch.chdir(tree["here"].parent)  # the address has room for a short path only
        listener.bind("indelible.toml")
        with pytest.raises(ConfigError):
            look(tree)


@pytest.mark.requirement("config.hostile-file")
def test_a_huge_file_is_refused(tree) -> None:
    write(tree["here"], TEXT)
    os.truncate(tree["here"], MAX_BYTES + 1)
    with pytest.raises(ConfigError, match=r"over 262,144 bytes"):
        look(tree)
    os.truncate(tree["here"], 1 << 40)
    with pytest.raises(ConfigError, match=r"over 262,144 bytes"):
        look(tree)


def test_a_link_to_a_good_file_is_followed(tree, tmp_path) -> None:
    tree["here"].symlink_to(write(tmp_path / "real.toml", TEXT))
    assert look(tree) is not None


def test_what_is_configured_is_known_without_reading_it(tree, monkeypatch) -> None:
    here = str(tree["here"].parent)
    assert not is_configured(None, {"INDELIBLE_STATE_DIR": "/x"}, here)
    assert is_configured(None, {"INDELIBLE_CAPTURE__READ": "x"}, here)
    write(tree["here"], TEXT)
    assert is_configured(None, {}, here)

"""A configuration in a real `indelible wrap`, in a real server, and on the command line."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import anyio
import jsonschema
import pytest
from mcp import Client

import indelible
from indelible.capture import assemble, sdk
from indelible.config.decode import build
from indelible.config.load import parse, sha256
from indelible.config.schema import schema
from indelible.config.sections import Config
from indelible.errors import ConfigError
from tests.capture.messages import call
from tests.config.written import write
from tests.deliver.spools import records
from tests.hostile.servers import mcp_server
from tests.hostile.session import INDELIBLE, RAW, Session, calls, kinds, session, until, verify

TEXT = """\
[server]
name = "crm"
version = "9.1"

[capture]
undeclared = "metadata"

[tools."crm/pe*"]
effect = "write"
level = "args"
"""


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """An empty directory to start in, and a state that the file there names."""
    state = f'[state]\ndirectory = "{tmp_path}/state"\n'
    write(tmp_path / "here" / "indelible.toml", TEXT + state)
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path


def wrapping(home: Path, *options: str) -> list[str]:
    return [*INDELIBLE, "wrap", *options, *RAW]


def commanded(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*INDELIBLE, *words], capture_output=True, text=True, check=False, timeout=60
    )


def settle(path: Path) -> Path:
    """Make *path* look as if it had been written a while ago: nobody is writing it now."""
    before_s = path.stat().st_mtime - 10
    os.utime(path, (before_s, before_s))
    return path


def finished(server: Session) -> str:
    assert server.end() == (0, b"")
    return server.stderr.read_text()


@pytest.mark.requirement("config.recorded")
@pytest.mark.requirement("config.effects")
def test_wrap_takes_its_configuration_and_puts_its_hash_on_record(home) -> None:
    with session(wrapping(home), home / "stderr") as server:
        server.ask(call(1, "peek", note="zebra"))
        server.ask(call(2, "other", note="zebra"))
        said = finished(server)

    state = home / "state"
    peek, other = calls(state)
    assert (peek["server"], peek["serverVersion"]) == ("crm", "9.1")
    assert (peek["effect"], peek["args"]) == ("write", {"note": "zebra"})
    assert (other["effect"], other["args"]) == ("undeclared", None)
    [config] = kinds(state, "config")
    values = parse((home / "here" / "indelible.toml").read_bytes(), "f")[0]
    assert config["sha256"] == sha256(build(values))
    assert verify(state) == 0
    file = home / "here" / "indelible.toml"
    assert said == f"indelible: configured by {file}, found from the working directory\n"


@pytest.mark.requirement("config.reload")
def test_a_running_wrap_takes_a_changed_file(home) -> None:
    file = home / "here" / "indelible.toml"
    with session(wrapping(home), home / "stderr") as server:
        server.ask(call(1, "pet", note="zebra"))
        text = file.read_text()
        changed = text.replace('level = "args"', 'level = "metadata"')
        assert changed != text
        settle(write(home / "new.toml", changed)).replace(file)
        ids = itertools.count(2)

        def is_read_again() -> bool:
            server.ask(call(next(ids), "pet", note="zebra"))
            return "configuration read again" in server.stderr.read_text()

        until(is_read_again)
        server.ask(call(next(ids), "pet", note="zebra"))
        finished(server)
    state = home / "state"
    found = calls(state, "tool:pet")
    assert (found[0]["args"], found[-1]["args"]) == ({"note": "zebra"}, None)
    assert len({one["sha256"] for one in kinds(state, "config")}) == 2
    assert verify(state) == 0


def test_what_is_asked_for_by_name_is_not_announced(home) -> None:
    write(home / "other.toml", TEXT)
    options = ["--config", str(home / "other.toml"), "--state", str(home / "given")]
    with session(wrapping(home, *options, "--server=x"), home / "stderr") as server:
        server.ask(call(1, "peek"))
        assert finished(server) == ""
    [peek] = calls(home / "given")
    assert (peek["server"], peek["serverVersion"]) == ("x", "9.1")


@pytest.mark.requirement("config.one-error")
def test_wrap_starts_nothing_under_a_bad_configuration(home) -> None:
    write(home / "here" / "indelible.toml", "\n[capture]\nreed = 1\n")
    done = commanded("wrap", "touch", str(home / "ran"))
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        f"error: {home}/here/indelible.toml:3: capture.reed: unknown key",
        "  fix: did you mean capture.read?",
    ]
    assert not (home / "ran").exists()


@pytest.mark.requirement("config.stdlib-start")
def test_without_a_configuration_nothing_of_it_is_loaded(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    code = """if True:
        import sys
        from indelible.cli.wrap import parse
        assert parse(["--state", "s", "server"]).setup.loaded is None
        print(*sorted(name for name in sys.modules if name.startswith("indelible.config")))
        print(*({"tomllib", "grp", "difflib"} & set(sys.modules)))
    """
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "indelible.config indelible.config.find\n\n"


@pytest.fixture
def quiet(monkeypatch):
    """No collection, and what `atexit` would do is done with the test."""
    at_exit = []
    monkeypatch.setattr(sdk.atexit, "register", at_exit.append)
    monkeypatch.setattr(assemble, "start_collection", lambda state: True)
    yield
    for function in at_exit:
        function()


@pytest.mark.requirement("config.levels")
@pytest.mark.parametrize("how", ["file", "object", "found"])
def test_audit_takes_its_configuration(home, quiet, how, capsys) -> None:
    file = home / "here" / "indelible.toml"
    config = build(parse(file.read_bytes(), "f")[0])
    given = {"file": file, "object": config, "found": None}[how]
    server = indelible.audit(mcp_server.build(), config=given)

    async def run() -> None:
        async with Client(server) as client:
            await client.call_tool("peek", {"name": "ann"})
            await client.call_tool("fail", {"text": "zebra"})

    anyio.run(run)
    found = records(home / "state" / "spool" / "default")
    headers = [json.loads(record.header) for record in found]
    assert [one["kind"] for one in headers[:2]] == ["server.start", "config"]
    assert headers[1]["sha256"] == sha256(config)
    peek, fail = (
        (h, json.loads(r.body))
        for h, r in zip(headers, found, strict=True)
        if h.get("method") == "tools/call"
    )
    assert (peek[0]["effectSource"], peek[0]["level"], peek[1]["args"]) == (
        "config",
        "args",
        {"name": "ann"},
    )
    assert (fail[0]["level"], "args" in fail[1], fail[0]["serverVersion"]) == (
        "metadata",
        False,
        "9.1",
    )
    assert ("found from" in capsys.readouterr().err) == (how == "found")


def test_arguments_of_audit_are_stronger_than_any_configuration(home, quiet) -> None:
    given = {"state": home / "other", "name": "mine", "profile": "compliance"}
    indelible.audit(mcp_server.build(), config=Config(), **given)
    _, config = records(home / "other" / "spool" / "default")
    assert json.loads(config.header)["server"] == "mine"
    with pytest.raises(ConfigError):
        indelible.audit(mcp_server.build(), config=home / "none.toml")


# The command line


@pytest.mark.requirement("config.precedence")
def test_show_says_what_holds_and_where_it_is_from(home, monkeypatch) -> None:
    monkeypatch.setenv("INDELIBLE_CAPTURE__READ", "args")
    shown = commanded("config", "show", "--origin")
    assert shown.returncode == 0
    assert 'read = "args"  # env INDELIBLE_CAPTURE__READ\n' in shown.stdout
    assert f'version = "9.1"  # {home}/here/indelible.toml\n' in shown.stdout
    assert 'profile = "dev"  # default\n' in shown.stdout

    told = json.loads(commanded("config", "show", "--json").stdout)
    assert told["values"]["capture"]["read"] == "args"
    assert told["origins"]['tools."crm/pe*".level'] == f"{home}/here/indelible.toml"

    monkeypatch.delenv("INDELIBLE_CAPTURE__READ")
    plain = commanded("config", "show").stdout
    write(home / "again.toml", plain)
    again = json.loads(commanded("config", "show", "--config", "../again.toml", "--json").stdout)
    now = json.loads(commanded("config", "show", "--json").stdout)
    assert again["sha256"] == now["sha256"]
    assert f"# sha256: {now['sha256']}\n" in plain


def test_check_says_what_is_wrong_and_remarks_on_what_is_hardly_meant(home) -> None:
    assert commanded("config", "check").stdout == f"ok: {home}/here/indelible.toml\n"
    write(home / "odd.toml", '[capture]\ndestructive = "none"\n')
    odd = commanded("config", "check", str(home / "odd.toml"))
    assert odd.returncode == 0
    assert odd.stdout.startswith("remark: capture.destructive: such calls leave no record")
    write(home / "bad.toml", '[failure]\nprofil = "dev"\n')
    bad = commanded("config", "check", "--json", str(home / "bad.toml"))
    assert bad.returncode == 2
    assert json.loads(bad.stdout)["error"]["fix"] == "did you mean failure.profile?"
    assert commanded("config", "check", str(home / "none.toml")).returncode == 2
    write(home / "pyproject.toml", "[project]\nname = 'x'\n")
    none = commanded("config", "check", str(home / "pyproject.toml"))
    assert "tool.indelible" in none.stdout + none.stderr


def test_schema_prints_the_schema(home) -> None:
    printed = json.loads(commanded("config", "schema").stdout)
    assert printed == schema()
    jsonschema.validate(tomllib.loads(TEXT), printed)


@pytest.mark.requirement("config.lookup")
def test_path_lists_the_places_in_order_and_marks_what_is_taken(home) -> None:
    (home / ".git").mkdir()
    write(home / "indelible.toml", "")
    lines = commanded("config", "path").stdout.splitlines()
    assert lines[:2] == [
        f"taken  {home}/here/indelible.toml  (the working directory and above)",
        f"there  {home}/indelible.toml  (the working directory and above)",
    ]
    assert lines[-1].endswith("/etc/indelible/indelible.toml  (the machine's configuration)")
    told = json.loads(commanded("config", "path", "--json").stdout)
    assert told["file"] == f"{home}/here/indelible.toml"


def test_commands_read_the_state_that_is_configured(home) -> None:
    with session(wrapping(home), home / "stderr") as server:
        server.ask(call(1, "peek"))
        finished(server)
    entries = json.loads(commanded("query", "--json").stdout)
    assert [entry["tool"] for entry in entries if entry["kind"] == "call"] == ["peek"]
    assert json.loads(commanded("status", "--json").stdout)["state"] == f"{home}/state"


@pytest.mark.requirement("config.levels")
def test_wrap_names_nobody_where_the_configuration_wants_no_os_user(home) -> None:
    file = home / "here" / "indelible.toml"
    write(file, f'{file.read_text()}\n[identity]\nactor = ["token"]\n')
    with session(wrapping(home), home / "stderr") as server:
        server.ask(call(1, "peek"))
        finished(server)
    [peek] = calls(home / "state")
    assert (peek["actor"]["id"], peek["actor"]["provenance"]) == ("anonymous", "unknown")

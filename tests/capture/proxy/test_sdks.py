"""Real servers behind it, real clients before it: what they hear is what they hear without it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.capture.proxy.rig import END, Proxy, body, outcome, post, proxy
from tests.capture.sdks.talking import HELLO, Posts, message, python_of, tool
from tests.hostile.session import session, until
from tests.reference.reference_servers import server_command

HERE = Path(__file__).parent
WORDS = ['echo={"text":"hi"}', "crash", "tell", "nowhere", 'echo={"text":5}']
EVERYTHING = ['echo={"message":"hi"}', 'get-sum={"a":2,"b":3}', "get-tiny-image", "nowhere"]
QUICK = ['trigger-long-running-operation={"duration":0.2,"steps":2}']


@contextmanager
def serving(command: list[str], scratch: Path, **environment: str) -> Iterator[int]:
    """Run a server that prints its port first; yield the port."""
    with session(command, scratch / "server-stderr", **environment) as running:
        yield int(running.line())
        running.kill_group()


@contextmanager
def everything(scratch: Path) -> Iterator[int]:
    """Run `server-everything` over HTTP."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    command = server_command("everything", "streamableHttp")
    with session(command, scratch / "server-stderr", PORT=str(port)) as running:
        until(lambda: answers(port))
        yield port
        running.kill_group()


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
    except ConnectionRefusedError:
        return False
    return True


def talk(stack: str, port: int, *words: str) -> Any:
    """Return what a client of *stack* hears."""
    command = [python_of(stack), str(HERE / "talk.py"), stack, f"http://127.0.0.1:{port}/mcp"]
    environment = {**os.environ, "NO_PROXY": "*"}
    done = subprocess.run(
        [*command, *words],
        capture_output=True,
        text=True,
        timeout=120,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def called(run: Proxy) -> list[tuple[Any, Any]]:
    calls = [one for one in run.trail.calls() if one["method"] == "tools/call"]
    return [(one["tool"], outcome(one)) for one in calls]


@pytest.mark.requirement("proxy.sdks")
@pytest.mark.parametrize(
    ("server", "mode", "client"),
    [
        ("mcp2", "session", "mcp2"),
        ("mcp2", "json", "mcp1"),
        ("mcp2", "stateless", "mcp2"),
        ("mcp1", "session", "mcp1"),
        ("mcp1", "json", "mcp2"),
        ("fastmcp2", "session", "fastmcp2"),
        ("fastmcp3", "session", "fastmcp3"),
        ("fastmcp4", "session", "fastmcp4"),
        ("fastmcp4", "stateless", "fastmcp4"),
    ],
)
def test_a_client_hears_what_it_hears_without_the_proxy(
    server: str, mode: str, client: str, tmp_path: Path
) -> None:
    command = [python_of(server), str(HERE / "plain.py"), server, mode]
    with serving(command, tmp_path) as port, proxy(tmp_path / "proxy", port) as run:
        direct = talk(client, port, *WORDS)
        assert talk(client, run.port, *WORDS) == direct
        kept = called(run)
        assert [tool for tool, _ in kept] == ["echo", "crash", "tell", "nowhere", "echo"]
        assert kept[0][1] == kept[2][1] == ("ok", None)
        assert {how[0] for _, how in (kept[1], kept[3], kept[4])} == {"error"}
        assert run.stderr.read_text().count("\n") == 1


@pytest.mark.requirement("proxy.sdks")
@pytest.mark.parametrize("client", ["mcp1", "mcp2", "fastmcp4"])
def test_a_server_in_another_language_is_recorded_like_any(client: str, tmp_path: Path) -> None:
    words = [*EVERYTHING, *QUICK]
    with everything(tmp_path) as port, proxy(tmp_path / "proxy", port) as run:
        direct = talk(client, port, *words)
        assert talk(client, run.port, *words) == direct
        kept = called(run)
        assert [tool for tool, _ in kept] == [word.partition("=")[0] for word in words]
        assert [how for _, how in kept][:3] == [("ok", None)] * 3
        known = {one.get("client", {}).get("name") for one in run.trail.calls()}
        assert len(known - {None}) == 1


@pytest.mark.requirement("proxy.sdks")
@pytest.mark.parametrize("stack", ["mcp1", "mcp2"])
def test_what_a_server_asks_of_its_client_is_on_record_with_its_answer(
    stack: str, tmp_path: Path
) -> None:
    command = [python_of(stack), str(HERE / "plain.py"), stack, "session"]
    with serving(command, tmp_path) as port, proxy(tmp_path / "proxy", port) as run:
        direct = talk("mcp1", port, "ask")
        assert talk("mcp1", run.port, "ask") == direct
        (asked,) = [one for one in run.trail.calls() if one["method"] == "roots/list"]
        assert (asked["direction"], outcome(asked)) == ("server", ("ok", None))


@pytest.mark.requirement("proxy.kills")
@pytest.mark.parametrize("mode", ["stateless", "session"])
def test_a_server_that_is_killed_leaves_no_client_waiting_and_its_call_on_record(
    mode: str, tmp_path: Path
) -> None:
    command = [python_of("mcp2"), str(HERE / "plain.py"), "mcp2", mode]
    with (
        session(command, tmp_path / "server-stderr") as running,
        proxy(tmp_path / "proxy", int(running.line())) as run,
    ):
        client = Posts(run.port)
        client.headers["MCP-Protocol-Version"] = "2025-06-18"
        client.ask(message("initialize", 1, **HELLO))
        lines = [f"{name}: {value}".encode() for name, value in client.headers.items()]
        request = post(json.dumps(tool(2, "slow")).encode(), *lines[1:])
        wire = run.connect()
        wire.send(request.replace(b"mcp.example:81", b"127.0.0.1:%d" % run.port))
        until(lambda: [one for one in run.trail.calls() if one.get("tool") == "slow"])
        if mode == "session":  # it is a stream
            wire.until(b"\r\n\r\n")
            running.kill_group()
            assert not wire.rest().endswith(END)
        else:
            running.kill_group()
            got = wire.message()
            assert got.startswith(b"HTTP/1.1 502 ")
            assert json.loads(body(got))["id"] == 2
        assert outcome(run.trail.one(2)) == ("unknown", "abandoned")

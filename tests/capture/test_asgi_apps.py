"""Which apps are followed: those a server builds, and any that `audit` is given."""

from __future__ import annotations

import asyncio
import json
import stat
from typing import Any

import pytest
from mcp.server.mcpserver import MCPServer
from starlette.applications import Starlette

import indelible
from indelible.capture import apps_alone, assemble, sdk
from indelible.capture.apps import ANONYMOUS
from indelible.capture.tags import tag_key
from indelible.errors import UsageError
from tests.deliver.spools import records


@pytest.fixture
def at_exit(monkeypatch):
    functions: list[Any] = []
    for module in (sdk, apps_alone):
        monkeypatch.setattr(module.atexit, "register", functions.append)
    monkeypatch.setattr(assemble, "start_collection", lambda state: True)
    yield functions
    for function in functions:
        function()


async def bare(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b"no"})


def get(app: Any, *headers: tuple[bytes, bytes]) -> list[dict[str, Any]]:
    got: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(message: dict[str, Any]) -> None:
        got.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/x",
        "query_string": b"",
        "headers": list(headers),
        "client": ("192.0.2.7", 4_711),
    }
    asyncio.run(app(scope, receive, send))
    return got


@pytest.mark.requirement("asgi.rejections")
@pytest.mark.parametrize("app", [bare, Starlette()], ids=["function", "starlette"])
def test_any_asgi_app_can_be_audited(app: Any, tmp_path, at_exit) -> None:
    followed = indelible.audit(app, state=tmp_path / "state", name="web")
    assert (followed is app) == isinstance(app, Starlette)
    assert get(followed)[0]["status"] == 404
    kept = records(tmp_path / "state" / "spool" / "default")
    start, received, completed = (json.loads(record.header) for record in kept)
    assert start["kind"] == "server.start"
    assert (received["server"], received["method"]) == ("web", "http/GET")
    assert completed["errorType"] == "denied"


@pytest.mark.requirement("asgi.rejections")
def test_an_app_by_itself_is_recorded_as_configured(tmp_path, at_exit) -> None:
    config = tmp_path / "indelible.toml"
    config.write_text(
        '[server]\nname = "shop"\nversion = "9.1"\n'
        '[identity]\nactor = ["header"]\ntrusted_proxies = ["192.0.2.0/24"]\n'
        '[identity.headers]\nid = "x-user"\n'
    )
    config.chmod(0o600)
    app = indelible.audit(bare, state=tmp_path / "state", config=config)
    get(app, (b"x-user", b"ann"))
    kept = records(tmp_path / "state" / "spool" / "default")
    _, configured, received, completed = (json.loads(record.header) for record in kept)
    assert [one["kind"] for one in (configured, completed)] == ["config", "completed"]
    assert (received["server"], received["serverVersion"]) == ("shop", "9.1")
    actor = json.loads(kept[2].body)["actor"]
    assert (actor["id"], actor["provenance"]) == ("ann", "asserted")


def test_what_is_neither_a_server_nor_an_app_is_refused(tmp_path, at_exit) -> None:
    for thing in (object(), print, asyncio.sleep):
        with pytest.raises(UsageError):
            indelible.audit(thing, state=tmp_path / "state")


@pytest.mark.requirement("actor.warning")
def test_a_server_on_which_nobody_can_be_identified_says_so_once(tmp_path, at_exit, capsys) -> None:
    server = indelible.audit(MCPServer("crm"), state=tmp_path / "state")
    assert ANONYMOUS not in capsys.readouterr().err
    server.streamable_http_app()
    server.sse_app()
    assert capsys.readouterr().err.count(ANONYMOUS) == 1


@pytest.mark.requirement("actor.warning")
def test_with_a_source_that_can_answer_nothing_is_said(
    tmp_path, at_exit, capsys, monkeypatch
) -> None:
    config = tmp_path / "indelible.toml"
    config.write_text(
        '[identity]\nactor = ["api-key"]\n[identity.headers]\napi_key = "x-api-key"\n'
    )
    config.chmod(0o600)
    server = indelible.audit(MCPServer("crm"), state=tmp_path / "state", config=config)
    server.streamable_http_app()
    assert ANONYMOUS not in capsys.readouterr().err
    key = tmp_path / "state" / "keys" / "tags.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600


@pytest.mark.requirement("actor.api-key")
def test_the_key_of_fingerprints_is_made_once_and_for_its_owner_only(tmp_path) -> None:
    said: list[str] = []
    state = tmp_path / "state"
    one = tag_key(state, said.append)
    assert one is not None
    assert one == tag_key(state, said.append)
    path = state / "keys" / "tags.key"
    path.chmod(0o644)
    assert tag_key(state, said.append) is None
    path.chmod(0o600)
    path.write_text("no key\n")
    assert tag_key(state, said.append) is None
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere")
    assert tag_key(state, said.append) is None
    assert len(said) == 3


@pytest.mark.requirement("actor.api-key")
def test_where_the_state_cannot_be_written_there_are_no_fingerprints(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    said: list[str] = []
    assert tag_key(tmp_path / "file" / "state", said.append) is None
    assert len(said) == 1

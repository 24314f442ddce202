"""Bytes pass untouched both ways, whatever they are."""

from __future__ import annotations

import json
import random

import pytest

from tests.capture.messages import call, notification, request
from tests.hostile.session import RAW, calls, kinds

NOISE = b"not json\xff\xfe\x00\r\n\n\r\r\n  \nplain \xc3\x28 text\n\x80" + bytes(range(256))
UNUSUAL = [
    b"\xef\xbb\xbf" + json.dumps(call(1, "peek")).encode() + b"\r\n",
    b'{"id":2,"method":"ping","id":3,"x":1e999,"y":NaN,"z":"\\ud800"}\n',
    b'{"id":' + b"9" * 5_000 + b',"method":"ping"}\n',
    b'{"id":4,"method":"ping","params":' + b"[" * 30_000 + b"]" * 30_000 + b"}\n",
    b'noise\r{"id":5,"method":"ping"}\r\n',
    b"last line without an end",
]


def deep_ids() -> bytes:
    """Ids nested up to and beyond what an interpreter's stack holds."""
    return b"".join(
        b'{"method":"ping","id":' + b"[" * n + b"]" * n + b"}\n" for n in range(940, 1_010, 2)
    )


def random_bytes() -> bytes:
    dice = random.Random(20261124)
    alphabet = b'\n\n\r\x00\xff{}[]":,' + bytes(range(256))
    return bytes(dice.choices(alphabet, k=300_000))


@pytest.mark.requirement("wrap.bytes-untouched")
@pytest.mark.parametrize(
    "sent",
    [NOISE, b"".join(UNUSUAL), random_bytes(), deep_ids(), b"\n" * 1_000, b"", b"x"],
    ids=["noise", "unusual", "random", "deep ids", "blank lines", "nothing", "one byte"],
)
def test_every_byte_arrives_and_comes_back(sent, tmp_path, start, wrap, state) -> None:
    heard = []
    for name in ("direct", "wrapped"):
        taken = tmp_path / name
        command = ["tee", str(taken)]
        mirror = start(command) if name == "direct" else wrap(command=command)
        mirror.pour(sent, end=True)
        code, back = mirror.wait_after(mirror.rest())
        # Whoever asked and got no answer is told so by the wrapper, after all else.
        back = back[: back.rfind(sent) + len(sent)] if name == "wrapped" else back
        heard.append((code, back, taken.read_bytes()))
        assert b"Traceback" not in mirror.stderr.read_bytes()
    assert heard[0] == (0, sent, sent)
    assert heard[1] == heard[0]


def test_a_call_under_an_id_of_any_depth_is_on_record(wrap, state) -> None:
    server = wrap()
    server.send(deep_ids(), call("last", "peek"))
    assert server.hear()["id"] == "last"
    server.end_input()
    assert server.wait_after(server.rest())[0] == 0
    assert server.stderr.read_bytes() == b""
    assert len(calls(state, "method:ping")) == deep_ids().count(b"\n")


@pytest.mark.requirement("wrap.not-json")
def test_noise_is_on_record_with_its_size_and_direction(wrap, state) -> None:
    server = wrap()
    server.send(b"first noise\n\nsecond noise\n")
    noise = b"npm warn deprecated\nServer started\n"
    server.send(call(1, "bytes", hex=noise.hex()))
    assert (server.line(), server.line()) == (b"npm warn deprecated\n", b"Server started\n")
    assert server.hear()["id"] == 1
    assert server.end() == (0, b"")
    seen = [(e["direction"], e["text"]) for e in kinds(state, "unparseable")]
    mine = "".join(text for direction, text in seen if direction == "client")
    theirs = "".join(text for direction, text in seen if direction == "server")
    assert "first noise" in mine
    assert "second noise" in mine
    assert "npm warn deprecated" in theirs
    lines = kinds(state, "unparseable")
    assert sum(e["lines"] for e in lines) == 4
    assert all(e["bytes"] > 0 and e["server"] == "raw" for e in lines)


@pytest.mark.requirement("wrap.locale")
@pytest.mark.parametrize(
    "locale",
    [
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "POSIX", "PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"},
    ],
    ids=["C", "ascii", "latin-1"],
)
def test_text_beyond_ascii_passes_and_is_recorded(locale, wrap, state) -> None:
    words = "grüße ✓ 日本 \U0001f511"
    server = wrap("--server", "crm", **locale)
    reply = server.ask(call("ключ", "echo", text=words))
    assert reply["id"] == "ключ"
    assert reply["result"]["content"][0]["text"] == words
    failed = server.ask(call(2, "fail", text=words))
    assert failed["result"]["isError"]
    assert server.end()[0] == 0
    assert server.stderr.read_bytes() == b""
    first, second = calls(state)
    assert (first["args"], first["jsonrpcId"]) == ({"text": words}, "ключ")
    assert second["error"] == words


@pytest.mark.requirement("wrap.batch")
def test_every_call_of_a_batch_is_on_record(wrap, state) -> None:
    server = wrap()
    batch = [call(1, "peek"), notification("notifications/x"), call(2, "fail", text="no")]
    server.send(batch)
    assert [server.hear()["id"], server.hear()["id"]] == [1, 2]
    assert server.end() == (0, b"")
    assert [(c["tool"], c["outcome"], c["errorType"]) for c in calls(state)] == [
        ("peek", "ok", None),
        ("fail", "error", "tool_error"),
    ]


@pytest.mark.requirement("wrap.id-less")
def test_a_call_without_an_id_reaches_the_server_and_is_closed_as_unknown(wrap, state) -> None:
    server = wrap()
    server.send({"method": "tools/call", "params": {"name": "wipe", "arguments": {"a": 1}}})
    assert server.ask(request(1, "ping"))["id"] == 1
    assert server.end() == (0, b""), "no reply is made up for it"
    entry = calls(state)[0]
    assert (entry["tool"], entry["args"]) == ("wipe", {"a": 1})
    assert (entry["outcome"], entry["errorType"]) == ("unknown", "abandoned")
    assert "without an id" in entry["error"]


def test_ids_of_every_kind_come_back_as_they_were_sent(wrap, state) -> None:
    server = wrap()
    ids = ["7", 7, 7.5, 2**53 + 1, "", "\u2028", 1.0, -3, 0]
    for id_ in ids:
        assert repr(server.ask(call(id_, "peek"))["id"]) == repr(id_)
    assert server.end() == (0, b"")
    recorded = calls(state)
    assert [c["outcome"] for c in recorded] == ["ok"] * len(ids)
    assert [c["jsonrpcId"] for c in recorded][:2] == ["7", 7]


def test_a_number_that_the_server_writes_differently_is_the_same_id(wrap, state) -> None:
    # A mirror that answers as JavaScript does: 1.0 comes back as 1.
    program = (
        "import sys\nfor line in sys.stdin:\n"
        ' print(\'{"jsonrpc":"2.0","id":1,"result":{}}\', flush=True)'
    )
    server = wrap(command=[*RAW[:3], "-c", program])
    server.send(b'{"jsonrpc":"2.0","id":1.0,"method":"ping"}\n')
    assert server.hear()["id"] == 1
    assert server.end() == (0, b"")
    assert [c["outcome"] for c in calls(state)] == ["ok"]


def test_calls_under_one_id_are_recorded_each(wrap, state) -> None:
    server = wrap()
    server.send(call(1, "hold"), call(1, "hold"), call(1, "hold", until=3))
    heard = [server.hear() for _ in range(5)]
    assert [message["id"] for message in heard[2:]] == [1, 1, 1]
    assert server.end() == (0, b"")
    assert [c["outcome"] for c in calls(state)] == ["ok"] * 3


def test_the_servers_own_request_under_the_clients_id_is_another_call(wrap, state) -> None:
    server = wrap()
    asked = server.ask(call(1, "ask"))
    assert (asked["id"], asked["method"]) == (1, "roots/list")
    answered = server.ask({"jsonrpc": "2.0", "id": 1, "result": {"roots": []}})
    assert answered["result"]["content"][0]["text"] == "asked"
    assert server.end() == (0, b"")
    assert sorted((c["direction"], c["method"], c["outcome"]) for c in calls(state)) == [
        ("client", "tools/call", "ok"),
        ("server", "roots/list", "ok"),
    ]


@pytest.mark.requirement("wrap.cancelled")
def test_a_cancelled_call_is_recorded_as_cancelled(wrap, state) -> None:
    server = wrap()
    assert server.ask(call(1, "hold"))["method"] == "notifications/held"
    server.send(notification("notifications/cancelled", requestId=1, reason="tired of waiting"))
    late = server.ask({"jsonrpc": "2.0", "method": "test/release"})
    assert late["id"] == 1
    assert server.end() == (0, b"")
    held = calls(state, "tool:hold")
    assert [(c["outcome"], c["errorType"]) for c in held] == [("error", "cancelled")]
    assert held[0]["error"] == "cancelled: tired of waiting"


def test_notifications_alone_pass_and_leave_no_call(wrap, state) -> None:
    server = wrap()
    for n in range(5):
        server.send(notification("notifications/progress", progress=n))
    assert server.end() == (0, b"")
    assert calls(state) == []
    assert [e["exitCode"] for e in kinds(state, "server.exit")] == [0]


@pytest.mark.requirement("wrap.concurrency")
def test_twenty_calls_are_in_the_server_before_the_first_is_answered(wrap, state) -> None:
    server = wrap()
    server.send(*[call(n, "hold", until=20) for n in range(20)])
    heard = [server.hear() for _ in range(39)]
    assert [m.get("method") for m in heard[:19]] == ["notifications/held"] * 19
    assert [m["id"] for m in heard[19:]] == list(range(19, -1, -1))
    assert server.end() == (0, b"")
    assert [c["outcome"] for c in calls(state)] == ["ok"] * 20

"""Lines longer than we hold: nothing of them can act before its record is kept."""

from __future__ import annotations

import fcntl
import json
import os
import termios
import threading

import pytest

from indelible.capture import framing
from indelible.capture.policy import DEV
from tests.capture.messages import call, reply, request
from tests.capture.rig import Rig
from tests.capture.test_relay import Pipes
from tests.hostile.session import until

LIMIT = 200
PAD = "x" * (LIMIT + 50)


@pytest.fixture
def pipes(tmp_path, monkeypatch):
    monkeypatch.setattr(framing.Splitter.__init__, "__defaults__", (LIMIT,))
    rig = Rig(tmp_path / "state", DEV)
    made = Pipes(rig)
    yield made
    made.close()
    rig.spool.close()


def large(id_: object, method: str, **more: object) -> bytes:
    return json.dumps({"id": id_, "method": method, "params": {"pad": PAD}, **more}).encode()


def write(pipes: Pipes, *pieces: bytes) -> None:
    """Send each piece once the relay has read the one before: it sees them one by one."""
    for piece in pieces:
        os.write(pipes.client_out, piece)
        until(lambda: fcntl.ioctl(pipes.from_client, termios.FIONREAD, b"\0" * 4) == b"\0" * 4)


def sent(pipes: Pipes, *pieces: bytes) -> bytes:
    """Send *pieces* and return what the server has when it has as much."""
    write(pipes, *pieces)
    heard = b""
    while len(heard) < len(b"".join(pieces)):
        heard += pipes.server_hears()
    return heard


def asked(pipes: Pipes) -> list[tuple[str, str | None, int]]:
    """Return method, tool and size of each call on record after the first."""
    seen = [h for h in pipes.rig.headers if h["kind"] == "received"][1:]
    return [(h["method"], h.get("tool"), h["argsBytes"]) for h in seen]


def ended(pipes: Pipes) -> list[tuple[str, str | None]]:
    ends = [h for h in pipes.rig.headers if h["kind"] == "completed"][1:]
    return [(h["outcome"], h.get("errorType")) for h in ends]


@pytest.mark.requirement("wrap.long-lines")
def test_a_call_behind_a_cr_is_on_record_before_it_passes(pipes) -> None:
    second = json.dumps(call(2, "wipe")).encode()
    pieces = [large(1, "ping"), b"\r" + second[:20], second[20:] + b"\n"]
    assert sent(pipes, *pieces) == b"".join(pieces)
    assert [one[:2] for one in asked(pipes)] == [("ping", None), ("tools/call", "wipe")]
    pipes.server(reply(2))
    pipes.client_hears()
    pipes.server(reply(1))
    pipes.client_hears()
    assert ended(pipes) == [("ok", None), ("ok", None)]


@pytest.mark.requirement("wrap.long-lines")
def test_a_large_call_behind_a_cr_and_one_inside_a_message_are_found(pipes) -> None:
    third = json.dumps(call(3, "write")).encode()
    pieces = [
        large(1, "ping")[:-1],
        b',"x":\r' + third,
        b"\r}\r",
        large(2, "tools/list"),
        b"\r",
        b"\n",
    ]
    assert sent(pipes, *pieces) == b"".join(pieces)
    methods = [one[:2] for one in asked(pipes)]
    assert methods == [("ping", None), ("tools/call", "write"), ("tools/list", None)]
    opened = pipes.relay._observer.open_calls("client")
    assert sorted(one.jsonrpc_id for one in opened) == [1, 2, 3]


@pytest.mark.requirement("wrap.long-lines")
@pytest.mark.parametrize(
    "line",
    [
        json.dumps({"id": 1, "params": {"arguments": PAD, "name": "wipe"}, "method": "tools/call"}),
        large(1, "ping").decode()[:-1] + ',"method":"tools/call","params":{"name":"wipe"}}',
        large(1, "ping").decode()[:-1] + ',"Method":"tools/call","params":{"NAME":"wipe"}}',
        '{"result":1,"x":"' + PAD + '","id":1,"method":"tools/call","params":{"name":"wipe"}}',
    ],
    ids=["params first", "two methods", "two cases", "like a reply"],
)
def test_what_a_message_turns_out_to_be_is_on_record_before_it_ends(line, pipes) -> None:
    data = line.encode()
    pieces = [data[:LIMIT], *[data[at : at + 10] for at in range(LIMIT, len(data), 10)]]
    assert sent(pipes, *pieces) == data
    assert asked(pipes)[-1] == ("tools/call", "wipe", len(data))
    os.write(pipes.client_out, b"\n")
    assert pipes.server_hears() == b"\n"
    pipes.server(reply(1))
    pipes.client_hears()
    assert ended(pipes)[-1] == ("ok", None)
    assert ended(pipes)[:-1] in ([], [("unknown", "abandoned")])


@pytest.mark.requirement("wrap.full-disk")
def test_a_call_that_shows_itself_late_is_refused_before_it_is_whole(pipes) -> None:
    line = json.dumps({"id": 7, "params": {"arguments": PAD, "name": "wipe"}}).encode()[:-1]
    assert sent(pipes, line) == line
    pipes.rig.spool.room = 0
    os.write(pipes.client_out, b',"method":"tools/call"}')
    answer = json.loads(pipes.client_hears())
    assert (answer["id"], "not run" in answer["error"]["message"]) == (7, True)
    assert pipes.server_hears() == b"", "its input has ended: what it has is no message"
    assert pipes.relay._observer.open_calls("client") == []


def test_a_large_reply_of_the_client_ends_the_servers_request(pipes) -> None:
    pipes.server(request("s", "sampling/createMessage"))
    pipes.client_hears()
    line = json.dumps({"jsonrpc": "2.0", "id": "s", "result": {"text": PAD}}).encode()
    assert sent(pipes, line, b"\r\n") == line + b"\r\n"
    assert ended(pipes) == [("ok", None)]


def test_a_client_that_does_not_read_stops_no_record(pipes) -> None:
    os.set_blocking(pipes.client_in, False)
    flood = json.dumps({"method": "notifications/x", "params": {"p": "x" * 200_000}}).encode()
    writing = threading.Thread(target=os.write, args=(pipes.server_out, flood[:150_000]))
    writing.start()
    pipes.client(call(1, "wipe"))
    pipes.server_hears()
    pipes.rig.spool.room = 0
    pipes.client(call(2, "wipe"))
    pipes.rig.spool.room = None
    done = threading.Thread(target=pipes.relay.abandon, args=("it is gone",), daemon=True)
    done.start()
    done.join(10)
    assert not done.is_alive(), "it waits for no reader"
    assert pipes.relay._observer.open_calls("client") == []
    os.set_blocking(pipes.client_in, True)
    while writing.is_alive():
        pipes.client_hears()
    pipes.drop(pipes.server_out)
    pipes.drop(pipes.client_in)

"""The parts of the proxy that need no process: events, bodies, sessions, limits."""

from __future__ import annotations

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indelible.capture.calls import Open
from indelible.capture.proxy import bodies, sessions
from indelible.capture.proxy.bodies import Body, Decoder, Unreadable
from indelible.capture.proxy.fields import origin_form, passed_on
from indelible.capture.proxy.options import address_of, origin_of
from indelible.capture.proxy.request import Full, Incoming, Room, Settings
from indelible.capture.proxy.server import Listener
from indelible.capture.proxy.sessions import ExchangeCalls, Session, Sessions
from indelible.capture.proxy.sse import Event, Events
from indelible.capture.wire import Message, Outlined, read_text
from indelible.errors import UsageError
from indelible.model.event import Received

STREAM = (
    b"\xef\xbb\xbf: hello\r\nid: 1\ndata\n\nevent: endpoint\rdata: /x\r\r"
    b'data: {"a":\r\ndata:1}\r\nid: 2\r\n\r\nretry: 9\n\nid: a\0b\ndata: [3]\n\n'
)


def seen(events: list[Event]) -> list[tuple[str, str | None, object]]:
    told = []
    for event in events:
        readings = event.body.readings() if event.body is not None else []
        first = readings[0] if readings else None
        told.append((event.name, event.id, first.value if isinstance(first, Message) else first))
    return told


@pytest.mark.requirement("proxy.stream")
@given(st.lists(st.integers(0, len(STREAM)), max_size=8))
def test_events_are_the_same_wherever_the_stream_is_cut(cuts: list[int]) -> None:
    events, found = Events(), []
    at = 0
    for cut in [*sorted(cuts), len(STREAM)]:
        found += events.feed(STREAM[at:cut])
        at = cut
    told = seen(found + events.end())
    assert told[0] == ("message", "1", None)
    assert told[1][:2] == ("endpoint", None)
    assert told[2:] == [("message", "2", {"a": 1}), ("message", None, [3])]


def test_an_event_counts_before_a_line_feed_that_may_never_come() -> None:
    assert seen(Events().feed(b"data: [1]\r\r")) == [("message", None, [1])]
    events = Events()
    assert events.feed(b"data: [1]") == []
    assert seen(events.end()) == [("message", None, [1])]


@given(st.binary(max_size=300), st.integers(1, 7))
def test_any_bytes_are_some_events(data: bytes, step: int) -> None:
    events, whole = Events(), Events()
    parts = [e for at in range(0, len(data), step) for e in events.feed(data[at : at + step])]
    one_by_one, at_once = seen(parts + events.end()), seen(whole.feed(data) + whole.end())
    assert str(one_by_one) == str(at_once)


def test_a_body_beyond_the_bound_is_known_by_its_outline(monkeypatch) -> None:
    monkeypatch.setattr(bodies, "MAX_WHOLE_BYTES", 100)
    body = Body()
    for part in (b'{"id":1,"method":"x","params":"', b"y" * 200, b'"}'):
        body.feed(part)
    (reading,) = body.readings()
    assert isinstance(reading, Outlined)
    assert reading.outline.found == {"id": 1, "method": "x"}


def test_a_coding_that_is_not_known_or_grows_too_large_is_said() -> None:
    import zlib

    with pytest.raises(Unreadable):
        Decoder("br")
    with pytest.raises(Unreadable):
        Decoder("gzip").feed(b"no gzip at all")
    with pytest.raises(Unreadable):
        Decoder("deflate").feed(zlib.compress(b" " * (17 << 20)))
    assert Decoder("identity, ").feed(b"x") == b"x"


@given(st.lists(st.dictionaries(st.text(max_size=3), st.integers()), min_size=1, max_size=9))
def test_values_that_follow_each_other_are_each_read(values) -> None:
    data = b"\r\n ".join(json.dumps(value).encode() for value in values)
    assert [reading.value for reading in read_text(data)] == values


def call(number: int, id_: object) -> Received:
    return Received(number, 0, "client", "ping", jsonrpc_id=id_)


@pytest.mark.requirement("proxy.sessions")
def test_a_reply_is_looked_for_in_its_exchange_and_then_in_its_session() -> None:
    session = Session()
    calls = [ExchangeCalls(list) for _ in range(2)]
    for number, one in enumerate(calls):
        one._others = lambda mine=one: session.others(mine)
        session.join(one)
        one.add(call(number, 1), 0)
    found = [calls[1].take(1), calls[1].take(1), calls[1].take(1)]
    assert [one.received.number if one else None for one in found] == [1, 0, None]
    session.left.add(call(5, 9), 0)
    assert [one.received.number for one in calls[0].take_same(9)] == [5]


def test_sessions_are_bounded_and_what_is_given_up_is_told(monkeypatch) -> None:
    monkeypatch.setattr(sessions, "MAX_SESSIONS", 2)
    monkeypatch.setattr(sessions, "MAX_SEEN", 2)
    known, first = Sessions(), Session()
    first.left.add(call(1, 1), 5)
    assert [known.put(key, one) for key, one in (("a", first), ("b", Session()))] == [[], []]
    assert known.put("c", Session()) == [Open(call(1, 1), 5)]
    assert known.find("a") is None
    assert [known.is_new("s", event) for event in ("1", "1", "2", "3", "1")] == [
        *(True, False, True, True, True)
    ]


def test_what_may_be_held_of_all_requests_is_bounded() -> None:
    room = Room(10)
    settings = Settings(None, 100, 1.0, room)
    one, other = (Incoming(None, lambda _: [], settings) for _ in range(2))  # type: ignore[arg-type]
    with one:
        one.held(b"x" * 6)
        with pytest.raises(Full), other:
            other.held(b"x" * 6)
    assert room.left == 10


@pytest.mark.requirement("proxy.limits")
def test_a_head_that_does_not_end_costs_its_connection() -> None:
    async def trickle(writer: asyncio.StreamWriter) -> None:
        writer.write(b"GET / HTTP/1.1\r\n")
        while not writer.is_closing():
            writer.write(b"X: y\r\n")
            await asyncio.sleep(0.05)  # this is the attack

    async def slow() -> bytes:
        listener = Listener(
            lambda _: None, max_header_bytes=1_024, max_headers=99, warn=print, idle_s=0.2
        )
        await listener.start("127.0.0.1", 0, None)
        reader, writer = await asyncio.open_connection(*listener.addresses[0])
        trickling = asyncio.ensure_future(trickle(writer))
        try:
            async with asyncio.timeout(20):
                return await reader.read()
        except ConnectionResetError:
            return b""
        finally:
            trickling.cancel()
            writer.close()
            await listener.close()

    assert asyncio.run(slow()) == b""


def test_names_that_connection_gives_away_stay_but_for_what_frames_a_message() -> None:
    lines = [(b"Connection", b"X, content-length , HOST"), (b"x", b"1"), (b"Content-Length", b"3")]
    assert passed_on([*lines, (b"host", b"h")]) == [(b"Content-Length", b"3"), (b"host", b"h")]


@pytest.mark.parametrize(
    ("target", "origin"),
    [("/a?b", b"/a?b"), ("http://h:1/a?b=http://c", b"/a?b=http://c"), ("http://h", b"/")],
)
def test_an_absolute_target_becomes_one_for_an_origin_server(target: str, origin: bytes) -> None:
    assert origin_form(target) == origin


def test_addresses_are_checked() -> None:
    assert address_of("[::1]:80") == ("::1", 80)
    assert str(origin_of("http://h:3001/mcp")) == "http://h:3001"
    for wrong in ("80", "h:", "h:x", "h:70000", ":80"):
        with pytest.raises(UsageError):
            address_of(wrong)
    for wrong in ("h:80", "ftp://h", "http://a:b@h", "http://h?x", "http://"):
        with pytest.raises(UsageError):
            origin_of(wrong)

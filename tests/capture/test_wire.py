"""Reading a line: what any server may understand must not pass as noise."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indelible.capture.wire import Message, Noise, Outlined, read_line
from tests.capture.messages import call

CALL = json.dumps(call(1, "wipe")).encode()
DEEP = b"[" * 100_000 + b"]" * 100_000
HUGE = b"9" * 5_000


@pytest.mark.requirement("wrap.not-json")
@given(st.binary(max_size=300))
def test_any_bytes_are_read_and_none_raise(data) -> None:
    for reading in read_line(data):
        assert isinstance(reading, (Message, Noise, Outlined))
        if isinstance(reading, Noise):
            assert reading.data in data


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b" \t\n"])
@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf", b"  "], ids=["", "BOM", "space"])
def test_what_stands_around_a_message_is_no_part_of_it(start, end) -> None:
    assert read_line(start + CALL + end) == [Message(call(1, "wipe"), len(CALL))]


@pytest.mark.parametrize("blank", [b"\n", b"\r\n", b"", b" \t \n", b"\xef\xbb\xbf\n"])
def test_a_blank_line_is_nothing(blank) -> None:
    assert read_line(blank) == []


@pytest.mark.parametrize(
    "noise",
    [b"hello\n", b"{\n", b"7\n", b'"text"\n', b"null\n", b"true\n", b"\xff\xfe\n", b"{}}\n"],
)
def test_what_is_no_message_is_noise(noise) -> None:
    assert read_line(noise) == [Noise(noise.strip())]


def test_invalid_utf_8_is_read_with_replacement_as_node_reads_it() -> None:
    line = b'{"id":1,"method":"tools/call","params":{"name":"\xffwipe"}}\n'
    (reading,) = read_line(line)
    assert isinstance(reading, Message)
    assert reading.value["params"] == {"name": "\ufffdwipe"}


def test_a_lone_cr_ends_a_line_as_in_pythons_text_streams() -> None:
    first, second, third = read_line(b"noise\r" + CALL + b"\r\rmore noise\n")
    assert first == Noise(b"noise")
    assert second == Message(call(1, "wipe"), len(CALL))
    assert third == Noise(b"more noise")


@pytest.mark.parametrize("cover", [DEEP[:100_000], b"[" + HUGE, HUGE], ids=["deep", "half", "huge"])
def test_a_call_behind_a_cr_is_found_behind_what_python_will_not_read(cover) -> None:
    readings = read_line(cover + b"\r" + CALL + b"\n")
    named = [r.value for r in readings if isinstance(r, Message)] + [
        r.outline.found for r in readings if isinstance(r, Outlined)
    ]
    assert any(
        found.get("method") == "tools/call"
        and "wipe" in (found.get("params.name"), (found.get("params") or {}).get("name"))
        for found in named
    )


def test_a_cr_between_two_tokens_of_a_message_is_space() -> None:
    assert read_line(b'{"id":1,\r"method":"ping"}\n') == [
        Message({"id": 1, "method": "ping"}, 25),
    ]


@pytest.mark.requirement("wrap.not-json")
@pytest.mark.parametrize("digits", [HUGE, b"-" + HUGE], ids=["long", "long negative"])
def test_a_number_of_too_many_digits_costs_no_other_argument(digits) -> None:
    line = b'{"id":5,"method":"tools/call","params":{"name":"wipe","arguments":{"a":%s,"b":7}}}\n'
    (reading,) = read_line(line % digits)
    assert isinstance(reading, Message)
    arguments = {"a": "[a number of 5000 digits]", "b": 7}
    assert reading.value["params"] == {"name": "wipe", "arguments": arguments}
    batch = b"[%s,%s]\n" % ((line % digits).strip(), CALL)
    (reading,) = read_line(batch)
    assert [member["id"] for member in reading.value] == [5, 1]


@pytest.mark.requirement("wrap.batch")
def test_every_member_of_a_batch_that_is_too_deep_is_read() -> None:
    deep = b'{"id":2,"method":"ping","params":{"a":' + DEEP + b"}}"
    first, second, third = read_line(b"[" + CALL + b"," + deep + b",[" + CALL + b"]]\n")
    assert first == Message(call(1, "wipe"), len(CALL))
    assert isinstance(second, Outlined)
    assert second.outline.found == {"id": 2, "method": "ping"}
    assert isinstance(third, Message)


@pytest.mark.requirement("wrap.not-json")
def test_every_piece_between_crs_that_may_be_a_call_is_found() -> None:
    deep = b'{"id":%d,"method":"ping","params":{"a":' + DEEP + b"}}"
    readings = read_line(deep % 1 + b"\r" + deep % 2 + b"\r" + CALL + b"\n")
    ids = [r.outline.found["id"] for r in readings if isinstance(r, Outlined)]
    assert 2 in ids
    assert readings[-1] == Message(call(1, "wipe"), len(CALL))


@pytest.mark.requirement("wrap.not-json")
def test_a_call_that_is_a_line_of_its_own_only_to_some_is_found() -> None:
    outer = b'{"id":9,"method":"ping","params":\r' + CALL + b"\r}\n"
    first, second = read_line(outer)
    assert (first.value["id"], second.value) == (9, call(1, "wipe"))


@pytest.mark.requirement("wrap.not-json")
def test_control_characters_may_stand_in_strings() -> None:
    (reading,) = read_line(b'{"id":1,"method":"ping","params":{"a":"\x01\ttab"}}\n')
    assert isinstance(reading, Message)


def test_what_python_will_not_read_is_read_in_outline() -> None:
    line = b'{"method":"tools/call","params":{"name":"wipe","arguments":' + DEEP + b'},"id":5}\n'
    (reading,) = read_line(line)
    assert isinstance(reading, Outlined)
    assert reading.size == len(line) - 1
    assert reading.outline.found == {"method": "tools/call", "params.name": "wipe", "id": 5}


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e999", '"\\ud800"'])
def test_what_python_reads_beyond_json_is_a_message(text) -> None:
    (reading,) = read_line(f'{{"id":1,"method":"ping","params":{{"a":{text}}}}}\n'.encode())
    assert isinstance(reading, Message)

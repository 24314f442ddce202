"""Lines out of chunks: the same lines however the bytes arrive, and never more than a line held."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indelible.capture.framing import (
    MAX_LINE_BYTES,
    End,
    Line,
    Part,
    Piece,
    Segment,
    Splitter,
    Start,
)

STREAMS = st.lists(
    st.sampled_from([b"\n", b"\r", b"\r\n", b"\xff", b"\x00", b'{"id":1}', b"ab"]) | st.binary()
).map(b"".join)


def chunked(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    return [data[a:b] for a, b in pairwise(edges)]


def parts_of(splitter: Splitter, chunks: list[bytes]) -> list[Part]:
    parts = [part for chunk in chunks for part in splitter.feed(chunk)]
    return parts + list(splitter.end())


@pytest.mark.requirement("wrap.bytes-untouched")
@given(STREAMS, st.lists(st.integers(1, 200)))
def test_lines_are_the_same_however_the_bytes_arrive(data, cuts) -> None:
    lines = [line + b"\n" for line in data.split(b"\n")]
    lines[-1] = lines[-1][:-1]  # what follows the last LF is a line only if there is something
    assert parts_of(Splitter(), chunked(data, cuts)) == [Line(line) for line in lines if line]


@pytest.mark.requirement("wrap.long-lines")
@given(STREAMS, st.lists(st.integers(1, 200)), st.integers(1, 12))
def test_a_long_line_passes_in_pieces_and_loses_nothing(data, cuts, limit) -> None:
    splitter = Splitter(limit)
    passed, size, inside = b"", 0, False
    for part in parts_of(splitter, chunked(data, cuts)):
        assert isinstance(part, (Start, Piece, Segment, End) if inside else (Line, Start))
        if isinstance(part, Start):
            assert len(part.data) >= limit
            size = size if inside else 0
            inside = True
        size += len(part.data)
        if isinstance(part, End):
            assert part.size == size
            inside = False
        passed += part.data
    assert passed == data
    assert not inside
    assert not splitter.mid_line


@given(st.lists(st.integers(1, 40)), st.integers(4, 20))
def test_the_outline_of_a_long_line_is_read_on_the_way(cuts, limit) -> None:
    line = b'{"method":"tools/call","params":{"name":"t","arguments":{"a":[1]}},"id":"x"}\n'
    chunks = chunked(line, [*cuts, limit + 1])
    outlines = [p.outline for p in parts_of(Splitter(limit), chunks) if isinstance(p, Start)]
    assert len(outlines) == 1
    assert outlines[0].found == {"method": "tools/call", "params.name": "t", "id": "x"}


@pytest.mark.requirement("wrap.long-lines")
def test_no_more_than_the_limit_is_held() -> None:
    splitter = Splitter()
    chunk = b"x" * (1 << 20)
    most = 0
    for _ in range(40):
        for part in splitter.feed(chunk):
            assert isinstance(part, (Start, Piece))
        most = max(most, sum(map(len, splitter._held)))
    assert most < MAX_LINE_BYTES
    (end,) = splitter.end()
    assert end == End(b"", 40 << 20)


def test_the_end_of_a_stream_between_two_lines_is_no_line() -> None:
    assert parts_of(Splitter(), [b"a\n"]) == [Line(b"a\n")]
    assert parts_of(Splitter(), []) == []
    assert parts_of(Splitter(), [b"a\n", b"b"]) == [Line(b"a\n"), Line(b"b")]

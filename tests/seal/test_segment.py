"""Leaf lines and commit lines: written and read back, and hostile bytes."""

from __future__ import annotations

import json

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from indelible.model.canonical import encode, format_time
from indelible.seal import merkle
from indelible.seal.merkle import Frontier
from indelible.seal.segment import (
    COLLECTOR,
    Leaf,
    Scanner,
    commit_line,
    encode_batch,
    leaf_line,
    parse_commit,
    parse_leaf,
    spool_peer,
)

texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=20)
headers = st.dictionaries(
    st.sampled_from(["kind", "peer", "receivedAt", "tool", "v", "header"]),
    texts | st.integers(0, 2**53 - 1) | st.dictionaries(st.sampled_from(["via", "peer"]), texts),
).map(encode)
times = st.integers(0, 4 * 10**15)
peers = st.just(COLLECTOR) | st.integers(0, 2**31).map(spool_peer)


@given(headers, peers, times)
def test_leaf_lines_read_as_they_were_written(header, peer, at):
    line = leaf_line(header, peer, at)
    assert b"\n" not in line
    if len(header) > 2:
        assert parse_leaf(line) == Leaf(header, peer, format_time(at))
    assert rfc8785.dumps(json.loads(line)) == line
    assert line == encode(
        {"header": json.loads(header), "peer": json.loads(peer), "receivedAt": format_time(at)}
    )


@given(st.integers(0, 2**50), st.integers(1, 1000), st.binary(min_size=32, max_size=32))
def test_commit_lines_read_as_they_were_written(first, count, root):
    line = commit_line(first, first + count, root)
    found = parse_commit(line)
    assert found is not None
    assert (found.first, found.size, found.root) == (first, first + count, root)
    assert rfc8785.dumps(json.loads(line)) == line


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        b'{"header":{"v":1}}',
        b'{"header":{"v":1},"peer":{"via":"x"}}',
        b'{"header":{"v":1},"peer":{"via":"x"},"receivedAt":"2026"}x',
        b'{"header":{"v":1},"peer":1,"receivedAt":"2026"}',
        b'{"header":{"v":1},"peer":{"via":"x"},"receivedAt":"\xff"}',
        b'{"header":{"v":"' + b"x" * 70_000 + b'"},"peer":{"via":"x"},"receivedAt":"2026"}',
    ],
)
def test_what_is_no_leaf_line(line):
    assert parse_leaf(line) is None


@pytest.mark.parametrize(
    "line",
    [
        b"{}",
        b'{"commit":{"from":00,"n":1,"root":"%s"}}' % (b"0" * 64),
        b'{"commit":{"from":0,"n":0,"root":"%s"}}' % (b"0" * 64),
        b'{"commit":{"from":0,"n":1,"root":"%s"}}' % (b"A" * 64),
        b'{"commit":{"from":0,"n":1,"root":"%s"}} ' % (b"0" * 64),
    ],
)
def test_what_is_no_commit_line(line):
    assert parse_commit(line) is None


batches = st.lists(st.lists(headers, min_size=1, max_size=5), min_size=1, max_size=5)


@given(batches)
def test_a_segment_reads_as_its_batches(content):
    frontier, data, lines = Frontier(), b"", []
    for batch in content:
        made = [leaf_line(b'{"n":1,' + one[1:], COLLECTOR, 0) for one in batch if len(one) > 2]
        if made:
            data += encode_batch(made, frontier)
            lines += made
    scanner = Scanner(data, Frontier())
    found = list(scanner.batches())
    assert scanner.tail is None
    assert [line for one in found for line in one.leaves] == lines
    assert scanner.frontier.root() == merkle.root([merkle.leaf_hash(one) for one in lines])
    if found:
        assert found[-1].end == len(data)
        assert data.split(b"\n")[found[-1].line - 1] == found[-1].leaves[0]


def two_batches() -> tuple[bytes, int]:
    frontier = Frontier()
    first = encode_batch([leaf_line(b'{"n":1}', COLLECTOR, 0)] * 2, frontier)
    return first + encode_batch([leaf_line(b'{"n":2}', COLLECTOR, 0)] * 2, frontier), len(first)


@pytest.mark.parametrize("cut", range(1, 200, 3))
def test_a_cut_tail_is_torn(cut):
    data, first = two_batches()
    scanner = Scanner(data[:-cut], Frontier())
    assert len(list(scanner.batches())) == 1
    assert scanner.tail is not None
    assert scanner.tail.torn
    assert scanner.tail.start == first


def test_what_only_tampering_leaves():
    data, first = two_batches()
    for edited in (
        data.replace(b'"n":1}', b'"n":3}', 1),  # an older batch, changed
        data + data[first:],  # a batch doubled
        data[first:],  # the first batch missing
        data[:first] + data[:first],
        data[:-1] + b"\n\n" + data[first:],
        data[:-90].replace(b'"n":2}', b'"n":3}') + data[-90:] + b"{}\n",  # not the last thing
        data + b"{}\n",  # something after the last commit line, and its own batch wrong
    ):
        scanner = Scanner(edited, Frontier())
        list(scanner.batches())
        assert scanner.tail is not None
        last_is_own = edited == data + b"{}\n"
        assert scanner.tail.torn == last_is_own, edited


@given(st.binary(max_size=300))
def test_hostile_bytes_raise_nothing(data):
    scanner = Scanner(data, Frontier())
    list(scanner.batches())
    assert scanner.tail is not None or not data
    parse_leaf(data)
    parse_commit(data)

"""The outline of a message must be what reading all of it would give."""

from __future__ import annotations

import json
import sys

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from indelible.capture.outline import MAX_CAPTURED_BYTES, WANTED, Outline

SPACE = st.text(alphabet=" \t\r\n", max_size=2)
NAMES = ["id", "method", "params", "name", "result", "isError", "error", "code", "message", ""]
KEYS = st.sampled_from([*NAMES, "params.name", "result.isError", "a\\b", 'q"q', "ключ"]) | st.text(
    max_size=3
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12)
    | st.sampled_from(["{", "}", "[[", '\\"', '"', '{"id":9}', "\\\\", ",", ":", "\\"])
)


@st.composite
def string(draw, text: str) -> str:
    """Write *text* as JSON, each character plain or escaped."""
    plain = draw(st.booleans())
    if plain:
        return json.dumps(text, ensure_ascii=draw(st.booleans()))
    units = text.encode("utf-16-be", "surrogatepass")
    codes = [units[at : at + 2].hex() for at in range(0, len(units), 2)]
    return '"' + "".join(f"\\u{code}" for code in codes) + '"'


@st.composite
def written(draw, depth: int = 4) -> str:
    """Write any JSON value, with keys that come twice and space anywhere."""
    kind = draw(st.sampled_from(["scalar", "object", "array"] if depth else ["scalar"]))
    left, right = draw(SPACE), draw(SPACE)
    if kind == "scalar":
        value = draw(SCALARS)
        text = draw(string(value)) if isinstance(value, str) else json.dumps(value)
    elif kind == "array":
        text = "[" + ",".join(draw(st.lists(written(depth - 1), max_size=4))) + draw(SPACE) + "]"
    else:
        text = draw(json_object(depth))
    return left + text + right


@st.composite
def json_object(draw, depth: int = 4) -> str:
    members = [
        draw(SPACE) + draw(string(draw(KEYS))) + draw(SPACE) + ":" + draw(written(depth - 1))
        for _ in range(draw(st.integers(0, 5)))
    ]
    return "{" + ",".join(members) + draw(SPACE) + "}"


def expected(text: str) -> tuple[dict[str, object], bool]:
    """Return what the outline must find, by reading all of *text*."""
    value = json.loads(text)
    found: dict[str, object] = {}
    for path in WANTED if isinstance(value, dict) else ():
        outer, _, inner = path.partition(".")
        if outer not in value:
            continue
        part = value[outer]
        if inner:
            if not isinstance(part, dict) or inner not in part:
                continue
            part = part[inner]
        if not isinstance(part, (dict, list)):
            found[path] = part
    answers = isinstance(value, dict) and ("result" in value or "error" in value)
    return found, answers and not isinstance(found.get("method"), str)


def outlined(data: bytes, *cuts: int) -> Outline:
    outline = Outline()
    at = 0
    for cut in [*sorted(cuts), len(data)]:
        outline.feed(data[at:cut])
        at = max(at, cut)
    return outline


@settings(max_examples=500)
@given(json_object() | written(), st.lists(st.integers(0, 300), max_size=6))
@example('{"":1,"id":2,"method":"tools/call"}', [])
@example('{"params.name":"feigned","params":{"arguments":{}}}', [])
@example('{"id":1,"id":{}}', [])
@example('{"params":{"name":"a"},"params":{"":"","name":"b"}}', [5])
@example('{"method":"tools/call","result":1}', [])
def test_an_outline_is_what_json_loads_finds(text, cuts) -> None:
    data = text.encode("utf-8", "surrogatepass")
    outline = outlined(data, *[min(cut, len(data)) for cut in cuts])
    assert (outline.found, outline.is_reply) == expected(text)


@given(st.binary(max_size=80) | st.text(alphabet='{}[]",:\\ai1 ', max_size=60).map(str.encode))
def test_bytes_that_are_no_json_do_no_harm_however_they_come(data) -> None:
    whole, single = outlined(data), outlined(data, *range(len(data)))
    assert whole.found.keys() <= WANTED
    assert (whole.found, whole.is_reply) == (single.found, single.is_reply)


@pytest.mark.parametrize("nesting", ["[", '{"a":', '[{"k":['], ids=["arrays", "objects", "mixed"])
def test_any_depth_is_followed_and_what_comes_after_it_is_found(nesting) -> None:
    deep = nesting * 30_000
    closed = "".join({"[": "]", "{": "}"}[c] for c in reversed(deep) if c in "[{")
    text = f'{{"method":"tools/call","params":{{"name":"t","a":{deep}1{closed}}},"id":"late"}}'
    assert outlined(text.encode()).found == {
        "method": "tools/call",
        "params.name": "t",
        "id": "late",
    }


def test_long_scalars_are_left_out_and_what_is_held_stays_small() -> None:
    outline = Outline()
    outline.feed(b'{"method":"')
    for _ in range(64):
        outline.feed(b"m" * (1 << 16))
        assert len(outline._string or b"") <= 2 * MAX_CAPTURED_BYTES + 2
    outline.feed(b'","id":')
    for _ in range(64):
        outline.feed(b"7" * (1 << 16))
        assert len(outline._scalar) <= 2 * MAX_CAPTURED_BYTES + 2
    outline.feed(b',"params":{"name":"t"}}')
    assert outline.found == {"params.name": "t"}


@pytest.mark.requirement("wrap.long-lines")
@pytest.mark.parametrize(
    "unit",
    [b'"', b"\\", b'\\"', b"[", b"{", b"]", b",", b":", b"[]", b"1,", b'"a",', b'{"a":[', b"x"],
    ids=repr,
)
def test_hostile_text_costs_work_linear_in_its_length(unit) -> None:
    def steps(size: int) -> int:
        """Count the calls that reading *size* bytes takes."""
        data = b'{"params":{"arguments":[[' + unit * (size // len(unit))
        outline, count = Outline(), 0

        def seen(frame, kind, argument) -> None:
            nonlocal count
            count += 1

        sys.setprofile(seen)
        try:
            for at in range(0, len(data), 4_096):
                outline.feed(data[at : at + 4_096])
        finally:
            sys.setprofile(None)
        return count

    assert steps(1 << 17) <= 2.2 * steps(1 << 16)

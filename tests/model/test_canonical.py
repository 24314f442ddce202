"""Times and ids as text."""

from __future__ import annotations

import datetime
import uuid

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from indelible.model.canonical import (
    encode,
    format_time,
    is_uuid7,
    parse_time,
    uuid7,
    uuid7_time,
)

TIMES = st.integers(0, 253_402_300_799_999_999)  # to the end of year 9999
RANDOM = st.binary(min_size=10, max_size=10)


@pytest.mark.requirement("model.uuid7")
def test_the_example_of_rfc_9562_appendix_a6() -> None:
    random = bytes.fromhex("0CC3" + "18C4DC0C0C07398F")
    made = uuid7(0x017F22E279B0 * 1000, random)
    assert made == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"


@pytest.mark.requirement("model.uuid7")
@given(st.integers(0, (1 << 48) - 1), st.integers(0, 999), RANDOM)
def test_a_uuid7_is_one_and_carries_its_time(ms, us, random) -> None:
    made = uuid7(ms * 1000 + us, random)
    parsed = uuid.UUID(made)
    assert (str(parsed), parsed.version, parsed.variant) == (made, 7, uuid.RFC_4122)
    assert parsed.int >> 80 == ms
    assert is_uuid7(made)
    assert uuid7_time(made) == ms * 1000


@given(TIMES, TIMES, RANDOM, RANDOM)
def test_ids_of_different_milliseconds_sort_by_time(one, two, random, other) -> None:
    first, second = sorted([one, two])
    if first // 1000 != second // 1000:
        assert uuid7(first, random) < uuid7(second, other)


@given(st.text(alphabet="0123456789abcdefAB-", min_size=34, max_size=38) | st.text())
@example("019ab3c4-d5e6-4abc-8def-0123456789ab")  # version 4
@example("019ab3c4-d5e6-7abc-cdef-0123456789ab")  # another variant
@example("019AB3C4-D5E6-7ABC-8DEF-0123456789AB")
@example("019ab3c4-d5e6-7abc-8def-0123456789ab\n")
@example("019ab3c4-d5e6-7abc-8def-01-3456789ab")
def test_what_is_no_uuid7_is_refused(text) -> None:
    try:
        real = str(uuid.UUID(text)) == text and uuid.UUID(text).version == 7
    except ValueError:
        real = False
    assert is_uuid7(text) == real
    if not real:
        with pytest.raises(ValueError, match="not a UUIDv7"):
            uuid7_time(text)


@given(TIMES)
@example(0)
@example(951_782_400_000_000)  # 29 February 2000
def test_a_time_comes_back(at_us) -> None:
    text = format_time(at_us)
    moment = datetime.datetime.fromtimestamp(0, datetime.UTC) + datetime.timedelta(
        microseconds=at_us
    )
    assert text == moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
    assert parse_time(text) == at_us


def test_an_offset_is_read_and_a_time_without_a_zone_is_not() -> None:
    assert parse_time("2026-11-24T05:00:00+01:00") == parse_time("2026-11-24T04:00:00Z")
    with pytest.raises(ValueError, match="without a zone"):
        parse_time("2026-11-24T05:00:00")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_what_json_cannot_say_is_not_written(value) -> None:
    with pytest.raises(ValueError, match="JSON"):
        encode([value])


def test_a_lone_surrogate_is_not_written() -> None:
    with pytest.raises(UnicodeEncodeError):
        encode("\ud800")

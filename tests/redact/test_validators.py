"""Check digits and issuing rules tell real numbers from look-alikes."""

from __future__ import annotations

import pytest

from indelible.redact import validators

CARDS = """
4111111111111111 4012888888881881 4222222222222 5555555555554444 2223003122003222 378282246310005
371449635398431 6011111111111117 30569309025904 38520000023237 3530111333300000 6759649826438453
6200000000000005 180012345678905
""".split()


@pytest.mark.parametrize("digits", CARDS)
def test_is_card(digits: str) -> None:
    assert validators.is_card(digits) == validators.luhn(digits) is True


@pytest.mark.parametrize(
    "digits",
    ["4111111111111112", "1732421048000", "0000000000000000", "9999999999999995", "411111111111"],
)
def test_is_no_card(digits: str) -> None:
    assert not validators.is_card(digits)


@pytest.mark.parametrize("run", ["aGVsbG8gd29ybGQ=", "aGVsbG8gd29ybGQ", "aGVsbG8gd29ybGQ=="])
def test_base64_is_decoded_with_or_without_padding(run: str) -> None:
    assert validators.decode_base64(run) == b"hello world"


def test_base64url_is_decoded_and_nonsense_is_not() -> None:
    assert validators.decode_base64("_-_-") == validators.decode_base64("/+/+")
    assert not validators.decode_base64("é")

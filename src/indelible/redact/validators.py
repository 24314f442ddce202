"""Check digits and issuing rules: what tells a real number from one that only looks like it."""

from __future__ import annotations

import base64
import binascii
import json
import re

Span = tuple[int, int]
"""Start and end of what is to be replaced, as offsets into the matched text."""

_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)

# Issuer ranges of ISO/IEC 7812 as the card networks publish them:
# first and last prefix (same number of digits), and the lengths in use.
_ISSUERS: tuple[tuple[str, str, range | tuple[int, ...]], ...] = (
    ("4", "4", (13, 16, 19)),
    ("51", "55", (16,)),
    ("2221", "2720", (16,)),
    ("34", "34", (15,)),
    ("37", "37", (15,)),
    ("6011", "6011", range(16, 20)),
    ("644", "659", range(16, 20)),
    ("36", "36", range(14, 20)),
    ("38", "39", range(14, 20)),
    ("300", "305", range(14, 20)),
    ("3528", "3589", range(16, 20)),
    ("1800", "1800", (15,)),
    ("2131", "2131", (15,)),
    ("62", "62", range(16, 20)),
    ("81", "82", (16,)),
    ("2200", "2204", range(16, 20)),
    ("508", "508", (16,)),
    ("5018", "5018", range(12, 20)),
    ("5020", "5020", range(12, 20)),
    ("5038", "5038", range(12, 20)),
    ("5893", "5893", range(12, 20)),
    ("6304", "6304", range(12, 20)),
    ("6759", "6763", range(12, 20)),
)

_ISSUERS_BY_DIGIT = {
    digit: tuple(row for row in _ISSUERS if row[0][0] == digit) for digit in "12345678"
}

# Total length by country, from the IBAN registry (ISO 13616).
_IBAN_LENGTHS = {
    code: length
    for length, codes in {
        15: "NO",
        16: "BE",
        18: "DK FI FO GL NL SD FK",
        19: "MK SI",
        20: "AT BA EE KZ LT LU XK MN",
        21: "CH HR LI LV",
        22: "BG BH CR DE GB GE IE ME RS VA",
        23: "AE GI IL IQ TL OM SO",
        24: "AD CZ ES MD PK RO SA SE SK TN VG",
        25: "PT ST LY",
        26: "IS TR",
        27: "FR GR IT MC MR SM BI DJ",
        28: "AL AZ BY CY DO GT HU LB PL SV NI",
        29: "BR EG PS QA UA",
        30: "JO KW MU YE",
        31: "MT SC",
        32: "LC",
        33: "RU",
    }.items()
    for code in codes.split()
}

_DIGIT_GROUP = re.compile(r"[0-9]+")
_NOT_ALNUM = re.compile(r"[^0-9A-Za-z]")


def luhn(digits: str) -> bool:
    """Return whether decimal *digits* end in their Luhn check digit (ISO/IEC 7812-1 annex B)."""
    total = 0
    for at, digit in enumerate(reversed(digits)):
        total += _DOUBLED[int(digit)] if at % 2 else int(digit)
    return total % 10 == 0


def is_card(digits: str) -> bool:
    """Return whether *digits* are a payment card number: issuer, length, Luhn."""
    length = len(digits)
    return any(
        length in lengths and first <= digits[: len(first)] <= last
        for first, last, lengths in _ISSUERS_BY_DIGIT.get(digits[0], ())
    ) and luhn(digits)


def card(match: re.Match[str]) -> Span | None:
    """Return the stretch from the first to the last card number among the groups of *match*.

    Other groups (a count, a year) may stand before and after in the same run.
    """
    groups = [group.span() for group in _DIGIT_GROUP.finditer(match[0])][:64]
    found: list[Span] = []
    for first, (start, _) in enumerate(groups):
        if not found or start >= found[-1][1]:
            end = _card_end(match[0], groups[first : first + 19])
            if end:
                found.append((start, end))
    base = match.start()
    return (base + found[0][0], base + found[-1][1]) if found else None


def _card_end(text: str, groups: list[Span]) -> int:
    """Return where the card number that begins with the first of *groups* ends, or 0."""
    digits = ""
    for begin, end in groups:
        digits += text[begin:end]
        if len(digits) > 19:
            break
        if len(digits) >= 12 and is_card(digits):
            return end
    return 0


def named_card(match: re.Match[str]) -> Span | None:
    """Return what a text calls a card's number, of any issuer, if its check digit is right."""
    digits = _NOT_ALNUM.sub("", match["s"])
    return match.span("s") if 12 <= len(digits) <= 19 and luhn(digits) else None


def dotted_card(match: re.Match[str]) -> Span | None:
    """Return *match* if it is a card number once its dots are gone."""
    return match.span() if is_card(match[0].replace(".", "")) else None


def iban(match: re.Match[str]) -> Span | None:
    """Return the IBAN that *match* starts with: country, length, mod 97 (ISO 13616)."""
    text = match[0]
    length = _IBAN_LENGTHS.get(text[:2].upper(), 0)
    seen = 0
    for end, char in enumerate(text, 1):
        seen += char.isalnum()
        if seen == length:
            code = _NOT_ALNUM.sub("", text[:end]).upper()
            number = "".join(str(int(char, 36)) for char in code[4:] + code[:4])
            glued = text[end : end + 1].isalnum()
            sound = int(number) % 97 == 1 and not glued
            return (match.start(), match.start() + end) if sound else None
    return None


def ssn(match: re.Match[str]) -> Span | None:
    """Return a US social security or taxpayer number that can have been issued.

    The 900 series (ITIN) counts; area 000 and 666, group 00 and serial 0000 do not.
    """
    digits = _NOT_ALNUM.sub("", match["s"])
    if digits[:3] in ("000", "666") or digits[3:5] == "00" or digits[5:] == "0000":
        return None
    return match.span("s")


def phone(match: re.Match[str]) -> Span | None:
    """Return a phone number of 7 to 15 digits (ITU-T E.164) that is not a date."""
    text = match["s"]
    digits = sum(char.isdigit() for char in text)
    if not 7 <= digits <= 15 or _DATE.match(text):
        return None
    return match.span("s")


_DATE = re.compile(r"(?:19|20)[0-9]{2}[-/. ]?(?:0[1-9]|1[0-2])[-/. ]?[0-3][0-9](?![0-9])")


def jwt(match: re.Match[str]) -> Span | None:
    """Return *match* if its first part is a JOSE header, or a second part follows it."""
    header, _, rest = match[0].partition(".")
    if rest.startswith("eyJ") or _is_jose(header):
        return match.span()
    return None


def _is_jose(part: str) -> bool:
    """Return whether base64url *part* is a JSON object with a JOSE header's members."""
    try:
        header = json.loads(decode_base64(part) or b"")
    except (ValueError, RecursionError):
        return False
    return isinstance(header, dict) and not header.keys().isdisjoint(("alg", "enc", "typ", "kid"))


_URLSAFE = str.maketrans("-_", "+/")


def decode_base64(run: str) -> bytes | None:
    """Return what base64 or base64url *run* stands for, padded or not; None if it is neither."""
    body = run.rstrip("=").translate(_URLSAFE)
    if len(body) % 4 == 1:
        body = body[:-1]
    try:
        return base64.b64decode(body + "=" * (-len(body) % 4))
    except (binascii.Error, ValueError):
        return None


def has_digit(text: str) -> bool:
    """Return whether an ASCII digit stands in *text*."""
    return not _DIGITS.isdisjoint(text)


_DIGITS = frozenset("0123456789")

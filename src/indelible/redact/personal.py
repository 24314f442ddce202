"""Detectors of personal data: e-mail, cards, social security numbers, IBAN, phones."""

from __future__ import annotations

import re

from indelible.redact import validators
from indelible.redact.detectors import Detector

_LOCAL = r"[\w.+%*#!$^~&'{|}-]"
_IMAGE_SCALE = re.compile(r"[1-9](?:\.[0-9])?x\.")
_URL_PASSWORD = re.compile(r"://[^\s/]*:$")
_EMAIL_START = re.compile(r"[\w+%$]")


def _email(match: re.Match[str]) -> tuple[int, int] | None:
    """Return the address, without leading punctuation.

    An image's scale (`icon@2x.png`), the account of a Git remote (`git@host`)
    and the password of a URL are none; the last is found by its own rule.
    """
    local, _, domain = match[0].rpartition("@")
    first = _EMAIL_START.search(local)
    if first is None or local == "git" or _IMAGE_SCALE.match(domain):
        return None
    start = match.start() + first.start()
    if _URL_PASSWORD.search(match.string, max(0, start - 128), start):
        return None
    return start, match.end()


_PHONE_WORDS = (
    "phone telephone tel mobile cell fax call called calling whatsapp sms telefon tfn desk dial"
    " answering registered reach".split()
)
_PHONE_WORD = "(?:" + "|".join(_PHONE_WORDS) + ")"

_AFTER = "office|fax|mobile|cell|home|desk|phone|tel"

DETECTORS: tuple[Detector, ...] = (
    Detector(
        "email", "[EMAIL]", r"[A-Za-z0-9_.+%*#!$^~&'{|}\x80-\xff-]@[A-Za-z0-9_\x80-\xff-]", ("@",),
        rf"(?<!{_LOCAL}){_LOCAL}++@(?:[\w-]++\.)+[^\W\d_][\w-]*",
        ("bob@example.com", "to=o'brien+tag@mail.example.co.uk;", "bücher@exämple.de", "x*@y.org"),
        ("icon@2x.png", "git@github.com:a/b", "@scope/package", "pkg@1.2.3", "a @ b"),
        "RFC 5322 section 3.4.1", _email,
    ),
    Detector(
        "card", "[CARD]", "[0-9](?:[ -]?[0-9]){11}", (),
        r"(?:(?<![A-Za-z0-9.])|(?<=[G-Zg-z])|(?<=card)|(?<=Card))(?<![0-9]-)"
        r"[0-9](?:[ -]?[0-9]){11,}+(?![A-Za-z0-9]|\.[0-9])",
        ("4111111111111111", "4111 1111 1111 1111", "5555-5555-5555-4444", "3782 822463 10005",
         "2 x 4242 4242 4242 4242 12", "card4111111111111111", "4111111111111111_x"),
        ("4111111111111112", "1732421048000", "1732421048000000000", "0.4111111111111111",
         "550e8400-e29b-41d4-a716-446655440000"),
        "ISO/IEC 7812", validators.card,
    ),
    Detector(
        "card-dotted", "[CARD]", r"[0-9]{4}\.[0-9]{4}\.[0-9]{4}\.[0-9]{4}", (),
        r"(?<![A-Za-z0-9.])[0-9]{4}(?:\.[0-9]{4}){3}(?![A-Za-z0-9]|\.[0-9])",
        ("4111.1111.1111.1111",), ("4111.1111.1111.1112", "4.111111111111111"),
        "ISO/IEC 7812", validators.dotted_card,
    ),
    Detector(
        "card-named", "[CARD]", "(?i)card[^0-9\n]*[0-9](?:[ -]?[0-9]){11}", ("card",),
        r"(?ai)(?<![a-z])(?:credit|debit|bank)?[ _-]?card[a-z]{0,8}(?![a-z0-9])[^0-9\n]{0,32}"
        r"(?P<s>[0-9](?:[ -]?[0-9]){11,18}+)(?![A-Za-z0-9]|[.-][0-9])",
        ("card 3598899323053410 is lost", "card number: 5874 2856 1654"),
        ("cards in 2026", "discard 587428561654"),
        "ISO/IEC 7812", validators.named_card,
    ),
    Detector(
        "ssn", "[SSN]", "[0-9]{3}-[0-9]{2}-[0-9]{4}", (),
        r"(?<![A-Za-z0-9-])(?P<s>[0-9]{3}-[0-9]{2}-[0-9]{4})(?![A-Za-z0-9-])",
        ("123-45-6789", "ITIN 912-70-1234."),
        ("000-12-3456", "666-12-3456", "123-00-4567", "123-45-0000", "1123-45-6789"),
        "ssa.gov/employer/randomization.html", validators.ssn,
    ),
    Detector(
        "ssn-named", "[SSN]", "(?i)(?:ssn|social sec|itin)[^0-9\n]*[0-9]",
        ("ssn", "social sec", "itin"),
        r"(?ai)(?:\bssn|social security|\bitin)\b[^0-9\n]{0,30}"
        r"(?P<s>[0-9]{3}[- .]?[0-9]{2}[- .]?[0-9]{4})(?![0-9])",
        ("SSN: 123456789", "SSN 123.45.6789", "social security number is 123 45 6789"), ("ssn 12",),
        "ssa.gov", validators.ssn,
    ),
    Detector(
        "iban", "[IBAN]", "(?:^|[^A-Za-z0-9])[A-Za-z]{2}[0-9]{2}(?:[ -]?[A-Za-z0-9]){3}", (),
        r"(?<![A-Za-z0-9])(?<![A-Za-z0-9]-)[A-Za-z]{2}[0-9]{2}(?:[ -]?[A-Za-z0-9]){11,60}+",
        ("DE89 3704 0044 0532 0130 00 now", "GB29NWBK60161331926819",
         "fr1420041010050500013m02606"),
        ("DE88370400440532013000", "ab12cdef3456", "1bd44aa7-DE89370400440532013000"),
        "ISO 13616", validators.iban,
    ),
    Detector(
        "phone", "[PHONE]", r"\+[1-9][0-9 ()./-]{4}", ("+",),
        r"(?<![\w+])(?P<s>\+[1-9](?:[ ./()-]{0,2}[0-9]){6,14}+)(?![0-9])",
        ("+1 (555) 010-9999", "call +442071838750", "+49 30 901820"), ("1e+10", "a+1234567890"),
        "ITU-T E.164", validators.phone,
    ),
    Detector(
        "phone-national", "[PHONE]", r"[2-9][0-9]{2}[)]?[ .-]?[ ]?[2-9][0-9]{2}[ .-][0-9]{4}", (),
        r"(?<![\w(.-])(?P<s>(?:\([2-9][0-9]{2}\) ?|[2-9][0-9]{2}-)[2-9][0-9]{2}-[0-9]{4})(?![\w-])",
        ("(555) 234-5678", "555-234-5678"), ("2026-11-24", "155-234-5678", "555-23-5678"),
        "nationalnanpa.com", validators.phone,
    ),
    Detector(
        "phone-named", "[PHONE]", f"(?i){_PHONE_WORD}[^0-9\n]*(?:\n[ \t]*)?[+(]*[0-9]",
        tuple(_PHONE_WORDS),
        rf"(?ai)(?<![a-z0-9]){_PHONE_WORD}(?![a-z])(?:[^0-9+(\n]{{0,24}}|:?\r?\n[ \t]{{0,8}})"
        r"(?P<s>\+?\(?[0-9](?:[ .()/-]{0,2}[0-9]){6,14}+)(?![0-9])",
        ("Phone: 030 901820", "tel (0) 20 7183 8750", "call me at 555.234.5678",
         "mobile=07700900123", "Phone:\n467 3395"),
        ("phone 2026-11-24", "registered 1990-04-12", "tel 123", "microphone 12345678"),
        "ITU-T E.123", validators.phone,
    ),
)  # fmt: skip

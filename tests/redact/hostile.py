"""Texts that are made to be slow to redact: for the tests, and for the benchmark."""

from __future__ import annotations

import base64
import json


def nested_json(levels: int) -> str:
    text = '{"password":"x"}'
    for _ in range(levels):
        text = json.dumps({"a": text})
    return text


HOSTILE = {
    "unbroken": "a" * 10**6,
    "at signs": "@" * 10**5,
    "assignments": "token=" * 11_000,
    "quoted assignments": "password='" * 6_000,
    "brackets": "[" * 10**5,
    "braces": '{"a":' * 10**4,
    "nested json": nested_json(9),
    "begin": "-----BEGIN " * 6_000,
    "url heads": "://a:" * 13_000,
    "backslashes": "\\" * 65_536,
    "digits": "1" * 65_536,
    "card-like": "4111 1111 1111 1112 " * 3_000,
    "labels": "a@" + "a." * 30_000,
    "jwt heads": "eyJ" * 20_000,
    "tags": "<token " * 9_000,
    "spaces": "password:" + " " * 60_000,
    "base64 of assignments": base64.b64encode(b"token=x " * 8_000).decode(),
    "percent": "%41" * 20_000,
    "ibans": "de12 " * 12_000,
    "accents": "é" * 65_536,
    "members": '"key":' * 10_000,
    "zero width": "\u200b" * 65_536,
    "programs": "mysql -x " * 8_000,
    "attributes": '<add key="token" ' * 4_000,
    "pairs": '"name":"token",' * 4_000,
    "parameters": "?key=aaaaaaaaaaaa" * 4_000,
    "yaml blocks": "password: |\n x\n" * 4_000,
    "words for keys": "the key is a1b2c3d4 " * 3_000,
    "keys without a value": "key=abcdefgh1jklmnop?" * 3_000,
    "services": "deepgram is a1b2c3d4 " * 3_000,
    "marks": "ab_cdefghijklmnop1 " * 4_000,
    "one long mark": "a_" + "b1" * 30_000,
    "colours": "\x1b[1m" * 20_000,
    "echoes": "token=a1b2c3d4e5 a1b2c3d4e5 " * 900,
}

"""Text and JSON in which nothing is secret: what must come out as it went in.

From the standard library's source, the READMEs and the JSON files of installed packages;
and made-up answers of tools, full of ids.
"""

from __future__ import annotations

import base64
import json
import random
import re
import sysconfig
import uuid
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from bench.redaction.sample import Sample

SOURCE_FILES, LINES_PER_FILE = 400, 12
PARAGRAPHS = 4_000
ANSWERS = 1_200
LONGEST = 480
"""A longer string would be cut, and a cut is no redaction."""

_PERSONAL = re.compile(r"[\w.+-]+@[\w-]+\.\w|\+\d[\d ()-]{7,}|://[^\s/]*:[^\s/]*@")


def is_personal(text: str) -> bool:
    """Return whether *text* has an address, a number or credentials that do not belong there."""
    return _PERSONAL.search(text) is not None


def strings(rng: random.Random) -> Iterator[Sample]:
    """Yield lines of source, paragraphs of documentation, and identifiers of many kinds."""
    yield from _source(rng)
    yield from _paragraphs(rng)
    for number in range(3_000):
        kind, text = _identifier(rng, number)
        yield Sample("identifiers", "benign", f"{kind} {number}", text)


def _source(rng: random.Random) -> Iterator[Sample]:
    library = Path(sysconfig.get_path("stdlib"))
    files = sorted(one for one in library.glob("*.py")) + sorted(library.glob("*/*.py"))
    files = [one for one in files if "site-packages" not in str(one) and "test" not in str(one)]
    for path in rng.sample(files, min(SOURCE_FILES, len(files))):
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        lines = [line.strip() for line in lines if len(line.strip()) > 8]
        for line in rng.sample(lines, min(LINES_PER_FILE, len(lines))):
            if not is_personal(line):
                provider = str(path.relative_to(library))
                yield Sample("source", "benign", provider, line[:LONGEST])


def _paragraphs(rng: random.Random) -> Iterator[Sample]:
    found = []
    for package in sorted(metadata.distributions(), key=lambda one: one.metadata["Name"]):
        text = package.metadata.get_payload() or ""
        for part in re.split(r"\n\s*\n", str(text)):
            if 20 <= len(part.strip()) <= LONGEST and not is_personal(part):
                found.append(Sample("READMEs", "benign", package.metadata["Name"], part.strip()))
    yield from rng.sample(found, min(PARAGRAPHS, len(found)))


_LETTERS = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKMNPQRSTUVWXYZ23456789"


def _identifier(rng: random.Random, number: int) -> tuple[str, str]:
    raw = rng.randbytes(32)
    kinds = {
        "uuid": str(uuid.UUID(bytes=raw[:16], version=4)),
        "sha1": raw[:20].hex(),
        "sha256": raw.hex(),
        "image": f"registry.example.com/app@sha256:{raw.hex()}",
        "integrity": "sha512-" + base64.b64encode(raw * 2).decode(),
        "ms": str(1_700_000_000_000 + rng.randrange(10**11)),
        "ns": str(1_700_000_000_000_000_000 + rng.randrange(10**17)),
        "snowflake": str(rng.randrange(10**17, 10**18)),
        "time": f"2026-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}T04:13:07.123456Z",
        "isbn": f"978-3-16-{rng.randrange(10**6):06}-{rng.randrange(10)}",
        "price": f"{rng.randrange(10**6):,}.{rng.randrange(100):02} EUR",
        "version": f"v{rng.randrange(9)}.{rng.randrange(99)}.{rng.randrange(99)}-rc.{number % 9}",
        "arn": f"arn:aws:s3:::bucket-{raw[:4].hex()}/path/{number}.json",
        "address": f"10.{raw[0]}.{raw[1]}.{raw[2]}:8443",
        "ulid": "01J" + "".join(rng.choices("0123456789ABCDEFGHJKMNPQRSTVWXYZ", k=23)),
        "request": "req_" + base64.b32encode(raw[:15]).decode(),
        "message": "msg_01" + "".join(rng.choices(_LETTERS, k=22)),
        "path": f"/var/lib/docker/overlay2/{raw.hex()}/merged/usr/lib/x{number}.so.1",
        "etag": f'W/"{raw[:16].hex()}"',
        "blob": base64.b64encode(rng.randbytes(90)).decode(),
    }
    kind = sorted(kinds)[number % len(kinds)]
    return kind, kinds[kind]


def values(rng: random.Random) -> Iterator[Sample]:
    """Yield JSON values: answers of tools, and descriptions of packages and schemas."""
    for number in range(ANSWERS):
        yield Sample("answers", "benign", f"answer {number}", _answer(rng, number))
    for path in _json_files():
        try:
            value = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        yield from (
            Sample("JSON files", "benign", f"{path.parent.name}/{path.name}", one)
            for one in _pieces(value)
        )


def _json_files() -> list[Path]:
    return sorted(Path(sysconfig.get_path("purelib")).rglob("*.json"))[:400]


def _pieces(value: Any, depth: int = 0) -> Iterator[Any]:
    """Yield the objects of *value* that are as large as arguments are."""
    text = json.dumps(value)
    if isinstance(value, dict) and len(text) <= 4_000:
        if not is_personal(text) and not re.search(r'"[^"]{480}', text):
            yield value
    elif depth < 4 and isinstance(value, dict | list):
        for one in list(value.values() if isinstance(value, dict) else value)[:40]:
            yield from _pieces(one, depth + 1)


_WORDS = "report build release index summary invoice branch ticket review cluster node".split()


def _answer(rng: random.Random, number: int) -> dict[str, Any]:
    kinds = [_identifier(rng, rng.randrange(1_000)) for _ in range(6)]
    return {
        "id": rng.randrange(10**9),
        "object": "list",
        "title": " ".join(rng.choices(_WORDS, k=6)),
        "status": rng.choice(["open", "closed", "merged"]),
        "createdAt": 1_700_000_000_000 + rng.randrange(10**11),
        "next_page_token": base64.urlsafe_b64encode(rng.randbytes(12)).decode(),
        "usage": {"prompt_tokens": rng.randrange(9_999), "max_tokens": 4_096},
        "primary_key": rng.randrange(10**6),
        "sort_key": kinds[0][1],
        "refs": [text for _, text in kinds],
        **dict(kinds[:3]),
        "items": [
            {"name": f"{rng.choice(_WORDS)}-{at}", "size": rng.randrange(10**7), "ok": True}
            for at in range(rng.randrange(1, 5))
        ],
        "duration_ms": rng.random() * 1_000,
        "page": number,
    }

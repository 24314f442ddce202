"""Configurations for tests: any that the schema allows, and files to read them from."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from indelible.config.decode import ROWS, Values, build, keys
from indelible.config.kinds import Flag, Kind, OneOf, Refused, Several, Whole
from indelible.config.sections import Config

CHARACTERS = st.characters(exclude_categories=["Cs"])
SEEN = st.text(st.characters(categories=["L", "M", "N", "P", "S"]), min_size=1, max_size=12)
FREE = '[é "\\]'
"""Taken by a kind of text that has no form of its own."""

LIKELY = [
    *("10.0.0.0/8", "192.0.2.7", "2001:db8::/32", "::1/128"),
    *("https://idp.example/a?b=c", "http://127.0.0.1:9/x"),
    *("/var/lib/x", "/a b", "{args.path}", "{args.a.b}", "x-user", "delete_*", '"', "\\"),
]


def values_of(kind: Kind) -> st.SearchStrategy[Any]:
    """Values that *kind* takes, as a parsed file has them."""
    if isinstance(kind, OneOf):
        return st.sampled_from(kind.allowed)
    if isinstance(kind, Flag):
        return st.booleans()
    if isinstance(kind, Whole):
        return st.integers(kind.least, kind.most)
    if isinstance(kind, Several):
        return st.lists(values_of(kind.of), max_size=3, unique=True)
    likely = [text for text in LIKELY if takes(kind, text)]
    free = takes(kind, FREE)
    return st.sampled_from(likely) | (SEEN if free else st.nothing())


def takes(kind: Kind, value: object) -> bool:
    try:
        kind.read(value)
    except Refused:
        return False
    return True


def takes_text(kind: Kind, text: str) -> bool:
    try:
        kind.read_text(text)
    except Refused:
        return False
    return True


@st.composite
def configs(draw: st.DrawFn) -> Config:
    """Any configuration."""
    values: Values = {}
    for key in keys():
        if draw(st.booleans()):
            values[key.path] = key.kind.read(draw(values_of(key.kind)))
    for rows, said in ROWS.items():
        for name in draw(st.lists(values_of(said["named"]), max_size=3, unique=True)):
            fields = [one for one in dataclasses.fields(said["rows"]) if one.metadata]
            for one in draw(st.lists(st.sampled_from(fields), min_size=1, unique=True)):
                kind = one.metadata["kind"]
                values[rows, name, one.name] = kind.read(draw(values_of(kind)))
    return build(values)


def write(path: Path, text: str | bytes, mode: int = 0o600) -> Path:
    """Write a configuration file, its directories too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    path.chmod(mode)
    return path

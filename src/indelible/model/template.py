"""Canonical JSON with holes: an object whose constant members are encoded once.

Most members of a record are the same from call to call. A template sorts and
encodes those once; filling the rest in costs one formatting. What comes out is
byte for byte what `canonical.encode` gives for the whole object.
"""

from __future__ import annotations

from collections.abc import Mapping

from indelible.model.canonical import Json, encode


class Template:
    """An object with constant members and holes.

    Args:
        constants: Members that stay.

        holes: Names of the members to be filled in. A hole takes the member's
            JSON text: a plain string in quotes, an integer, or what
            `canonical.encode_text` gives.
    """

    def __init__(self, constants: Mapping[str, Json], holes: frozenset[str]) -> None:
        members = []
        for name in sorted({*constants, *holes}):
            key = encode(name).decode().replace("%", "%%")
            value = f"%({name})s"
            if name not in holes:
                value = encode(constants[name]).decode().replace("%", "%%")
            members.append(f"{key}:{value}")
        self._format = "{" + ",".join(members) + "}"

    def fill(self, texts: Mapping[str, object]) -> bytes:
        """Return the object as canonical JSON, its holes filled with *texts*."""
        return (self._format % texts).encode()

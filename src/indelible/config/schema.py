"""The JSON Schema of `indelible.toml`, for editors; made from the sections themselves."""

from __future__ import annotations

import dataclasses
from typing import Any

from indelible.config.sections import MAX_ROWS, Config
from indelible.model.canonical import Json

ID = "https://indelible.dev/schema/config-1.json"


def schema() -> dict[str, Json]:
    """Return the schema."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": ID,
        "title": "Indelible configuration",
        "description": "indelible.toml, or the table tool.indelible of a pyproject.toml.",
        **_section(Config),
    }


def _section(section: type[Any]) -> dict[str, Json]:
    properties: dict[str, Json] = {}
    for one in dataclasses.fields(section):
        said = one.metadata
        if "kind" in said:
            properties[one.name] = _key(one)
        elif said:
            properties[one.name] = {"description": said["says"], **_table(said)}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _key(one: dataclasses.Field[Any]) -> dict[str, Json]:
    told: dict[str, Json] = {"description": one.metadata["says"], **one.metadata["kind"].schema()}
    default: Any = one.default
    if default is not None:
        told["default"] = list(default) if isinstance(default, tuple) else default
    return told


def _table(said: Any) -> dict[str, Json]:
    if "section" in said:
        return _section(said["section"])
    return {
        "type": "object",
        "maxProperties": MAX_ROWS,
        "propertyNames": said["named"].schema(),
        "additionalProperties": _section(said["rows"]),
    }

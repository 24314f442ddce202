"""What is published of the configuration is what the code has."""

from __future__ import annotations

import os
import tomllib

import jsonschema
import pytest

from indelible.config.decode import from_table, keys
from indelible.config.lint import lint
from indelible.config.load import check
from indelible.config.schema import schema
from tests.config.page import EXAMPLE, PAGE, SCHEMA, page, schema_text


@pytest.mark.requirement("config.schema")
def test_the_published_page_and_schema_are_those_of_the_code() -> None:
    if os.environ.get("WRITE_DOCS"):
        PAGE.write_text(page(), encoding="utf-8")
        SCHEMA.write_text(schema_text(), encoding="utf-8")

    assert PAGE.read_text(encoding="utf-8") == page(), "run: make docs"
    assert SCHEMA.read_text(encoding="utf-8") == schema_text(), "run: make docs"


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())


def test_the_example_is_right_and_has_every_section() -> None:
    loaded = check(EXAMPLE)
    table = tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))

    jsonschema.validate(table, schema())
    assert lint(loaded.config) == []
    used = {path[:-1] for path in from_table(table)}
    assert {key.path[:-1] for key in keys()} <= used
    assert any(path[0] == "tools" for path in used)
    assert EXAMPLE.read_text(encoding="utf-8").startswith(f"#:schema {schema()['$id']}\n")

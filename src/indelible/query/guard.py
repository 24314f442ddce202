# ruff: noqa: S608 — what is put together here is our own text, or one checked SELECT
"""SQL of an operator: what of it is let through, and what its failures mean.

Three guards, each enough for most: the engine can open no file but those of the query
copies; the transaction can change nothing; and the statement is looked at, as DuckDB's
own parser reads it, before it is run. Decision 011 says what each is for.
"""

from __future__ import annotations

import difflib
import json
import re
import threading
from collections.abc import Iterator
from typing import Any

from indelible.errors import IndelibleError, UsageError
from indelible.query.engine import MEMORY_MB, Engine, GoneError, translated
from indelible.query.pages import Table
from indelible.query.readers import is_utf8
from indelible.query.views import EVENTS, LOG, UNKNOWN_MODIFIER, VIEWS

MAX_TEXT = 64 << 10
"""Of a statement, in characters."""

_ALLOWED = "One SELECT (WITH … is fine) over audit_log or audit_events is what can be asked."
_DIALECT = f"It is DuckDB's SQL; `DESCRIBE {LOG}` names columns and types."
_FEWER = "Put fewer parts into one another."
_NODES = frozenset(
    "SELECT_NODE SET_OPERATION_NODE RECURSIVE_CTE_NODE CTE_NODE STATEMENT_NODE".split()
)
_TABLES = frozenset(
    "BASE_TABLE SUBQUERY JOIN EMPTY EXPRESSION_LIST TABLE_FUNCTION PIVOT SHOW_REF CTE".split()
)
_TABLE_FUNCTIONS = frozenset("range generate_series unnest json_each json_tree".split())
_REFUSED = frozenset(
    # One value as large as one likes: DuckDB's bound on memory does not count it.
    "repeat lpad rpad bar range generate_series list_resize array_resize printf format "
    "list_reduce array_reduce reduce apply array_apply "
    # What is not in the trail: settings, the log of DuckDB, its catalogue, secrets.
    "getenv getvariable current_setting write_log query query_table nextval currval "
    "in_search_path pg_get_viewdef which_secret json_execute_serialized_sql "
    "json_serialize_plan json_deserialize_sql".split()
)
_ZONED = re.compile(r"TIME ZONE|TIMESTAMPTZ|TIMETZ")
_MISSING_COLUMN = re.compile(r'(?:Referenced column|column named|have a column named) "([^"]+)"')


def ask(engine: Engine, text: str, *, max_rows: int, timeout_s: float) -> Table:
    """Return the answer to *text*, one SELECT over the views.

    Args:
        max_rows: How many rows are wanted at most.

        timeout_s: After how many seconds to give up.

    Raises:
        UsageError: If it is anything else, or is not understood.

        GoneError: If a file of the query copy is not there any more.

        IndelibleError: If it takes too long, or more memory than there is.
    """
    check(engine, text)
    connection = engine.connection
    timer = threading.Timer(timeout_s, connection.interrupt)
    timer.daemon = True
    connection.execute("BEGIN TRANSACTION READ ONLY")
    timer.start()
    try:
        return _answer(connection, text, max_rows)
    except engine.failure as error:
        if isinstance(gone := translated(error), GoneError):
            raise gone from error
        raise _said(error, timeout_s) from error
    except MemoryError as error:
        raise _too_large() from error
    finally:
        timer.cancel()
        # The timer may have rung just now: then this is what it interrupts, once.
        for _ in range(2):
            try:
                connection.execute("ROLLBACK")
                break
            except engine.failure:
                continue


def check(engine: Engine, text: str) -> None:
    """Refuse what is not one SELECT over the views.

    Raises:
        UsageError: If it is not.
    """
    if not is_utf8(text):
        raise UsageError("the SQL is not text", hint="Write it in UTF-8.")
    if len(text) > MAX_TEXT:
        raise UsageError(f"SQL of {len(text)} characters", hint=f"At most {MAX_TEXT} are read.")
    try:
        statements = engine.connection.extract_statements(text)
    except engine.failure as error:
        raise UsageError(f"not SQL: {_first_line(error)}", hint=_near_sql(text)) from error
    if not statements:
        raise UsageError("no statement in the SQL", hint=_ALLOWED)
    if len(statements) > 1:
        raise UsageError(f"{len(statements)} statements instead of one", hint=_ALLOWED)
    kind = str(statements[0].type).rpartition(".")[2]
    if kind != "SELECT":
        raise UsageError(f"not allowed: {kind}", hint=_ALLOWED)
    if statements[0].named_parameters:
        raise UsageError("a parameter has no value here", hint="Write the value itself.")
    # Only reads it: nothing of the statement is run.
    told = engine.rows("SELECT json_serialize_sql(?)", [text])[0][0]
    try:
        tree = json.loads(told)
    except RecursionError:
        raise UsageError("the SQL is nested too deep", hint=_FEWER) from None
    if tree.get("error"):
        raise UsageError(f"not allowed: {tree.get('error_message')}", hint=_ALLOWED)
    for refusal in _refusals(tree):
        raise UsageError(refusal, hint=_ALLOWED)


def _refusals(tree: Any) -> Iterator[str]:
    """Yield what of a statement, as DuckDB's parser read it, is not let through."""
    for node, own in _nodes(tree, frozenset()):
        kind = str(node.get("type", ""))
        if ("cte_map" in node or kind.endswith("_NODE")) and kind not in _NODES:
            yield f"not allowed inside a SELECT: {kind.partition('_')[0]}"
        if "sample" in node and "query_location" in node and kind not in _TABLES:
            yield f"not allowed after FROM: {kind}"
        if kind == "BASE_TABLE":
            yield from _table(node, own)
        elif kind == "SHOW_REF" and not node.get("query"):
            yield "not allowed: SHOW"
        elif kind == "TABLE_FUNCTION":
            name = str(node.get("function", {}).get("function_name", "")).lower()
            if name not in _TABLE_FUNCTIONS:
                yield f"no such table: {name}()"
        elif node.get("class") == "FUNCTION" and "query_location" in node:
            name = str(node.get("function_name", "")).lower()
            if name in _REFUSED and not _is_table_function(node):
                yield f"not allowed: the function {name}()"


def _is_table_function(node: dict[str, Any]) -> bool:
    # Of `FROM range(…)` the function itself has no place in the text.
    return bool(node["query_location"] >= 1 << 63) and node.get("function_name") in (
        "range",
        "generate_series",
    )


def _table(node: dict[str, Any], own: frozenset[str]) -> Iterator[str]:
    """Yield why a table is not let through; *own* are those that stand in WITH for it."""
    path = [str(part).lower() for part in node.get("qualified_name", {}).get("path", [])]
    name = path[-1] if path else ""
    if path[:-1] in ([], ["main"], ["memory", "main"]) and name in VIEWS:
        return
    if len(path) == 1 and name in own:
        return
    near = difflib.get_close_matches(name, VIEWS, n=1)
    meant = f"; did you mean {near[0]}?" if near else ""
    yield f"no such table: {'.'.join(path)!r}{meant}"


def _nodes(tree: Any, own: frozenset[str]) -> Iterator[tuple[dict[str, Any], frozenset[str]]]:
    """Yield every object in a tree of JSON, with the names that WITH makes for it.

    A name stands for what follows it, and for itself only in a recursion: anywhere
    else it is that of a table of ours, or of a file.
    """
    waiting = [(tree, own)]
    while waiting:
        one, own = waiting.pop()
        if isinstance(one, list):
            waiting += [(part, own) for part in one]
        if not isinstance(one, dict):
            continue
        if one.get("type") == "RECURSIVE_CTE_NODE":
            own |= {str(one.get("cte_name")).lower()}
        for made in one.get("cte_map", {}).get("map", ()):
            waiting.append((made["value"], own))
            own |= {str(made["key"]).lower()}
        yield one, own
        waiting += [(part, own) for name, part in one.items() if name != "cte_map"]


def _answer(connection: Any, text: str, max_rows: int) -> Table:
    cursor = connection.execute(text)
    columns = [str(one[0]) for one in cursor.description]
    zoned = [_ZONED.search(str(one[1])) is not None for one in cursor.description]
    if any(zoned):
        # Python's own times know zones only with a package that we do not need otherwise.
        named = ", ".join(f"c{at}" for at in range(len(columns)))
        plain = ", ".join(
            f"CAST(c{at} AS VARCHAR)" if is_zoned else f"c{at}" for at, is_zoned in enumerate(zoned)
        )
        whole = text.strip().rstrip(";")
        cursor = connection.execute(f"SELECT {plain} FROM (\n{whole}\n) AS answer({named})")
    rows = cursor.fetchmany(max_rows + 1)
    return Table(columns, rows[:max_rows], truncated=len(rows) > max_rows)


def _said(error: Exception, timeout_s: float) -> IndelibleError:
    """Return what a failure of DuckDB means to the one who asked."""
    kind, said = type(error).__name__, _first_line(error)
    if kind == "InterruptException":
        return too_slow(timeout_s)
    if kind == "OutOfMemoryException":
        return _too_large()
    if UNKNOWN_MODIFIER in said:
        modifier = said.partition(UNKNOWN_MODIFIER)[2].partition('"')[0]
        return UsageError(
            f"{UNKNOWN_MODIFIER}{modifier!r}",
            hint="It takes '-1 day', '+90 minutes', '-3 months', 'start of day', 'weekday 1', …",
        )
    missing = _MISSING_COLUMN.search(str(error))
    if missing is not None:
        return UsageError(f"no column {missing[1]!r}", hint=_columns_near(missing[1]))
    if "file system operations are disabled" in said or kind == "PermissionException":
        return UsageError("not allowed: files and settings", hint=_ALLOWED)
    return UsageError(f"the SQL cannot be answered: {said}", hint=_DIALECT)


def too_slow(timeout_s: float) -> IndelibleError:
    """Return what is said where there is no answer in time."""
    return IndelibleError(
        f"no answer within {timeout_s:g} s",
        hint="Ask for less: a shorter time, fewer columns, no join of all with all.",
    )


def _too_large() -> IndelibleError:
    return IndelibleError(
        f"the answer needs more than {MEMORY_MB} MiB of memory",
        hint="Ask for less: a shorter time, fewer rows and groups, no ORDER BY over everything.",
    )


def _columns_near(name: str) -> str:
    known = VIEWS[EVENTS]
    near = difflib.get_close_matches(name.lower().rpartition(".")[2], known, n=3, cutoff=0.5)
    meant = f"Did you mean {' or '.join(near)}? " if near else ""
    return f"{meant}Columns of {LOG}: {', '.join(VIEWS[LOG])}"


def _near_sql(text: str) -> str:
    if ":" in text and not re.search(r"\bfrom\b", text, re.IGNORECASE):
        return "This is no filter but SQL; leave --sql away for field:value terms."
    return _ALLOWED


def _first_line(error: Exception) -> str:
    """Return what DuckDB says, without the kind of error and without the statement."""
    line = next(iter(str(error).splitlines()), "")
    return re.sub(r"^[A-Z][A-Za-z ]+ Error: ", "", line)

"""Which call the running code belongs to: for logs, structured logs and traces.

While a call runs, its ids are in a context variable: tasks and worker threads that
the call starts have them too. Outside a call there are none.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

from indelible.capture import context
from indelible.capture.context import Correlation
from indelible.capture.streams import CONVERSATION

__all__ = ["Correlation", "RequestIdFilter", "add_request_id", "current", "span_attributes"]

NO_CALL = "-"


def current() -> Correlation | None:
    """Return the call that is running; None outside a call."""
    running = context.CURRENT.get()
    return running.correlation() if running is not None else _of_stream()


def _of_stream() -> Correlation | None:
    """Return the call that a handler of the 1.x SDK runs for.

    It runs them in no context of ours, but says in its own which request they are for.
    """
    following = getattr(CONVERSATION.get(), "following", None)
    sdk = sys.modules.get("mcp.server.lowlevel.server")
    running = getattr(sdk, "request_ctx", None)
    request = running.get(None) if following is not None and running is not None else None
    found: Correlation | None = following(request.request_id) if following and request else None
    return found


class RequestIdFilter(logging.Filter):
    """Gives every log record `request_id` and `call_id`; both are ``-`` outside a call.

    Add it to a handler: one on a logger is not asked about its children's records.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Add the ids, and let the record pass."""
        call = current()
        record.request_id = call.request_id if call else NO_CALL
        record.call_id = call.call_id if call else NO_CALL
        return True


def add_request_id(
    logger: object,  # noqa: ARG001 — what structlog gives every processor
    method: str,  # noqa: ARG001
    event: MutableMapping[str, Any],
) -> MutableMapping[str, Any]:
    """Add `request_id` and `call_id` to a structlog event, unless it has them; a processor."""
    call = current()
    if call is not None:
        event.setdefault("request_id", call.request_id)
        event.setdefault("call_id", call.call_id)
    return event


def span_attributes() -> dict[str, str]:
    """Return OpenTelemetry attributes of the call that is running; none outside a call.

    The span of the MCP SDK has `indelible.request.id` and `indelible.call.id` by
    itself. These are for spans of your own.
    """
    call = current()
    return context.span_attributes(call) if call else {}

"""One call, followed: its record, the lines that the application logs, and its trace.

    python examples/followed_call/app.py STATE

One process plays the client and the server. It prints the ids that tie the three together.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys

from mcp.client import Client
from mcp.server.mcpserver import MCPServer
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from indelible import audit
from indelible.correlation import RequestIdFilter, span_attributes

log = logging.getLogger("crm")
server = MCPServer("crm", version="1.0.0")


@server.tool()
def find(name: str) -> str:
    """Find a contact."""
    with trace.get_tracer("crm").start_as_current_span("query", attributes=span_attributes()):
        log.info("looking for a contact")
        return f"no contact is called {name}"


async def ask() -> None:
    """Be the client."""
    async with Client(server) as client:
        await client.call_tool("find", {"name": "Ann"})


def main() -> None:
    """Follow one call."""
    spans = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    trace.set_tracer_provider(provider)

    handler = logging.StreamHandler(sys.stdout)
    handler.addFilter(RequestIdFilter())
    handler.setFormatter(logging.Formatter("log   %(request_id)s %(call_id)s %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)

    audit(server, state=sys.argv[1])
    asyncio.run(ask())
    for span in spans.get_finished_spans():
        said = {k: v for k, v in (span.attributes or {}).items() if k.startswith("indelible.")}
        if said and span.context:
            print("span ", span.name, f"{span.context.trace_id:032x}", json.dumps(said))  # noqa: T201


if __name__ == "__main__":
    main()

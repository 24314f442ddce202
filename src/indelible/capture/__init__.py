"""MCP traffic in, records out: the observer, the recorder, and the places they are hooked in."""

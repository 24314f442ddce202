"""The HTTP proxy: before any Streamable HTTP server, in any language."""

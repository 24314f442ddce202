"""Indelible: the audit trail for MCP servers."""

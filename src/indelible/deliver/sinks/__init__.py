"""Sinks: where records go besides the spool, and the outlets they write to."""

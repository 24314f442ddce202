"""The query copy: entries as rows, kept beside the log, derived from it, never trusted."""
